//! Incomplete, contradictory or unsafe configurations. Each is a valid configuration with exactly one thing
//! changed; the process must refuse to start with one line that names the key, and exit code 2.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use e2e::dev::binary;
use e2e::flow::LOOPBACK;
use e2e::system::configuration::secret;
use e2e::system::service::{one_line, refusal};
use e2e::system::{Plan, System};
use tokio::process::Command;

/// Requirements: A14, E4.
#[tokio::test]
async fn an_unsafe_or_incomplete_control_plane_does_not_start() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    system.kill_control().await?;
    let good = Configuration::read(system.control_config())?;
    let issuer = good.line("url = ")?.to_owned();
    let listen = good.line("listen = ")?.to_owned();
    let master_key = good.line("master_key = ")?.to_owned();
    let upstream = good.line("issuer = ")?.to_owned();
    let short_key = good.beside("short.key", "c2hvcnQ")?;
    let empty_key = good.beside("empty.key", "\n")?;
    for (changed, key) in [
        // Required keys.
        (good.without(&master_key)?, "master_key"),
        (good.with(&master_key, "master_key = { file = \"/nowhere/master.key\" }")?, "master_key"),
        (good.with(&master_key, "master_key = { env = \"A_VARIABLE_THAT_NOBODY_SETS\" }")?, "master_key"),
        (good.with(&master_key, &format!("master_key = {{ file = {short_key:?} }}"))?, "master_key"),
        (good.with(&master_key, &format!("master_key = {{ file = {empty_key:?} }}"))?, "master_key"),
        (good.with(&master_key, "master_key = \"written-in-clear\"")?, "master_key"),
        (good.without("role = \"edge\"")?, "role"),
        (good.with("role = \"edge\"", "role = \"reader\"")?, "principals"),
        (good.without("path = ")?, "store.path"),
        // Unknown keys.
        (good.with(&listen, &format!("{listen}\nmaster_keys = 1"))?, "master_keys"),
        (good.with("engine = \"rocksdb\"", "engine = \"memory\"")?, "store.path"),
        (good.with("engine = \"rocksdb\"", "engine = \"etcd\"")?, "store.engine"),
        // Plain http to another machine: the issuer, the upstream, the listener.
        (good.with(&issuer, "url = \"http://gate.example.com\"")?, "issuers[0].url"),
        (good.with(&issuer, "url = \"http://127.0.0.2:8080\"")?, "issuers[0].url"),
        (good.with(&issuer, "url = \"https://gate.example.com/\"")?, "issuers[0].url"),
        (good.with(&upstream, "issuer = \"http://idp.example.com\"")?, "issuers[0].upstream.issuer"),
        (good.with(&issuer, "url = \"https://gate.example.com\"")?, "issuers[0].upstream.issuer"),
        (good.with(&listen, "listen = \"0.0.0.0:7441\"")?, "tls"),
        // Settings that cannot work.
        (good.with("\"openid\", ", "")?, "issuers[0].upstream.scopes"),
        (good.with("default = true", "default = false")?, "issuers[0].resources[0].scopes"),
        (good.with("[issuers.lifetimes]", "[issuers.lifetimes]\ncode_seconds = 601")?, "code_seconds"),
        (good.with("[issuers.lifetimes]", "[issuers.lifetimes]\ncode = 60")?, "lifetimes.code"),
    ] {
        let line = one_line(Command::new(binary("lychgate-control")?).arg("--config").arg(&changed), 2).await?;
        ensure!(line.starts_with("lychgate-control: ") && line.contains(key), "{key} is not named in: {line}");
        ensure!(line.contains(changed.to_str().context("text")?), "the file is not named in: {line}");
        ensure!(!line.contains("written-in-clear"), "a secret is repeated: {line}");
        ensure!(line.contains("; "), "no remedy in: {line}");
    }
    // The unchanged configuration starts with the same store.
    system.start_control().await
}

#[tokio::test]
async fn a_store_does_not_open_with_another_master_key() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    system.kill_control().await?;
    let good = Configuration::read(system.control_config())?;
    let another = good.beside("another.key", &secret())?;
    let master_key = good.line("master_key = ")?.to_owned();
    let changed = good.with(&master_key, &format!("master_key = {{ file = {another:?} }}"))?;
    let output = refusal(Command::new(binary("lychgate-control")?).arg("--config").arg(&changed)).await?;
    let stderr = String::from_utf8(output.stderr)?;
    let line = stderr.lines().last().context("it says nothing")?;
    ensure!(!output.status.success() && line.contains("master_key"), "{}: {stderr}", output.status);
    system.start_control().await
}

#[tokio::test]
async fn a_second_control_plane_does_not_open_the_same_store() -> Result<()> {
    let system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    let good = Configuration::read(system.control_config())?;
    let listen = good.line("listen = ")?.to_owned();
    let second = good.with(&listen, "listen = \"127.0.0.1:0\"")?;
    let output = refusal(Command::new(binary("lychgate-control")?).arg("--config").arg(&second)).await?;
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1) && stderr.contains("cannot open the store"), "{}: {stderr}", output.status);
    system.gate("main")?.app(&[LOOPBACK]).await?.tokens().await?;
    Ok(())
}

/// Requirements: A14.
#[tokio::test]
async fn an_unsafe_or_incomplete_edge_does_not_start() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    system.kill_edge(0).await?;
    let good = Configuration::read(system.edge_config(0))?;
    let url = good.line("url = ")?.to_owned();
    let token = good.line("token = ")?.to_owned();
    for (changed, key) in [
        (good.with(&url, "url = \"http://control.example.com:7441\"")?, "control.url"),
        (good.with(&url, "url = \"127.0.0.1:7441\"")?, "control.url"),
        (good.with(&url, &format!("{url}\nca_file = {:?}", system.edge_config(0)))?, "control.ca_file"),
        (good.without(&url)?, "url"),
        (good.without(&token)?, "token"),
        (good.with(&token, "token = { file = \"/nowhere/edge.token\" }")?, "control.token"),
        (good.with(&token, "token = \"written-in-clear\"")?, "control.token"),
        (good.with("deadline_seconds = ", "deadline_second = ")?, "control.deadline_second"),
        (good.with("deadline_seconds = ", "deadline_seconds = 6")?, "control.deadline_seconds"),
        (good.with("[control]", "max_connections = 0\n[control]")?, "max_connections"),
    ] {
        let line = one_line(Command::new(binary("lychgate-edge")?).arg("--config").arg(&changed), 2).await?;
        ensure!(line.starts_with("lychgate-edge: ") && line.contains(key), "{key} is not named in: {line}");
        ensure!(line.contains(changed.to_str().context("text")?), "the file is not named in: {line}");
        ensure!(!line.contains("written-in-clear"), "a secret is repeated: {line}");
    }
    system.start_edge(0).await
}

/// A valid configuration file, from which invalid ones are made.
struct Configuration {
    path: PathBuf,
    text: String,
}

impl Configuration {
    fn read(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), text: fs::read_to_string(path)? })
    }

    /// The first line with this prefix.
    fn line(&self, start: &str) -> Result<&str> {
        self.text.lines().find(|line| line.starts_with(start)).with_context(|| format!("no line {start:?}"))
    }

    /// A file with the first occurrence of `old` replaced.
    fn with(&self, old: &str, new: &str) -> Result<PathBuf> {
        ensure!(self.text.contains(old), "{old:?} is not there");
        self.beside("changed.toml", &self.text.replacen(old, new, 1))
    }

    /// A file without the first line with this prefix.
    fn without(&self, start: &str) -> Result<PathBuf> {
        let line = self.line(start)?;
        self.with(line, "")
    }

    /// A new file in the same directory.
    fn beside(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.path.with_file_name(format!("{}-{name}", secret()));
        fs::write(&path, content)?;
        Ok(path)
    }
}
