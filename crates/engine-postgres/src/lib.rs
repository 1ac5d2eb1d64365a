//! The replicated engine: PostgreSQL 15 or newer with synchronous standbys.
//!
//! One row of the table `store` is the total order: a commit locks it first, so the commits of all nodes come one after the
//! other, and the order of commits is that of the event log. Each process sends its waiting batches in one call
//! ([`committer`]). A commit returns when it is on the synchronous standbys. Reads are single statements ([`reads`]), and
//! answered only while the server has proved to be the primary ([`lease`]).
//!
//! The engine must never report a commit whose outcome it does not know, never cancel a statement, and never read a server
//! that has not committed on its standbys since the connection was made.

#![warn(missing_docs)]

mod committer;
mod connection;
mod database_clock;
mod group;
mod lease;
mod options;
mod position;
mod reads;
mod schema;
mod sweep;
mod url;
mod waiting;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lychgate_engine::{
    Batch, Cause, Clock, Cursor, Durability, Engine, EngineError, EventPage, Key, KeyRange, Limit, Page, Revision,
    Snapshot, Space, Timestamp,
};
use tokio::sync::watch;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use committer::{Committer, within};
use connection::{CallError, Connector, Query};
pub use database_clock::WrongClock;
use lease::{Lease, Proof};
pub use options::Options;
use position::Position;
use reads::Reads;
pub use schema::{Migration, OpenError, migrate};
use sweep::Sweeper;
pub use url::{DatabaseUrl, UrlError};
use waiting::Waiting;

/// Events deleted in one transaction.
const FORGOTTEN_AT_ONCE: i64 = 10_000;

/// An open engine. Many processes may have the same database open.
pub struct Postgres {
    committer: Committer,
    reads: Arc<Reads>,
    waiting: Waiting,
    options: Options,
    clock: Arc<dyn Clock>,
    _sweeper: Sweeper,
}

impl Postgres {
    /// Opens a database that [`migrate`] has prepared. Needs a Tokio runtime, which runs the engine's tasks until the
    /// engine is dropped.
    pub async fn open(options: Options, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let connector = Arc::new(Connector::new(&options, Arc::clone(&clock))?);
        schema::recognise(&connector, &options).await?;
        let lease = Arc::new(Lease::start(Arc::clone(&connector), options.connect_timeout));
        let failed = |error: Cause| OpenError::Failed(options.url.shown(), error);
        let reads =
            Reads::new(Arc::clone(&connector), Arc::clone(&lease), options.read_connections, options.read_timeout);
        let reads = Arc::new(reads.map_err(|error| failed(error.into()))?);
        let news = watch::Sender::new(reads.sequence().await.map_err(|error| failed(error.into()))?);
        let waiting = Waiting::start(Arc::clone(&reads), news.clone());
        let committer = Committer::start(connector, lease, Arc::clone(&clock), news, options.clone());
        let sweeper = Sweeper::start(Arc::clone(&reads), Arc::clone(&clock), options.sweep_interval);
        Ok(Self { committer, reads, waiting, options, clock, _sweeper: sweeper })
    }

    /// Refuses this process's clock if it differs too much from the database's.
    fn check_clock(&self, proof: &Proof) -> Result<(), EngineError> {
        let limit = self.options.largest_clock_difference;
        proof.clock.check(self.clock.now(), Instant::now(), limit).map_err(unavailable)
    }

    /// Calls a statement that commits, and returns its row.
    async fn write(&self, query: Query, parameters: &[&(dyn ToSql + Sync)]) -> Result<Row, EngineError> {
        let deadline = tokio::time::Instant::now() + self.options.commit_timeout;
        self.check_clock(&within(deadline, self.reads.lease.valid()).await.map_err(unavailable)?)?;
        let connection = within(deadline, self.reads.connection()).await.map_err(unavailable)?;
        within(deadline, connection.prepare(query)).await.map_err(unavailable)?;
        within(deadline, connection.call_one(query, parameters)).await.map_err(|error| match error.is_rolled_back() {
            true => unavailable(error),
            false => EngineError::Unknown(error.into()),
        })
    }
}

#[async_trait]
impl Engine for Postgres {
    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError> {
        self.reads.read(keys, now).await
    }

    /// A page can be shorter than the limit although there is more: it looks at few rows more than it may return.
    async fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, EngineError> {
        self.reads.scan(space, range, now, limit).await
    }

    /// Waits for room in the queue until the batch's `not_after`. Dropping the future does not cancel the commit: a batch
    /// in the queue may be applied although its caller is gone.
    async fn commit(&self, batch: Batch) -> Result<Revision, EngineError> {
        batch.validate()?;
        self.committer.commit(batch).await
    }

    async fn events(&self, cursor: Cursor, wait: Duration, limit: usize) -> Result<EventPage, EngineError> {
        let mut news = self.waiting.news();
        let mut patience = std::pin::pin!(tokio::time::sleep(wait));
        let mut waiting = !wait.is_zero();
        loop {
            news.mark_unchanged();
            let page = self.reads.events(cursor, limit, &*self.clock).await?;
            if !waiting || !page.events.is_empty() {
                return Ok(page);
            }
            tokio::select! {
                changed = news.changed() => changed.map_err(unavailable)?,
                () = &mut patience => waiting = false,
            }
        }
    }

    /// Moves the beginning of the log in one commit, and then deletes the rows in many. A deletion that was interrupted is
    /// finished by the next call.
    async fn forget_events(&self, before: Cursor) -> Result<(), EngineError> {
        // No log reaches the last position.
        let place = Position::at(before.position).unwrap_or(Position { sequence: i64::MAX, index: 0 });
        let incarnation = before.incarnation.0.as_slice();
        let row = self.write(Query::Forget, &[&incarnation, &place.sequence, &place.index]).await?;
        let lost = || -> Result<Option<Cursor>, CallError> {
            let oldest = Position { sequence: row.try_get(1)?, index: row.try_get(2)? };
            let oldest = Cursor { incarnation: committer::incarnation(row.try_get(0)?)?, position: oldest.number() };
            Ok((!row.try_get::<_, bool>(3)?).then_some(oldest))
        };
        if let Some(oldest) = lost().map_err(unavailable)? {
            return Err(EngineError::CursorLost { oldest });
        }
        loop {
            let row = self.write(Query::DeleteForgotten, &[&FORGOTTEN_AT_ONCE]).await?;
            if row.try_get::<_, i64>(0).map_err(unavailable)? < FORGOTTEN_AT_ONCE {
                return Ok(());
            }
        }
    }

    async fn barrier(&self) -> Result<(), EngineError> {
        let deadline = tokio::time::Instant::now() + self.options.read_timeout;
        within(deadline, self.reads.lease.renewed()).await.map_err(unavailable)?;
        Ok(())
    }

    async fn ready(&self) -> Result<Durability, EngineError> {
        let deadline = tokio::time::Instant::now() + self.options.read_timeout;
        let proof = within(deadline, self.reads.lease.valid()).await.map_err(unavailable)?;
        self.check_clock(&proof)?;
        match (proof.is_replicated, self.options.allow_single) {
            (true, _) => Ok(Durability::Replicated),
            (false, true) => Ok(Durability::LocalDisk),
            (false, false) => Err(unavailable(CallError::NotReplicated)),
        }
    }

    async fn clock_difference(&self) -> Result<Option<Duration>, EngineError> {
        let deadline = tokio::time::Instant::now() + self.options.read_timeout;
        let proof = within(deadline, self.reads.lease.valid()).await.map_err(unavailable)?;
        Ok(Some(proof.clock.difference(self.clock.now(), Instant::now())))
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("url", &self.options.url).finish_non_exhaustive()
    }
}

impl From<CallError> for EngineError {
    fn from(error: CallError) -> Self {
        unavailable(error)
    }
}

/// Nothing was written, and nothing will be.
fn unavailable(cause: impl Into<Cause>) -> EngineError {
    EngineError::Unavailable(cause.into())
}
