//! A system with all log levels on, where each process logs into a file of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::service::{send_signal, until};
use super::{Plan, System};
use crate::dev::binary;
use crate::grpc;

/// The deadline for the end of a process.
const PATIENCE: Duration = Duration::from_secs(60);

/// One control plane and one edge, started with their logs redirected to files.
#[derive(Debug)]
pub struct Logged {
    pub system: System,
    control: Option<Child>,
    edge: Child,
}

impl Logged {
    /// `format` is the `format` key of `[telemetry]`.
    pub async fn start(format: &str) -> Result<Self> {
        Self::start_with(Plan::default(), format, "trace").await
    }

    /// Starts with the log filter `filter` and one edge, also if the plan has more.
    pub async fn start_with(plan: Plan, format: &str, filter: &str) -> Result<Self> {
        let mut system = System::start(Plan { edges: 1, ..plan }).await?;
        system.kill_edge(0).await?;
        system.kill_control().await?;
        for config in [system.control_config(), system.edge_config(0)] {
            let told = fs::read_to_string(config)?;
            fs::write(config, format!("{told}\n[telemetry]\nformat = \"{format}\"\nfilter = \"{filter}\"\n"))?;
        }
        let control = Some(process("lychgate-control", system.control_config())?);
        let edge = process("lychgate-edge", system.edge_config(0))?;
        let logged = Self { system, control, edge };
        logged.serves().await?;
        Ok(logged)
    }

    /// The logs of both processes so far, except for lines of the last milliseconds, which are buffered.
    pub fn logs(&self) -> Result<[Vec<u8>; 2]> {
        let read = |config: &Path| fs::read(log_of(config)).with_context(|| log_of(config).display().to_string());
        Ok([read(self.system.control_config())?, read(self.system.edge_config(0))?])
    }

    /// The directory of the control plane's store.
    pub fn store(&self) -> PathBuf {
        self.system.directory().join("store")
    }

    /// Sends SIGKILL to the control plane: the disk then holds what it had written so far.
    pub async fn kill_control(&mut self) -> Result<()> {
        Ok(self.control.take().context("the control plane does not run")?.kill().await?)
    }

    /// Sends SIGHUP to the control plane, which reloads its files.
    pub fn hang_up_control(&self) -> Result<()> {
        let control = self.control.as_ref().context("the control plane does not run")?;
        send_signal(control.id().context("it has ended by itself")?, "HUP")
    }

    pub fn hang_up_edge(&self) -> Result<()> {
        send_signal(self.edge.id().context("it has ended by itself")?, "HUP")
    }

    pub async fn start_control(&mut self) -> Result<()> {
        ensure!(self.control.is_none(), "the control plane runs already");
        self.control = Some(process("lychgate-control", self.system.control_config())?);
        self.serves().await
    }

    /// Sends SIGTERM to both processes and returns their complete logs. Their files exist as long as the
    /// system.
    pub async fn stop(mut self) -> Result<(System, [Vec<u8>; 2])> {
        for child in self.control.iter_mut().chain([&mut self.edge]) {
            send_signal(child.id().context("it has ended by itself")?, "TERM")?;
            let status = timeout(PATIENCE, child.wait()).await.context("it does not end")??;
            ensure!(status.success(), "it ended badly: {status}");
        }
        let logs = self.logs()?;
        Ok((self.system, logs))
    }

    async fn serves(&self) -> Result<()> {
        let address = self.system.control_address();
        let ca = self.system.control_ca();
        until("the control plane serves", || grpc::is_serving(address, ca.as_deref())).await?;
        let ready = format!("{}/readyz", self.system.edge_url(0));
        let is_ready = async || reqwest::get(&ready).await.is_ok_and(|response| response.status().is_success());
        until("the edge is ready", is_ready).await
    }
}

fn process(name: &'static str, config: &Path) -> Result<Child> {
    let log = File::options().create(true).append(true).open(log_of(config))?;
    let mut command = Command::new(binary(name)?);
    // Closing standard input asks the process to stop, also if this process is killed.
    command.stdin(Stdio::piped()).env("LYCHGATE_STOP_WITH_PARENT", "1").kill_on_drop(true);
    command.arg("--config").arg(config).stdout(Stdio::null()).stderr(log);
    command.spawn().with_context(|| format!("{name} does not start"))
}

fn log_of(config: &Path) -> PathBuf {
    config.with_extension("log")
}
