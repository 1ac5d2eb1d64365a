//! Failures, by what is certain about a commit.

use crate::{Cursor, InvalidBatch, Key};

/// Why an engine did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Nothing was written. Holds the first key of the batch that was not as expected.
    #[error("a record changed in the meantime: {0:?}")]
    Conflict(Key),
    /// The batch may have been applied, or may still be until its `not_after`. Send the same batch again.
    #[error("the outcome of a commit is unknown")]
    Unknown(#[source] Cause),
    /// Nothing was written, and nothing will be.
    #[error("the store is unavailable")]
    Unavailable(#[source] Cause),
    /// The cursor belongs to another incarnation, or to events that are no longer kept.
    #[error("the cursor does not belong to this store's history")]
    CursorLost {
        /// The oldest position from which events can be read.
        oldest: Cursor,
    },
    /// The batch violates a limit.
    #[error("a batch that can never be applied")]
    Invalid(#[from] InvalidBatch),
}

/// The failure beneath an engine's failure.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;
