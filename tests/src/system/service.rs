//! A process with its configuration: started, observed, and ended in each of the ways a process can end.

use std::path::Path;
use std::process::{ExitStatus, Output};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::{Child, Command};
use tokio::time::{interval, timeout};

use crate::dev::{Version, binary, binary_of};
use crate::program::{Complaints, Input, Program};

/// The deadline of a start or an end, much longer than any takes: only a hanging process reaches it.
const PATIENCE: Duration = Duration::from_secs(60);
/// The interval at which a condition without a notification is checked.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub struct Service {
    name: &'static str,
    child: Child,
    /// Closing it asks the process to stop, also if this process is killed.
    _input: Input,
    complaints: Complaints,
}

impl Service {
    /// Starts the binary `name` with `--config`.
    pub fn start(name: &'static str, config: &Path) -> Result<Self> {
        Self::start_version(Version::Present, name, config)
    }

    /// Starts the binary `name` of a version with `--config`.
    pub fn start_version(version: Version, name: &'static str, config: &Path) -> Result<Self> {
        let mut command = Command::new(binary_of(version, name)?);
        Self::of(name, command.arg("--config").arg(config).env("LYCHGATE_STOP_WITH_PARENT", "1"))
    }

    /// Starts the binary `name` with limits of the shell, such as `ulimit -n 128`.
    pub fn start_limited(name: &'static str, config: &Path, limits: &str) -> Result<Self> {
        let mut command = limited(name, config, limits)?;
        Self::of(name, command.env("LYCHGATE_STOP_WITH_PARENT", "1"))
    }

    /// Starts another program.
    pub fn of(name: &'static str, command: &mut Command) -> Result<Self> {
        let (input, output, child) = Program::spawn(name, command.kill_on_drop(true))?.split();
        Ok(Self { name, child, _input: input, complaints: output.complaints() })
    }

    /// The process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until `GET url` is answered with 200.
    pub async fn answers_at(&mut self, url: &str) -> Result<()> {
        let answers = || async move { reqwest::get(url).await.is_ok_and(|response| response.status().is_success()) };
        self.until(&format!("answers at {url}"), answers).await
    }

    /// Waits until `well` holds; an error if the process ends before.
    pub async fn until(&mut self, what: &str, well: impl AsyncFnMut() -> bool) -> Result<()> {
        tokio::select! {
            looked = timeout(PATIENCE, look_until(well)) => match looked {
                Ok(()) => Ok(()),
                Err(_) => Err(self.complaints.explain(self.name, &format!("never {what}"))),
            },
            status = self.child.wait() => {
                Err(self.complaints.explain(self.name, &format!("ended ({}) before it {what}", status?)))
            }
        }
    }

    /// Sends SIGKILL.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("{} cannot be killed", self.name))
    }

    pub fn signal(&self, signal: &str) -> Result<()> {
        match self.id() {
            Some(id) => send_signal(id, signal),
            None => bail!("{} has ended", self.name),
        }
    }

    /// Waits until the process has ended.
    pub async fn ended(mut self) -> Result<ExitStatus> {
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => Err(self.complaints.explain(self.name, "does not end")),
        }
    }
}

/// The command that starts the binary `name` with limits of the shell. It keeps its process id.
pub fn limited(name: &str, config: &Path, limits: &str) -> Result<Command> {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits} && exec \"$0\" --config \"$1\"")]).arg(binary(name)?).arg(config);
    Ok(command)
}

/// The output of a process that must refuse to start: one line on standard error, nothing on standard output, this
/// exit code.
pub async fn one_line(command: &mut Command, code: i32) -> Result<String> {
    let output = refusal(command).await?;
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(code), "{}: {stderr}", output.status);
    ensure!(output.stdout.is_empty() && stderr.lines().count() == 1, "not one line:\n{stderr}");
    Ok(stderr.trim_end().to_owned())
}

/// The output of a process that ends by itself.
pub async fn refusal(command: &mut Command) -> Result<Output> {
    let output = timeout(PATIENCE, command.kill_on_drop(true).output());
    Ok(output.await.context("it does not refuse to start")??)
}

pub fn send_signal(process: u32, signal: &str) -> Result<()> {
    let status = std::process::Command::new("sh").args(["-c", &format!("kill -{signal} {process}")]).status()?;
    ensure!(status.success(), "process {process} cannot be sent SIG{signal}");
    Ok(())
}

/// Waits for a condition that sends no notification, with a deadline.
pub async fn until(what: &str, holds: impl AsyncFnMut() -> bool) -> Result<()> {
    timeout(PATIENCE, look_until(holds)).await.with_context(|| format!("it never came about that {what}"))
}

async fn look_until(mut holds: impl AsyncFnMut() -> bool) {
    let mut looks = interval(LOOK);
    loop {
        looks.tick().await;
        if holds().await {
            return;
        }
    }
}
