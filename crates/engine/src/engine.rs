//! The port itself.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use lychgate_clock::Timestamp;

use crate::{Batch, Cursor, EngineError, EventPage, Key, KeyRange, Limit, Page, Revision, Snapshot, Space};

/// Keeps bytes in named [`Space`]s (column families, tables) and appends to one event log.
#[async_trait]
pub trait Engine: Send + Sync + fmt::Debug + 'static {
    /// Reads `keys` in one snapshot; an entry that has expired at `now` is absent. Linearizable: a read that starts
    /// after a commit returned sees it.
    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError>;

    /// Lists the entries of `range` in key order, without those that have expired at `now`. Weakly consistent between
    /// pages: an entry that is unchanged throughout appears exactly once.
    async fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, EngineError>;

    /// Applies all of `batch`, or none of it, durably, before it returns.
    async fn commit(&self, batch: Batch) -> Result<Revision, EngineError>;

    /// Reads at most `limit` events after `cursor`, in the order of commits and without gaps. If there is none, waits up
    /// to `wait` for one.
    async fn events(&self, cursor: Cursor, wait: Duration, limit: usize) -> Result<EventPage, EngineError>;

    /// Deletes every event before `before`, durably. From then on a cursor before it is lost and it is the oldest one.
    /// Affects nothing else; repeating it, or passing an older cursor later, changes nothing.
    async fn forget_events(&self, before: Cursor) -> Result<(), EngineError>;

    /// Returns when reads that start afterwards see every commit that any node acknowledged before this call. Only an engine
    /// with several nodes has to do anything: there a node may be read for a moment after another took over commits.
    async fn barrier(&self) -> Result<(), EngineError>;

    /// Reports whether commits can be taken now, and which failures a commit survives.
    async fn ready(&self) -> Result<Durability, EngineError>;

    /// The free space for further commits, in bytes. `None`: the engine has no disk of its own. A layer above an engine
    /// forwards it.
    async fn free_bytes(&self) -> Result<Option<u64>, EngineError> {
        Ok(None)
    }

    /// The difference between this process's clock and the store's, as far as it is certain. `None`: the engine has no clock
    /// of its own. A layer above an engine forwards it.
    async fn clock_difference(&self) -> Result<Option<Duration>, EngineError> {
        Ok(None)
    }
}

/// The failures that a returned commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: the engine keeps its data in the process's memory.
    Process,
    /// The end of the process and of the machine, but not the loss of its disk.
    LocalDisk,
    /// The loss of a node.
    Replicated,
}
