//! A child process that exchanges lines of JSON with the test.
//!
//! Each wait is bounded, and each error contains what the process wrote to standard error.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// The deadline of one line, much longer than any takes: only a hanging program reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The number of bytes of standard error that are kept, counted from its end.
const KEPT_COMPLAINTS: usize = 16 * 1024;

#[derive(Debug)]
pub struct Program {
    name: &'static str,
    child: Child,
    input: Input,
    output: Output,
}

/// The standard input of the program. Dropping it closes it, which asks the program to end.
#[derive(Debug)]
pub struct Input(ChildStdin);

/// The standard output and the standard error of the program.
#[derive(Debug)]
pub struct Output {
    name: &'static str,
    lines: Lines<BufReader<ChildStdout>>,
    complaints: Complaints,
}

/// The end of the program's standard error so far.
#[derive(Clone, Debug, Default)]
pub struct Complaints(Arc<Mutex<Vec<u8>>>);

impl Program {
    /// Starts the program. The command decides if dropping this kills the program.
    pub fn spawn(name: &'static str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} does not start ({:?})", command.as_std().get_program()))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(anyhow!("{name} has no pipes"));
        };
        let output = Output { name, lines: BufReader::new(stdout).lines(), complaints: Complaints::collect(stderr) };
        Ok(Self { name, child, input: Input(stdin), output })
    }

    /// The next line.
    pub async fn line(&mut self) -> Result<Value> {
        self.output.line().await
    }

    pub async fn send(&mut self, message: &impl Serialize) -> Result<()> {
        self.input.send(message).await
    }

    /// The process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until the program ends; `true` if it exited with code 0.
    pub async fn ended(&mut self) -> Result<bool> {
        Ok(self.exit_code().await? == Some(0))
    }

    /// Waits until the program ends; `None` if a signal ended it.
    pub async fn exit_code(&mut self) -> Result<Option<i32>> {
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .map_err(|_| self.output.complaints.explain(self.name, "does not end"))??;
        Ok(status.code())
    }

    /// Splits the program for a test that writes and reads concurrently. The third part kills the process on
    /// drop.
    pub fn split(self) -> (Input, Output, Child) {
        (self.input, self.output, self.child)
    }
}

impl Input {
    pub async fn send(&mut self, message: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.0.write_all(&line).await.context("the program no longer listens")?;
        Ok(self.0.flush().await?)
    }
}

impl Output {
    /// The next line, with the usual deadline.
    pub async fn line(&mut self) -> Result<Value> {
        tokio::time::timeout(PATIENCE, self.next())
            .await
            .map_err(|_| self.complaints.explain(self.name, "says nothing"))?
    }

    /// The next line, without a deadline.
    pub async fn next(&mut self) -> Result<Value> {
        let line = self.lines.next_line().await?;
        let line = line.ok_or_else(|| self.complaints.explain(self.name, "ended before it answered"))?;
        serde_json::from_str(&line).with_context(|| format!("{} printed something else than JSON: {line}", self.name))
    }

    pub fn complaints(&self) -> Complaints {
        self.complaints.clone()
    }
}

impl Complaints {
    fn collect(mut stderr: ChildStderr) -> Self {
        let complaints = Self::default();
        let kept = complaints.clone();
        let read = async move {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut chunk).await {
                kept.keep(&chunk[..length]);
            }
        };
        // The task ends with the program; nothing waits for it.
        drop(tokio::spawn(read));
        complaints
    }

    fn keep(&self, chunk: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(chunk);
        let surplus = kept.len().saturating_sub(KEPT_COMPLAINTS);
        kept.drain(..surplus);
    }

    /// An error with the problem and the program's standard error.
    pub fn explain(&self, name: &str, problem: &str) -> anyhow::Error {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        anyhow!("{name} {problem}; its standard error ends:\n{}", String::from_utf8_lossy(&kept))
    }
}
