//! Instants and lifetimes. Time is passed in: nothing here asks a clock of its own.

use std::fmt;
use std::time::Duration;

/// An instant, in whole milliseconds since 1970-01-01T00:00:00Z. At most 48 bits wide, as in time-ordered ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    pub const EPOCH: Timestamp = Timestamp(0);

    /// The first instant that does not fit (year 10889).
    const END: u64 = 1 << 48;

    /// `millis` since the epoch; what lies beyond 48 bits is the last instant that fits.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.min(Self::END - 1))
    }

    pub fn from_seconds(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    pub fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, as in JWT's `NumericDate` (RFC 7519 §2).
    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// Zero if `earlier` is not earlier.
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

/// Where a process takes its time from.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    fn now(&self) -> Timestamp;
}

/// By how much two nodes' clocks may differ. What guards by being there outlives what it guards by this much.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);
