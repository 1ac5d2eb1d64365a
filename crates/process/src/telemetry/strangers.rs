//! Bounds what strangers write to the log. Their text is cut to [`MAX_CHARS`] characters, here and nowhere else, and lines
//! about calls without a known caller are limited in number, so that a stranger cannot fill a disk with them.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// The number of characters of a stranger's text that reach the log.
pub const MAX_CHARS: usize = 256;

/// The number of lines about unknown callers in one [`WINDOW`].
const LINES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(10);

/// A text that a stranger has chosen, for a field of a log line. Displays at most [`MAX_CHARS`] characters, the number of
/// bytes that are left out, and no control characters.
#[derive(Debug, Clone, Copy)]
pub struct Cut<'a>(&'a str);

/// Cuts `text` for the log.
pub fn cut(text: &str) -> Cut<'_> {
    Cut(text)
}

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.char_indices().nth(MAX_CHARS).map_or(self.0.len(), |(end, _)| end);
        for char in self.0[..end].chars() {
            f.write_char(if char.is_control() { char::REPLACEMENT_CHARACTER } else { char })?;
        }
        match self.0.len() - end {
            0 => Ok(()),
            left_out => write!(f, "… ({left_out} bytes more)"),
        }
    }
}

/// Limits lines about unknown callers: the first [`LINES`] of each [`WINDOW`] are written, and one line tells how many
/// others there were. Clones share the limit.
#[derive(Debug, Clone, Default)]
pub struct LineLimit(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    window_began: Option<Instant>,
    written: u32,
    /// Dropped lines that no line has told of yet.
    dropped: u64,
}

/// The fate of one line.
#[derive(Debug, PartialEq, Eq)]
enum Admission {
    Written,
    Dropped,
    /// The first dropped line; the others are told of after this time.
    FirstDropped(Duration),
}

impl LineLimit {
    /// Writes a line, or counts it.
    pub fn write(&self, line: impl FnOnce()) {
        match self.admit(Instant::now()) {
            Admission::Written => line(),
            Admission::Dropped => {}
            Admission::FirstDropped(wait) => {
                let Ok(runtime) = Handle::try_current() else { return };
                let limit = self.clone();
                runtime.spawn(async move {
                    tokio::time::sleep(wait).await;
                    let dropped = limit.take_dropped();
                    tracing::warn!(dropped, "lines about unknown callers were left out of the log");
                });
            }
        }
    }

    fn admit(&self, now: Instant) -> Admission {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = lines.window_began.map_or(WINDOW, |began| now.saturating_duration_since(began));
        if age >= WINDOW {
            (lines.window_began, lines.written) = (Some(now), 0);
        }
        if lines.written < LINES {
            lines.written += 1;
            return Admission::Written;
        }
        lines.dropped += 1;
        if lines.dropped == 1 { Admission::FirstDropped(WINDOW.saturating_sub(age)) } else { Admission::Dropped }
    }

    fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_without_control_characters() {
        assert_eq!(cut("/token").to_string(), "/token");
        assert_eq!(cut("a\u{1b}[31m\nb\u{7f}\u{9b}").to_string(), "a\u{fffd}[31m\u{fffd}b\u{fffd}\u{fffd}");
        let whole = "ä".repeat(MAX_CHARS);
        assert_eq!(cut(&whole).to_string(), whole);
        assert_eq!(cut(&format!("{whole}ää")).to_string(), format!("{whole}… (4 bytes more)"));
        assert!(cut(&"\0".repeat(8_192)).to_string().len() < 4 * MAX_CHARS);
    }

    #[test]
    fn the_lines_of_a_window_are_limited_and_the_others_counted() {
        let (limit, begin) = (LineLimit::default(), Instant::now());
        for _ in 0..LINES {
            assert_eq!(limit.admit(begin), Admission::Written);
        }
        let later = begin + Duration::from_secs(4);
        assert_eq!(limit.admit(later), Admission::FirstDropped(Duration::from_secs(6)));
        for _ in 0..999 {
            assert_eq!(limit.admit(later), Admission::Dropped);
        }
        // The next window begins before the dropped lines are told of: none of them is forgotten.
        assert_eq!(limit.admit(begin + WINDOW), Admission::Written);
        assert_eq!((limit.take_dropped(), limit.take_dropped()), (1_000, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_writes_few_lines_and_its_count_once() {
        let (limit, mut written) = (LineLimit::default(), 0);
        for _ in 0..10_000 {
            limit.write(|| written += 1);
        }
        assert_eq!(written, LINES);
        tokio::time::sleep(2 * WINDOW).await;
        assert_eq!(limit.take_dropped(), 0, "they have been told of");
    }
}
