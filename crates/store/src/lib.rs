//! The rules' guarantees as atomic batches over a byte port.
//!
//! What `lychgate-domain` decides is made true here: each transition is one [`Batch`] that names the version of
//! everything the decision was based on. If any of it has changed meanwhile, nothing is written and the caller decides
//! again ([`Commit::Conflict`]). No function reads, checks and then writes without an expectation.
//!
//! It never decides: it does not look at the clock, knows no request, and refuses nothing.

pub mod account;
pub mod authorizations;
mod check_cache;
pub mod clients;
mod commit;
pub mod configuration;
pub mod consents;
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
pub use grant_status::GrantStatusKey;
pub use lychgate_engine::Durability;
use lychgate_engine::{
    Batch, Cause, Change, Cursor, EngineError, Entry, Expectation, Key, OpenEngine, Revision, Snapshot, Timestamp,
    Version,
};
use record::Record;
use tokio::sync::watch;

/// Generated from `proto/lychgate/record/v1`.
pub(crate) mod proto {
    #![expect(clippy::all, unreachable_pub, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/lychgate.record.v1.rs"));
}

/// The newest record format this version reads and writes: 2 since clients have secrets and keys, which an older node
/// would take for public ones; 3 since approvals say whom they expect, clients without registration are disabled, and
/// consents revoked with all others of their client, subject or issuer, none of which an older node would notice; 4 since
/// consents say how and under which policy they were given, ended grants may be without the upstream's tokens, there are
/// events of new kinds, and digests of them: what an older node would drop, could not read, or would not go on with.
const RECORD_LEVEL: u32 = 4;

/// How late a batch may land.
const BATCH_LIFETIME: Duration = Duration::from_secs(10);

/// How often a batch whose outcome is unknown is sent again.
const RESENDS: usize = 3;

/// The store.
#[derive(Clone, Debug)]
pub struct Store {
    engine: OpenEngine,
    check_cache: Option<Arc<CheckCache>>,
    /// Notified when this process enqueues a revocation for the upstream.
    enqueued: Arc<watch::Sender<()>>,
}

/// A record, and the version it was read at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    pub value: T,
    pub version: Version,
    pub expires_at: Option<Timestamp>,
}

impl<T> Versioned<T> {
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Versioned<U> {
        Versioned { value: f(self.value), version: self.version, expires_at: self.expires_at }
    }
}

/// Why the store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It was not done.
    #[error("the store is unavailable")]
    Unavailable(#[source] Cause),
    /// It may have been done. The same attempt again will tell.
    #[error("the outcome of a commit is unknown")]
    Unknown(#[source] Cause),
    /// A record that cannot be read.
    #[error("a record of kind {kind} cannot be read")]
    Corrupt { kind: &'static str },
    #[error("the store holds records of level {found}; this version knows up to {known}", known = RECORD_LEVEL)]
    TooNew { found: u32 },
    /// The place in the event log is of another history of this store, or no longer kept.
    #[error("the cursor is not of this store's history")]
    CursorLost { oldest: Cursor },
    /// A mistake in this program.
    #[error("a call that an engine can never fulfil")]
    Invalid(#[source] EngineError),
}

impl Store {
    /// A store whose records this version can read. From then on no older version opens it.
    pub async fn open(engine: impl Into<OpenEngine>, now: Timestamp) -> Result<Self, StoreError> {
        let store = Self { engine: engine.into(), check_cache: None, enqueued: Arc::default() };
        let meta = key::store_meta();
        match store.record::<proto::StoreMeta>(meta.clone(), now).await? {
            Some(found) if found.value.record_level > RECORD_LEVEL => {
                Err(StoreError::TooNew { found: found.value.record_level })
            }
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

    /// Whether commits can be taken, and what they survive.
    pub async fn ready(&self) -> Result<Durability, StoreError> {
        self.engine.ready().await.map_err(store_error)
    }

    /// Sends the very same batch again as long as its outcome is unknown: it lands once, or it conflicts, perhaps with
    /// itself.
    async fn commit(&self, batch: Batch) -> Result<Commit, StoreError> {
        let committed = self.send(&batch).await;
        if matches!(committed, Ok(Commit::Done(_))) && upstream_revocations::enqueues(&batch) {
            self.enqueued.send_replace(());
        }
        committed
    }

    async fn send(&self, batch: &Batch) -> Result<Commit, StoreError> {
        let mut resends = RESENDS;
        loop {
            match self.engine.commit(batch.clone()).await {
                Err(EngineError::Unknown(_)) if resends > 0 => resends -= 1,
                Err(EngineError::Conflict(_)) if resends < RESENDS => {
                    return Ok(self.was_applied(batch).await.map_or(Commit::Conflict, Commit::Done));
                }
                Err(EngineError::Conflict(_)) => return Ok(Commit::Conflict),
                result => return result.map(Commit::Done).map_err(store_error),
            }
        }
    }

    /// Whether everything that `batch` puts is there. Records name their attempt and its time, so nobody else writes the
    /// same. That it is not there proves nothing: it may have was_applied, and been written over.
    async fn was_applied(&self, batch: &Batch) -> Option<Revision> {
        let puts = batch.operations().iter().filter_map(|operation| match &operation.change {
            Change::Put { value, .. } => Some((operation.key.clone(), value)),
            Change::Keep | Change::Delete => None,
        });
        let (keys, values): (Vec<_>, Vec<_>) = puts.unzip();
        let snapshot = self.engine.read(&keys, batch.now).await.ok()?;
        let there = snapshot
            .entries
            .iter()
            .zip(values)
            .all(|(entry, value)| entry.as_ref().is_some_and(|entry| entry.value == *value));
        there.then_some(snapshot.revision)
    }

    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, StoreError> {
        self.engine.read(keys, now).await.map_err(store_error)
    }

    async fn record<R: Record>(&self, key: Key, now: Timestamp) -> Result<Option<Versioned<R>>, StoreError> {
        let snapshot = self.read(&[key], now).await?;
        decode(snapshot.entries.into_iter().next().flatten())
    }
}

fn batch(now: Timestamp) -> Batch {
    Batch::new(now, now + BATCH_LIFETIME)
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
