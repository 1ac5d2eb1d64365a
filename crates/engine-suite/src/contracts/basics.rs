//! An engine with a single caller.

use std::collections::HashSet;
use std::time::Duration;

use lychgate_engine::{Expectation, KeyRange, Space};

use crate::Subject;
use crate::subject::{UNLIMITED, key};

pub async fn an_open_engine_is_ready(subject: Subject) {
    subject.engine().ready().await.expect("an open engine takes commits");
}

pub async fn an_empty_engine_has_nothing(subject: Subject) {
    assert_eq!(subject.read(&key("a")).await, None);
    for space in Space::ALL {
        let page = subject.scan(space, KeyRange::prefix(b""), UNLIMITED).await;
        assert_eq!((page.entries, page.next), (vec![], None));
    }
    let origin = subject.origin().await;
    let page = subject.engine().events(origin, Duration::ZERO, 10).await.expect("events can be read");
    assert_eq!((page.events, page.next), (vec![], origin));
}

pub async fn every_commit_moves_the_revision_on(subject: Subject) {
    let mut last = subject.engine().read(&[], subject.now()).await.expect("a read succeeds").revision;
    for round in 0..10_u8 {
        let batch = match round % 3 {
            0 => subject.batch().put(key(&round.to_string()), Expectation::Absent, vec![round], None),
            1 => subject.batch().event(vec![round]),
            _ => subject.batch().expect(key("never"), Expectation::Absent),
        };
        let revision = subject.apply(batch).await;
        assert_eq!(revision.incarnation, last.incarnation);
        assert!(revision.sequence > last.sequence, "{} is not after {}", revision.sequence, last.sequence);
        let seen = subject.engine().read(&[], subject.now()).await.expect("a read succeeds").revision;
        let page = subject.scan(Space::Grants, KeyRange::prefix(b""), UNLIMITED).await;
        assert_eq!((seen, page.revision), (revision, revision));
        last = revision;
    }
}

pub async fn versions_are_never_used_again(subject: Subject) {
    let mut versions = HashSet::new();
    for round in 0..10_u8 {
        let made = subject.put(&key("a"), &[round], None).await;
        assert!(versions.insert(made), "{made:?} was reused by a put that makes");
        let replaced = subject.put(&key("a"), &[round], None).await;
        assert!(versions.insert(replaced), "{replaced:?} was reused by a put that replaces");
        assert_eq!(subject.conflict(subject.batch().delete(key("a"), made)).await, key("a"));
        subject.apply(subject.batch().delete(key("a"), replaced)).await;
        for gone in &versions {
            let batch = subject.batch().expect(key("a"), Expectation::Version(*gone));
            assert_eq!(subject.conflict(batch).await, key("a"));
        }
    }
}
