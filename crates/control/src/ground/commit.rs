//! Optimistic commits: a use case reads, decides and commits; if a record changed meanwhile, it decides again.

pub(crate) use lychgate_store::Commit;

use super::error::Error;

/// The most times a use case decides again because a record changed meanwhile. Each lost round means that another
/// commit won it.
const MAX_ROUNDS: usize = 128;

/// Repeats `round` until it commits. The only other loop around a commit is in `flow/finish_login.rs`,
/// which also waits for another request's claim. A round ends with
/// [`Commit::Done`], which leaves the loop, or with [`Commit::Conflict`], which starts the next one.
pub(crate) async fn until_committed<T, E: From<Contended>, R: Future<Output = Result<Commit<T>, E>>>(
    mut round: impl FnMut() -> R,
) -> Result<T, E> {
    for _ in 0..MAX_ROUNDS {
        if let Commit::Done(value) = round().await? {
            return Ok(value);
        }
    }
    Err(Contended.into())
}

/// All rounds were lost.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a record was contended {MAX_ROUNDS} times over")]
pub(crate) struct Contended;

impl From<Contended> for Error {
    fn from(contended: Contended) -> Self {
        Error::StoreUnavailable(contended.into())
    }
}
