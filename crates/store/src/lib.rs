//! The rules' guarantees as atomic batches over the engine port.
//!
//! Each transition that `lychgate-domain` decides is one [`Batch`] here. It names the version of every record the
//! decision was based on. If one of them changed in the meantime, nothing is written and the caller decides again
//! ([`Commit::Conflict`]). No function reads, checks and then writes without an expectation.
//!
//! The store must not decide: it has no clock, knows no request, and refuses nothing.

#![warn(missing_docs)]

pub mod account;
pub mod authorizations;
mod check_cache;
pub mod clients;
mod commit;
pub mod configuration;
pub mod connections;
pub mod consents;
pub mod copy;
pub mod digests;
pub mod events;
mod grant_status;
pub mod grants;
mod key;
pub mod keyring;
pub mod listings;
mod record;
pub mod revocations;
pub mod upstream_revocations;

use std::sync::Arc;
use std::time::Duration;

use check_cache::CheckCache;
pub use commit::Commit;
use copy::{Fence, Fenced};
pub use grant_status::GrantStatusKey;
use lychgate_domain::event::Event;
use lychgate_domain::issuer::IssuerUrl;
use lychgate_engine::{
    Batch, Cause, Change, Cursor, EngineError, Entry, Expectation, Key, OpenEngine, Revision, Snapshot, Timestamp,
    Version,
};
pub use lychgate_engine::{CheckpointError, Checkpoints, Durability};
use record::{Record, encode_event};
use tokio::sync::watch;

/// Generated from `proto/lychgate/record/v1`.
pub(crate) mod proto {
    #![expect(clippy::all, unreachable_pub, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/lychgate.record.v1.rs"));
}

/// The newest record level this version reads and writes. An older node refuses to open a store of a newer level.
///
/// - 2: clients have secrets and keys. An older node would treat such a client as public.
/// - 3: approvals name the expected person, unregistered clients can be disabled, and counters revoke all consents of a
///   client, subject or issuer. An older node would ignore all three.
/// - 4: consents record how and under which policy they were given, ended grants may lack upstream tokens, and the log
///   has new kinds of events and digests. An older node would drop these fields or could not read the records.
/// - 5: a decision has a number, which its login depends on. An older node would continue the login of a replaced answer.
///   Upstream tokens of ended grants wait in records of their own; an older node would never revoke them.
/// - 6: upstream tokens are in connections. An older node would look for them in codes and grants, and take those without
///   for damaged. An open login names the entry rules that admitted its person, and there are failures and events of people
///   who were not admitted. An older node would issue a code under other rules, and could not read the records.
/// - 7: a store whose data was copied elsewhere has a fence. An older node would serve it.
pub const RECORD_LEVEL: u32 = 7;

/// The time a batch has to be applied.
const BATCH_LIFETIME: Duration = Duration::from_secs(10);

/// The number of times a batch of unknown outcome is sent again.
const RESENDS: usize = 3;

/// Reads and writes the records of all issuers. A clone is the same store.
#[derive(Clone, Debug)]
pub struct Store {
    engine: OpenEngine,
    /// The fence of a copy, as it was when the store was opened. Every commit expects it: no write of a control plane that still
    /// runs can land in a store that is being copied away.
    fence: Expectation,
    check_cache: Option<Arc<CheckCache>>,
    /// The record level that opening the store raised; `None` if it had this version's, or was new.
    raised_from: Option<u32>,
    /// Notified when this process enqueues a revocation for the upstream.
    enqueued: Arc<watch::Sender<()>>,
}

/// A record, with the version that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The record.
    pub value: T,
    /// The version that a transition expects unchanged.
    pub version: Version,
    /// From this instant on the record is absent.
    pub expires_at: Option<Timestamp>,
}

impl<T> Versioned<T> {
    /// Converts the record and keeps its version.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Versioned<U> {
        Versioned { value: f(self.value), version: self.version, expires_at: self.expires_at }
    }
}

/// The replacement of a record.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a, R> {
    /// The version that was read; `None` if there was no record. The commit conflicts if it has changed.
    pub expected: Option<Version>,
    /// The new record.
    pub record: &'a R,
    /// The event about it, if it has one.
    pub event: Option<&'a Event>,
}

impl<R> Update<'_, R> {
    fn expectation(&self) -> Expectation {
        self.expected.map_or(Expectation::Absent, Expectation::Version)
    }
}

/// Why the store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written.
    #[error("the store is unavailable")]
    Unavailable(#[source] Cause),
    /// The commit may have been applied. Repeating the request with the same idempotency key tells.
    #[error("the outcome of a commit is unknown")]
    Unknown(#[source] Cause),
    /// A record cannot be decoded.
    #[error("a record of kind {kind} cannot be read")]
    Corrupt {
        /// The kind of record.
        kind: &'static str,
    },
    /// A newer version has written to this store.
    #[error("the store holds records of level {found}; this version knows up to {known}", known = RECORD_LEVEL)]
    TooNew {
        /// The store's record level.
        found: u32,
    },
    /// The store is one end of a copy and must not be served.
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// The cursor belongs to another history of this store, or to events that are no longer kept.
    #[error("the cursor does not belong to this store's history")]
    CursorLost {
        /// The oldest position from which events can be read.
        oldest: Cursor,
    },
    /// A programming error.
    #[error("a call that an engine can never fulfil")]
    Invalid(#[source] EngineError),
}

impl Store {
    /// Opens a store and raises its record level to this version's: from then on an older version refuses to open it. A
    /// store that a [copy] has fenced is refused.
    pub async fn open(engine: OpenEngine, now: Timestamp) -> Result<Self, StoreError> {
        let store =
            Self { engine, fence: Expectation::Absent, check_cache: None, raised_from: None, enqueued: Arc::default() };
        let Opening { meta: found, fence } = store.opening(now).await?;
        let level = found.as_ref().map(|found| found.value.record_level);
        let store = Self { fence, raised_from: level.filter(|level| *level != RECORD_LEVEL), ..store };
        let meta = key::store_meta();
        match found {
            Some(found) if found.value.record_level == RECORD_LEVEL => Ok(store),
            found => {
                let value = prost::Message::encode_to_vec(&proto::StoreMeta { record_level: RECORD_LEVEL });
                let unchanged = found.map_or(Expectation::Absent, |found| Expectation::Version(found.version));
                match store.commit(batch(now).put(meta, unchanged, value, None)).await {
                    // A conflict: another node began at the same time.
                    Ok(Commit::Done(_) | Commit::Conflict) => Ok(store),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Checks that the store may still be served: that no copy has fenced it since it was opened, and that no newer version has
    /// raised its record level.
    pub async fn may_be_served(&self, now: Timestamp) -> Result<(), StoreError> {
        let Opening { fence, .. } = self.opening(now).await?;
        if fence == self.fence { Ok(()) } else { Err(Fenced::Moved.into()) }
    }

    /// The record level of the store as it is now; `None` for a store without any record.
    pub async fn record_level(&self, now: Timestamp) -> Result<Option<u32>, StoreError> {
        let meta = self.record::<proto::StoreMeta>(key::store_meta(), now).await?;
        Ok(meta.map(|meta| meta.value.record_level))
    }

    /// The record level that opening the store raised; `None` if the store had [`RECORD_LEVEL`] already, or was new.
    pub fn raised_from(&self) -> Option<u32> {
        self.raised_from
    }

    /// What decides whether the store may be opened. Fails if it may not.
    async fn opening(&self, now: Timestamp) -> Result<Opening, StoreError> {
        let snapshot = self.read(&[key::store_meta(), key::store_fence()], now).await?;
        let mut entries = snapshot.entries.into_iter();
        let (meta, entry) = (entries.next().flatten(), entries.next().flatten());
        let fence = Expectation::unchanged(entry.as_ref());
        if let Some(fenced) = decode::<Fence>(entry)?.and_then(|fence| fence.value.refusal()) {
            return Err(fenced.into());
        }
        let meta = decode::<proto::StoreMeta>(meta)?;
        match meta {
            Some(found) if found.value.record_level > RECORD_LEVEL => {
                Err(StoreError::TooNew { found: found.value.record_level })
            }
            meta => Ok(Opening { meta, fence }),
        }
    }

    /// Returns when reads that start afterwards see every commit that any node acknowledged before this call.
    pub async fn barrier(&self) -> Result<(), StoreError> {
        self.engine.barrier().await.map_err(store_error)
    }

    /// Reports whether commits can be taken, and which failures they survive.
    pub async fn ready(&self) -> Result<Durability, StoreError> {
        self.engine.ready().await.map_err(store_error)
    }

    /// The maker of the engine's backups; `None` if it keeps no files of its own.
    pub fn checkpoints(&self) -> Option<&Arc<dyn Checkpoints>> {
        self.engine.checkpoints()
    }

    /// The free space of the engine's disk, in bytes; `None` if it has none of its own.
    pub async fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        self.engine.free_bytes().await.map_err(store_error)
    }

    /// The difference between this process's clock and the engine's, as far as it is certain; `None` if the engine has no clock
    /// of its own.
    pub async fn clock_difference(&self) -> Result<Option<Duration>, StoreError> {
        self.engine.clock_difference().await.map_err(store_error)
    }

    /// Commits a batch, and notifies the worker of upstream revocations if it enqueues one.
    async fn commit(&self, batch: Batch) -> Result<Commit, StoreError> {
        let batch = batch.expect(key::store_fence(), self.fence);
        let committed = self.send(&batch).await;
        if matches!(committed, Ok(Commit::Done(_))) && upstream_revocations::enqueues(&batch) {
            self.enqueued.send_replace(());
        }
        committed
    }

    /// Sends the same batch again while its outcome is unknown. It is applied once, or it conflicts, perhaps with itself.
    /// Once a try had an unknown outcome, [`StoreError::Unavailable`] would be wrong: that try may have been applied.
    async fn send(&self, batch: &Batch) -> Result<Commit, StoreError> {
        let mut resends = RESENDS;
        loop {
            match self.engine.commit(batch.clone()).await {
                Err(EngineError::Unknown(_)) if resends > 0 => resends -= 1,
                Err(EngineError::Conflict(key)) if key == key::store_fence() => return Err(Fenced::Moved.into()),
                Err(EngineError::Conflict(_)) if resends < RESENDS => {
                    let applied = self.was_applied(batch).await.map_err(|error| StoreError::Unknown(error.into()))?;
                    return Ok(applied.map_or(Commit::Conflict, Commit::Done));
                }
                Err(EngineError::Conflict(_)) => return Ok(Commit::Conflict),
                Err(EngineError::Unavailable(cause)) if resends < RESENDS => return Err(StoreError::Unknown(cause)),
                result => return result.map(Commit::Done).map_err(store_error),
            }
        }
    }

    /// The revision at which every record that `batch` writes was found, and none that it deletes. `None` if they differ, or
    /// if the batch neither writes nor deletes. Records name their idempotency key and time, so another writer never writes
    /// the same bytes. A missing record proves nothing: the batch may have been applied and its records replaced.
    async fn was_applied(&self, batch: &Batch) -> Result<Option<Revision>, EngineError> {
        let changes = batch.operations().iter().filter_map(|operation| match &operation.change {
            Change::Put { value, .. } => Some((operation.key.clone(), Some(value))),
            Change::Delete => Some((operation.key.clone(), None)),
            Change::Keep => None,
        });
        let (keys, values): (Vec<_>, Vec<_>) = changes.unzip();
        if keys.is_empty() {
            return Ok(None);
        }
        let snapshot = self.engine.read(&keys, batch.now).await?;
        let found = snapshot.entries.iter().map(|entry| entry.as_ref().map(|entry| &entry.value));
        Ok(found.eq(values).then_some(snapshot.revision))
    }

    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, StoreError> {
        self.engine.read(keys, now).await.map_err(store_error)
    }

    async fn record<R: Record>(&self, key: Key, now: Timestamp) -> Result<Option<Versioned<R>>, StoreError> {
        let snapshot = self.read(&[key], now).await?;
        decode(snapshot.entries.into_iter().next().flatten())
    }
}

/// The records that decide whether a store may be opened.
struct Opening {
    meta: Option<Versioned<proto::StoreMeta>>,
    fence: Expectation,
}

fn batch(now: Timestamp) -> Batch {
    Batch::new(now, now + BATCH_LIFETIME)
}

/// Appends `event`, if there is one.
fn append(batch: Batch, issuer: &IssuerUrl, event: Option<&Event>) -> Batch {
    event.into_iter().fold(batch, |batch, event| batch.event(encode_event(issuer, event)))
}

fn decode<R: Record>(entry: Option<Entry>) -> Result<Option<Versioned<R>>, StoreError> {
    let Some(entry) = entry else { return Ok(None) };
    let value = R::decode_record(&entry.value).ok_or(StoreError::Corrupt { kind: R::KIND })?;
    Ok(Some(Versioned { value, version: entry.version, expires_at: entry.expires_at }))
}

fn store_error(error: EngineError) -> StoreError {
    match error {
        EngineError::Unavailable(cause) => StoreError::Unavailable(cause),
        EngineError::Unknown(cause) => StoreError::Unknown(cause),
        EngineError::CursorLost { oldest } => StoreError::CursorLost { oldest },
        // Reads have no expectations that could fail.
        error @ (EngineError::Conflict(_) | EngineError::Invalid(_)) => StoreError::Invalid(error),
    }
}

#[cfg(test)]
mod tests {

    use lychgate_engine::{Clock as _, Memory, Space};
    use lychgate_engine_suite::fault::{Fault, Faulty};
    use lychgate_engine_suite::{TestClock, TestEntropy};

    use super::*;

    /// Without a change there is nothing that could show that the batch was applied.
    #[tokio::test]
    async fn a_batch_that_changes_nothing_is_not_reported_as_applied_after_a_conflict() {
        let clock = Arc::<TestClock>::default();
        let engine = Arc::new(Faulty::new(OpenEngine::sole_writer(Memory::new(clock.clone(), &TestEntropy))));
        let store = Store::open(engine.open(), clock.now()).await.unwrap();
        engine.fail(0, Fault::UnknownBefore);
        let checks = batch(clock.now()).expect(key::store_meta(), Expectation::Absent);
        assert_eq!(store.commit(checks).await.unwrap(), Commit::Conflict);
    }

    #[tokio::test]
    async fn a_store_knows_from_which_record_level_it_was_raised() {
        let clock = Arc::<TestClock>::default();
        let engine = OpenEngine::sole_writer(Memory::new(clock.clone(), &TestEntropy));
        let new = Store::open(engine.clone(), clock.now()).await.unwrap();
        assert_eq!((new.raised_from(), new.record_level(clock.now()).await.unwrap()), (None, Some(RECORD_LEVEL)));
        let lower = prost::Message::encode_to_vec(&proto::StoreMeta { record_level: RECORD_LEVEL - 1 });
        let meta = new.record::<proto::StoreMeta>(key::store_meta(), clock.now()).await.unwrap().unwrap();
        let lowered = batch(clock.now()).put(key::store_meta(), Expectation::Version(meta.version), lower, None);
        engine.commit(lowered).await.unwrap();
        let raised = Store::open(engine.clone(), clock.now()).await.unwrap();
        assert_eq!(raised.raised_from(), Some(RECORD_LEVEL - 1));
        assert_eq!(raised.record_level(clock.now()).await.unwrap(), Some(RECORD_LEVEL));
        assert_eq!(Store::open(engine, clock.now()).await.unwrap().raised_from(), None);
    }

    #[tokio::test]
    async fn an_outcome_stays_unknown_if_the_records_cannot_be_read() {
        let clock = Arc::<TestClock>::default();
        let engine = Arc::new(Faulty::new(OpenEngine::sole_writer(Memory::new(clock.clone(), &TestEntropy))));
        let store = Store::open(engine.open(), clock.now()).await.unwrap();
        engine.fail(0, Fault::UnknownAfter);
        engine.set_reads_fail(true);
        let put = batch(clock.now()).put(Key::new(Space::Grants, *b"k"), Expectation::Absent, vec![1], None);
        let failed = store.commit(put).await.unwrap_err();
        assert!(matches!(failed, StoreError::Unknown(_)), "{failed:?}");
    }

    /// An older version would misread the records, or drop fields of them.
    #[tokio::test]
    async fn a_store_of_a_higher_record_level_is_refused_at_start_and_while_it_is_served() {
        let clock = Arc::<TestClock>::default();
        let engine = Arc::new(Faulty::new(OpenEngine::sole_writer(Memory::new(clock.clone(), &TestEntropy))));
        let store = Store::open(engine.open(), clock.now()).await.unwrap();
        store.may_be_served(clock.now()).await.unwrap();
        let raised = prost::Message::encode_to_vec(&proto::StoreMeta { record_level: RECORD_LEVEL + 1 });
        let found = store.opening(clock.now()).await.unwrap().meta.unwrap();
        let raise = batch(clock.now()).put(key::store_meta(), Expectation::Version(found.version), raised, None);
        assert!(matches!(store.commit(raise).await.unwrap(), Commit::Done(_)));
        let expected =
            format!("the store holds records of level {}; this version knows up to {RECORD_LEVEL}", RECORD_LEVEL + 1);
        assert_eq!(Store::open(engine.open(), clock.now()).await.unwrap_err().to_string(), expected);
        assert_eq!(store.may_be_served(clock.now()).await.unwrap_err().to_string(), expected);
    }
}
