//! The record that says which part a store has in a copy, and keeps a control plane from starting on the wrong one.

use lychgate_engine::{Batch, Entry, Expectation, Incarnation, OpenEngine, Space, Timestamp, Version};
use prost::Message as _;

use super::{CopyError, StoreAt};
use crate::record::Record;
use crate::{RECORD_LEVEL, Versioned, decode, key, proto};

/// Identifies one copy; the same in both stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyId(pub [u8; 16]);

/// The part of a store in a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The copy.
    pub copy: CopyId,
    /// How far it is, seen from this store.
    pub state: FenceState,
    /// The other store, as the operator named it, without secrets.
    pub peer: String,
    /// The history of the other store.
    pub peer_incarnation: Incarnation,
}

/// How far a copy is, seen from one of its stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FenceState {
    /// This store is the source of a copy under way.
    Leaving,
    /// This store is the source of a complete copy.
    Left,
    /// This store is the target of a copy under way.
    Arriving(CopyProgress),
    /// This store is the target of a complete copy. It may be served.
    Arrived,
}

/// The part of the source that the target has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    /// Records that have expired at this instant are not copied.
    pub instant: Timestamp,
    /// The position in the source's event log after the last copied event; 0 before the first.
    pub events_position: u128,
    /// The number of copied events.
    pub events: u64,
    /// The place at which the copy continues.
    pub next: NextPart,
    /// The number of copied records, of all spaces.
    pub records: u64,
}

/// The place at which a copy continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextPart {
    /// At the events.
    Events,
    /// At this key of this space.
    Records(Space, Vec<u8>),
    /// Everything was copied.
    Complete,
}

impl NextPart {
    /// The beginning of the space after `space`, or of the first one.
    pub(super) fn after(space: Option<Space>) -> Self {
        let next =
            space.map_or(0, |space| 1 + Space::ALL.iter().position(|one| *one == space).unwrap_or(Space::ALL.len()));
        Space::ALL.get(next).map_or(Self::Complete, |space| Self::Records(*space, Vec::new()))
    }
}

/// Why a store must not be served. Displayed with the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fenced {
    /// The data is being copied away.
    #[error(
        "its data is being copied to {0}: complete the copy with `lychgate storage copy` and use that store, or give the \
         copy up with `lychgate storage unfence`"
    )]
    Leaving(String),
    /// The data was copied away.
    #[error(
        "its data went to {0}: let [store] name that one; if no control plane has served it yet, `lychgate storage \
         unfence --abandon-copy` makes this store usable again"
    )]
    Left(String),
    /// A copy of this store has begun or ended since the store was opened.
    #[error(
        "`lychgate storage` has copied or released it since it was opened: start again with the store that [store] must name"
    )]
    Moved,
    /// The copy to this store is not complete.
    #[error("it is an incomplete copy of {0}: complete it with `lychgate storage copy`, or delete it")]
    Arriving(String),
}

impl Fence {
    /// Reports that this store's data goes, or went, to the history `target`.
    pub(super) fn leads_to(&self, target: Incarnation) -> bool {
        matches!(self.state, FenceState::Leaving | FenceState::Left) && self.peer_incarnation == target
    }

    /// The reason why the store must not be served; `None` if it may be.
    pub(crate) fn refusal(&self) -> Option<Fenced> {
        let peer = self.peer.clone();
        match self.state {
            FenceState::Leaving => Some(Fenced::Leaving(peer)),
            FenceState::Left => Some(Fenced::Left(peer)),
            FenceState::Arriving(_) => Some(Fenced::Arriving(peer)),
            FenceState::Arrived => None,
        }
    }
}

/// The result of [`unfence`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfenced {
    /// The store is usable again; the copy at this place is not continued any more.
    Released {
        /// The other store.
        peer: String,
    },
    /// The store has no fence.
    NotFenced,
}

/// Removes the fence of a source. A complete copy may have been served, and may hold revocations that this store lacks:
/// `abandon_copy` confirms that it was not, or that its changes are given up.
pub async fn unfence(store: &StoreAt, abandon_copy: bool, now: Timestamp) -> Result<Unfenced, CopyError> {
    let State { fence, .. } = State::read(store, now).await?;
    let Some(fence) = fence else { return Ok(Unfenced::NotFenced) };
    match fence.value.state {
        FenceState::Arrived => return Ok(Unfenced::NotFenced),
        FenceState::Arriving(_) => {
            return Err(CopyError::Fenced { name: store.name.clone(), fenced: Fenced::Arriving(fence.value.peer) });
        }
        FenceState::Left if !abandon_copy => {
            return Err(CopyError::CopyMayBeServed { name: store.name.clone(), peer: fence.value.peer });
        }
        FenceState::Left | FenceState::Leaving => {}
    }
    let batch = crate::batch(now).delete(key::store_fence(), fence.version);
    store.engine.commit(batch).await.map_err(|error| store.failed(error))?;
    Ok(Unfenced::Released { peer: fence.value.peer })
}

/// The records that describe a store as a whole.
pub(super) struct State {
    pub(super) incarnation: Incarnation,
    pub(super) level: Option<(u32, Version)>,
    pub(super) fence: Option<Versioned<Fence>>,
}

impl State {
    pub(super) async fn read(store: &StoreAt, now: Timestamp) -> Result<Self, CopyError> {
        let keys = [key::store_meta(), key::store_fence()];
        let snapshot = store.engine.read(&keys, now).await.map_err(|error| store.failed(error))?;
        let [meta, fence]: [Option<Entry>; 2] =
            snapshot.entries.try_into().map_err(|_| store.failed("a snapshot of two keys has another length"))?;
        let meta: Option<Versioned<proto::StoreMeta>> = decode(meta).map_err(|error| store.failed(error))?;
        let level = meta.map(|meta| (meta.value.record_level, meta.version));
        if let Some((found, _)) = level.filter(|(level, _)| *level > RECORD_LEVEL) {
            return Err(store.failed(crate::StoreError::TooNew { found }));
        }
        let fence = decode(fence).map_err(|error| store.failed(error))?;
        Ok(Self { incarnation: snapshot.revision.incarnation, level, fence })
    }
}

/// Replaces the fence of `store`, along with the changes in `batch`, and returns it with its version. A commit of unknown
/// outcome is sent again: it is applied once, or conflicts, perhaps with itself. A fence that still has the version `expected`
/// was not replaced, even if its value is the same.
pub(super) async fn put(
    store: &StoreAt,
    batch: Batch,
    expected: Option<Version>,
    fence: Fence,
) -> Result<Versioned<Fence>, CopyError> {
    let (now, value) = (batch.now, fence.encode_record());
    let expectation = expected.map_or(Expectation::Absent, Expectation::Version);
    let batch = batch.put(key::store_fence(), expectation, value, None);
    let mut resends = crate::RESENDS;
    loop {
        match store.engine.commit(batch.clone()).await {
            Err(lychgate_engine::EngineError::Unknown(_)) if resends > 0 => resends -= 1,
            Ok(_) | Err(lychgate_engine::EngineError::Conflict(_)) => break,
            Err(error) => return Err(store.failed(error)),
        }
    }
    let found = read(&store.engine, now).await.map_err(|error| store.failed(error))?;
    let is_replaced = |found: &Versioned<Fence>| found.value == fence && Some(found.version) != expected;
    found.filter(is_replaced).ok_or_else(|| CopyError::Concurrent { name: store.name.clone() })
}

pub(super) async fn read(engine: &OpenEngine, now: Timestamp) -> Result<Option<Versioned<Fence>>, crate::StoreError> {
    let snapshot = engine.read(&[key::store_fence()], now).await.map_err(crate::store_error)?;
    decode(snapshot.entries.into_iter().next().flatten())
}

impl Record for Fence {
    const KIND: &'static str = "part of a copy";

    fn encode_record(&self) -> Vec<u8> {
        let (state, progress) = match &self.state {
            FenceState::Leaving => (proto::StoreMoveState::Leaving, None),
            FenceState::Left => (proto::StoreMoveState::Left, None),
            FenceState::Arriving(progress) => (proto::StoreMoveState::Arriving, Some(encode_progress(progress))),
            FenceState::Arrived => (proto::StoreMoveState::Arrived, None),
        };
        proto::StoreMove {
            copy_id: self.copy.0.to_vec(),
            state: state.into(),
            peer: self.peer.clone(),
            peer_incarnation: self.peer_incarnation.0.to_vec(),
            progress,
        }
        .encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let record = proto::StoreMove::decode(bytes).ok()?;
        let state = match record.state() {
            proto::StoreMoveState::Unspecified => return None,
            proto::StoreMoveState::Leaving => FenceState::Leaving,
            proto::StoreMoveState::Left => FenceState::Left,
            proto::StoreMoveState::Arriving => FenceState::Arriving(decode_progress(record.progress?)?),
            proto::StoreMoveState::Arrived => FenceState::Arrived,
        };
        Some(Self {
            copy: CopyId(record.copy_id.try_into().ok()?),
            state,
            peer: record.peer,
            peer_incarnation: Incarnation(record.peer_incarnation.try_into().ok()?),
        })
    }
}

fn encode_progress(progress: &CopyProgress) -> proto::StoreCopyProgress {
    let (space, next_key, complete) = match &progress.next {
        NextPart::Events => (None, Vec::new(), false),
        NextPart::Records(space, key) => (Some(u32::from(*space as u8)), key.clone(), false),
        NextPart::Complete => (None, Vec::new(), true),
    };
    let position = (progress.events_position != 0).then(|| progress.events_position.to_be_bytes().to_vec());
    proto::StoreCopyProgress {
        instant: progress.instant.millis(),
        events_position: position.unwrap_or_default(),
        events: progress.events,
        space,
        next_key,
        records: progress.records,
        complete,
    }
}

fn decode_progress(record: proto::StoreCopyProgress) -> Option<CopyProgress> {
    let next = match (record.complete, record.space) {
        (true, _) => NextPart::Complete,
        (false, None) => NextPart::Events,
        (false, Some(number)) => {
            let space = Space::ALL.into_iter().find(|space| u32::from(*space as u8) == number)?;
            NextPart::Records(space, record.next_key)
        }
    };
    let events_position = match record.events_position.as_slice() {
        [] => 0,
        bytes => u128::from_be_bytes(bytes.try_into().ok()?),
    };
    Some(CopyProgress {
        instant: Timestamp::from_millis(record.instant),
        events_position,
        events: record.events,
        next,
        records: record.records,
    })
}
