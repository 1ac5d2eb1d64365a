//! The embedded engine: RocksDB in the process.
//!
//! One thread writes. It takes the batches waiting in a bounded queue, checks each against the database and against the
//! batches before it, and makes one synced write of the whole group ([`writer`]). Its order is the order of the event
//! log. Reads go straight to the database ([`database`]).
//!
//! The engine must never answer a commit before its bytes are on the disk, never write after a write that failed, and
//! never open a database in a format that it does not know.

mod checkpoint;
mod database;
mod expiry;
mod layout;
mod open;
mod privacy;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lychgate_engine::{
    Batch, Cause, Checkpoints, Clock, Cursor, Durability, Engine, EngineError, EventPage, Key, KeyRange, Limit, Page,
    Revision, Snapshot, SoleWriter, Space, Timestamp,
};
use tokio::sync::watch;

use database::Database;
pub use open::{OpenError, Options};
use writer::Writer;

/// An open database. Dropping it waits until the writer has finished its queue. The database closes, and can be opened
/// again, when the last scan still running in the background has ended.
pub struct RocksDb {
    // In this order: the writer ends before the database closes.
    writer: Writer,
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
    /// The sequence of the newest commit; wakes calls that wait for events.
    news: watch::Receiver<u64>,
}

impl RocksDb {
    /// Rewrites the whole database and drops expired rows, which otherwise happens in the background. It lets an operator
    /// confirm that data is gone. Takes minutes for a large database.
    pub async fn compact(&self) -> Result<(), EngineError> {
        self.blocking(|database| {
            database.compact();
            Ok(())
        })
        .await
    }

    /// The maker of this database's backups. They go to a directory beside its own, with `.checkpoint` at the end of its name.
    pub fn checkpoints(&self) -> Arc<dyn Checkpoints> {
        Arc::new(checkpoint::DatabaseCheckpoints::new(Arc::clone(&self.database)))
    }

    /// RocksDB's own counters, as it prints them; `None` unless [`Options::statistics`] asked for them.
    pub fn statistics(&self) -> Option<String> {
        self.database.statistics()
    }

    /// Runs work that may wait for the disk on a thread of its own, so that it does not block the runtime.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let database = self.database.clone();
        let outcome = tokio::task::spawn_blocking(move || work(&database)).await;
        outcome.unwrap_or_else(|panicked_or_shut_down| Err(unavailable(panicked_or_shut_down)))
    }
}

#[async_trait]
impl Engine for RocksDb {
    /// Runs on the caller's thread: a cached read takes 5 µs, handing it to another thread three times as long.
    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError> {
        Ok(self.database.read(keys, now)?)
    }

    async fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, EngineError> {
        self.blocking(move |database| Ok(database.scan(space, range, now, limit)?)).await
    }

    /// Waits for room in the queue until the batch's `not_after`. Dropping the future does not cancel the commit: a batch
    /// in the queue may be applied although its caller is gone.
    async fn commit(&self, batch: Batch) -> Result<Revision, EngineError> {
        batch.validate()?;
        self.writer.commit(batch, &*self.clock).await
    }

    async fn events(&self, cursor: Cursor, wait: Duration, limit: usize) -> Result<EventPage, EngineError> {
        let mut news = self.news.clone();
        let mut patience = std::pin::pin!(tokio::time::sleep(wait));
        let mut waiting = !wait.is_zero();
        loop {
            news.mark_unchanged();
            // Taken before the snapshot: a commit that the snapshot misses returns after this instant.
            let complete_to = self.clock.now();
            let page = self.blocking(move |database| database.events(cursor, limit, complete_to)).await?;
            if !waiting || !page.events.is_empty() {
                return Ok(page);
            }
            tokio::select! {
                changed = news.changed() => changed.map_err(unavailable)?,
                () = &mut patience => waiting = false,
            }
        }
    }

    /// Queued among the commits.
    async fn forget_events(&self, before: Cursor) -> Result<(), EngineError> {
        self.writer.forget(before).await
    }

    /// Every read sees every commit: this process makes all of them.
    async fn barrier(&self) -> Result<(), EngineError> {
        Ok(())
    }

    async fn ready(&self) -> Result<Durability, EngineError> {
        if !self.writer.is_running() {
            return Err(unavailable("the writer has ended"));
        }
        if self.database.is_write_stopped()? {
            return Err(unavailable("writes wait for compaction to catch up"));
        }
        Ok(Durability::LocalDisk)
    }

    /// The bytes that a process without privileges may still write to the file system of the database.
    async fn free_bytes(&self) -> Result<Option<u64>, EngineError> {
        self.blocking(|database| {
            let found = rustix::fs::statvfs(database.path()).map_err(unavailable)?;
            Ok(Some(found.f_bavail.saturating_mul(found.f_frsize)))
        })
        .await
    }
}

/// RocksDB locks the directory: a second process cannot open the database.
impl SoleWriter for RocksDb {}

impl fmt::Debug for RocksDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksDb").field("path", &self.database.path()).finish_non_exhaustive()
    }
}

/// Nothing was written, and nothing will be.
fn unavailable(cause: impl Into<Cause>) -> EngineError {
    EngineError::Unavailable(cause.into())
}
