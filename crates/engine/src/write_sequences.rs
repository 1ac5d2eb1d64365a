//! A record of this process's writes, which validates a cached value without a read.
//!
//! [`OpenEngine::sole_writer`](crate::OpenEngine::sole_writer) wraps an engine in a layer that records each write here,
//! in two steps: before the engine gets the batch, the slots of its keys count one more write in flight; when the
//! engine has answered, they take the commit's sequence and count one write less. So a slot tells of a write before any
//! reader can have seen it, and until after its caller was told of it.
//!
//! Keys share slots by hash. A key may therefore count as written because another key was, never the other way round.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::{Batch, Change, EngineError, Incarnation, Key, Revision};

/// Number of slots: 4 MiB of them.
const SLOTS: usize = 1 << 18;

/// Records when each key was last written.
#[derive(Debug)]
pub struct WriteSequences {
    /// The store's history, known from the first answer of the engine on.
    incarnation: OnceLock<Incarnation>,
    /// The newest sequence in an answer of the engine. Each commit up to it is in the slots, in flight or recorded.
    newest: AtomicU64,
    slots: Box<[Writes]>,
}

/// The writes to the keys of one slot.
#[derive(Debug, Default)]
struct Writes {
    /// The newest sequence of a write that the engine has confirmed.
    last_written: AtomicU64,
    /// Writes that the engine has received and not answered.
    in_flight: AtomicU32,
}

/// The position of a key in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

impl Slot {
    /// The slot of `key`.
    pub fn of(key: &Key) -> Self {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Self(hasher.finish() as u32 % SLOTS as u32)
    }
}

impl WriteSequences {
    pub(crate) fn new() -> Self {
        let slots = (0..SLOTS).map(|_| Writes::default()).collect();
        Self { incarnation: OnceLock::new(), newest: AtomicU64::new(0), slots }
    }

    /// A point in history that is not before any commit acknowledged so far; `None` before the engine's first answer.
    /// A cached value is current there if [`unwritten_since`](Self::unwritten_since) says so afterwards.
    pub fn newest(&self) -> Option<Revision> {
        let sequence = self.newest.load(Ordering::Acquire);
        self.incarnation.get().map(|incarnation| Revision { incarnation: *incarnation, sequence })
    }

    /// Reports that no key of `slots` was written after `since`: no write that was acknowledged, or that any reader has
    /// seen, before this call. Errs towards `false`.
    pub fn unwritten_since(&self, slots: &[Slot], since: Revision) -> bool {
        // In this order: a write leaves `in_flight` only after its sequence is in `newest`.
        let unwritten = |writes: &Writes| {
            writes.in_flight.load(Ordering::Acquire) == 0
                && writes.last_written.load(Ordering::Acquire) <= since.sequence
        };
        self.incarnation.get() == Some(&since.incarnation) && slots.iter().all(|slot| unwritten(self.slot(*slot)))
    }

    /// Notes an answer of the engine. Nothing is noted of another history: its sequences do not compare with these.
    pub(crate) fn observe(&self, revision: Revision) {
        let is_ours = *self.incarnation.get_or_init(|| revision.incarnation) == revision.incarnation;
        if is_ours && self.newest.load(Ordering::Relaxed) < revision.sequence {
            self.newest.fetch_max(revision.sequence, Ordering::Release);
        }
    }

    /// Marks the keys that `batch` writes, before the engine gets it.
    pub(crate) fn begin(&self, batch: &Batch) -> InFlight<'_> {
        let written = batch.operations().iter().filter(|operation| operation.change != Change::Keep);
        let slots: Vec<_> = written.map(|operation| Slot::of(&operation.key)).collect();
        for slot in &slots {
            self.slot(*slot).in_flight.fetch_add(1, Ordering::AcqRel);
        }
        InFlight { sequences: self, slots }
    }

    fn slot(&self, Slot(place): Slot) -> &Writes {
        &self.slots[place as usize]
    }
}

/// A batch that the engine has received. Dropped without [`end`](Self::end), as when its caller no longer waits, it stays
/// in flight until the process ends: the engine may apply it at any time.
#[must_use = "a batch that is not ended stays in flight"]
#[derive(Debug)]
pub(crate) struct InFlight<'a> {
    sequences: &'a WriteSequences,
    slots: Vec<Slot>,
}

impl InFlight<'_> {
    /// Records the engine's answer, before the caller gets it.
    pub(crate) fn end(self, answer: &Result<Revision, EngineError>) {
        let written = match answer {
            Ok(revision) => Some(*revision),
            Err(
                EngineError::Conflict(_)
                | EngineError::Unavailable(_)
                | EngineError::Invalid(_)
                | EngineError::CursorLost { .. },
            ) => None,
            // The engine may still apply the batch.
            Err(EngineError::Unknown(_)) => return,
        };
        for slot in &self.slots {
            let writes = self.sequences.slot(*slot);
            if let Some(revision) = written {
                writes.last_written.fetch_max(revision.sequence, Ordering::Release);
            }
            writes.in_flight.fetch_sub(1, Ordering::Release);
        }
        if let Some(revision) = written {
            self.sequences.observe(revision);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lychgate_clock::Timestamp;

    use super::*;
    use crate::{Expectation, Space, Version};

    const HERE: Incarnation = Incarnation([1; 16]);

    fn key(name: &str) -> Key {
        Key::new(Space::Consents, name)
    }

    fn put(name: &str) -> Batch {
        let now = Timestamp::from_seconds(1);
        Batch::new(now, now + Duration::from_secs(1)).put(key(name), Expectation::Absent, vec![], None)
    }

    fn at(sequence: u64) -> Revision {
        Revision { incarnation: HERE, sequence }
    }

    #[test]
    fn a_write_counts_from_before_the_engine_has_it() {
        let writes = WriteSequences::new();
        let (one, two) = ([Slot::of(&key("one"))], [Slot::of(&key("two"))]);
        assert_eq!(writes.newest(), None, "nothing is known before the engine's first answer");
        assert!(!writes.unwritten_since(&one, at(7)));
        writes.observe(at(7));
        assert!(writes.unwritten_since(&one, at(7)));

        let in_flight = writes.begin(&put("one").expect(key("two"), Expectation::Version(Version(1))));
        assert!(!writes.unwritten_since(&one, at(100)), "it may be applied, and after any revision");
        assert!(writes.unwritten_since(&two, at(7)), "a key that is only checked is not written");
        in_flight.end(&Ok(at(9)));
        assert!(!writes.unwritten_since(&one, at(8)) && writes.unwritten_since(&one, at(9)));
        assert!(!writes.unwritten_since(&[two[0], one[0]], at(8)));
        assert_eq!(writes.newest(), Some(at(9)));
        writes.begin(&put("two")).end(&Ok(at(8)));
        assert_eq!(writes.newest(), Some(at(9)), "it never goes back");
    }

    #[test]
    fn a_write_of_unknown_outcome_stays_in_flight() {
        let writes = WriteSequences::new();
        writes.observe(at(1));
        writes.begin(&put("refused")).end(&Err(EngineError::Conflict(key("refused"))));
        writes.begin(&put("unavailable")).end(&Err(EngineError::Unavailable("gone".into())));
        writes.begin(&put("unknown")).end(&Err(EngineError::Unknown("gone".into())));
        drop(writes.begin(&put("abandoned")));
        let unwritten = |name| writes.unwritten_since(&[Slot::of(&key(name))], at(100));
        assert!(unwritten("refused") && unwritten("unavailable"));
        assert!(!unwritten("unknown") && !unwritten("abandoned"));
    }

    #[test]
    fn another_history_proves_nothing() {
        let writes = WriteSequences::new();
        writes.observe(at(1));
        let elsewhere = Revision { incarnation: Incarnation([2; 16]), sequence: 100 };
        assert!(!writes.unwritten_since(&[], elsewhere));
        writes.observe(elsewhere);
        assert_eq!(writes.newest(), Some(at(1)));
    }
}
