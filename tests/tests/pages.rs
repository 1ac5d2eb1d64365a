//! The checker of pages, `tests/clients/pages.mjs`.

use anyhow::{Result, ensure};
use e2e::clients::node;

/// A page that is broken in one way is reported for that and for nothing else.
#[tokio::test]
async fn the_checker_of_pages_reports_every_kind_of_broken_page() -> Result<()> {
    let output = node("pages_test.mjs").output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}
