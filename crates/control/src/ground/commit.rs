//! Optimistic commits: a use case reads, decides, commits, and decides again if a record changed meanwhile.

use super::error::Error;

/// How often a decision is made again because a record changed meanwhile. Each lost round means that another commit won
/// it, so this many rounds mean as many commits by others.
pub(crate) const MAX_ROUNDS: usize = 128;

/// The error after [`MAX_ROUNDS`] lost rounds.
pub(crate) fn contended() -> Error {
    Error::StoreUnavailable(anyhow::anyhow!("a record was contended {MAX_ROUNDS} times over"))
}
