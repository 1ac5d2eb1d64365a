//! The compaction filter that removes expired rows. Writing an expiry costs nothing; the next compaction drops the row.
//!
//! The filter keeps a row for twice the largest clock skew after its expiry: once for callers with a clock behind this
//! one, once for this clock being ahead. A row that it dropped too early would be missing for such a caller.

use std::ffi::CStr;
use std::fmt;
use std::sync::Arc;

use lychgate_engine::{CLOCK_SKEW, Clock, Timestamp};
use rocksdb::CompactionDecision;
use rocksdb::compaction_filter::CompactionFilter;
use rocksdb::compaction_filter_factory::{CompactionFilterContext, CompactionFilterFactory};

use crate::layout::Header;

const NAME: &CStr = c"lychgate.expiry";

/// Creates a filter for each compaction, which thus has one `now`.
pub(crate) struct Sweep(pub Arc<dyn Clock>);

impl CompactionFilterFactory for Sweep {
    type Filter = SweepAt;

    fn create(&mut self, _: CompactionFilterContext) -> SweepAt {
        SweepAt(self.0.now())
    }

    fn name(&self) -> &CStr {
        NAME
    }
}

impl fmt::Debug for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sweep")
    }
}

#[derive(Debug)]
pub(crate) struct SweepAt(Timestamp);

impl CompactionFilter for SweepAt {
    fn filter(&mut self, _level: u32, _key: &[u8], row: &[u8]) -> CompactionDecision {
        // A damaged row stays, so that the next read reports it.
        let expires_at = Header::split(row).ok().and_then(|(header, _)| header.expires_at);
        match expires_at {
            Some(end) if end + 2 * CLOCK_SKEW < self.0 => CompactionDecision::Remove,
            _ => CompactionDecision::Keep,
        }
    }

    fn name(&self) -> &CStr {
        NAME
    }
}

#[cfg(test)]
mod tests {
    use lychgate_engine::Version;

    use super::*;

    #[test]
    fn rows_are_dropped_only_after_every_callers_clock_has_passed_their_expiry() {
        let end = Timestamp::from_seconds(1_000_000);
        let dropped = |expires_at, now| {
            let mut row = Vec::new();
            Header { version: Version(1), expires_at }.write(&mut row);
            matches!(SweepAt(now).filter(0, b"k", &row), CompactionDecision::Remove)
        };
        let boundary = end + 2 * CLOCK_SKEW;
        assert!(!dropped(Some(end), end));
        assert!(!dropped(Some(end), boundary));
        assert!(dropped(Some(end), Timestamp::from_millis(boundary.millis() + 1)));
        assert!(!dropped(None, Timestamp::from_millis(u64::MAX)));
        assert!(matches!(SweepAt(boundary).filter(0, b"k", b"damaged"), CompactionDecision::Keep));
    }
}
