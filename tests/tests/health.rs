//! `lychgate health`, by which a container asks whether its process is ready.

use anyhow::{Context, Result, ensure};
use e2e::dev::binary;
use e2e::system::{Plan, System};
use tokio::process::Command;

/// The exit code.
async fn health(args: &[&str]) -> Result<i32> {
    let output = Command::new(binary("lychgate")?).arg("health").args(args).output().await?;
    let code = output.status.code().context("it was killed")?;
    let lines = String::from_utf8(output.stderr)?.lines().count();
    ensure!(lines == usize::from(code != 0), "exit code {code} with {lines} lines");
    Ok(code)
}

#[tokio::test]
async fn a_process_is_healthy_while_it_is_ready() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    let (edge, control) = (system.edge_address(0).to_string(), system.control_url());
    assert_eq!(health(&["edge", &edge]).await?, 0);
    assert_eq!(health(&["control", &control]).await?, 0);
    system.kill_control().await?;
    assert_eq!(health(&["control", &control]).await?, 1);
    system.kill_edge(0).await?;
    assert_eq!(health(&["edge", &edge]).await?, 1);
    assert_eq!(health(&["control", "ftp://127.0.0.1:1"]).await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_control_plane_with_tls_must_prove_its_name() -> Result<()> {
    let system = System::start(Plan { edges: 1, certified: true, ..Plan::default() }).await?;
    let files = system.certificates();
    let path = |name: &str| files.path(name).display().to_string();
    let (ca, cert, key) = (path("control-ca.pem"), path("edge-0.pem"), path("edge-0-key.pem"));
    let (url, other) = (
        format!("https://{}", system.control_address()),
        format!("https://elsewhere.test:{}", system.control_address().port()),
    );
    let address = system.control_address().to_string();
    let caller = ["--cert-file", &cert, "--key-file", &key];
    assert_eq!(health(&[&["control", &url, "--ca-file", &ca], &caller[..]].concat()).await?, 0);
    assert_ne!(health(&[&["control", &url], &caller[..]].concat()).await?, 0, "an authority of its own");
    let renamed = [&["control", &other, "--address", &address, "--ca-file", &ca], &caller[..]].concat();
    assert_ne!(health(&renamed).await?, 0, "another name");
    Ok(())
}
