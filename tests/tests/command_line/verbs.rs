//! The tree of verbs, from the program's own help.

use anyhow::{Context, Result, ensure};
use e2e::dev::binary;
use tokio::process::Command;

/// The verbs below `path`.
pub(crate) async fn of(path: &[&str]) -> Result<Vec<String>> {
    let output = Command::new(binary("lychgate")?).args(path).arg("-h").output().await?;
    let help = String::from_utf8(output.stdout)?;
    let (_, rest) = help.split_once("Commands:\n").with_context(|| format!("no commands in {help}"))?;
    let names = rest.lines().take_while(|line| !line.is_empty());
    let names = names.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<_> =
        names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    ensure!(!names.is_empty(), "no commands in {help}");
    Ok(names.into_iter().map(str::to_owned).collect())
}
