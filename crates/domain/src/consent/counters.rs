//! Revocation counters.

/// Revocation counters of an issuer, and of one of its clients and subjects. A missing record counts as zero. Raising a
/// counter ends every grant that was minted under a smaller one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub issuer: u64,
    pub client: u64,
    pub subject: u64,
}
