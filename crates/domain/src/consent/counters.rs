//! Revocation counters.

/// Revocation counters of an issuer, and of one of its clients and subjects. A missing record counts as zero. Raising a
/// counter ends every grant that was minted under a smaller one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Raised when an operator revokes everything of the issuer.
    pub issuer: u64,
    /// Raised when an operator revokes everything of the client.
    pub client: u64,
    /// Raised when an operator revokes everything of the subject.
    pub subject: u64,
}
