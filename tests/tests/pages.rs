//! The checker of pages, `tests/clients/pages.mjs`.

use std::path::Path;

use anyhow::{Result, ensure};
use e2e::clients::node;
use e2e::dev::binary;
use tokio::process::Command;

/// A page that is broken in one way is reported for that and for nothing else.
#[tokio::test]
async fn the_checker_of_pages_reports_every_kind_of_broken_page() -> Result<()> {
    let output = node("pages_test.mjs").output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

/// Every page in every state and language: accessibility by axe-core, narrow windows, zoom, keyboard, forced colours, print, and
/// what a page fetches; and the tree that assistive technology reads of each English page, as it stands in `pages.snapshot`.
///
/// Run it with `LYCHGATE_UPDATE_SNAPSHOT=1` to write that file anew.
#[tokio::test]
async fn every_page_can_be_used_by_everyone() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let pages = directory.path().join("pages");
    let preview = Command::new(binary("lychgate")?).args(["templates", "preview"]).arg(&pages).output().await?;
    ensure!(preview.status.success(), "{}", String::from_utf8_lossy(&preview.stderr));
    let snapshot = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages.snapshot");
    let mut checker = node("pages.mjs");
    checker.arg(&pages).arg("--snapshot").arg(snapshot);
    if std::env::var_os("LYCHGATE_UPDATE_SNAPSHOT").is_some() {
        checker.arg("--update");
    }
    let output = checker.output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
