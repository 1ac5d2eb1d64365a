//! Conditional writes.

use std::collections::HashSet;

use lychgate_clock::Timestamp;

use crate::{Entry, Key, Version};

/// A condition on a key; its batch is applied only if it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The key has no entry, or one that has expired at the batch's `now`.
    Absent,
    /// The key's entry is this write, and has not expired at the batch's `now`.
    Version(Version),
}

impl Expectation {
    /// Expects that nothing has changed since `entry` was read.
    pub fn unchanged(entry: Option<&Entry>) -> Self {
        entry.map_or(Expectation::Absent, |entry| Expectation::Version(entry.version))
    }
}

/// The effect of a batch on a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The key is checked and not written.
    Keep,
    /// The key gets a new value.
    Put {
        /// The new value.
        value: Vec<u8>,
        /// From this instant on the key is absent. The engine chooses when to reclaim the space.
        expires_at: Option<Timestamp>,
    },
    /// The key is removed.
    Delete,
}

/// One key of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The key.
    pub key: Key,
    /// The condition it must meet.
    pub expectation: Expectation,
    /// The effect of the batch on it.
    pub change: Change,
}

/// A conditional write: the check is the write. Each key appears once, with its expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The caller's time. An entry that has expired then is absent.
    pub now: Timestamp,
    /// From this instant on, by the engine's own clock, the engine no longer starts to apply the batch and returns
    /// `Unavailable` instead. It bounds how late a batch of unknown outcome may still be applied.
    pub not_after: Timestamp,
    operations: Vec<Operation>,
    events: Vec<Vec<u8>>,
}

impl Batch {
    /// The longest key.
    pub const MAX_KEY_BYTES: usize = 512;
    /// The largest value or event.
    pub const MAX_VALUE_BYTES: usize = 64 * 1024;
    /// The largest number of operations and events together.
    pub const MAX_OPERATIONS: usize = 128;
    /// The largest sum of keys, values and events.
    pub const MAX_BYTES: usize = 1024 * 1024;

    /// An empty batch.
    pub fn new(now: Timestamp, not_after: Timestamp) -> Self {
        Self { now, not_after, operations: Vec::new(), events: Vec::new() }
    }

    /// Checks a key without writing it.
    pub fn expect(mut self, key: Key, expectation: Expectation) -> Self {
        self.operations.push(Operation { key, expectation, change: Change::Keep });
        self
    }

    /// Writes a key that is as expected.
    pub fn put(
        mut self,
        key: Key,
        expectation: Expectation,
        value: Vec<u8>,
        expires_at: impl Into<Option<Timestamp>>,
    ) -> Self {
        let change = Change::Put { value, expires_at: expires_at.into() };
        self.operations.push(Operation { key, expectation, change });
        self
    }

    /// Removes a key that still has this version.
    pub fn delete(mut self, key: Key, version: Version) -> Self {
        self.operations.push(Operation { key, expectation: Expectation::Version(version), change: Change::Delete });
        self
    }

    /// Appends to the event log, after the events added before.
    pub fn event(mut self, value: Vec<u8>) -> Self {
        self.events.push(value);
        self
    }

    /// The keys that are checked or written, in the order they were added.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The events to append, in order.
    pub fn events(&self) -> &[Vec<u8>] {
        &self.events
    }

    /// Checks the limits. Every engine calls it first; a batch that fails it is a programming error of the caller.
    pub fn validate(&self) -> Result<(), InvalidBatch> {
        if self.operations.len() + self.events.len() > Self::MAX_OPERATIONS {
            return Err(InvalidBatch::TooManyOperations);
        }
        let mut keys = HashSet::with_capacity(self.operations.len());
        let mut bytes = 0;
        for operation in &self.operations {
            let value = match &operation.change {
                Change::Put { value, .. } => value.len(),
                Change::Keep | Change::Delete => 0,
            };
            if operation.key.bytes.is_empty() || operation.key.bytes.len() > Self::MAX_KEY_BYTES {
                return Err(InvalidBatch::KeyLength(operation.key.clone()));
            }
            if value > Self::MAX_VALUE_BYTES {
                return Err(InvalidBatch::ValueTooLong(operation.key.clone()));
            }
            if !keys.insert(&operation.key) {
                return Err(InvalidBatch::RepeatedKey(operation.key.clone()));
            }
            bytes += operation.key.bytes.len() + value;
        }
        for event in &self.events {
            if event.len() > Self::MAX_VALUE_BYTES {
                return Err(InvalidBatch::EventTooLong);
            }
            bytes += event.len();
        }
        if bytes > Self::MAX_BYTES { Err(InvalidBatch::TooManyBytes) } else { Ok(()) }
    }
}

/// Why a batch can never be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBatch {
    /// More than [`Batch::MAX_OPERATIONS`].
    #[error("a batch holds at most {max} operations and events", max = Batch::MAX_OPERATIONS)]
    TooManyOperations,
    /// More than [`Batch::MAX_BYTES`].
    #[error("a batch holds at most {max} bytes", max = Batch::MAX_BYTES)]
    TooManyBytes,
    /// The key is empty or longer than [`Batch::MAX_KEY_BYTES`].
    #[error("a key has 1 to {max} bytes: {0:?}", max = Batch::MAX_KEY_BYTES)]
    KeyLength(Key),
    /// The key's value is larger than [`Batch::MAX_VALUE_BYTES`].
    #[error("a value has at most {max} bytes: {0:?}", max = Batch::MAX_VALUE_BYTES)]
    ValueTooLong(Key),
    /// An event is larger than [`Batch::MAX_VALUE_BYTES`].
    #[error("an event has at most {max} bytes", max = Batch::MAX_VALUE_BYTES)]
    EventTooLong,
    /// The key appears twice.
    #[error("a key appears once in a batch: {0:?}")]
    RepeatedKey(Key),
}
