//! A copy of everything in one store to another, over the engine port. Both may be of any engine; neither may be served.
//!
//! The target is a new history: versions, revisions and event positions are its own. Positions of the log that records
//! name are translated ([`positions`]); no other record refers to them. A cursor or revision that a caller kept is of the
//! old history, and every use of it is refused with a reason.
//!
//! 1. **Begin**: a fence ([`Fence`]) in the source keeps a control plane from starting on it; a fence in the empty target
//!    keeps one from starting on half a copy.
//! 2. **Transfer**: each batch writes records or events, and in the same commit how far the copy is. A copy that was
//!    interrupted anywhere continues there, and no event is written twice.
//! 3. **Verify**: both stores are read again and compared by count and digest.
//! 4. **Finish**: the source's fence says that the data has left, then the target's that it has arrived.

mod fence;
mod log;
mod positions;
mod restore;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use lychgate_engine::{
    Batch, CLOCK_SKEW, Clock, Cursor, EngineError, Expectation, Incarnation, KeyRange, Limit, OpenEngine, Space,
    Timestamp, Version,
};

use crate::{RECORD_LEVEL, Versioned, batch, key, proto};
use fence::State;
pub use fence::{CopyId, CopyProgress, Fence, FenceState, Fenced, NextPart, Unfenced, unfence};
use log::LogReader;
use positions::{Ends, Positions};
pub use restore::{EndedAgain, RestoredIssuer};
pub use tally::Tally;

/// The time that a commit has. Each expects the progress before it, so that a late one cannot harm.
const COMMIT_LIFETIME: Duration = Duration::from_secs(60);

/// Rows that are looked at for one batch.
const ROWS: usize = 10_000;

/// An open store, and its name for people.
#[derive(Clone, Debug)]
pub struct StoreAt {
    /// The engine.
    pub engine: OpenEngine,
    /// A description without secrets, such as `rocksdb:/var/lib/lychgate`.
    pub name: String,
}

/// A report of a copy that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A batch was committed.
    Copied {
        /// The name of a space, or "events".
        name: &'static str,
        /// The events or records of all spaces that were copied so far, also before an interruption.
        total: u64,
    },
    /// A space or the log is the same in both stores.
    Verified(Tally),
}

/// Why a copy failed. A copy that was interrupted can be continued.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The source was never a store of Lychgate.
    #[error("{name} holds no store of Lychgate; correct --from")]
    NoStore {
        /// The source.
        name: String,
    },
    /// The fence of a store does not permit it.
    #[error("{name} cannot be copied: {fenced}")]
    Fenced {
        /// The store.
        name: String,
        /// The reason.
        fenced: Fenced,
    },
    /// The target has data that this copy did not write.
    #[error(
        "{name} is not empty and is no interrupted copy of {source_name}; choose an empty target, or delete what is there"
    )]
    TargetInUse {
        /// The target.
        name: String,
        /// The source.
        source_name: String,
    },
    /// The fence is not lifted without a confirmation.
    #[error(
        "the data of {name} went to {peer}, and a control plane may have served it there since: each revocation there \
         would be undone. If none has, repeat the command with --abandon-copy"
    )]
    CopyMayBeServed {
        /// The source.
        name: String,
        /// The target.
        peer: String,
    },
    /// Another process works on the same store.
    #[error("another process changes {name}; stop it, then repeat the command")]
    Concurrent {
        /// The store.
        name: String,
    },
    /// The stores differ after the copy.
    #[error(
        "{part} differs after the copy ({found} entries in place of {expected}): a process has changed one of the \
         stores; stop it, delete the target, release the source with `lychgate storage unfence`, then copy again"
    )]
    Differs {
        /// The name of the space, or "events".
        part: &'static str,
        /// The count in the source.
        expected: u64,
        /// The count in the target.
        found: u64,
    },
    /// An engine failed.
    #[error("{name}")]
    Store {
        /// The store.
        name: String,
        /// The failure.
        source: lychgate_engine::Cause,
    },
}

impl StoreAt {
    fn failed(&self, error: impl Into<lychgate_engine::Cause>) -> CopyError {
        CopyError::Store { name: self.name.clone(), source: error.into() }
    }
}

/// The result of [`StoreCopy::begin`].
#[derive(Debug)]
pub enum Begun {
    /// The copy goes on.
    Running(Box<StoreCopy>),
    /// An earlier run has completed it.
    Complete,
}

/// A copy under way.
#[derive(Debug)]
pub struct StoreCopy {
    source: StoreAt,
    target: StoreAt,
    of_source: Incarnation,
    of_target: Incarnation,
    clock: Arc<dyn Clock>,
    leaving: Versioned<Fence>,
    arriving: Versioned<Fence>,
    progress: CopyProgress,
}

impl StoreCopy {
    /// The instant at which a copy that begins at `now` reads. Earlier than every clock that may still be asked about a
    /// record: a record that is live for one node must not be missing in the copy.
    pub fn instant(now: Timestamp) -> Timestamp {
        let skew = u64::try_from((2 * CLOCK_SKEW).as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(now.millis().saturating_sub(skew))
    }

    /// Fences both stores, or recognises the interrupted copy of this source in this target. `id` is for a new copy.
    pub async fn begin(
        source: StoreAt,
        target: StoreAt,
        id: CopyId,
        clock: Arc<dyn Clock>,
    ) -> Result<Begun, CopyError> {
        let now = clock.now();
        let (from, to) = (State::read(&source, now).await?, State::read(&target, now).await?);
        let instant = Self::instant(now);
        let (leaving, arriving, progress) = match part(&source, &from, &target, &to)? {
            Part::Complete => return Ok(Begun::Complete),
            Part::Interrupted { leaving, arriving, progress } => {
                let instant = progress.instant.max(instant);
                (*leaving, *arriving, CopyProgress { instant, ..progress })
            }
            Part::New { leaving } => {
                if !is_empty(&target, to.incarnation).await? {
                    return Err(target_in_use(&source, &target));
                }
                let leaving = match leaving {
                    Some(leaving) => leaving,
                    None => fence_source(&source, &from, (&target.name, to.incarnation), id, now).await?,
                };
                let progress =
                    CopyProgress { instant, events_position: 0, events: 0, next: NextPart::Events, records: 0 };
                let arriving = Fence {
                    copy: leaving.value.copy,
                    state: FenceState::Arriving(progress.clone()),
                    peer: source.name.clone(),
                    peer_incarnation: from.incarnation,
                };
                let arriving = fence::put(&target, batch(now), None, arriving).await?;
                (leaving, arriving, progress)
            }
        };
        let (of_source, of_target) = (from.incarnation, to.incarnation);
        let copy = Self { source, target, of_source, of_target, clock, leaving, arriving, progress };
        Ok(Begun::Running(Box::new(copy)))
    }

    /// Copies the events and records that are not copied yet.
    pub async fn transfer(&mut self, report: &mut dyn FnMut(Progress)) -> Result<(), CopyError> {
        if self.progress.next == NextPart::Events {
            self.transfer_events(report).await?;
        }
        if self.progress.next == NextPart::Complete {
            return Ok(());
        }
        let positions = Positions::read(self.ends(), self.progress.instant).await?;
        while let NextPart::Records(space, from) = self.progress.next.clone() {
            self.transfer_records(space, from, &positions).await?;
            report(Progress::Copied { name: space.name(), total: self.progress.records });
        }
        Ok(())
    }

    /// Reads both stores again and compares them. Fails if they differ.
    pub async fn verify(&self, report: &mut dyn FnMut(Progress)) -> Result<(), CopyError> {
        let (source, target, instant) = (&self.source, &self.target, self.progress.instant);
        let events = (tally::events(source, self.of_source).await?, tally::events(target, self.of_target).await?);
        report(Progress::Verified(same(events)?));
        let positions = Positions::read(self.ends(), instant).await?;
        for space in Space::ALL {
            let expected = tally::space(source, space, instant, Some(&positions)).await?;
            let found = tally::space(target, space, instant, None).await?;
            report(Progress::Verified(same((expected, found))?));
        }
        Ok(())
    }

    /// Says in both stores that the copy is complete. From then on the target may be served.
    pub async fn finish(self) -> Result<(), CopyError> {
        let now = self.clock.now();
        if self.leaving.value.state == FenceState::Leaving {
            let left = Fence { state: FenceState::Left, ..self.leaving.value };
            fence::put(&self.source, batch(now), Some(self.leaving.version), left).await?;
        }
        let arrived = Fence { state: FenceState::Arrived, ..self.arriving.value };
        fence::put(&self.target, batch(now), Some(self.arriving.version), arrived).await?;
        Ok(())
    }

    async fn transfer_events(&mut self, report: &mut dyn FnMut(Progress)) -> Result<(), CopyError> {
        let source = self.source.clone();
        let mut log = match self.progress.events_position {
            0 => LogReader::oldest(&source.engine, self.of_source).await.map_err(|error| source.failed(error))?,
            position => LogReader::after(&source.engine, Cursor { incarnation: self.of_source, position }),
        };
        let (mut pending, mut ended) = (None, false);
        while !ended {
            let (mut batch, mut room) = (self.batch(), Room::new());
            let mut progress = self.progress.clone();
            loop {
                let event = match pending.take() {
                    Some(event) => event,
                    None => match log.next().await.map_err(|error| source.failed(error))? {
                        Some(event) => event,
                        None => {
                            ended = true;
                            break;
                        }
                    },
                };
                if !room.take(event.value.len()) {
                    pending = Some(event);
                    break;
                }
                progress.events_position = event.cursor.position;
                progress.events += 1;
                batch = batch.event(event.value);
            }
            if ended {
                progress.next = NextPart::after(None);
            }
            self.commit(batch, progress).await?;
            report(Progress::Copied { name: "events", total: self.progress.events });
        }
        Ok(())
    }

    /// Copies as many records as one batch takes, from the key `from` on.
    async fn transfer_records(&mut self, space: Space, from: Vec<u8>, positions: &Positions) -> Result<(), CopyError> {
        let (range, limit) = (KeyRange { from, to: None }, Limit { results: Room::OPERATIONS, rows: ROWS });
        let scanned = self.source.engine.scan(space, range, self.progress.instant, limit).await;
        let page = scanned.map_err(|error| self.source.failed(error))?;
        let (mut batch, mut room) = (self.batch(), Room::new());
        let mut progress = self.progress.clone();
        progress.next = page.next.map_or_else(|| NextPart::after(Some(space)), |key| NextPart::Records(space, key));
        for (key, entry) in page.entries {
            if key == key::store_fence() {
                continue;
            }
            let value = positions.translate(&key, entry.value);
            if !room.take(key.bytes.len() + value.len()) {
                progress.next = NextPart::Records(space, key.bytes);
                break;
            }
            batch = batch.put(key, Expectation::Absent, value, entry.expires_at);
            progress.records += 1;
        }
        self.commit(batch, progress).await
    }

    /// Commits a batch of the target together with the progress that it makes.
    async fn commit(&mut self, batch: Batch, progress: CopyProgress) -> Result<(), CopyError> {
        let state = FenceState::Arriving(progress.clone());
        let arriving = Fence { state, ..self.arriving.value.clone() };
        self.arriving = fence::put(&self.target, batch, Some(self.arriving.version), arriving).await?;
        self.progress = progress;
        Ok(())
    }

    fn batch(&self) -> Batch {
        Batch::new(self.progress.instant, self.clock.now() + COMMIT_LIFETIME)
    }

    fn ends(&self) -> Ends<'_> {
        Ends { source: (&self.source, self.of_source), target: (&self.target, self.of_target) }
    }
}

/// The state of a copy between two stores, by their fences.
enum Part {
    /// It is complete.
    Complete,
    /// It was interrupted.
    Interrupted { leaving: Box<Versioned<Fence>>, arriving: Box<Versioned<Fence>>, progress: CopyProgress },
    /// It has written nothing to the target; perhaps the source is fenced for it.
    New { leaving: Option<Versioned<Fence>> },
}

fn part(source: &StoreAt, from: &State, target: &StoreAt, to: &State) -> Result<Part, CopyError> {
    let leaving = from.fence.as_ref().filter(|fence| fence.value.leads_to(to.incarnation));
    let refused = match leaving {
        Some(_) => None,
        None => from.fence.as_ref().and_then(|fence| fence.value.refusal()),
    };
    if let Some(fenced) = refused {
        return Err(CopyError::Fenced { name: source.name.clone(), fenced });
    }
    if from.level.is_none() {
        return Err(CopyError::NoStore { name: source.name.clone() });
    }
    match (leaving, &to.fence) {
        (None, None) => Ok(Part::New { leaving: None }),
        (Some(leaving), None) => Ok(Part::New { leaving: Some(leaving.clone()) }),
        (Some(leaving), Some(there)) if there.value.copy == leaving.value.copy => match &there.value.state {
            FenceState::Arrived => Ok(Part::Complete),
            FenceState::Arriving(progress) => Ok(Part::Interrupted {
                leaving: Box::new(leaving.clone()),
                arriving: Box::new(there.clone()),
                progress: progress.clone(),
            }),
            FenceState::Leaving | FenceState::Left => Err(target_in_use(source, target)),
        },
        (_, Some(_)) => Err(target_in_use(source, target)),
    }
}

/// Fences the source, and raises its record level: an older version, which does not know fences, must not start on it.
async fn fence_source(
    source: &StoreAt,
    from: &State,
    (peer, peer_incarnation): (&str, Incarnation),
    id: CopyId,
    now: Timestamp,
) -> Result<Versioned<Fence>, CopyError> {
    let mut batch = batch(now);
    if let Some((level, version)) = from.level
        && level < RECORD_LEVEL
    {
        let raised = prost::Message::encode_to_vec(&proto::StoreMeta { record_level: RECORD_LEVEL });
        batch = batch.put(key::store_meta(), Expectation::Version(version), raised, None);
    }
    let fence = Fence { copy: id, state: FenceState::Leaving, peer: peer.to_owned(), peer_incarnation };
    let expected: Option<Version> = from.fence.as_ref().map(|fence| fence.version);
    fence::put(source, batch, expected, fence).await
}

/// Reports that a store has no record, not even an expired one, and never had an event.
async fn is_empty(store: &StoreAt, incarnation: Incarnation) -> Result<bool, CopyError> {
    for space in Space::ALL {
        // Every record with an expiry is live at the epoch.
        let (range, limit) = (KeyRange::prefix(&[]), Limit { results: 1, rows: 1 });
        let page = store.engine.scan(space, range, Timestamp::EPOCH, limit).await;
        if !page.map_err(|error| store.failed(error))?.entries.is_empty() {
            return Ok(false);
        }
    }
    match store.engine.events(Cursor { incarnation, position: 0 }, Duration::ZERO, 1).await {
        Ok(page) => Ok(page.events.is_empty()),
        Err(EngineError::CursorLost { .. }) => Ok(false),
        Err(error) => Err(store.failed(error)),
    }
}

fn same((expected, found): (Tally, Tally)) -> Result<Tally, CopyError> {
    if expected == found {
        return Ok(found);
    }
    Err(CopyError::Differs { part: expected.name, expected: expected.count, found: found.count })
}

fn target_in_use(source: &StoreAt, target: &StoreAt) -> CopyError {
    CopyError::TargetInUse { name: target.name.clone(), source_name: source.name.clone() }
}

/// The room that a batch has besides its progress.
struct Room {
    operations: usize,
    bytes: usize,
}

impl Room {
    const OPERATIONS: usize = Batch::MAX_OPERATIONS - 1;
    /// The record of the progress is below 16 KiB: its parts are keys and a name.
    const BYTES: usize = Batch::MAX_BYTES - 16 * 1024;

    fn new() -> Self {
        Self { operations: Self::OPERATIONS, bytes: Self::BYTES }
    }

    /// Takes room for one more operation, if there is enough.
    fn take(&mut self, bytes: usize) -> bool {
        if self.operations == 0 || self.bytes < bytes {
            return false;
        }
        self.operations -= 1;
        self.bytes -= bytes;
        true
    }
}
