//! Revocation counters.

/// Revocation counters; one that does not exist is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub issuer: u64,
    pub client: u64,
    pub subject: u64,
}
