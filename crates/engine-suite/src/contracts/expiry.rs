//! An entry that has expired at the caller's `now` is absent, independent of the engine's own clock and of rows that are
//! still on disk. Callers' clocks stay within the largest skew; beyond it an engine may have removed the row.

use std::time::Duration;

use lychgate_engine::{CLOCK_SKEW, Expectation, KeyRange, Space, Timestamp};

use crate::Subject;
use crate::subject::{UNLIMITED, key};

const TICK: Duration = Duration::from_millis(1);

pub async fn an_entry_expired_at_the_callers_now_is_not_read(subject: Subject) {
    let begin = subject.now();
    let end = begin + CLOCK_SKEW;
    subject.put(&key("a"), b"1", end).await;
    subject.put(&key("b"), b"1", None).await;

    // The engine's clock makes no difference.
    for engines_now in [begin, end] {
        subject.clock.set(engines_now);
        let last = Timestamp::from_millis(end.millis() - 1);
        assert_eq!(subject.read_at(&key("a"), last).await.map(|entry| entry.expires_at), Some(Some(end)));
        assert_eq!(subject.read_at(&key("a"), end).await, None, "from that instant on it is absent");
        let keys = [key("a"), key("b")];
        let snapshot = subject.engine().read(&keys, end + TICK).await.expect("a read succeeds");
        assert!(snapshot.entries[0].is_none() && snapshot.entries[1].is_some());
    }
}

pub async fn an_entry_expired_at_the_callers_now_is_not_scanned(subject: Subject) {
    let end = subject.now() + TICK;
    for (name, expires_at) in [("a", None), ("b", Some(end)), ("c", Some(end + TICK)), ("d", None)] {
        subject.put(&key(name), b"1", expires_at).await;
    }
    let mut found = Vec::new();
    for now in [subject.now(), end, end + TICK] {
        let page = subject.engine().scan(Space::Grants, KeyRange::prefix(b""), now, UNLIMITED).await;
        let names = page.expect("a scan succeeds").entries.into_iter().map(|(key, _)| key.bytes);
        found.push(String::from_utf8(names.flatten().collect()).expect("keys are letters"));
    }
    assert_eq!(found, ["abcd", "acd", "ad"]);
}

pub async fn an_expired_entry_is_absent_to_expectations(subject: Subject) {
    let end = subject.now() + CLOCK_SKEW;
    let version = subject.put(&key("a"), b"1", end).await;
    let exact = Expectation::Version(version);
    let expect = |now, expectation| {
        let mut batch = subject.batch().expect(key("a"), expectation);
        batch.now = now;
        batch
    };

    let last = Timestamp::from_millis(end.millis() - 1);
    subject.apply(expect(last, exact)).await;
    assert_eq!(subject.conflict(expect(last, Expectation::Absent)).await, key("a"));
    subject.apply(expect(end, Expectation::Absent)).await;
    assert_eq!(subject.conflict(expect(end, exact)).await, key("a"));

    let mut late = subject.batch().delete(key("a"), version);
    late.now = end;
    assert_eq!(subject.conflict(late).await, key("a"), "what is absent cannot be deleted");
}

pub async fn an_expired_key_can_be_created_again(subject: Subject) {
    let first = subject.put(&key("a"), b"1", subject.now() + TICK).await;
    subject.clock.advance(TICK);
    let batch = subject.batch().put(key("a"), Expectation::Absent, b"2".to_vec(), None);
    subject.apply(batch).await;

    let again = subject.read(&key("a")).await.expect("it was made again");
    assert_eq!((again.value, again.expires_at), (b"2".to_vec(), None));
    assert_ne!(again.version, first);
    assert_eq!(subject.conflict(subject.batch().delete(key("a"), first)).await, key("a"));
}
