//! Reads, each one statement on a connection of a small pool. One statement is one snapshot, and its row of the store
//! carries the revision.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::{Manager, Metrics, Object, Pool, RecycleError, RecycleResult};
use lychgate_engine::{
    Batch, Clock, Cursor, EngineError, Entry, EventEntry, EventPage, Incarnation, Key, KeyRange, Limit, Page, Revision,
    Snapshot, Space, Timestamp, Version,
};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::committer::incarnation;
use crate::connection::{CallError, Connection, Connector, Query};
use crate::database_clock::earlier;
use crate::group::{signed, space as space_number};
use crate::lease::{Lease, Proof};
use crate::position::Position;
use crate::unavailable;

/// A page of a scan looks at this many rows more than it may return entries, if it may: some have expired.
const SPARE_ROWS: usize = 64;

/// The pool of connections, and the lease that reads need.
#[derive(Debug)]
pub(crate) struct Reads {
    pool: Pool<Connections>,
    pub(crate) lease: Arc<Lease>,
    timeout: Duration,
}

impl Reads {
    pub(crate) fn new(
        connector: Arc<Connector>,
        lease: Arc<Lease>,
        connections: usize,
        timeout: Duration,
    ) -> Result<Self, deadpool::managed::BuildError> {
        let manager = Connections { connector, lease: Arc::clone(&lease) };
        let pool = Pool::builder(manager).max_size(connections).build()?;
        Ok(Self { pool, lease, timeout })
    }

    pub(crate) async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError> {
        let spaces: Vec<_> = keys.iter().map(|key| space_number(key.space)).collect();
        let bytes: Vec<_> = keys.iter().map(|key| key.bytes.as_slice()).collect();
        let rows = self.query(Query::Read, &[&spaces, &bytes, &signed(now.millis())]).await?;
        Ok(snapshot(&rows, keys.len())?)
    }

    pub(crate) async fn scan(
        &self,
        space: Space,
        range: KeyRange,
        now: Timestamp,
        limit: Limit,
    ) -> Result<Page, EngineError> {
        let rows = limit.rows.min(limit.results.saturating_add(SPARE_ROWS));
        // One row more tells whether there is a next page.
        let (fetched, results) = (count(rows.saturating_add(1)), count(limit.results));
        let (space_number, now) = (space_number(space), signed(now.millis()));
        let to = range.to.unwrap_or_else(|| vec![u8::MAX; Batch::MAX_KEY_BYTES + 1]);
        let found = self.query(Query::Scan, &[&space_number, &range.from, &now, &fetched, &results, &to]).await?;
        Ok(page(&found, space, Limit { rows, ..limit })?)
    }

    /// Reads events from `cursor` on.
    pub(crate) async fn events(
        &self,
        cursor: Cursor,
        limit: usize,
        clock: &dyn Clock,
    ) -> Result<EventPage, EngineError> {
        match self.events_once(cursor, limit, clock).await? {
            Found::Page(page) => Ok(page),
            Found::Lost(lost) => Err(lost),
            Found::Ahead(_) => {
                // The server may be a primary that was replaced, and the position one of its successor's.
                let renewed = tokio::time::timeout(self.timeout, self.lease.renewed()).await;
                renewed.unwrap_or(Err(CallError::TimedOut))?;
                match self.events_once(cursor, limit, clock).await? {
                    Found::Page(page) => Ok(page),
                    Found::Lost(lost) | Found::Ahead(lost) => Err(lost),
                }
            }
        }
    }

    async fn events_once(&self, cursor: Cursor, limit: usize, clock: &dyn Clock) -> Result<Found, EngineError> {
        // Taken before the snapshot: a commit that the snapshot misses returns after this instant.
        let (now, begun) = (clock.now(), Instant::now());
        // A position that no log can reach is lost, and read as the first.
        let begin = Position::at(cursor.position).unwrap_or(Position::FIRST);
        let fetched = count(limit.saturating_add(1));
        let (rows, proof) = self.query_proven(Query::Events, &[&begin.sequence, &begin.index, &fetched]).await?;
        let log = Log::of(rows.first().ok_or(CallError::Malformed)?)?;
        if let Err(lost) = log.place(cursor) {
            return Ok(if log.is_behind(cursor) { Found::Ahead(lost) } else { Found::Lost(lost) });
        }
        // Another server may have taken commits since the proof began. Rounded up to milliseconds.
        let age = begun.saturating_duration_since(proof.started) + Duration::from_millis(1);
        let mut page = EventPage { events: Vec::new(), next: cursor, complete_to: earlier(now, age) };
        for row in &rows {
            let Some(event) = Event::of(row)? else { break };
            if page.events.len() == limit {
                // Commit times never go back, so every earlier event is on the page.
                page.complete_to = page.complete_to.min(proof.clock.no_later_than(event.committed_at));
                break;
            }
            page.next = log.cursor(event.position.next());
            page.events.push(EventEntry { cursor: page.next, value: event.value });
        }
        Ok(Found::Page(page))
    }

    /// The newest sequence.
    pub(crate) async fn sequence(&self) -> Result<u64, EngineError> {
        let rows = self.query(Query::Sequence, &[]).await?;
        let row = rows.first().ok_or(CallError::Malformed)?;
        Ok(unsigned(row, 0)?)
    }

    /// Reads, and returns the rows if the server was the primary when it was read. Tries a second connection if the first
    /// has failed: it may have been idle since the server's end.
    async fn query(&self, query: Query, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, EngineError> {
        Ok(self.query_proven(query, parameters).await?.0)
    }

    /// [`Self::query`], with the proof.
    async fn query_proven(
        &self,
        query: Query,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(Vec<Row>, Proof), EngineError> {
        let both = async {
            match self.attempt(query, parameters).await {
                Err(CallError::Postgres(_) | CallError::Warned(_) | CallError::Replaced) => {
                    self.attempt(query, parameters).await
                }
                outcome => outcome,
            }
        };
        let outcome = tokio::time::timeout(self.timeout, both).await;
        outcome.unwrap_or(Err(CallError::TimedOut)).map_err(unavailable)
    }

    async fn attempt(&self, query: Query, parameters: &[&(dyn ToSql + Sync)]) -> Result<(Vec<Row>, Proof), CallError> {
        let connection = self.connection().await?;
        let rows = connection.call(query, parameters).await?;
        let mut proof = self.lease.valid().await?;
        if proof.server != connection.server {
            // After a failover, the connection may be newer than the proof.
            proof = self.lease.renewed().await?;
        }
        if proof.server == connection.server { Ok((rows, proof)) } else { Err(CallError::Replaced) }
    }

    /// A connection of the pool.
    pub(crate) async fn connection(&self) -> Result<Object<Connections>, CallError> {
        use deadpool::managed::PoolError;
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => CallError::TimedOut,
        })
    }
}

/// Makes the pool's connections.
#[derive(Debug)]
pub(crate) struct Connections {
    connector: Arc<Connector>,
    lease: Arc<Lease>,
}

impl Manager for Connections {
    type Type = Connection;
    type Error = CallError;

    async fn create(&self) -> Result<Connection, CallError> {
        self.connector.connect().await
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<CallError> {
        let is_primary = self.lease.server().is_none_or(|server| server == connection.server);
        if connection.is_usable() && is_primary { Ok(()) } else { Err(RecycleError::Backend(CallError::Replaced)) }
    }
}

/// What a snapshot says about a position.
enum Found {
    Page(EventPage),
    /// No log has the position any more, or another incarnation's has.
    Lost(EngineError),
    /// The position is ahead of the snapshot's log. The error is for the case that it stays so.
    Ahead(EngineError),
}

/// The state of the event log in a snapshot.
pub(crate) struct Log {
    incarnation: Incarnation,
    sequence: i64,
    oldest: Position,
}

impl Log {
    fn of(row: &Row) -> Result<Self, CallError> {
        let oldest = Position { sequence: row.try_get(2)?, index: row.try_get(3)? };
        Ok(Self { incarnation: incarnation(row.try_get(0)?)?, sequence: row.try_get(1)?, oldest })
    }

    /// The position of `cursor`, if it belongs to this log and no event after it was deleted.
    fn place(&self, cursor: Cursor) -> Result<Position, EngineError> {
        // A position that this log never reached belongs to another history.
        let place = Position::at(cursor.position).filter(|place| place.sequence <= self.sequence);
        let place = place.filter(|place| cursor.incarnation == self.incarnation && *place >= self.oldest);
        place.ok_or(EngineError::CursorLost { oldest: self.cursor(self.oldest) })
    }

    /// Reports whether `cursor` may belong to a later state of this log.
    fn is_behind(&self, cursor: Cursor) -> bool {
        let place = Position::at(cursor.position);
        cursor.incarnation == self.incarnation && place.is_some_and(|place| place.sequence > self.sequence)
    }

    fn cursor(&self, place: Position) -> Cursor {
        Cursor { incarnation: self.incarnation, position: place.number() }
    }
}

struct Event {
    position: Position,
    committed_at: Timestamp,
    value: Vec<u8>,
}

impl Event {
    /// The event of a row; `None` if the row carries the log only.
    fn of(row: &Row) -> Result<Option<Self>, CallError> {
        let Some(sequence) = row.try_get(4)? else { return Ok(None) };
        let position = Position { sequence, index: row.try_get(5)? };
        Ok(Some(Self { position, committed_at: Timestamp::from_millis(unsigned(row, 6)?), value: row.try_get(7)? }))
    }
}

fn snapshot(rows: &[Row], keys: usize) -> Result<Snapshot, CallError> {
    let revision = revision(rows)?;
    let mut entries = vec![None; keys];
    for row in rows {
        if row.try_get::<_, Option<i64>>(3)?.is_some() {
            let place = usize::try_from(unsigned(row, 2)?).map_err(|_| CallError::Malformed)?;
            let slot = entries.get_mut(place.wrapping_sub(1)).ok_or(CallError::Malformed)?;
            *slot = Some(entry(row, 3, row.try_get(5)?)?);
        }
    }
    Ok(Snapshot { revision, entries })
}

fn page(rows: &[Row], space: Space, limit: Limit) -> Result<Page, CallError> {
    let mut page = Page { revision: revision(rows)?, entries: Vec::new(), next: None };
    for (looked_at, row) in rows.iter().enumerate() {
        let Some(key) = row.try_get::<_, Option<Vec<u8>>>(2)? else { break };
        if looked_at == limit.rows || page.entries.len() == limit.results {
            page.next = Some(key);
            break;
        }
        if row.try_get(5)? {
            page.entries.push((Key::new(space, key), entry(row, 3, row.try_get(6)?)?));
        }
    }
    Ok(page)
}

fn revision(rows: &[Row]) -> Result<Revision, CallError> {
    let row = rows.first().ok_or(CallError::Malformed)?;
    Ok(Revision { incarnation: incarnation(row.try_get(0)?)?, sequence: unsigned(row, 1)? })
}

/// An entry with its version in column `first` and its expiry in the next.
fn entry(row: &Row, first: usize, value: Vec<u8>) -> Result<Entry, CallError> {
    let expires_at: Option<i64> = row.try_get(first + 1)?;
    let expires_at = expires_at.map(|end| u64::try_from(end).map(Timestamp::from_millis)).transpose();
    let expires_at = expires_at.map_err(|_| CallError::Malformed)?;
    Ok(Entry { version: Version(unsigned(row, first)?), value, expires_at })
}

fn unsigned(row: &Row, column: usize) -> Result<u64, CallError> {
    u64::try_from(row.try_get::<_, i64>(column)?).map_err(|_| CallError::Malformed)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
