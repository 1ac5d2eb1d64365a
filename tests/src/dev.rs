//! `lychgate dev` on free ports, in a directory of its own.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::Command;

use crate::program::Program;

/// A running `lychgate dev` with all the processes it started.
#[derive(Debug)]
pub struct Dev {
    program: Program,
    ready: Ready,
    _data: TempDir,
}

/// The addresses that `lychgate dev` prints once all processes answer.
#[derive(Clone, Debug, Deserialize)]
pub struct Ready {
    pub issuer: String,
    pub mcp_url: String,
    pub upstream_issuer: String,
    /// The redirect URI of Lychgate at the upstream.
    pub upstream_redirect_uri: String,
    /// `host:port`.
    pub control_grpc: String,
    pub operator_token: String,
    pub data_dir: PathBuf,
    pub edge_token_file: PathBuf,
}

impl Dev {
    /// Starts `lychgate dev` with this configuration (`""` means the defaults, with the demo provider).
    pub async fn start(config: &str) -> Result<Self> {
        Self::start_with(config, &[]).await
    }

    /// Starts `lychgate dev` with this configuration and environment (for `{ env = "NAME" }` secrets).
    pub async fn start_with(config: &str, environment: &[(&str, &str)]) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let file = data.path().join("dev.toml");
        tokio::fs::write(&file, config).await?;
        let mut command = Command::new(binary("lychgate")?);
        command
            .args(["dev", "--listen", "127.0.0.1:0", "--json", "--config"])
            .arg(&file)
            .arg("--data")
            .arg(data.path().join("data"))
            .envs(environment.iter().copied())
            // The processes that `dev` started end with it, also if the test fails or is killed.
            .env("LYCHGATE_STOP_WITH_PARENT", "1")
            .kill_on_drop(true);
        let mut program = Program::spawn("lychgate dev", &mut command)?;
        let ready = serde_json::from_value(program.line().await?).context("the first line of lychgate dev")?;
        Ok(Self { program, ready, _data: data })
    }

    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Stops `lychgate dev` by SIGINT and waits until all processes have ended; an error if the exit code is
    /// not 0.
    pub async fn stop(mut self) -> Result<()> {
        self.terminate()?;
        ensure!(self.program.ended().await?, "lychgate dev did not end well");
        Ok(())
    }

    fn terminate(&self) -> Result<()> {
        if let Some(id) = self.program.id() {
            let status = std::process::Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status()?;
            ensure!(status.success(), "lychgate dev cannot be stopped");
        }
        Ok(())
    }
}

/// The source of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// This checkout.
    #[default]
    Present,
    /// The commit that `make upgrade FROM=COMMIT` names.
    Previous,
}

/// The path of a program of this checkout, which `make test` built before the tests.
pub fn binary(name: &str) -> Result<PathBuf> {
    binary_of(Version::Present, name)
}

/// The path of a program.
pub fn binary_of(version: Version, name: &str) -> Result<PathBuf> {
    let (variable, make) = match version {
        Version::Present => ("LYCHGATE_BIN_DIR", "make test"),
        Version::Previous => ("LYCHGATE_PREVIOUS_BIN_DIR", "make upgrade FROM=COMMIT"),
    };
    let directory = std::env::var_os(variable).with_context(|| format!("{variable} is not set: run `{make}`"))?;
    Ok(PathBuf::from(directory).join(name))
}
