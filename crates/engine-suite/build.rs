//! Lists the contracts in `src/contracts`, so that a contract that is written is also tested.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The module of contracts that only an engine of a sole writer keeps.
const SOLE_WRITER: &str = "sole_writer";

fn main() -> Result<(), Box<dyn Error>> {
    // Read at run time: the build script may have been compiled in another checkout.
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("src/contracts");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.sort();
    let (mut for_every_engine, mut for_a_sole_writer) = (String::new(), String::new());
    for file in files {
        let module = file.file_stem().and_then(|stem| stem.to_str()).ok_or("a module's name is text")?;
        let text = fs::read_to_string(&file)?;
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn ")?.strip_suffix("(subject: Subject) {"))
            .collect();
        // A contract that is written in another form would not be listed, and no engine would be held to it.
        if names.len() != text.matches("pub async fn").count() {
            return Err(format!("{module}.rs: write each contract as `pub async fn NAME(subject: Subject) {{`").into());
        }
        let list = if module == SOLE_WRITER { &mut for_a_sole_writer } else { &mut for_every_engine };
        write!(list, "{module} {{ ")?;
        names.iter().for_each(|name| list.extend([*name, ", "]));
        list.push_str("} ");
    }
    let lists =
        format!("{}{}", list("engine_contracts", &for_every_engine), list("sole_writer_contracts", &for_a_sole_writer));
    fs::write(Path::new(&std::env::var("OUT_DIR")?).join("contracts.rs"), lists)?;
    Ok(())
}

fn list(name: &str, modules: &str) -> String {
    format!(
        "#[doc(hidden)]\n#[macro_export]\nmacro_rules! {name} {{\n    ($open:expr) => {{ $crate::stamp! {{ $open => {modules}}} }};\n}}\n"
    )
}
