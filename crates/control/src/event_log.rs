//! The process's handle on the event log: how long events are kept, and where each issuer's events begin.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lychgate_domain::event::Retention;
use lychgate_domain::id::IssuerId;
use lychgate_engine::Cursor;

/// Retention, and a cache of scans of the log. Clones share the cache.
#[derive(Clone, Debug)]
pub(crate) struct EventLog {
    pub(crate) retention: Retention,
    /// For each issuer: after the digest of this number it has no event before this cursor.
    scanned: Arc<Mutex<BTreeMap<IssuerId, (u64, Cursor)>>>,
}

impl EventLog {
    pub(crate) fn new(retention: Retention) -> Self {
        Self { retention, scanned: Arc::default() }
    }

    /// Entries are replaced whole, so the cache is good after a panic, too.
    pub(crate) fn scanned(&self) -> MutexGuard<'_, BTreeMap<IssuerId, (u64, Cursor)>> {
        self.scanned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
