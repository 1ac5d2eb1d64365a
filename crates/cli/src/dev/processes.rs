//! The processes that `dev` started: their logs, their end.
//!
//! None outlives this process, however it ends: each has a pipe as standard input, whose end is its request to stop, and
//! the system closes a pipe for whoever is killed.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow};
use lychgate_process::shutdown::STOP_WITH_PARENT;
use lychgate_process::telemetry::LogFormat;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time;

use super::probe::Probe;

/// How long a process may take to end once asked to; longer than what it grants its own work.
const STOP: Duration = Duration::from_secs(20);
/// How long what a process wrote may take to arrive after its end.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How many of its last lines are told when it ends by itself.
const LAST_LINES: usize = 3;

/// What is started, and how it shows that it answers.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) executable: PathBuf,
    pub(super) config: PathBuf,
    pub(super) probe: Probe,
}

#[derive(Debug)]
pub(super) struct Processes {
    log_format: LogFormat,
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
    /// None yet. Their logs are passed on to standard error in `log_format`, which is theirs.
    pub(super) fn new(log_format: LogFormat) -> Self {
        let (report_end, ended) = mpsc::unbounded_channel();
        Self { log_format, running: Vec::new(), ended, report_end }
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
        let stderr = child.stderr.take().context("its standard error is piped")?;
        let prefix = match self.log_format {
            LogFormat::Text => format!("{name:>8} | "),
            LogFormat::Json => String::new(),
        };
        let log = tokio::spawn(pass_on(stderr, prefix));
        let (stop, stopped) = oneshot::channel();
        let report_end = self.report_end.clone();
        let supervisor = tokio::spawn(async move {
            let status = until_end(name, child, stopped).await;
            let last_lines = time::timeout(LAST_WORDS, log).await.ok().and_then(Result::ok).unwrap_or_default();
            // Nobody listens any more while all are being stopped.
            report_end.send(Ended { name, status, last_lines }).ok();
        });
        self.running.push(Running { stop, supervisor });
        Ok(())
    }

    /// The first of them that ends without having been asked to, as an error.
    pub(super) async fn one_ends(&mut self) -> anyhow::Error {
        match self.ended.recv().await {
            Some(ended) => anyhow!("{ended}"),
            None => unreachable!("`self.report_end` keeps the channel open"),
        }
    }

    /// Stops them in the reverse order of their start, each before the next: what serves others goes last.
    pub(super) async fn stop(self) {
        for Running { stop, supervisor } in self.running.into_iter().rev() {
            // One that has ended by itself does not listen.
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
        // A terminal's Ctrl-C is for this process, which then stops the others in order.
        .process_group(0)
        .kill_on_drop(true)
}

async fn until_end(name: &str, mut child: Child, stopped: oneshot::Receiver<()>) -> io::Result<ExitStatus> {
    // Taken out, because `wait` would close it.
    let stdin = child.stdin.take();
    tokio::select! {
        status = child.wait() => return status,
        _ = stopped => {}
    }
    drop(stdin);
    if let Ok(status) = time::timeout(STOP, child.wait()).await {
        return status;
    }
    tracing::warn!(process = name, timeout = ?STOP, "did not stop when asked to and is killed");
    child.kill().await?;
    child.wait().await
}

/// Passes lines on to standard error as they come; returns the last ones.
async fn pass_on(from: impl AsyncRead + Unpin, prefix: String) -> Vec<String> {
    let mut reader = BufReader::new(from);
    let mut last = VecDeque::with_capacity(LAST_LINES);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        // If nobody reads our logs any more, nobody misses them.
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

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.status {
            Ok(status) => write!(f, "{} ended by itself ({status})", self.name)?,
            Err(error) => write!(f, "{} cannot be waited for ({error})", self.name)?,
        }
        match self.last_lines.as_slice() {
            [] => f.write_str(", without a word"),
            lines => write!(f, ", its last words: {}", lines.join(" / ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A shell that knows itself as `name`.
    fn shell(name: &str, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, name]);
        command
    }

    #[tokio::test]
    async fn one_that_ends_by_itself_is_told_with_its_last_words() {
        let mut processes = Processes::new(LogFormat::Text);
        processes.supervise("lasting", shell("lasting", "cat")).unwrap();
        processes.supervise("failing", shell("failing", "echo one >&2; echo two >&2; exit 3")).unwrap();
        let error = processes.one_ends().await.to_string();
        assert_eq!(error, "failing ended by itself (exit status: 3), its last words: one / two");
        processes.stop().await;
    }

    #[tokio::test]
    async fn the_end_of_its_input_stops_each_in_reverse_order() {
        let dir = tempfile::tempdir().unwrap();
        let ends = dir.path().join("ends");
        let script =
            format!("test -n \"$LYCHGATE_STOP_WITH_PARENT\" || exit 1; cat; echo \"$0\" >> {}", ends.display());
        let mut processes = Processes::new(LogFormat::Json);
        for name in ["first", "second"] {
            processes.supervise(name, shell(name, &script)).unwrap();
        }
        processes.stop().await;
        assert_eq!(fs::read_to_string(ends).unwrap(), "second\nfirst\n");
    }

    #[tokio::test]
    async fn what_cannot_be_started_is_named() {
        let missing = Program {
            name: "edge",
            executable: "/nowhere/lychgate-edge".into(),
            config: "/nowhere/edge.toml".into(),
            probe: Probe::Http(([127, 0, 0, 1], 1).into(), "/readyz"),
        };
        let error = Processes::new(LogFormat::Text).start(&missing).unwrap_err().to_string();
        assert_eq!(error, "cannot start /nowhere/lychgate-edge");
    }
}
