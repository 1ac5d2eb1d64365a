//! Standard error, written to a few times a second instead of at every line: a system call for each of them is a tenth of
//! what an edge does. Warnings and errors are written at once, with everything before them, so that whatever a process
//! says before it dies is there. Killed without a word, it takes the last moment's other lines along.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line waits for others at the most.
const MOMENT: Duration = Duration::from_millis(20);
/// Who reads more slowly than we write makes us wait for them, as if there were nothing in between.
const MOST: usize = 256 * 1024;

/// Lines on their way to `to`.
#[derive(Debug)]
pub(super) struct Lines<W>(Arc<Shared<W>>);

#[derive(Debug)]
struct Shared<W> {
    waiting: Mutex<Waiting<W>>,
    some: Condvar,
}

#[derive(Debug)]
struct Waiting<W> {
    lines: Vec<u8>,
    to: W,
}

impl<W: Write + Send + 'static> Lines<W> {
    pub(super) fn new(to: W) -> io::Result<Self> {
        let shared = Arc::new(Shared { waiting: Mutex::new(Waiting { lines: Vec::new(), to }), some: Condvar::new() });
        let weak = Arc::downgrade(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || write_now_and_then(&weak))?;
        Ok(Self(shared))
    }

    pub(super) fn write_all(&self) {
        self.0.lock().write();
    }
}

impl<W> Clone for Lines<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Write> Shared<W> {
    /// Poisoned it is good all the same: nothing in it can be half done.
    fn lock(&self) -> MutexGuard<'_, Waiting<W>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write> Waiting<W> {
    /// Nobody is left to be told that a log cannot be written.
    fn write(&mut self) {
        let _ = self.to.write_all(&self.lines).and_then(|()| self.to.flush());
        self.lines.clear();
    }
}

/// Until there is nobody left who could write a line.
fn write_now_and_then<W: Write>(shared: &Weak<Shared<W>>) {
    while let Some(shared) = shared.upgrade() {
        let waiting = shared.lock();
        let waited = shared.some.wait_timeout_while(waiting, 50 * MOMENT, |waiting| waiting.lines.is_empty());
        let (waiting, idle) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(waiting);
        if !idle.timed_out() {
            thread::sleep(MOMENT);
            shared.lock().write();
        }
    }
}

impl<'a, W: Write + Send + 'static> MakeWriter<'a> for Lines<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { lines: self, at_once: true }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        Line { lines: self, at_once: *meta.level() <= Level::WARN }
    }
}

/// One event's, which comes in one piece.
#[derive(Debug)]
pub(super) struct Line<'a, W> {
    lines: &'a Lines<W>,
    at_once: bool,
}

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shared = &self.lines.0;
        let mut waiting = shared.lock();
        let is_first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        if self.at_once || waiting.lines.len() > MOST {
            waiting.write();
        } else if is_first {
            shared.some.notify_one();
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

    /// Says what it was given, write by write.
    #[derive(Debug)]
    struct Heard(Sender<String>);

    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines() -> (Lines<Heard>, Receiver<String>) {
        let (said, heard) = channel();
        (Lines::new(Heard(said)).unwrap(), heard)
    }

    fn say(lines: &Lines<Heard>, at_once: bool, text: &str) {
        Line { lines, at_once }.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn what_is_said_is_written_soon_in_order_and_in_few_pieces() {
        let (lines, heard) = lines();
        let said: String = (0..1_000).map(|n| format!("{n}\n")).collect();
        for line in said.split_inclusive('\n') {
            say(&lines, false, line);
        }
        let mut pieces = vec![heard.recv().unwrap()];
        while pieces.concat() != said {
            pieces.push(heard.recv().unwrap());
        }
        assert!(pieces.len() < 100, "{}", pieces.len());
    }

    #[test]
    fn a_warning_waits_for_nobody_and_nothing_overtakes_another() {
        let (lines, heard) = lines();
        let mut before = String::new();
        for n in 0..100 {
            let (quiet, loud) = (format!("{n}\n"), format!("warning {n}\n"));
            say(&lines, false, &quiet);
            say(&lines, true, &loud);
            before.push_str(&format!("{quiet}{loud}"));
            // It is there when the call returns.
            let written: String = heard.try_iter().collect();
            assert_eq!(std::mem::take(&mut before), written);
        }
    }

    #[test]
    fn what_waits_is_bounded_and_the_last_of_it_is_written_at_the_end() {
        let (lines, heard) = lines();
        let line = "x".repeat(1_000);
        for _ in 0..10 * MOST / line.len() {
            say(&lines, false, &line);
            assert!(lines.0.lock().lines.len() <= MOST);
        }
        say(&lines, false, "last");
        lines.write_all();
        assert!(heard.try_iter().last().unwrap().ends_with("last"));
        drop(lines);
        assert!(heard.recv().is_err(), "its thread has ended");
    }
}
