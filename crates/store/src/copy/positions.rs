//! Positions of the source's event log, in the target's log.
//!
//! The digest chains name the ranges of the log by positions, and each engine numbers its log in its own way. The two logs
//! have the same events in the same order, so the n-th event of one is the n-th of the other.

use std::collections::{BTreeMap, BTreeSet};

use lychgate_engine::{Cursor, Incarnation, Key, KeyRange, Limit, Space, Timestamp};

use super::log::LogReader;
use super::{CopyError, StoreAt};
use crate::digests::{DigestChain, RangeDigest};
use crate::key;
use crate::record::Record;

/// Records that are read at once.
const PAGE: usize = 1000;

/// The target's position for each position that a record of the source names.
#[derive(Debug)]
pub(super) struct Positions {
    source: Incarnation,
    target: Incarnation,
    ends: BTreeMap<u128, u128>,
}

/// Both stores of a copy, with their histories.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends<'a> {
    pub(super) source: (&'a StoreAt, Incarnation),
    pub(super) target: (&'a StoreAt, Incarnation),
}

impl Positions {
    /// Reads both logs, as far as a record names them. All events must have been copied.
    pub(super) async fn read(ends: Ends<'_>, instant: Timestamp) -> Result<Self, CopyError> {
        let ((source, of_source), (target, of_target)) = (ends.source, ends.target);
        let mut wanted = named(source, of_source, instant).await?.into_iter().peekable();
        let mut from = LogReader::oldest(&source.engine, of_source).await.map_err(|error| source.failed(error))?;
        let mut to = LogReader::oldest(&target.engine, of_target).await.map_err(|error| target.failed(error))?;
        let (mut ends, mut reached) = (BTreeMap::new(), 0);
        while wanted.peek().is_some() {
            let read = from.next().await.map_err(|error| source.failed(error))?;
            let copied = to.next().await.map_err(|error| target.failed(error))?;
            let (Some(read), Some(copied)) = (read, copied) else { break };
            // A position between two events is after the first of them.
            while let Some(position) = wanted.next_if(|position| *position < read.cursor.position) {
                ends.insert(position, reached);
            }
            reached = copied.cursor.position;
        }
        ends.extend(wanted.map(|position| (position, reached)));
        Ok(Self { source: of_source, target: of_target, ends })
    }

    /// The value of a record, with the target's positions in place of the source's. A value without positions, or one that
    /// cannot be decoded, stays as it is.
    pub(super) fn translate(&self, key: &Key, value: Vec<u8>) -> Vec<u8> {
        if key.space == Space::Digests {
            return RangeDigest::decode_record(&value).map_or(value, |link| self.link(link).encode_record());
        }
        if key::is_digest_chain(key) {
            return DigestChain::decode_record(&value)
                .map_or(value, |chain| DigestChain { newest: self.link(chain.newest), ..chain }.encode_record());
        }
        value
    }

    fn link(&self, link: RangeDigest) -> RangeDigest {
        RangeDigest { begin: self.cursor(link.begin), end: self.cursor(link.end), ..link }
    }

    /// A position of an earlier history stays: its events were gone before the copy.
    fn cursor(&self, cursor: Cursor) -> Cursor {
        if cursor.incarnation != self.source {
            return cursor;
        }
        let position = self.ends.get(&cursor.position).copied().unwrap_or_default();
        Cursor { incarnation: self.target, position }
    }
}

/// The positions of the source's own history that its records name.
async fn named(store: &StoreAt, incarnation: Incarnation, instant: Timestamp) -> Result<BTreeSet<u128>, CopyError> {
    let chains = KeyRange::prefix(key::DIGEST_CHAINS);
    let mut named = BTreeSet::new();
    for (space, range) in [(Space::Digests, KeyRange::prefix(&[])), (Space::Meta, chains)] {
        let mut range = Some(range);
        while let Some(this) = range.take() {
            let to = this.to.clone();
            let limit = Limit { results: PAGE, rows: PAGE };
            let page = store.engine.scan(space, this, instant, limit).await.map_err(|error| store.failed(error))?;
            for (_, entry) in page.entries {
                let link = match space {
                    Space::Digests => RangeDigest::decode_record(&entry.value),
                    _ => DigestChain::decode_record(&entry.value).map(|chain| chain.newest),
                };
                let cursors = link.map(|link| [link.begin, link.end]).into_iter().flatten();
                named.extend(cursors.filter(|cursor| cursor.incarnation == incarnation).map(|cursor| cursor.position));
            }
            range = page.next.map(|from| KeyRange { from, to });
        }
    }
    Ok(named)
}
