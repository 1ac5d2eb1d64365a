//! Counts and digests of a store's content, by which a copy is compared with its source.

use lychgate_engine::{Incarnation, KeyRange, Limit, Space, Timestamp};
use sha2::{Digest as _, Sha256};

use super::log::LogReader;
use super::positions::Positions;
use super::{CopyError, StoreAt};
use crate::key;

/// Records that are read at once.
const PAGE: usize = 1000;

/// Count and digest of one space, or of the event log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The name of the space, or "events".
    pub name: &'static str,
    /// The number of records or events.
    pub count: u64,
    /// SHA-256 over keys, expiries and values, or over the events.
    pub digest: [u8; 32],
}

/// Takes the tally of the records that have not expired at `instant`. With `positions`, as they are in the target.
pub(super) async fn space(
    store: &StoreAt,
    space: Space,
    instant: Timestamp,
    positions: Option<&Positions>,
) -> Result<Tally, CopyError> {
    let (mut hash, mut count) = (Sha256::new(), 0);
    let mut from = Some(Vec::new());
    while let Some(begin) = from.take() {
        let (range, limit) = (KeyRange { from: begin, to: None }, Limit { results: PAGE, rows: PAGE });
        let page = store.engine.scan(space, range, instant, limit).await.map_err(|error| store.failed(error))?;
        for (key, entry) in page.entries {
            if key == key::store_fence() {
                continue;
            }
            let value = match positions {
                Some(positions) => positions.translate(&key, entry.value),
                None => entry.value,
            };
            add(&mut hash, &key.bytes);
            hash.update(entry.expires_at.map_or(u64::MAX, Timestamp::millis).to_be_bytes());
            add(&mut hash, &value);
            count += 1;
        }
        from = page.next;
    }
    Ok(Tally { name: space.name(), count, digest: hash.finalize().into() })
}

/// Takes the tally of the event log.
pub(super) async fn events(store: &StoreAt, incarnation: Incarnation) -> Result<Tally, CopyError> {
    let (mut hash, mut count) = (Sha256::new(), 0);
    let mut log = LogReader::oldest(&store.engine, incarnation).await.map_err(|error| store.failed(error))?;
    while let Some(event) = log.next().await.map_err(|error| store.failed(error))? {
        add(&mut hash, &event.value);
        count += 1;
    }
    Ok(Tally { name: "events", count, digest: hash.finalize().into() })
}

/// With its length, so that no two lists of texts have the same bytes.
fn add(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}
