//! A clock for tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lychgate_engine::{Clock, Timestamp};

/// A clock that stands still until the test moves it.
#[derive(Debug)]
pub struct TestClock(AtomicU64);

impl TestClock {
    /// A clock that stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicU64::new(now.millis()))
    }

    /// Sets the clock, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.millis(), Ordering::SeqCst);
    }

    /// Moves the clock forwards and returns its new time.
    pub fn advance(&self, by: Duration) -> Timestamp {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(self.0.fetch_add(millis, Ordering::SeqCst).saturating_add(millis))
    }
}

impl Default for TestClock {
    /// A clock that stands at midnight of a day in 2025.
    fn default() -> Self {
        Self::new(Timestamp::from_seconds(1_750_000_000 - 1_750_000_000 % 86_400))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
