//! The fault driver causes the planned faults and no others.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::sync::Arc;
use std::time::Duration;

use lychgate_engine::{Batch, Clock, Engine, EngineError, Expectation, Key, Memory, OpenEngine, Space};
use lychgate_engine_suite::fault::{Fault, Faulty};
use lychgate_engine_suite::{TestClock, TestEntropy};

fn faulty() -> (Arc<Faulty>, Arc<TestClock>) {
    let clock = Arc::<TestClock>::default();
    (Arc::new(Faulty::new(OpenEngine::sole_writer(Memory::new(clock.clone(), &TestEntropy)))), clock)
}

fn make(name: &str, clock: &TestClock) -> Batch {
    let batch = Batch::new(clock.now(), clock.now() + Duration::from_secs(10));
    batch.put(Key::new(Space::Grants, name), Expectation::Absent, vec![], None)
}

async fn is_there(engine: &Faulty, name: &str, clock: &TestClock) -> bool {
    engine.read(&[Key::new(Space::Grants, name)], clock.now()).await.unwrap().entries[0].is_some()
}

#[tokio::test]
async fn the_nth_commit_fails_as_planned() {
    let (engine, clock) = faulty();
    engine.fail(1, Fault::UnknownBefore);
    engine.fail(2, Fault::UnknownAfter);
    engine.fail(3, Fault::Unavailable);
    let mut outcomes = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        let outcome = match engine.commit(make(name, &clock)).await {
            Ok(_) => "applied",
            Err(EngineError::Unknown(_)) => "unknown",
            Err(EngineError::Unavailable(_)) => "unavailable",
            Err(other) => panic!("{other:?}"),
        };
        outcomes.push((outcome, is_there(&engine, name, &clock).await));
    }
    let expected =
        [("applied", true), ("unknown", false), ("unknown", true), ("unavailable", false), ("applied", true)];
    assert_eq!(outcomes, expected);
    assert_eq!(engine.commits(), 5);

    // Counted from here on.
    engine.fail(0, Fault::Unavailable);
    engine.commit(make("f", &clock)).await.unwrap_err();
}

#[tokio::test]
async fn a_held_commit_waits_for_its_release() {
    let (engine, clock) = faulty();
    let mut hold = engine.hold(0);
    let held = tokio::spawn({
        let (engine, batch) = (engine.clone(), make("a", &clock));
        async move { engine.commit(batch).await }
    });
    hold.arrived().await;
    engine.commit(make("b", &clock)).await.unwrap();
    assert!(!is_there(&engine, "a", &clock).await);
    hold.release();
    held.await.unwrap().unwrap();
    assert!(is_there(&engine, "a", &clock).await);
}

#[tokio::test]
async fn a_delayed_commit_lands_once_or_conflicts() {
    let (engine, clock) = faulty();
    for (name, sent_again) in [("a", false), ("b", true)] {
        let delay = engine.delay(0);
        let unknown = engine.commit(make(name, &clock)).await.unwrap_err();
        assert!(matches!(unknown, EngineError::Unknown(_)));
        assert!(!is_there(&engine, name, &clock).await);
        if sent_again {
            engine.commit(make(name, &clock)).await.unwrap();
        }
        let landed = delay.land().await;
        assert_eq!(matches!(landed, Err(EngineError::Conflict(_))), sent_again);
        assert!(is_there(&engine, name, &clock).await);
    }
}
