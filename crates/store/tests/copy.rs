//! A copy from one store to another: whole, continued after every interruption, compared, and fenced on both sides.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::time::{Clock as _, Timestamp};
use lychgate_engine::{
    Batch, Cursor, EngineError, Entry, Expectation, Incarnation, Key, KeyRange, Limit, Memory, OpenEngine, Space,
};
use lychgate_engine_suite::fault::{Fault, Faulty};
use lychgate_engine_suite::{TestClock, TestEntropy};
use lychgate_store::configuration::ConfigurationDigest;
use lychgate_store::copy::{
    Begun, CopyError, CopyId, EndedAgain, Fenced, Progress, StoreAt, StoreCopy, Unfenced, unfence,
};
use lychgate_store::digests::{DigestChain, RangeDigest};
use lychgate_store::{Commit, Store, StoreError, Update};

/// A store in memory, whose commits can fail.
struct Side {
    engine: Arc<Faulty>,
    at: StoreAt,
}

fn side(name: &str, clock: &Arc<TestClock>) -> Side {
    let engine = Arc::new(Faulty::new(OpenEngine::sole_writer(Memory::new(clock.clone(), &TestEntropy))));
    let at = StoreAt { engine: engine.open(), name: name.to_owned() };
    Side { engine, at }
}

struct World {
    clock: Arc<TestClock>,
    source: Side,
}

const RECORDS: u32 = 300;
const EVENTS: u32 = 400;

fn url() -> IssuerUrl {
    IssuerUrl::parse("https://gate.example").unwrap()
}

impl World {
    /// A store with records of every space, with and without an expiry, with events of which the oldest are forgotten, and with a
    /// chain of digests over them.
    async fn new() -> Self {
        let clock = Arc::<TestClock>::default();
        let source = side("the source", &clock);
        Store::open(source.at.engine.clone(), clock.now()).await.unwrap();
        let world = Self { clock, source };
        world.fill().await;
        // Later than the skew that a copy allows for.
        world.clock.advance(Duration::from_secs(3600));
        world
    }

    async fn fill(&self) {
        let (engine, now) = (&self.source.at.engine, self.clock.now());
        for n in 0..RECORDS {
            let space = Space::ALL[n as usize % Space::ALL.len()];
            let space = if space == Space::Digests { Space::Grants } else { space };
            let expires_at = match n % 3 {
                0 => None,
                1 => Some(now + Duration::from_secs(86_400)),
                _ => Some(now + Duration::from_secs(60)),
            };
            let value = vec![n as u8; 10 + n as usize * 7];
            let key = Key::new(space, format!("record {n}"));
            let batch = Batch::new(now, now + Duration::from_secs(9));
            engine.commit(batch.put(key, Expectation::Absent, value, expires_at)).await.unwrap();
        }
        let mut positions = vec![Cursor { incarnation: incarnation(&self.source).await, position: 0 }];
        for n in 0..EVENTS {
            let batch = Batch::new(now, now + Duration::from_secs(9)).event(format!("event {n}").into_bytes());
            engine.commit(batch).await.unwrap();
            let page = engine.events(*positions.last().unwrap(), Duration::ZERO, 1).await.unwrap();
            positions.push(page.next);
        }
        let store = Store::open(self.source.at.engine.clone(), now).await.unwrap();
        for (number, ends) in [0_usize, 50, 200, 200, 390].windows(2).enumerate() {
            let newest = RangeDigest {
                number: number as u64 + 1,
                jws: format!("digest {number}"),
                begin: positions[ends[0]],
                end: positions[ends[1]],
                count: (ends[1] - ends[0]) as u64,
                newest_at: now,
            };
            let read = store.digest_chain(&url(), now).await.unwrap();
            let chain = DigestChain { newest, kept_from: 2, announced: None };
            assert!(matches!(store.extend_chain(&url(), read.as_ref(), &chain, now).await.unwrap(), Commit::Done(_)));
        }
        engine.forget_events(positions[50]).await.unwrap();
    }

    async fn run(&self, target: &Side) -> Result<bool, CopyError> {
        self.run_reporting(target, &mut |_| {}).await
    }

    /// One run of the command; `false` if an earlier run had completed the copy.
    async fn run_reporting(&self, target: &Side, report: &mut dyn FnMut(Progress)) -> Result<bool, CopyError> {
        let id = CopyId(lychgate_engine::random(&TestEntropy));
        match StoreCopy::begin(self.source.at.clone(), target.at.clone(), id, self.clock.clone()).await? {
            Begun::Complete => Ok(false),
            Begun::Running(mut copy) => {
                copy.transfer(report).await?;
                copy.verify(report).await?;
                copy.finish().await?;
                Ok(true)
            }
        }
    }

    /// Asserts that the target has exactly the source's content.
    async fn assert_same(&self, target: &Side) {
        let instant = StoreCopy::instant(self.clock.now());
        let (of_source, of_target) = (events(&self.source).await, events(target).await);
        assert_eq!(of_source.len(), EVENTS as usize - 50);
        assert_eq!(of_source, of_target);
        for space in Space::ALL {
            let (expected, found) =
                (content(&self.source, space, instant).await, content(target, space, instant).await);
            assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
            let is_translated = |key: &Key| space == Space::Digests || key.bytes.starts_with(b"digests/");
            for (key, entry) in &expected {
                assert_eq!(entry.expires_at, found[key].expires_at);
                assert!(is_translated(key) || entry.value == found[key].value, "{key:?}");
            }
        }
    }
}

async fn incarnation(side: &Side) -> Incarnation {
    side.at.engine.read(&[], Timestamp::EPOCH).await.unwrap().revision.incarnation
}

/// The events from `cursor` on; from the oldest one if it was forgotten.
async fn events(side: &Side) -> Vec<Vec<u8>> {
    let first = Cursor { incarnation: incarnation(side).await, position: 0 };
    let page = match side.at.engine.events(first, Duration::ZERO, 10_000).await {
        Err(EngineError::CursorLost { oldest }) => side.at.engine.events(oldest, Duration::ZERO, 10_000).await,
        page => page,
    };
    page.unwrap().events.into_iter().map(|event| event.value).collect()
}

/// The live records of a space, without the fence.
async fn content(side: &Side, space: Space, now: Timestamp) -> BTreeMap<Key, Entry> {
    let limit = Limit { results: 10_000, rows: 10_000 };
    let page = side.at.engine.scan(space, KeyRange::prefix(&[]), now, limit).await.unwrap();
    page.entries.into_iter().filter(|(key, _)| key.bytes != b"copy").collect()
}

/// The events of each range of the issuer's chain that is in the log, by the range's number.
async fn ranges(side: &Side, now: Timestamp) -> Vec<(u64, Vec<Vec<u8>>)> {
    let store = Store::open(side.at.engine.clone(), now).await.unwrap();
    let mut ranges = Vec::new();
    for range in store.range_digests(&url(), 1, 100, now).await.unwrap() {
        let mut events = Vec::new();
        if range.begin.is_before(&range.end) {
            let page = side.at.engine.events(range.begin, Duration::ZERO, 10_000).await.unwrap();
            let inside = page.events.into_iter().filter(|event| !range.end.is_before(&event.cursor));
            events = inside.map(|event| event.value).collect();
        }
        ranges.push((range.number, events));
    }
    ranges
}

#[tokio::test]
async fn every_record_and_event_is_copied_and_the_digests_cover_the_same_events() {
    let world = World::new().await;
    let target = side("the target", &world.clock);
    let mut verified = BTreeMap::new();
    let report = &mut |progress| {
        if let Progress::Verified(tally) = progress {
            verified.insert(tally.name, tally.count);
        }
    };
    assert!(world.run_reporting(&target, report).await.unwrap());
    world.assert_same(&target).await;
    assert_eq!(verified.len(), Space::ALL.len() + 1);
    assert_eq!(verified["events"], u64::from(EVENTS) - 50);
    // A record that has expired stays behind, also for a reader with a clock behind.
    let (now, expired) = (world.clock.now(), Key::new(Space::Clients, "record 23"));
    assert!(content(&world.source, Space::Clients, Timestamp::EPOCH).await.contains_key(&expired));
    assert!(!content(&target, Space::Clients, Timestamp::EPOCH).await.contains_key(&expired));

    let expected: Vec<Vec<u8>> = (0..EVENTS).map(|n| format!("event {n}").into_bytes()).collect();
    let found = ranges(&target, now).await;
    let part = |from: usize, to: usize| expected[from..to].to_vec();
    assert_eq!(found, [(1, vec![]), (2, part(50, 200)), (3, vec![]), (4, part(200, 390))]);
    let store = Store::open(target.at.engine.clone(), now).await.unwrap();
    let chain = store.digest_chain(&url(), now).await.unwrap().unwrap().value;
    let rest = store.raw_events(chain.newest.end, 100).await.unwrap();
    assert_eq!(rest.entries.len(), 10, "the events that no digest covers yet");
    assert_eq!(chain.newest, store.range_digests(&url(), 4, 1, now).await.unwrap().pop().unwrap());
}

/// Each commit of the target fails in turn, before and after it was applied; then the same command again completes.
#[tokio::test]
async fn a_copy_that_ends_at_any_commit_is_completed_by_the_same_command() {
    let world = World::new().await;
    let whole = side("the target", &world.clock);
    assert!(world.run(&whole).await.unwrap());
    let commits = whole.engine.commits();
    assert!(commits > 10, "{commits}");
    for applied in [false, true] {
        for nth in 0..commits {
            let world = World::new().await;
            let target = side("the target", &world.clock);
            if applied {
                // The resends meet the applied commit, and fail likewise.
                (nth..nth + 4).for_each(|nth| target.engine.fail(nth, Fault::UnknownAfter));
            } else {
                target.engine.fail(nth, Fault::Unavailable);
            }
            assert!(world.run(&target).await.is_err(), "the process ends there");
            let finished = applied && nth == commits - 1;
            let is_empty = !applied && nth == 0;
            if !finished && !is_empty {
                let refused = Store::open(target.at.engine.clone(), world.clock.now()).await;
                assert!(matches!(refused, Err(StoreError::Fenced(Fenced::Arriving(_)))), "{refused:?}");
            }
            let source = Store::open(world.source.at.engine.clone(), world.clock.now()).await;
            assert!(matches!(source, Err(StoreError::Fenced(_))), "{source:?}");
            assert_eq!(world.run(&target).await.unwrap(), !finished, "commit {nth}, applied: {applied}");
            world.assert_same(&target).await;
        }
    }
}

/// The two commits of the source.
#[tokio::test]
async fn a_copy_that_ends_at_a_fence_of_the_source_is_completed_by_the_same_command() {
    for nth in 0..2 {
        for applied in [false, true] {
            let world = World::new().await;
            let target = side("the target", &world.clock);
            if applied {
                (nth..nth + 4).for_each(|nth| world.source.engine.fail(nth, Fault::UnknownAfter));
            } else {
                world.source.engine.fail(nth, Fault::Unavailable);
            }
            assert!(world.run(&target).await.is_err());
            assert!(world.run(&target).await.unwrap());
            world.assert_same(&target).await;
        }
    }
}

#[tokio::test]
async fn the_source_is_fenced_until_the_operator_lifts_the_fence() {
    let world = World::new().await;
    let (target, now) = (side("the target", &world.clock), world.clock.now());
    assert!(world.run(&target).await.unwrap());
    let refused = Store::open(world.source.at.engine.clone(), now).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Fenced(Fenced::Left(peer)) if peer == "the target"), "{refused}");
    let line = refused.to_string();
    assert!(line.contains("went to the target") && line.contains("lychgate storage unfence --abandon-copy"), "{line}");
    Store::open(target.at.engine.clone(), now).await.unwrap();

    assert!(!world.run(&target).await.unwrap(), "it is complete already");
    let other = side("another target", &world.clock);
    let again = world.run(&other).await.unwrap_err();
    assert!(matches!(again, CopyError::Fenced { fenced: Fenced::Left(_), .. }), "{again}");
    let unconfirmed = unfence(&world.source.at, false, now).await.unwrap_err();
    assert!(matches!(unconfirmed, CopyError::CopyMayBeServed { .. }), "{unconfirmed}");
    Store::open(world.source.at.engine.clone(), now).await.unwrap_err();

    let released = unfence(&world.source.at, true, now).await.unwrap();
    assert_eq!(released, Unfenced::Released { peer: "the target".to_owned() });
    Store::open(world.source.at.engine.clone(), now).await.unwrap();
    assert_eq!(unfence(&world.source.at, true, now).await.unwrap(), Unfenced::NotFenced);
    assert_eq!(unfence(&target.at, true, now).await.unwrap(), Unfenced::NotFenced);
    let stale = world.run(&target).await.unwrap_err();
    assert!(matches!(stale, CopyError::TargetInUse { .. }), "{stale}");
    // A copy can be the source of the next one.
    let next = World { source: target, ..world };
    assert!(next.run(&other).await.unwrap());
}

/// A control plane that still runs on a source which others share.
#[tokio::test]
async fn nothing_is_committed_to_a_source_after_its_copy_has_begun() {
    let world = World::new().await;
    let (target, now) = (side("the target", &world.clock), world.clock.now());
    let running = Store::open(world.source.at.engine.clone(), now).await.unwrap();
    let seen = |byte| ConfigurationDigest([byte; 32]);
    let record = |running: Store, seen: ConfigurationDigest| async move {
        let url = IssuerUrl::parse("https://another.example").unwrap();
        running.record_configuration(&url, Update { expected: None, record: &seen, event: None }, now).await
    };
    // The first commit of a copy fences its source.
    world.source.engine.fail(1, Fault::Unavailable);
    assert!(world.run(&target).await.is_err());
    for state in ["under way", "complete"] {
        let refused = record(running.clone(), seen(1)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Fenced(_)), "{state}: {refused}");
        let refused = running.may_be_served(now).await.unwrap_err();
        assert!(matches!(refused, StoreError::Fenced(_)), "{state}: {refused}");
        world.run(&target).await.unwrap();
    }
    let copied = Store::open(target.at.engine.clone(), now).await.unwrap();
    copied.may_be_served(now).await.unwrap();
    assert!(matches!(record(copied, seen(1)).await, Ok(Commit::Done(_))));
    unfence(&world.source.at, true, now).await.unwrap();
    running.may_be_served(now).await.unwrap();
    assert!(matches!(record(running, seen(2)).await, Ok(Commit::Done(_))));
}

#[tokio::test]
async fn only_an_empty_target_is_used() {
    let world = World::new().await;
    let now = world.clock.now();
    let with = |batch: Batch| async {
        let target = side("the target", &world.clock);
        target.at.engine.commit(batch).await.unwrap();
        let refused = world.run(&target).await.unwrap_err();
        assert!(matches!(refused, CopyError::TargetInUse { .. }), "{refused}");
        Store::open(world.source.at.engine.clone(), now).await.expect("a refused copy fences nothing");
    };
    let batch = || Batch::new(now, now + Duration::from_secs(9));
    for space in Space::ALL {
        let expired = Timestamp::from_millis(now.millis() - 1000);
        with(batch().put(Key::new(space, "x"), Expectation::Absent, vec![], None)).await;
        with(batch().put(Key::new(space, "x"), Expectation::Absent, vec![], expired)).await;
    }
    with(batch().event(b"event".to_vec())).await;
    let forgotten = side("the target", &world.clock);
    forgotten.at.engine.commit(batch().event(b"event".to_vec())).await.unwrap();
    let first = Cursor { incarnation: incarnation(&forgotten).await, position: 0 };
    let end = forgotten.at.engine.events(first, Duration::ZERO, 1).await.unwrap().next;
    forgotten.at.engine.forget_events(end).await.unwrap();
    assert!(matches!(world.run(&forgotten).await.unwrap_err(), CopyError::TargetInUse { .. }));
}

#[tokio::test]
async fn the_interrupted_copy_of_another_source_is_no_target() {
    let (world, other) = (World::new().await, World::new().await);
    let target = side("the target", &world.clock);
    target.engine.fail(3, Fault::Unavailable);
    world.run(&target).await.unwrap_err();
    let refused = other.run(&target).await.unwrap_err();
    assert!(matches!(refused, CopyError::TargetInUse { .. }), "{refused}");
    // The incomplete copy is no source either, and its fence is not lifted.
    let now = world.clock.now();
    let next = World { source: target, clock: world.clock.clone() };
    let refused = next.run(&side("another", &world.clock)).await.unwrap_err();
    assert!(matches!(refused, CopyError::Fenced { fenced: Fenced::Arriving(_), .. }), "{refused}");
    let refused = unfence(&next.source.at, true, now).await.unwrap_err();
    assert!(matches!(refused, CopyError::Fenced { fenced: Fenced::Arriving(_), .. }), "{refused}");
    // The source was released in between: what was copied may be old.
    assert!(matches!(unfence(&world.source.at, false, now).await.unwrap(), Unfenced::Released { .. }));
    let refused = world.run(&next.source).await.unwrap_err();
    assert!(matches!(refused, CopyError::TargetInUse { .. }), "{refused}");
}

/// The commit of a restore that ends an issuer's grants leaves the progress of the copy as it is, so the fence does not tell by
/// its value whether the commit was applied.
#[tokio::test]
async fn a_restore_that_ends_nothing_because_of_a_conflict_fails() {
    let world = World::new().await;
    let now = world.clock.now();
    let batch = || Batch::new(now, now + Duration::from_secs(9));
    let keyring = Key::new(Space::Meta, [b"keyring/".as_slice(), url().digest().as_slice()].concat());
    world.source.at.engine.commit(batch().put(keyring, Expectation::Absent, vec![1], None)).await.unwrap();
    let target = side("the target", &world.clock);
    let id = CopyId(lychgate_engine::random(&TestEntropy));
    let begun = StoreCopy::begin(world.source.at.clone(), target.at.clone(), id, world.clock.clone()).await.unwrap();
    let Begun::Running(mut copy) = begun else { panic!("the target is new") };
    copy.transfer(&mut |_| {}).await.unwrap();
    let issuer = copy.issuers().await.unwrap().remove(0);
    let mut held = target.engine.hold(0);
    let ending = tokio::spawn(async move {
        copy.end_again(&issuer, &BTreeSet::from([EndedAgain::Issuer]), "restored", &TestEntropy).await
    });
    held.arrived().await;
    let counter = Key::new(Space::Counters, [url().digest().as_slice(), b"i"].concat());
    target.at.engine.commit(batch().put(counter, Expectation::Absent, vec![1], None)).await.unwrap();
    held.release();
    let outcome = ending.await.unwrap();
    assert!(matches!(outcome, Err(CopyError::Concurrent { .. })), "{outcome:?}");
}

/// An older version does not know fences: it must not start on the source.
#[tokio::test]
async fn a_fence_raises_the_record_level_of_the_source() {
    let clock = Arc::<TestClock>::default();
    let (world, now) = (World { source: side("the source", &clock), clock: clock.clone() }, clock.now());
    let (engine, meta) = (&world.source.at.engine, Key::new(Space::Meta, "store"));
    let level = |level: u8| vec![0x08, level];
    let batch = Batch::new(now, now + Duration::from_secs(9));
    engine.commit(batch.put(meta.clone(), Expectation::Absent, level(6), None)).await.unwrap();
    assert!(world.run(&side("the target", &clock)).await.unwrap());
    let found = engine.read(std::slice::from_ref(&meta), now).await.unwrap().entries.pop().flatten().unwrap();
    assert_eq!(found.value, level(7));
    let batch = Batch::new(now, now + Duration::from_secs(9));
    engine.commit(batch.put(meta, Expectation::Version(found.version), level(8), None)).await.unwrap();
    let refused = world.run(&side("another", &clock)).await.unwrap_err();
    assert!(matches!(refused, CopyError::Store { .. }), "a store of a later version: {refused}");
}

#[tokio::test]
async fn an_engine_without_a_store_is_no_source() {
    let clock = Arc::<TestClock>::default();
    let world = World { source: side("the source", &clock), clock };
    let refused = world.run(&side("the target", &world.clock)).await.unwrap_err();
    assert!(matches!(refused, CopyError::NoStore { .. }), "{refused}");
}

/// A process that was not stopped writes to the source, or to the copy.
#[tokio::test]
async fn a_change_during_the_copy_is_found() {
    for change_target in [false, true] {
        for part in ["events", "grants", "an expiry"] {
            let world = World::new().await;
            let (target, now) = (side("the target", &world.clock), world.clock.now());
            let id = CopyId([1; 16]);
            let begun = StoreCopy::begin(world.source.at.clone(), target.at.clone(), id, world.clock.clone()).await;
            let Begun::Running(mut copy) = begun.unwrap() else { panic!("it is new") };
            copy.transfer(&mut |_| {}).await.unwrap();
            let changed = if change_target { &target } else { &world.source };
            let batch = Batch::new(now, now + Duration::from_secs(9));
            let (key, hour) = (Key::new(Space::Grants, "record 4"), now + Duration::from_secs(3600));
            let entry = changed.at.engine.read(std::slice::from_ref(&key), now).await.unwrap().entries.pop().unwrap();
            let batch = match (part, entry) {
                ("events", _) => batch.event(b"one more".to_vec()),
                ("grants", None) => batch.put(Key::new(Space::Grants, "new"), Expectation::Absent, vec![1], None),
                (_, Some(entry)) => batch.put(key, Expectation::Version(entry.version), entry.value, hour),
                (_, None) => panic!("the record is there"),
            };
            changed.at.engine.commit(batch).await.unwrap();
            let found = copy.verify(&mut |_| {}).await.unwrap_err();
            let part = if part == "events" { "events" } else { "grants" };
            assert!(matches!(&found, CopyError::Differs { part: found, .. } if *found == part), "{found}");
        }
    }
}
