//! Ordered, bounded, and only weakly consistent between pages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lychgate_engine::{Expectation, Key, KeyRange, Limit, Page, Space};
use tokio::task::JoinSet;

use crate::Subject;
use crate::subject::{UNLIMITED, key};

pub async fn a_scan_is_in_order_and_within_its_bounds(subject: Subject) {
    for name in ["b", "a\u{7f}", "", "aa", "a", "c", "ab"].into_iter().filter(|name| !name.is_empty()) {
        subject.put(&key(name), name.as_bytes(), None).await;
    }
    subject.put(&Key::new(Space::Grants, vec![0xff, 0xff]), b"last", None).await;
    // Keys of other spaces are not in the result.
    subject.put(&Key::new(Space::Consents, "ab"), b"other", None).await;
    subject.put(&Key::new(Space::Counters, "ab"), b"other", None).await;

    let range = |from: &str, to: &str| KeyRange { from: from.into(), to: Some(to.into()) };
    let to_the_end = |from: &[u8]| KeyRange { from: from.to_vec(), to: None };
    for (range, expected) in [
        (KeyRange::prefix(b""), vec!["a", "aa", "ab", "a\u{7f}", "b", "c", "last"]),
        (to_the_end(b""), vec!["a", "aa", "ab", "a\u{7f}", "b", "c", "last"]),
        (to_the_end(b"ac"), vec!["a\u{7f}", "b", "c", "last"]),
        (KeyRange::prefix(b"a"), vec!["a", "aa", "ab", "a\u{7f}"]),
        (KeyRange::prefix(b"aa"), vec!["aa"]),
        (KeyRange::prefix(&[0xff]), vec!["last"]),
        (range("a", "ab"), vec!["a", "aa"]),
        (range("aa", "aa\0"), vec!["aa"]),
        (range("b", "b"), vec![]),
        (range("c", "a"), vec![]),
        (range("d", "e"), vec![]),
    ] {
        let page = subject.scan(Space::Grants, range.clone(), UNLIMITED).await;
        let found: Vec<_> = page.entries.iter().map(|(_, entry)| String::from_utf8_lossy(&entry.value)).collect();
        assert_eq!((found, page.next), (expected.into_iter().map(Into::into).collect(), None), "{range:?}");
    }
}

pub async fn a_scan_is_limited_in_results(subject: Subject) {
    for number in 0..10_u8 {
        subject.put(&Key::new(Space::Grants, [b'k', number]), &[number], None).await;
    }
    for results in 1..12 {
        let limit = Limit { results, rows: usize::MAX };
        let pages = pages(&subject, KeyRange::prefix(b"k"), limit).await;
        let (last, full) = pages.split_last().expect("there is a page");
        assert!(full.iter().all(|page| page.entries.len() == results), "a page is filled while there is more");
        assert!(!last.entries.is_empty(), "no page is empty");
        assert_eq!(names(&pages), (0..10).collect::<Vec<_>>());
    }
}

pub async fn a_scan_is_limited_in_rows_including_expired_ones(subject: Subject) {
    let end = subject.now() + Duration::from_millis(1);
    for number in 0..10_u8 {
        let expires_at = (number % 5 != 0).then_some(end);
        subject.put(&Key::new(Space::Grants, [b'k', number]), &[number], expires_at).await;
    }
    subject.clock.set(end);
    let pages = pages(&subject, KeyRange::prefix(b"k"), Limit { results: 10, rows: 2 }).await;
    let counts: Vec<_> = pages.iter().map(|page| page.entries.len()).collect();
    assert_eq!(counts, [1, 0, 1, 0, 0], "each page looked at two rows");
    assert_eq!(names(&pages), [0, 5]);
}

pub async fn a_scan_returns_an_unchanged_entry_exactly_once(subject: Subject) {
    for number in (0..100_u8).step_by(2) {
        subject.put(&Key::new(Space::Grants, [b'k', number]), b"stable", None).await;
    }
    let done = Arc::new(AtomicBool::new(false));
    let mut churn = JoinSet::new();
    for worker in 0..4_u8 {
        let (subject, done) = (subject.clone(), done.clone());
        churn.spawn(async move {
            // Each worker adds and deletes odd keys of its own between the stable ones.
            for round in (0_u8..25).cycle() {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                let name = Key::new(Space::Grants, [b'k', 1 + 2 * (2 * round % 50) + (worker % 2), worker]);
                let version = subject.put(&name, b"churn", None).await;
                subject.apply(subject.batch().delete(name, version)).await;
            }
        });
    }
    for results in 1..20 {
        let pages = pages(&subject, KeyRange::prefix(b"k"), Limit { results, rows: 50 }).await;
        let mut seen = BTreeMap::new();
        for (key, entry) in pages.iter().flat_map(|page| &page.entries) {
            if entry.value == b"stable" {
                *seen.entry(key.bytes[1]).or_insert(0) += 1;
            }
        }
        assert_eq!(seen, (0..100_u8).step_by(2).map(|number| (number, 1)).collect());
    }
    done.store(true, Ordering::Relaxed);
    churn.join_all().await;

    let version = subject.put(&key("k"), b"1", None).await;
    subject.apply(subject.batch().expect(key("k"), Expectation::Version(version))).await;
}

/// Follows `next` to the end.
async fn pages(subject: &Subject, mut range: KeyRange, limit: Limit) -> Vec<Page> {
    let mut pages = Vec::new();
    loop {
        let page = subject.scan(Space::Grants, range.clone(), limit).await;
        let keys: Vec<_> = page.entries.iter().map(|(key, _)| &key.bytes).collect();
        assert!(keys.is_sorted_by(|one, other| one < other), "a page is in key order: {keys:?}");
        assert!(keys.first().is_none_or(|first| **first >= range.from), "a page begins where it was asked to");
        let next = page.next.clone();
        if let (Some(last), Some(next)) = (keys.last(), &next) {
            assert!(*last < next, "the next page begins after this one");
        }
        pages.push(page);
        match next {
            Some(next) => {
                assert!(next > range.from, "every page gets on");
                range.from = next;
            }
            None => return pages,
        }
    }
}

fn names(pages: &[Page]) -> Vec<u8> {
    pages.iter().flat_map(|page| &page.entries).map(|(key, _)| key.bytes[1]).collect()
}
