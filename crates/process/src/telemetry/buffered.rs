//! A buffer in front of standard error, written every [`DELAY`]: one system call for each line would take a tenth of an edge's
//! CPU time.
//!
//! Warnings and errors are written immediately, with all lines before them, so the log explains the end of a process. A
//! process that is killed loses the other lines of the last [`DELAY`].

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Longest time that a line stays in the buffer.
const DELAY: Duration = Duration::from_millis(20);
/// Size in bytes above which the buffer is written immediately. A slow reader of standard error then slows the process down,
/// as it would without a buffer.
const CAPACITY: usize = 256 * 1024;

/// A buffer of log lines in front of a writer. Clones share it.
#[derive(Debug)]
pub(super) struct BufferedLines<W>(Arc<Shared<W>>);

#[derive(Debug)]
struct Shared<W> {
    buffer: Mutex<Buffer<W>>,
    not_empty: Condvar,
}

#[derive(Debug)]
struct Buffer<W> {
    lines: Vec<u8>,
    writer: W,
}

impl<W: Write + Send + 'static> BufferedLines<W> {
    pub(super) fn new(writer: W) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { buffer: Mutex::new(Buffer { lines: Vec::new(), writer }), not_empty: Condvar::new() });
        let weak = Arc::downgrade(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || write_periodically(&weak))?;
        Ok(Self(shared))
    }

    pub(super) fn write_all(&self) {
        self.0.lock().write();
    }
}

impl<W> Clone for BufferedLines<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Write> Shared<W> {
    /// Ignores poisoning: no operation leaves the buffer half changed.
    fn lock(&self) -> MutexGuard<'_, Buffer<W>> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write> Buffer<W> {
    /// Ignores errors: there is no other place to report that the log cannot be written.
    fn write(&mut self) {
        let _ = self.writer.write_all(&self.lines).and_then(|()| self.writer.flush());
        self.lines.clear();
    }
}

/// Runs until the last [`BufferedLines`] is dropped.
fn write_periodically<W: Write>(shared: &Weak<Shared<W>>) {
    while let Some(shared) = shared.upgrade() {
        let buffer = shared.lock();
        let waited = shared.not_empty.wait_timeout_while(buffer, 50 * DELAY, |buffer| buffer.lines.is_empty());
        let (buffer, idle) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(buffer);
        if !idle.timed_out() {
            thread::sleep(DELAY);
            shared.lock().write();
        }
    }
}

impl<'a, W: Write + Send + 'static> MakeWriter<'a> for BufferedLines<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { lines: self, at_once: true }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        Line { lines: self, at_once: *meta.level() <= Level::WARN }
    }
}

/// Writes the line of one event, which `tracing-subscriber` passes in a single call.
#[derive(Debug)]
pub(super) struct Line<'a, W> {
    lines: &'a BufferedLines<W>,
    at_once: bool,
}

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shared = &self.lines.0;
        let mut buffer = shared.lock();
        let is_first = buffer.lines.is_empty();
        buffer.lines.extend_from_slice(line);
        if self.at_once || buffer.lines.len() > CAPACITY {
            buffer.write();
        } else if is_first {
            shared.not_empty.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A writer that sends each write to a channel.
    #[derive(Debug)]
    struct Recorder(Sender<String>);

    impl Write for Recorder {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines() -> (BufferedLines<Recorder>, Receiver<String>) {
        let (sender, writes) = channel();
        (BufferedLines::new(Recorder(sender)).unwrap(), writes)
    }

    fn write(lines: &BufferedLines<Recorder>, at_once: bool, text: &str) {
        Line { lines, at_once }.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn lines_are_written_soon_in_order_and_in_few_pieces() {
        let (lines, writes) = lines();
        let all: String = (0..1_000).map(|n| format!("{n}\n")).collect();
        for line in all.split_inclusive('\n') {
            write(&lines, false, line);
        }
        let mut pieces = vec![writes.recv().unwrap()];
        while pieces.concat() != all {
            pieces.push(writes.recv().unwrap());
        }
        assert!(pieces.len() < 100, "{}", pieces.len());
    }

    #[test]
    fn warning_is_written_at_once_and_order_is_kept() {
        let (lines, writes) = lines();
        let mut before = String::new();
        for n in 0..100 {
            let (quiet, loud) = (format!("{n}\n"), format!("warning {n}\n"));
            write(&lines, false, &quiet);
            write(&lines, true, &loud);
            before.push_str(&format!("{quiet}{loud}"));
            // Both lines are written when the call returns.
            let written: String = writes.try_iter().collect();
            assert_eq!(std::mem::take(&mut before), written);
        }
    }

    #[test]
    fn buffer_is_bounded_and_written_at_the_end() {
        let (lines, writes) = lines();
        let line = "x".repeat(1_000);
        for _ in 0..10 * CAPACITY / line.len() {
            write(&lines, false, &line);
            assert!(lines.0.lock().lines.len() <= CAPACITY);
        }
        write(&lines, false, "last");
        lines.write_all();
        assert!(writes.try_iter().last().unwrap().ends_with("last"));
        drop(lines);
        assert!(writes.recv().is_err(), "the thread has ended");
    }
}
