//! The clock, passed in so that tests control the time.

use std::fmt;

/// Whole seconds since 1970-01-01T00:00:00Z, as in JWT's `NumericDate` (RFC 7519 §2).
pub type UnixSeconds = u64;

/// A source of the current time.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The current time.
    fn now(&self) -> UnixSeconds;
}

/// The clock of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixSeconds {
        jsonwebtoken::get_current_timestamp()
    }
}
