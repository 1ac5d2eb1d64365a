//! `lychgate templates`: checks an operator's templates, words and brands, and renders every page to look at.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use lychgate_pages::Appearance;
use lychgate_pages::render::RenderedSample;

/// The verbs of `lychgate templates`.
#[derive(Debug, Subcommand)]
pub(crate) enum TemplatesCommand {
    /// Checks templates, words and brands as the edge does when it starts, and names the first problem
    Check {
        /// The directory that the edge's `templates_dir` names. Without it, the built-in files are checked
        directory: Option<PathBuf>,
        /// The configured id of an issuer. If ids are given, a brand of any other issuer is refused: it would have no effect
        #[arg(long = "issuer", value_name = "ID")]
        issuers: Vec<String>,
    },
    /// Writes every page in every state and language as HTML files, with a list of links in index.html
    Preview {
        /// The directory to write to. It is made, and files of the same names are replaced
        output: PathBuf,
        /// The directory that the edge's `templates_dir` names. Without it, the built-in files are rendered
        #[arg(long, value_name = "DIRECTORY")]
        templates: Option<PathBuf>,
        /// The configured id of the issuer, by which its brand is found
        #[arg(long, default_value = "main", value_name = "ID")]
        issuer: String,
    },
}

/// Exits with 2 for files that the edge would refuse, and with 1 if the pages cannot be written.
pub(crate) fn main(command: &TemplatesCommand) -> ExitCode {
    let directory = match command {
        TemplatesCommand::Check { directory, .. } => directory,
        TemplatesCommand::Preview { templates, .. } => templates,
    };
    let appearance = match Appearance::load(directory.as_deref()) {
        Ok(appearance) => appearance,
        Err(error) => return fail(2, &error),
    };
    if let TemplatesCommand::Check { issuers, .. } = command
        && let Some(idle) = idle_brand(&appearance, issuers)
    {
        return fail(2, &format_args!("brands/{idle}.toml is of no issuer; name it after the configured id of one"));
    }
    let done = match command {
        TemplatesCommand::Check { .. } => Ok(format!("ok: {}", summary(&appearance))),
        TemplatesCommand::Preview { output, issuer, .. } => preview(&appearance, issuer, output),
    };
    match done {
        Ok(line) => {
            // A reader may close standard output early.
            let _closed = writeln!(io::stdout(), "{line}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(1, &format_args!("{error:#}")),
    }
}

/// The first issuer with a brand that is none of `issuers`; `None` without any.
fn idle_brand<'a>(appearance: &'a Appearance, issuers: &[String]) -> Option<&'a str> {
    let mut branded = appearance.branded_issuers();
    branded.find(|branded| !issuers.is_empty() && !issuers.iter().any(|issuer| issuer == branded))
}

fn fail(code: u8, error: &impl std::fmt::Display) -> ExitCode {
    let _closed = writeln!(io::stderr(), "lychgate templates: {error}");
    ExitCode::from(code)
}

fn summary(appearance: &Appearance) -> String {
    let languages: Vec<_> = appearance.languages().collect();
    let brands: Vec<_> = appearance.branded_issuers().collect();
    let brands = if brands.is_empty() { "none".to_owned() } else { brands.join(", ") };
    format!("languages {}; brands {brands}", languages.join(", "))
}

/// Writes `LANGUAGE/PAGE-SAMPLE.html`, `assets/` and `index.html`.
fn preview(appearance: &Appearance, issuer: &str, output: &Path) -> anyhow::Result<String> {
    let write = |path: PathBuf, content: &[u8]| {
        let folder = path.parent().unwrap_or(output);
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    };
    for (name, asset) in appearance.assets() {
        write(output.join("assets").join(name), &asset.content)?;
    }
    let mut index =
        String::from("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Pages</title><h1>Pages</h1>");
    let mut count = 0;
    for language in appearance.languages() {
        index.push_str(&format!("<h2>{language}</h2><ul>"));
        for RenderedSample { template, name, html } in appearance.render_samples(issuer, language) {
            let html = html.with_context(|| format!("cannot render {template} ({name}) in {language}"))?;
            let file = format!("{language}/{template}-{name}.html");
            // From a folder of files, the pages find their style sheet beside their own folder.
            write(output.join(&file), html.replace("\"/assets/", "\"../assets/").as_bytes())?;
            index.push_str(&format!("<li><a href=\"{file}\">{template}: {name}</a>"));
            count += 1;
        }
        index.push_str("</ul>");
    }
    write(output.join("index.html"), index.as_bytes())?;
    Ok(format!("wrote {count} pages; open {}", output.join("index.html").display()))
}
