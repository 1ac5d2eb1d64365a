//! Reads, on the caller's thread. Each read uses one RocksDB snapshot and takes its revision's sequence from that snapshot.

use std::path::Path;

use lychgate_engine::{
    Cursor, EngineError, Entry, EventEntry, EventPage, Incarnation, Key, KeyRange, Limit, Page, Revision, Snapshot,
    Space, Timestamp,
};
use rocksdb::{ColumnFamily, DB, ReadOptions, WriteBatch, WriteOptions};

use crate::layout::{self, Damaged, EventKey, Header};
use crate::unavailable;

/// The open database. Only the writer's thread writes to it, through [`Database::write`].
pub(crate) struct Database {
    db: DB,
    incarnation: Incarnation,
    /// The options the database was opened with; they hold RocksDB's counters.
    options: rocksdb::Options,
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the database cannot be read")]
    RocksDb(#[from] rocksdb::Error),
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

impl From<ReadError> for EngineError {
    fn from(error: ReadError) -> Self {
        unavailable(error)
    }
}

impl Database {
    pub(crate) fn new(db: DB, incarnation: Incarnation, options: rocksdb::Options) -> Self {
        Self { db, incarnation, options }
    }

    pub(crate) fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, ReadError> {
        let snapshot = self.db.snapshot();
        let lookup = |key: &Key| {
            let Some(row) = snapshot.get_pinned_cf(self.space(key.space), &key.bytes)? else { return Ok(None) };
            let (header, value) = Header::split(&row)?;
            Ok(header.is_live(now).then(|| entry(header, value)))
        };
        let entries = keys.iter().map(lookup).collect::<Result<_, ReadError>>()?;
        Ok(Snapshot { revision: self.revision(&snapshot)?, entries })
    }

    pub(crate) fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, ReadError> {
        let snapshot = self.db.snapshot();
        let mut bounds = ReadOptions::default();
        if let Some(to) = range.to {
            bounds.set_iterate_upper_bound(to);
        }
        let mut rows = snapshot.raw_iterator_cf_opt(self.space(space), bounds);
        rows.seek(&range.from);
        let mut page = Page { revision: self.revision(&snapshot)?, entries: Vec::new(), next: None };
        let mut looked_at = 0;
        while let Some((key, row)) = rows.item() {
            if looked_at == limit.rows || page.entries.len() == limit.results {
                page.next = Some(key.to_vec());
                break;
            }
            looked_at += 1;
            let (header, value) = Header::split(row)?;
            if header.is_live(now) {
                page.entries.push((Key::new(space, key), entry(header, value)));
            }
            rows.next();
        }
        rows.status()?;
        Ok(page)
    }

    /// Reads events from `cursor` on. `now` is an instant before this call.
    pub(crate) fn events(&self, cursor: Cursor, limit: usize, now: Timestamp) -> Result<EventPage, EngineError> {
        let snapshot = self.db.snapshot();
        let begin = self.place(&snapshot, cursor)?;
        let mut rows = snapshot.raw_iterator_cf(self.family(layout::EVENTS));
        rows.seek(begin.bytes());
        let mut page = EventPage { events: Vec::new(), next: cursor, complete_to: now };
        while let Some((key, row)) = rows.item() {
            let (committed_at, event) = layout::split_event(row).map_err(ReadError::from)?;
            if page.events.len() == limit {
                // Commit times never go back, so every earlier event is on the page.
                page.complete_to = committed_at.min(now);
                break;
            }
            page.next = self.cursor(EventKey::parse(key).map_err(ReadError::from)?.position() + 1);
            page.events.push(EventEntry { cursor: page.next, value: event.to_vec() });
            rows.next();
        }
        rows.status().map_err(ReadError::from)?;
        Ok(page)
    }

    /// The position of `cursor`, if it belongs to this log and no event after it was deleted.
    fn place(&self, snapshot: &rocksdb::Snapshot<'_>, cursor: Cursor) -> Result<EventKey, EngineError> {
        let (revision, oldest) = (self.revision(snapshot)?, oldest_event(snapshot)?);
        // A position that this log never reached belongs to another history.
        let place = EventKey::at(cursor.position).filter(|place| place.sequence <= revision.sequence);
        let place = place.filter(|place| cursor.incarnation == self.incarnation && *place >= oldest);
        place.ok_or(EngineError::CursorLost { oldest: self.cursor(oldest.position()) })
    }

    /// The writes that delete the events before `cursor`; `None` if they are already deleted. Only for the writer's
    /// thread: no other write can come between.
    pub(crate) fn forgetting(&self, cursor: Cursor) -> Result<Option<WriteBatch>, EngineError> {
        let snapshot = self.db.snapshot();
        let before = match self.place(&snapshot, cursor) {
            Ok(before) => before,
            Err(EngineError::CursorLost { oldest }) if cursor.is_before(&oldest) => return Ok(None),
            Err(error) => return Err(error),
        };
        let oldest = oldest_event(&snapshot)?;
        if before == oldest {
            return Ok(None);
        }
        let mut writes = WriteBatch::new();
        writes.put(layout::OLDEST_EVENT_KEY, before.bytes());
        writes.delete_range_cf(self.family(layout::EVENTS), oldest.bytes(), before.bytes());
        Ok(Some(writes))
    }

    /// The header of a key's current row. Only for the writer's thread: no other write can come between.
    pub(crate) fn header(&self, key: &Key) -> Result<Option<Header>, ReadError> {
        let Some(row) = self.db.get_pinned_cf(self.space(key.space), &key.bytes)? else { return Ok(None) };
        Ok(Some(Header::split(&row)?.0))
    }

    pub(crate) fn sequence(&self) -> Result<u64, ReadError> {
        sequence(&self.db.snapshot())
    }

    /// The commit time of the newest event.
    pub(crate) fn newest_event(&self) -> Result<Option<Timestamp>, ReadError> {
        let mut rows = self.db.raw_iterator_cf(self.family(layout::EVENTS));
        rows.seek_to_last();
        let newest = rows.value().map(layout::split_event).transpose()?.map(|(committed_at, _)| committed_at);
        rows.status()?;
        Ok(newest)
    }

    /// Writes a batch and returns when it is on the disk. A reader sees all of it or nothing.
    pub(crate) fn write(&self, writes: WriteBatch) -> Result<(), rocksdb::Error> {
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        self.db.write_opt(writes, &synced)
    }

    pub(crate) fn is_write_stopped(&self) -> Result<bool, ReadError> {
        Ok(self.db.property_int_value(rocksdb::properties::IS_WRITE_STOPPED)?.is_some_and(|stopped| stopped != 0))
    }

    pub(crate) fn compact(&self) {
        let mut everything = rocksdb::CompactOptions::default();
        // RocksDB would skip the lowest level if no level above it holds data.
        everything.set_bottommost_level_compaction(rocksdb::BottommostLevelCompaction::Force);
        for family in layout::families() {
            self.db.compact_range_cf_opt(self.family(family), None::<&[u8]>, None::<&[u8]>, &everything);
        }
    }

    /// Copies the files to the directory `into`, which must not exist; table files become hard links.
    pub(crate) fn checkpoint(&self, into: &Path) -> Result<(), rocksdb::Error> {
        rocksdb::checkpoint::Checkpoint::new(&self.db)?.create_checkpoint(into)
    }

    pub(crate) fn statistics(&self) -> Option<String> {
        self.options.get_statistics()
    }

    pub(crate) fn path(&self) -> &Path {
        self.db.path()
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    pub(crate) fn space(&self, space: Space) -> &ColumnFamily {
        self.family(space.name())
    }

    #[expect(clippy::expect_used, reason = "all families are opened with the database")]
    pub(crate) fn family(&self, name: &str) -> &ColumnFamily {
        self.db.cf_handle(name).expect("all families are opened with the database")
    }

    fn revision(&self, snapshot: &rocksdb::Snapshot<'_>) -> Result<Revision, ReadError> {
        Ok(Revision { incarnation: self.incarnation, sequence: sequence(snapshot)? })
    }

    fn cursor(&self, position: u128) -> Cursor {
        Cursor { incarnation: self.incarnation, position }
    }
}

fn sequence(snapshot: &rocksdb::Snapshot<'_>) -> Result<u64, ReadError> {
    let sequence = snapshot.get_pinned(layout::SEQUENCE_KEY)?.ok_or(Damaged("the sequence"))?;
    let sequence = sequence.as_ref().try_into().map_err(|_| Damaged("the sequence"))?;
    Ok(u64::from_be_bytes(sequence))
}

/// The first position that is kept.
fn oldest_event(snapshot: &rocksdb::Snapshot<'_>) -> Result<EventKey, ReadError> {
    let oldest = snapshot.get_pinned(layout::OLDEST_EVENT_KEY)?;
    Ok(oldest.map(|place| EventKey::parse(&place)).transpose()?.unwrap_or(EventKey::FIRST))
}

fn entry(header: Header, value: &[u8]) -> Entry {
    Entry { version: header.version, value: value.to_vec(), expires_at: header.expires_at }
}
