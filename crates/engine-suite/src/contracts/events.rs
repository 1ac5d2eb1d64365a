//! The event log: in order, without gaps, and with a bound up to which it is complete.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lychgate_engine::{Cursor, EngineError, EventPage, Expectation, Incarnation, Timestamp};
use tokio::task::JoinSet;

use crate::Subject;
use crate::subject::key;

const WRITERS: u8 = 64;
const EVENTS_OF_EACH: u8 = 6;
/// Longer than any wait here; a call that takes as long was never woken.
const FOREVER: Duration = Duration::from_secs(60);

pub async fn events_come_in_the_order_of_commits(subject: Subject) {
    let mut expected = Vec::new();
    for round in 0..10_u8 {
        let mut batch = subject.batch().put(key(&format!("{}", 9 - round)), Expectation::Absent, vec![], None);
        // Batches of different sizes, with values in descending order, so that only the order of commits fits.
        for place in (0..=round % 4).rev() {
            batch = batch.event(vec![round, place]);
            expected.push(vec![round, place]);
        }
        subject.apply(batch).await;
    }
    assert_eq!(subject.log().await, expected);
}

pub async fn a_page_of_events_is_limited(subject: Subject) {
    for number in 0..5_u8 {
        subject.apply(subject.batch().event(vec![number, 0]).event(vec![number, 1])).await;
    }
    let all = subject.log().await;
    for limit in 1..12 {
        let (mut cursor, mut found) = (subject.origin().await, Vec::new());
        loop {
            let page = page(&subject, cursor, limit).await;
            assert!(page.events.len() <= limit);
            let Some(last) = page.events.last() else { break };
            assert_eq!(page.next, last.cursor);
            cursor = page.next;
            found.extend(page.events);
        }
        assert_eq!(found.iter().map(|event| event.value.clone()).collect::<Vec<_>>(), all);
        // A page can begin after any event, not only where a page ended.
        for (place, event) in found.iter().enumerate() {
            let rest = page(&subject, event.cursor, usize::MAX).await.events;
            assert_eq!(rest.into_iter().map(|event| event.value).collect::<Vec<_>>(), all[place + 1..]);
        }
    }
}

pub async fn a_tail_skips_no_event(subject: Subject) {
    let origin = subject.origin().await;
    let tail = tokio::spawn({
        let subject = subject.clone();
        async move {
            let (mut cursor, mut seen) = (origin, Vec::new());
            while seen.len() < usize::from(WRITERS) * usize::from(EVENTS_OF_EACH) {
                let page = subject.engine().events(cursor, FOREVER, 7).await.expect("events can be read");
                assert!(!page.events.is_empty(), "events were skipped: only {} of them came", seen.len());
                cursor = page.next;
                seen.extend(page.events.into_iter().map(|event| event.value));
            }
            seen
        }
    });
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let subject = subject.clone();
        writers.spawn(async move {
            for number in 0..EVENTS_OF_EACH {
                subject.put_with_event(writer, number).await;
            }
        });
    }
    writers.join_all().await;
    let seen = tail.await.expect("the tail follows to the end");

    assert_eq!(seen, subject.log().await, "a later read sees the same");
    let mut next = HashMap::new();
    for event in &seen {
        let due = next.entry(event[0]).or_insert(0);
        assert_eq!(event[1], *due, "an event came before one of the same record that preceded it");
        *due += 1;
    }
    assert!(next.len() == usize::from(WRITERS) && next.values().all(|count| *count == EVENTS_OF_EACH));
}

pub async fn a_new_event_ends_the_wait(subject: Subject) {
    let mut cursor = subject.origin().await;
    for round in 0..32_u8 {
        let waiting = tokio::spawn({
            let subject = subject.clone();
            async move { subject.engine().events(cursor, FOREVER, 10).await }
        });
        // The waiter comes first in some rounds and second in others. Neither may miss the event.
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        subject.put(&key("not an event"), &[round], None).await;
        subject.apply(subject.batch().event(vec![round])).await;
        let page = tokio::time::timeout(FOREVER / 2, waiting).await.expect("news ends the wait");
        let page = page.expect("the waiter does not panic").expect("events can be read");
        assert_eq!(page.events.iter().map(|event| event.value.clone()).collect::<Vec<_>>(), [vec![round]]);
        cursor = page.next;
    }
}

pub async fn the_wait_ends_without_an_event(subject: Subject) {
    subject.apply(subject.batch().event(b"old".to_vec())).await;
    let cursor = page(&subject, subject.origin().await, 10).await.next;
    let waited = subject.engine().events(cursor, Duration::from_millis(20), 10).await.expect("events can be read");
    assert_eq!((waited.events, waited.next), (vec![], cursor));
}

pub async fn every_event_committed_before_complete_to_was_returned(subject: Subject) {
    const TICK: Duration = Duration::from_millis(1);
    // The instant at which each event's commit had returned, by a clock that moves with each commit.
    let returned = Arc::new(Mutex::new(HashMap::<Vec<u8>, Timestamp>::new()));
    let origin = subject.origin().await;
    let mut writers = JoinSet::new();
    for writer in 0..8_u8 {
        let (subject, returned) = (subject.clone(), returned.clone());
        writers.spawn(async move {
            for number in 0..20_u8 {
                subject.apply(subject.batch().event(vec![writer, number])).await;
                let now = subject.clock.advance(TICK);
                returned.lock().expect("no writer panics").insert(vec![writer, number], now);
            }
        });
    }
    for limit in [3, usize::MAX] {
        let (mut cursor, mut handed_out) = (origin, Vec::new());
        while handed_out.len() < 8 * 20 {
            let page = subject.engine().events(cursor, FOREVER, limit).await.expect("events can be read");
            cursor = page.next;
            handed_out.extend(page.events.into_iter().map(|event| event.value));
            let returned = returned.lock().expect("no writer panics");
            for (event, at) in returned.iter().filter(|(_, at)| **at < page.complete_to) {
                assert!(handed_out.contains(event), "{event:?} of {at} is missing at {}", page.complete_to);
            }
        }
    }
    writers.join_all().await;

    // It advances without events, so that a reader of a quiet log knows that it is quiet.
    let last = page(&subject, origin, usize::MAX).await;
    let quiet = subject.clock.advance(Duration::from_secs(5));
    let later = page(&subject, last.next, 10).await;
    assert!(later.complete_to > last.complete_to && later.complete_to <= quiet);
}

pub async fn a_cursor_of_another_incarnation_is_lost(subject: Subject) {
    subject.apply(subject.batch().event(b"e".to_vec())).await;
    let origin = subject.origin().await;
    let Incarnation(mut bytes) = origin.incarnation;
    bytes[15] ^= 1;
    for position in [0, 1, u128::MAX] {
        let foreign = Cursor { incarnation: Incarnation(bytes), position };
        match subject.engine().events(foreign, FOREVER, 10).await {
            Err(EngineError::CursorLost { oldest }) => {
                assert_eq!(page(&subject, oldest, 10).await.events.len(), 1, "one can begin anew from the oldest");
            }
            other => panic!("expected the cursor to be lost: {other:?}"),
        }
    }
}

pub async fn positions_grow_with_the_log(subject: Subject) {
    for round in 0..6_u8 {
        subject.put(&key("not an event"), &[round], None).await;
        subject.apply((0..=round % 3).fold(subject.batch(), |batch, number| batch.event(vec![round, number]))).await;
    }
    let origin = subject.origin().await;
    let events = page(&subject, origin, usize::MAX).await.events;
    let places: Vec<_> = [origin].into_iter().chain(events.into_iter().map(|event| event.cursor)).collect();
    assert!(places.is_sorted_by(|one, next| one.is_before(next) && !next.is_before(one)));
}

pub async fn forgotten_events_are_gone_and_their_cursors_lost(subject: Subject) {
    for number in 0..6_u8 {
        subject.apply(subject.batch().event(vec![number, 0]).event(vec![number, 1])).await;
    }
    let origin = subject.origin().await;
    let all = page(&subject, origin, usize::MAX).await.events;
    // In the middle of a batch, then at its end. Events that were forgotten before stay so.
    for (forgotten, before) in [(3, 2), (4, 3), (4, 0), (4, 2), (4, 3)] {
        subject.engine().forget_events(all[before].cursor).await.expect("events can be forgotten");
        let oldest = all[forgotten - 1].cursor;
        for lost in [origin, all[0].cursor, all[forgotten - 2].cursor] {
            match subject.engine().events(lost, FOREVER, 10).await {
                Err(EngineError::CursorLost { oldest: told }) => assert_eq!(told, oldest),
                other => panic!("expected the cursor to be lost: {other:?}"),
            }
        }
        // Every cursor that is kept still leads to the same events.
        for (place, event) in all.iter().enumerate().skip(forgotten - 1) {
            assert_eq!(page(&subject, event.cursor, usize::MAX).await.events, all[place + 1..]);
        }
    }
}

pub async fn forgetting_events_changes_nothing_else(subject: Subject) {
    let version = subject.put(&key("a"), b"1", None).await;
    subject.apply(subject.batch().event(b"e".to_vec())).await;
    let end = page(&subject, subject.origin().await, 10).await.next;
    let before = subject.engine().read(&[key("a")], subject.now()).await.expect("a read succeeds");
    let Incarnation(mut bytes) = end.incarnation;
    bytes[0] ^= 1;
    let elsewhere = Cursor { incarnation: Incarnation(bytes), ..end };
    let beyond = Cursor { position: u128::MAX, ..end };
    for cursor in [elsewhere, beyond] {
        let refused = subject.engine().forget_events(cursor).await;
        assert!(matches!(refused, Err(EngineError::CursorLost { .. })), "{refused:?}");
    }
    assert_eq!(subject.log().await, [b"e".to_vec()], "a place of no history of this log forgets nothing");
    subject.engine().forget_events(end).await.expect("events can be forgotten");
    let after = subject.engine().read(&[key("a")], subject.now()).await.expect("a read succeeds");
    assert_eq!(after.entries, before.entries);
    subject.apply(subject.batch().delete(key("a"), version)).await;
}

pub async fn an_emptied_log_continues_at_its_position(subject: Subject) {
    subject.apply(subject.batch().event(b"old".to_vec())).await;
    let end = page(&subject, subject.origin().await, 10).await.next;
    subject.engine().forget_events(end).await.expect("events can be forgotten");
    let empty = page(&subject, end, 10).await;
    assert_eq!((empty.events, empty.next), (vec![], end));
    subject.clock.advance(Duration::from_secs(1));
    subject.apply(subject.batch().event(b"new".to_vec())).await;
    let events = page(&subject, end, 10).await.events;
    assert_eq!(events.iter().map(|event| event.value.as_slice()).collect::<Vec<_>>(), [b"new"]);
    assert!(end.is_before(&events[0].cursor), "a place is never used again");
}

pub async fn a_tail_continues_while_events_behind_it_are_forgotten(subject: Subject) {
    const EVENTS: u16 = 200;
    let mut cursor = subject.origin().await;
    let writer = tokio::spawn({
        let subject = subject.clone();
        async move {
            for number in 0..EVENTS {
                subject.apply(subject.batch().event(number.to_be_bytes().to_vec())).await;
            }
        }
    });
    let mut seen = Vec::new();
    while seen.len() < usize::from(EVENTS) {
        let page = subject.engine().events(cursor, FOREVER, 7).await.expect("events can be read");
        cursor = page.next;
        seen.extend(page.events.into_iter().map(|event| u16::from_be_bytes([event.value[0], event.value[1]])));
        subject.engine().forget_events(cursor).await.expect("events can be forgotten");
    }
    writer.await.expect("no writer panics");
    assert!(seen.into_iter().eq(0..EVENTS), "none skipped, none doubled");
}

async fn page(subject: &Subject, cursor: Cursor, limit: usize) -> EventPage {
    subject.engine().events(cursor, Duration::ZERO, limit).await.expect("events can be read")
}

impl Subject {
    /// Changes the writer's record and appends an event about it.
    async fn put_with_event(&self, writer: u8, number: u8) {
        let record = key(&format!("record {writer}"));
        let unchanged = Expectation::unchanged(self.read(&record).await.as_ref());
        self.apply(self.batch().put(record, unchanged, vec![number], None).event(vec![writer, number])).await;
    }
}
