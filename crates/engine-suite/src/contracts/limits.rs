//! The limits of a batch: one at the limit is applied, one beyond it writes nothing.

use lychgate_engine::{Batch, EngineError, Expectation, InvalidBatch, Key, KeyRange, Space};

use crate::Subject;
use crate::subject::{UNLIMITED, key};

pub async fn a_batch_at_a_limit_is_accepted(subject: Subject) {
    let longest = Key::new(Space::Grants, vec![0xff; Batch::MAX_KEY_BYTES]);
    let largest = vec![7; Batch::MAX_VALUE_BYTES];
    subject.apply(subject.batch().put(longest.clone(), Expectation::Absent, largest.clone(), None)).await;
    assert_eq!(subject.read(&longest).await.map(|entry| entry.value), Some(largest.clone()));
    let page = subject.scan(Space::Grants, KeyRange { from: longest.bytes.clone(), to: None }, UNLIMITED).await;
    assert_eq!(page.entries.len(), 1);

    subject.apply(crowded(subject.batch(), Batch::MAX_OPERATIONS)).await;
    subject.apply(heavy(subject.batch(), Batch::MAX_BYTES)).await;
    subject.apply(subject.batch().event(largest.clone())).await;
    assert_eq!(subject.log().await.last(), Some(&largest));
    subject.apply(subject.batch().put(key("empty"), Expectation::Absent, vec![], None).event(vec![])).await;
    assert_eq!(subject.read(&key("empty")).await.map(|entry| entry.value), Some(vec![]));
}

pub async fn a_batch_beyond_a_limit_is_refused(subject: Subject) {
    let put = |key, value| subject.batch().event(b"e".to_vec()).put(key, Expectation::Absent, value, None);
    let too_long = Key::new(Space::Grants, vec![1; Batch::MAX_KEY_BYTES + 1]);
    let empty = Key::new(Space::Grants, vec![]);
    let large = vec![0; Batch::MAX_VALUE_BYTES + 1];
    let cases = [
        (put(too_long.clone(), vec![]), InvalidBatch::KeyLength(too_long)),
        (put(empty.clone(), vec![]), InvalidBatch::KeyLength(empty)),
        (put(key("a"), large.clone()), InvalidBatch::ValueTooLong(key("a"))),
        (put(key("a"), vec![]).event(large), InvalidBatch::EventTooLong),
        (put(key("a"), vec![]).expect(key("a"), Expectation::Absent), InvalidBatch::RepeatedKey(key("a"))),
        (crowded(subject.batch(), Batch::MAX_OPERATIONS).event(vec![]), InvalidBatch::TooManyOperations),
        (crowded(subject.batch(), Batch::MAX_OPERATIONS + 1), InvalidBatch::TooManyOperations),
        (heavy(subject.batch(), Batch::MAX_BYTES + 1), InvalidBatch::TooManyBytes),
    ];
    for (batch, expected) in cases {
        match subject.refuse(batch).await {
            EngineError::Invalid(reason) => assert_eq!(reason, expected),
            other => panic!("expected {expected:?}: {other:?}"),
        }
    }
    assert_eq!(subject.scan(Space::Grants, KeyRange::prefix(b""), UNLIMITED).await.entries, []);
    assert_eq!(subject.log().await, [b""; 0]);
}

/// A batch of `operations` operations.
fn crowded(batch: Batch, operations: usize) -> Batch {
    (0..operations)
        .fold(batch, |batch, number| batch.put(key(&format!("crowd {number}")), Expectation::Absent, vec![1], None))
}

/// A batch of `bytes` bytes, keys and events included.
fn heavy(mut batch: Batch, bytes: usize) -> Batch {
    let mut left = bytes;
    for number in 0.. {
        let name = key(&format!("heavy {number:02}"));
        if left <= Batch::MAX_VALUE_BYTES {
            return batch.event(vec![0; left]);
        }
        let value = vec![0; Batch::MAX_VALUE_BYTES - name.bytes.len()];
        left -= Batch::MAX_VALUE_BYTES;
        batch = batch.put(name, Expectation::Absent, value, None);
    }
    batch
}
