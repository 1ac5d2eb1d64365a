//! Time, passed in, so that a test holds it.

use std::fmt;

/// Whole seconds since 1970-01-01T00:00:00Z, as in JWT's `NumericDate` (RFC 7519 §2).
pub type UnixSeconds = u64;

pub trait Clock: Send + Sync + fmt::Debug + 'static {
    fn now(&self) -> UnixSeconds;
}

/// The machine's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixSeconds {
        jsonwebtoken::get_current_timestamp()
    }
}
