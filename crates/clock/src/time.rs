//! Instants and clocks.

use std::fmt;
use std::time::Duration;

/// An instant in whole milliseconds since 1970-01-01T00:00:00Z. It fits 48 bits, like the time in time-ordered ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// The first instant that does not fit 48 bits (in the year 10889).
    const END: u64 = 1 << 48;

    /// The instant `millis` milliseconds after the epoch. Saturates at the last instant that fits.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.min(Self::END - 1))
    }

    /// The instant `seconds` seconds after the epoch. Saturates at the last instant that fits.
    pub fn from_seconds(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, as in JWT's `NumericDate` (RFC 7519 §2).
    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// The time from `earlier` to this instant; zero if `earlier` is not earlier.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Timestamp;

    /// Saturates at the last instant that fits.
    fn add(self, duration: Duration) -> Timestamp {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(self.0.saturating_add(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1000, self.0 % 1000)
    }
}

/// A process's source of time.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The current instant.
    fn now(&self) -> Timestamp;
}

/// The largest difference between two nodes' clocks. A record that guards by its presence outlives what it guards by
/// this much.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);
