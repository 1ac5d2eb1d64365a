//! `lychgate check` against Lychgate: it passes the checks that it applies to other servers.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use e2e::dev::{Dev, binary};
use e2e::system::{CONFIGURED_CLIENT, Issuer, MAIN, Plan, System};
use serde_json::{Value, json};
use tokio::process::Command;

/// Includes the checks of the demo's MCP server.
#[tokio::test]
async fn every_row_holds_of_the_demo_with_its_mcp_server() -> Result<()> {
    let dev = Dev::start("").await?;
    let ready = dev.ready();
    let mcp = ["--resource", ready.mcp_url.as_str(), "--callback", ready.upstream_redirect_uri.as_str()];
    let report = check(&[&[ready.issuer.as_str(), "--register"], &mcp[..]].concat()).await?;
    holds(&report)?;
    for id in [
        "A7", "A10", "A26", "B1", "B5", "B6", "B7", "C1", "C11", "C12", "R3", "R8", "R30", "R32", "R33", "R37", "R42",
        "L4", "L5", "L6", "L7", "L8", "L9", "L10", "L11",
    ] {
        ensure!(result(&report, id)? == "holds", "{id} was not judged: {report:#}");
    }
    dev.stop().await
}

#[tokio::test]
async fn every_row_holds_of_an_issuer_with_a_path() -> Result<()> {
    let tenant = Issuer { id: "tenant", path: "/t", ..MAIN };
    let system = System::start(Plan { issuers: vec![MAIN, tenant], ..Plan::default() }).await?;
    for id in ["main", "tenant"] {
        holds(&check(&[system.gate(id)?.issuer(), "--register"]).await?)?;
    }
    Ok(())
}

/// A scan changes nothing by default: without `--register` no client is registered, and a configured client
/// suffices for the checks that need one.
#[tokio::test]
async fn checking_with_a_configured_client_changes_nothing() -> Result<()> {
    let system = System::start(Plan::default()).await?;
    let gate = system.gate("main")?;
    let given = ["--client-id", CONFIGURED_CLIENT, "--redirect-uri", "http://127.0.0.1/callback"];
    let report = check(&[&[gate.issuer()], &given[..]].concat()).await?;
    holds(&report)?;
    ensure!(result(&report, "A6")? == "holds" && result(&report, "A26")? == "holds", "{report:#}");
    assert_eq!(report["changes"], json!([]));
    Ok(())
}

/// An issuer identifier with a trailing slash is another identifier, as for clients.
#[tokio::test]
async fn a_superfluous_slash_is_reported() -> Result<()> {
    let system = System::start(Plan::default()).await?;
    let issuer = format!("{}/", system.gate("main")?.issuer());
    let output = run(&[&issuer]).await?;
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(result(&report, "A4")?, "fails");
    Ok(())
}

async fn check(arguments: &[&str]) -> Result<Value> {
    let output = run(arguments).await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.code() == Some(0), "{:?}: {said} {}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_str(&said)?)
}

async fn run(arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(binary("lychgate")?);
    Ok(command.arg("check").args(arguments).arg("--json").kill_on_drop(true).output().await?)
}

/// Each row holds, or states why it was not checked.
fn holds(report: &Value) -> Result<()> {
    assert_eq!(report["outcome"], "holds");
    for row in report["rows"].as_array().context("rows")? {
        let (id, evidence) = (row["id"].as_str().context("id")?, row["evidence"].as_str().context("evidence")?);
        match row["result"].as_str() {
            Some("holds") => {}
            Some("skipped") if !evidence.is_empty() => {}
            other => anyhow::bail!("{id} {other:?}: {evidence}"),
        }
    }
    Ok(())
}

fn result<'a>(report: &'a Value, id: &str) -> Result<&'a str> {
    let mut rows = report["rows"].as_array().context("rows")?.iter();
    let row = rows.find(|row| row["id"] == id).with_context(|| format!("no row {id}"))?;
    row["result"].as_str().context("result")
}
