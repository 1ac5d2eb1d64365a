//! The processes that `lychgate dev` started: their logs and their end.
//!
//! No process outlives this one. Its standard input is a pipe that asks it to stop when it is closed, and the system closes
//! the pipe even if this process is killed.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use lychgate_process::ProcessFailed;
use lychgate_process::shutdown::STOP_WITH_PARENT;
use lychgate_process::telemetry::LogFormat;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time;

use super::config::with_own_keys;
use crate::probe::Probe;

/// The time limit for a process to end when asked to. It is longer than the time that the process gives its own work.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// The time limit for the rest of a process's log to arrive after its end.
const LOG_TIMEOUT: Duration = Duration::from_secs(1);
/// The number of last log lines in the error about a process that ends by itself.
const LAST_LINES: usize = 3;

/// A program to start, with its probe.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) executable: PathBuf,
    pub(super) config: PathBuf,
    pub(super) probe: Probe,
}

/// The keys and the file that the person wrote, in place of those that `dev` wrote for the control plane.
#[derive(Debug, Clone)]
pub(super) struct OwnWords {
    /// The configuration that `dev` wrote for the control plane.
    pub(super) control_config: PathBuf,
    /// The person's configuration; `None` without one.
    pub(super) config: Option<PathBuf>,
}

impl OwnWords {
    /// A line of the control plane as the person would have written it.
    fn of(&self, line: String) -> String {
        let own = with_own_keys(&line);
        match &self.config {
            Some(config) if own != line => {
                own.replace(&format!("{}: ", self.control_config.display()), &format!("{}: ", config.display()))
            }
            Some(_) | None => own,
        }
    }
}

#[derive(Debug)]
pub(super) struct Processes {
    log_format: LogFormat,
    own_words: OwnWords,
    running: Vec<Running>,
    ended: mpsc::UnboundedReceiver<Ended>,
    report_end: mpsc::UnboundedSender<Ended>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    supervisor: JoinHandle<()>,
}

impl Processes {
    /// No process yet. Each process writes its log in `log_format`, and it is passed on to standard error.
    pub(super) fn new(log_format: LogFormat, own_words: OwnWords) -> Self {
        let (report_end, ended) = mpsc::unbounded_channel();
        Self { log_format, own_words, running: Vec::new(), ended, report_end }
    }

    pub(super) fn start(&mut self, program: &Program) -> anyhow::Result<()> {
        let mut command = Command::new(&program.executable);
        command.arg("--config").arg(&program.config);
        self.supervise(program.name, command)
    }

    fn supervise(&mut self, name: &'static str, mut command: Command) -> anyhow::Result<()> {
        let mut child = tied_to_this_process(&mut command)
            .spawn()
            .with_context(|| format!("cannot start {}", command.as_std().get_program().display()))?;
        let stderr = child.stderr.take().context("standard error is not piped")?;
        let prefix = match self.log_format {
            LogFormat::Text => format!("{name:>8} | "),
            LogFormat::Json => String::new(),
        };
        let log = tokio::spawn(pass_on(stderr, prefix, self.own_words.clone()));
        let (stop, stopped) = oneshot::channel();
        let report_end = self.report_end.clone();
        let supervisor = tokio::spawn(async move {
            let status = until_end(name, child, stopped).await;
            let last_lines = time::timeout(LOG_TIMEOUT, log).await.ok().and_then(Result::ok).unwrap_or_default();
            // Fails while all processes are being stopped, when no error is reported any more.
            report_end.send(Ended { name, status, last_lines }).ok();
        });
        self.running.push(Running { stop, supervisor });
        Ok(())
    }

    /// Waits for a process to end without a request, which is an error: this process ends with its exit code.
    pub(super) async fn first_end(&mut self) -> anyhow::Error {
        match self.ended.recv().await {
            Some(ended) => ProcessFailed { code: ended.code(), message: ended.to_string() }.into(),
            None => unreachable!("`self.report_end` keeps the channel open"),
        }
    }

    /// Stops one process after another in the reverse order of their start, so that servers outlive their clients.
    pub(super) async fn stop(self) {
        for Running { stop, supervisor } in self.running.into_iter().rev() {
            // Fails if the process has ended by itself.
            stop.send(()).ok();
            if let Err(error) = supervisor.await {
                tracing::error!(%error, "a process's supervisor failed");
            }
        }
    }
}

fn tied_to_this_process(command: &mut Command) -> &mut Command {
    command
        .env(STOP_WITH_PARENT, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C on a terminal must reach only this process, which then stops the others in order.
        .process_group(0)
        .kill_on_drop(true)
}

async fn until_end(name: &str, mut child: Child, stopped: oneshot::Receiver<()>) -> io::Result<ExitStatus> {
    // `wait` would close it if it were still in `child`.
    let stdin = child.stdin.take();
    tokio::select! {
        status = child.wait() => return status,
        _ = stopped => {}
    }
    drop(stdin);
    if let Ok(status) = time::timeout(STOP_TIMEOUT, child.wait()).await {
        return status;
    }
    tracing::warn!(process = name, timeout = ?STOP_TIMEOUT, "did not stop when asked to and is killed");
    child.kill().await?;
    child.wait().await
}

/// Copies lines to standard error as they come, and returns the last ones.
async fn pass_on(from: impl AsyncRead + Unpin, prefix: String, own_words: OwnWords) -> Vec<String> {
    let mut reader = BufReader::new(from);
    let mut last = VecDeque::with_capacity(LAST_LINES);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        let text = own_words.of(String::from_utf8_lossy(&line).trim_end().to_owned());
        // A closed standard error must not stop the process.
        writeln!(io::stderr().lock(), "{prefix}{text}").ok();
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(text);
        line.clear();
    }
    last.into()
}

#[derive(Debug)]
struct Ended {
    name: &'static str,
    status: io::Result<ExitStatus>,
    last_lines: Vec<String>,
}

impl Ended {
    /// The exit code to end with, as a shell has it: of the process, or 128 and the number of the signal that ended it.
    fn code(&self) -> u8 {
        let Ok(status) = &self.status else { return 1 };
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        // A process that ends well although no request asked it to is a failure too.
        code.and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.status {
            Ok(status) => write!(f, "{} ended by itself ({status})", self.name)?,
            Err(error) => write!(f, "cannot wait for {} ({error})", self.name)?,
        }
        match self.last_lines.as_slice() {
            [] => f.write_str(", without any output"),
            lines => write!(f, ", its last output: {}", lines.join(" / ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A shell script with `name` as `$0`.
    fn shell(name: &str, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, name]);
        command
    }

    fn processes(log_format: LogFormat) -> Processes {
        let own_words = OwnWords { control_config: "/data/control.toml".into(), config: Some("my.toml".into()) };
        Processes::new(log_format, own_words)
    }

    #[tokio::test]
    async fn the_exit_code_is_that_of_the_process_that_failed() {
        for (script, code) in [("exit 2", 2), ("exit 1", 1), ("exit 0", 1), ("exit 137", 137), ("kill -9 $$", 137)] {
            let mut processes = processes(LogFormat::Text);
            processes.supervise("control", shell("control", script)).unwrap();
            let error = processes.first_end().await;
            assert_eq!(error.downcast_ref::<ProcessFailed>().unwrap().code, code, "{script}");
            processes.stop().await;
        }
    }

    #[tokio::test]
    async fn a_refused_setting_is_named_by_the_key_and_file_that_the_person_wrote() {
        let mut processes = processes(LogFormat::Text);
        let line = "lychgate-control: /data/control.toml: issuers[0].upstream.client_secret: is empty; put it there";
        processes.supervise("control", shell("control", &format!("echo '{line}' >&2; exit 2"))).unwrap();
        let error = processes.first_end().await.to_string();
        let expected = "lychgate-control: my.toml: upstream.client_secret: is empty; put it there";
        assert_eq!(error, format!("control ended by itself (exit status: 2), its last output: {expected}"));
        processes.stop().await;
    }

    #[tokio::test]
    async fn a_process_that_ends_by_itself_is_reported_with_its_last_output() {
        let mut processes = processes(LogFormat::Text);
        processes.supervise("lasting", shell("lasting", "cat")).unwrap();
        processes.supervise("failing", shell("failing", "echo one >&2; echo two >&2; exit 3")).unwrap();
        let error = processes.first_end().await.to_string();
        assert_eq!(error, "failing ended by itself (exit status: 3), its last output: one / two");
        processes.stop().await;
    }

    #[tokio::test]
    async fn closing_standard_input_stops_the_processes_in_reverse_order() {
        let dir = tempfile::tempdir().unwrap();
        let ends = dir.path().join("ends");
        let script =
            format!("test -n \"$LYCHGATE_STOP_WITH_PARENT\" || exit 1; cat; echo \"$0\" >> {}", ends.display());
        let mut processes = processes(LogFormat::Json);
        for name in ["first", "second"] {
            processes.supervise(name, shell(name, &script)).unwrap();
        }
        processes.stop().await;
        assert_eq!(fs::read_to_string(ends).unwrap(), "second\nfirst\n");
    }

    #[tokio::test]
    async fn a_program_that_cannot_start_is_named() {
        let missing = Program {
            name: "edge",
            executable: "/nowhere/lychgate-edge".into(),
            config: "/nowhere/edge.toml".into(),
            probe: Probe::Http(([127, 0, 0, 1], 1).into(), "/readyz"),
        };
        let error = processes(LogFormat::Text).start(&missing).unwrap_err().to_string();
        assert_eq!(error, "cannot start /nowhere/lychgate-edge");
    }
}
