//! All or nothing, and the check is the write.

use std::time::Duration;

use lychgate_engine::{EngineError, Entry, Expectation, Key, Space, Version};

use crate::Subject;
use crate::subject::key;

pub async fn a_batch_lands_whole(subject: Subject) {
    let doomed = subject.put(&key("doomed"), b"old", None).await;
    let end = subject.now() + Duration::from_secs(60);
    let mut batch = subject.batch().delete(key("doomed"), doomed).event(b"first".to_vec()).event(b"second".to_vec());
    for space in Space::ALL {
        batch = batch.put(Key::new(space, "k"), Expectation::Absent, space.name().into(), end);
    }
    subject.apply(batch).await;

    assert_eq!(subject.read(&key("doomed")).await, None);
    for space in Space::ALL {
        let Entry { value, expires_at, .. } = subject.read(&Key::new(space, "k")).await.expect("it was put");
        assert_eq!((value, expires_at), (space.name().into(), Some(end)));
    }
    assert_eq!(subject.log().await, [b"first".to_vec(), b"second".to_vec()]);
}

pub async fn expectations_are_checked(subject: Subject) {
    let (a, b) = (key("a"), key("b"));
    let version = subject.put(&a, b"1", None).await;
    let other = subject.put(&b, b"1", None).await;
    let nobodys = Version(u64::MAX);

    for wrong in [Expectation::Absent, Expectation::Version(other), Expectation::Version(nobodys)] {
        assert_eq!(subject.conflict(subject.batch().put(a.clone(), wrong, b"2".to_vec(), None)).await, a);
    }
    assert_eq!(subject.conflict(subject.batch().delete(key("c"), version)).await, key("c"));
    assert_eq!(subject.read(&a).await.map(|entry| entry.value), Some(b"1".to_vec()));

    subject.apply(subject.batch().put(a.clone(), Expectation::Version(version), b"2".to_vec(), None)).await;
    assert_eq!(subject.conflict(subject.batch().delete(a.clone(), version)).await, a, "the version has passed");
}

pub async fn keys_that_are_only_read_are_checked(subject: Subject) {
    let (guard, target) = (key("guard"), key("target"));
    let version = subject.put(&guard, b"1", None).await;
    let write = || subject.batch().put(target.clone(), Expectation::Absent, b"x".to_vec(), None);

    assert_eq!(subject.conflict(write().expect(guard.clone(), Expectation::Absent)).await, guard);
    let changed = subject.put(&guard, b"2", None).await;
    assert_eq!(subject.conflict(write().expect(guard.clone(), Expectation::Version(version))).await, guard);
    assert_eq!(subject.read(&target).await, None);

    subject.apply(write().expect(guard.clone(), Expectation::Version(changed))).await;
    let untouched = subject.read(&guard).await.expect("it is only read");
    assert_eq!((untouched.version, untouched.value), (changed, b"2".to_vec()));
}

pub async fn a_conflict_writes_nothing(subject: Subject) {
    let (kept, deleted, failing) = (key("kept"), key("deleted"), key("failing"));
    let version = subject.put(&deleted, b"1", None).await;
    subject.put(&failing, b"1", None).await;
    let before = subject.engine().read(&[], subject.now()).await.expect("a read succeeds").revision;

    let batch = subject
        .batch()
        .put(kept.clone(), Expectation::Absent, b"2".to_vec(), None)
        .delete(deleted.clone(), version)
        .put(failing.clone(), Expectation::Absent, b"2".to_vec(), None)
        .event(b"never".to_vec());
    assert_eq!(subject.conflict(batch).await, failing);

    let keys = [kept, deleted, failing];
    let after = subject.engine().read(&keys, subject.now()).await.expect("a read succeeds");
    assert_eq!(after.revision, before);
    let values: Vec<_> = after.entries.into_iter().map(|entry| entry.map(|entry| entry.value)).collect();
    assert_eq!(values, [None, Some(b"1".to_vec()), Some(b"1".to_vec())]);
    assert_eq!(subject.log().await, [b""; 0]);
}

pub async fn a_conflict_names_the_first_key_that_failed(subject: Subject) {
    // The orders of keys, of spaces and of operations all differ.
    let (first, second) = (Key::new(Space::Grants, "z"), Key::new(Space::Clients, "a"));
    let version = subject.put(&key("holds"), b"1", None).await;
    let batch = subject
        .batch()
        .expect(key("holds"), Expectation::Version(version))
        .expect(first.clone(), Expectation::Version(version))
        .delete(second, version);
    assert_eq!(subject.conflict(batch).await, first);
}

pub async fn a_batch_after_its_time_is_not_applied(subject: Subject) {
    let (a, b) = (key("a"), key("b"));
    let mut batch = subject.batch().put(a.clone(), Expectation::Absent, b"1".to_vec(), None).event(b"e".to_vec());
    for past in [subject.now(), subject.now() + Duration::from_millis(1)] {
        batch.not_after = past;
        subject.clock.set(past);
        let refused = subject.refuse(batch.clone()).await;
        assert!(matches!(refused, EngineError::Unavailable(_)), "{refused:?}");
    }
    assert_eq!(subject.read(&a).await, None);
    assert_eq!(subject.log().await, [b""; 0]);

    let mut batch = subject.batch().put(b.clone(), Expectation::Absent, b"1".to_vec(), None);
    batch.not_after = subject.now() + Duration::from_millis(1);
    subject.apply(batch).await;
    assert!(subject.read(&b).await.is_some());
}

/// A caller resends a batch after an unknown outcome.
pub async fn the_same_batch_lands_once(subject: Subject) {
    let version = subject.put(&key("a"), b"1", None).await;
    let batch = subject
        .batch()
        .put(key("a"), Expectation::Version(version), b"2".to_vec(), None)
        .put(key("b"), Expectation::Absent, b"2".to_vec(), None)
        .event(b"once".to_vec());
    subject.apply(batch.clone()).await;
    assert_eq!(subject.conflict(batch).await, key("a"));
    assert_eq!(subject.log().await, [b"once"]);
}
