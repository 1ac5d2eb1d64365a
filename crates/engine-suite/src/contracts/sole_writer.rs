//! Contracts of an engine that only this process writes to, with its record of writes ([`WriteSequences`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lychgate_engine::{Expectation, Key, Revision, Slot, WriteSequences};
use tokio::task::JoinSet;

use crate::Subject;
use crate::subject::key;

/// Keys that a batch only checks, and keys that it does not mention, stay unwritten.
pub async fn a_write_is_recorded_before_it_is_acknowledged(subject: Subject) {
    let (written, other) = (key("written"), key("other"));
    subject.put(&other, b"", None).await;
    for round in 0..10_u8 {
        let before = subject.engine().read(&[], subject.now()).await.expect("a read succeeds").revision;
        assert_eq!(writes(&subject).newest(), Some(before));
        let found = subject.read(&written).await;
        let expectation = Expectation::unchanged(found.as_ref());
        let batch = subject.batch().expect(other.clone(), Expectation::unchanged(subject.read(&other).await.as_ref()));
        let batch = match found {
            Some(found) if round % 3 == 2 => batch.delete(written.clone(), found.version),
            _ => batch.put(written.clone(), expectation, vec![round], None),
        };
        let revision = subject.apply(batch).await;
        let writes = writes(&subject);
        assert_eq!(writes.newest(), Some(revision));
        let (written, other) = (Slot::of(&written), Slot::of(&other));
        assert!(!writes.unwritten_since(&[written], before) && writes.unwritten_since(&[written], revision));
        assert!(writes.unwritten_since(&[other], before));
        assert!(!writes.unwritten_since(&[other, written], before));
    }
}

pub async fn a_conflict_is_not_recorded_as_a_write(subject: Subject) {
    let version = subject.put(&key("a"), b"1", None).await;
    let read_at = subject.engine().read(&[], subject.now()).await.expect("a read succeeds").revision;
    let slot = [Slot::of(&key("a"))];
    for expectation in [Expectation::Absent, Expectation::Version(version)] {
        let batch = subject.batch().put(key("a"), expectation, b"2".to_vec(), None).expect(key("b"), absent_version());
        subject.conflict(batch).await;
        assert!(writes(&subject).unwritten_since(&slot, read_at));
    }
    subject.put(&key("a"), b"2", None).await;
    assert!(!writes(&subject).unwritten_since(&slot, read_at));
}

/// A writer always writes two keys together. Readers cache each of them from a read of its own. A value that the record
/// says is unwritten is not older than any write that was acknowledged, or shown to a reader, before the record was
/// asked; and both values are of the same moment.
pub async fn an_unwritten_value_is_current(subject: Subject) {
    const WRITES: u64 = 300;
    const READERS: u64 = 4;
    let pair = [key("left"), key("right")];
    let progress = Arc::new(Progress { last: WRITES, ..Progress::default() });
    for key in &pair {
        subject.put(key, &0_u64.to_be_bytes(), None).await;
    }
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (subject, pair, progress) = (subject.clone(), pair.clone(), progress.clone());
        readers.spawn(async move {
            let mut uses = 0_u64;
            let mut is_last = false;
            while !is_last {
                is_last = progress.acknowledged.load(Ordering::Acquire) == WRITES;
                uses += use_while_unwritten(&subject, &pair, &progress).await;
            }
            uses
        });
    }
    for n in 1..=WRITES {
        let mut batch = subject.batch();
        for key in &pair {
            let version = Expectation::unchanged(subject.read(key).await.as_ref());
            batch = batch.put(key.clone(), version, n.to_be_bytes().to_vec(), None);
        }
        subject.apply(batch).await;
        progress.acknowledged.store(n, Ordering::Release);
        tokio::task::yield_now().await;
        if n == WRITES / 2 {
            // After so many examinations, one reader has made two, the second of them with values of this moment.
            let enough = progress.examinations.load(Ordering::Acquire) + READERS + 1;
            while progress.examinations.load(Ordering::Acquire) < enough {
                tokio::task::yield_now().await;
            }
        }
    }
    let uses: u64 = readers.join_all().await.into_iter().sum();
    assert!(uses > 0, "cached values were of use between the writes");
}

/// The progress of one writer and its readers.
#[derive(Default)]
struct Progress {
    /// The number of the last write.
    last: u64,
    /// The number of the newest write that was acknowledged.
    acknowledged: AtomicU64,
    /// How often a reader asked the record about its values.
    examinations: AtomicU64,
}

/// Reads both keys and uses the values until the record says that one was written. Returns how often they were used
/// before the last write.
async fn use_while_unwritten(subject: &Subject, pair: &[Key; 2], progress: &Progress) -> u64 {
    let slots = pair.each_ref().map(Slot::of);
    let [left, right] = [dated(subject, &pair[0]).await, dated(subject, &pair[1]).await];
    let mut uses = 0;
    loop {
        let floor = progress.acknowledged.load(Ordering::Acquire);
        // May show a write that is not acknowledged yet.
        let (shown, _) = dated(subject, &pair[1]).await;
        let writes = writes(subject);
        let is_current = writes.unwritten_since(&slots[..1], left.1) && writes.unwritten_since(&slots[1..], right.1);
        progress.examinations.fetch_add(1, Ordering::AcqRel);
        if !is_current {
            return uses;
        }
        assert_eq!(left.0, right.0, "both count");
        assert!(left.0 >= floor.max(shown), "{} is older than {floor} or {shown}", left.0);
        if floor == progress.last {
            return uses;
        }
        uses += 1;
        tokio::task::yield_now().await;
    }
}

/// A key's value, and the revision it was read at.
async fn dated(subject: &Subject, key: &Key) -> (u64, Revision) {
    let read = subject.engine().read(std::slice::from_ref(key), subject.now()).await.expect("a read succeeds");
    let entry = read.entries[0].as_ref().expect("it is never deleted");
    (u64::from_be_bytes(entry.value.as_slice().try_into().expect("eight bytes")), read.revision)
}

fn writes(subject: &Subject) -> &WriteSequences {
    subject.engine().write_sequences().expect("an engine in this suite is opened as the sole writer's")
}

/// No key ever has this version.
fn absent_version() -> Expectation {
    Expectation::Version(lychgate_engine::Version(u64::MAX))
}
