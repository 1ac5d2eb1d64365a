//! The layer that records writes, above an engine whose answers the test holds back.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use lychgate_engine::{
    Batch, Clock as _, Cursor, Durability, Engine, EngineError, EventPage, Expectation, Key, KeyRange, Limit, Memory,
    OpenEngine, Page, Revision, Slot, Snapshot, SoleWriter, Space, Timestamp,
};
use lychgate_engine_suite::{TestClock, TestEntropy};
use tokio::sync::Semaphore;

/// The answer to a commit that was applied.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Done,
    Unknown,
}

/// Applies each commit at once and answers it when the test permits it.
#[derive(Debug)]
struct Withholding {
    memory: Memory,
    answer: Answer,
    permits: Arc<Semaphore>,
}

impl SoleWriter for Withholding {}

#[async_trait]
impl Engine for Withholding {
    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError> {
        self.memory.read(keys, now).await
    }

    async fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, EngineError> {
        self.memory.scan(space, range, now, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, EngineError> {
        let revision = self.memory.commit(batch).await?;
        self.permits.acquire().await.unwrap().forget();
        match self.answer {
            Answer::Done => Ok(revision),
            Answer::Unknown => Err(EngineError::Unknown("the test said so".into())),
        }
    }

    async fn events(&self, cursor: Cursor, wait: Duration, limit: usize) -> Result<EventPage, EngineError> {
        self.memory.events(cursor, wait, limit).await
    }

    async fn forget_events(&self, before: Cursor) -> Result<(), EngineError> {
        self.memory.forget_events(before).await
    }

    async fn barrier(&self) -> Result<(), EngineError> {
        self.memory.barrier().await
    }

    async fn ready(&self) -> Result<Durability, EngineError> {
        self.memory.ready().await
    }
}

struct World {
    engine: OpenEngine,
    permits: Arc<Semaphore>,
    clock: Arc<TestClock>,
}

impl World {
    fn new(answer: Answer) -> Self {
        let (clock, permits) = (Arc::<TestClock>::default(), Arc::new(Semaphore::new(0)));
        let memory = Memory::new(clock.clone(), &TestEntropy);
        let engine = OpenEngine::sole_writer(Withholding { memory, answer, permits: permits.clone() });
        Self { engine, permits, clock }
    }

    fn put(&self, name: &str) -> Batch {
        let batch = Batch::new(self.clock.now(), self.clock.now() + Duration::from_secs(10));
        batch.put(key(name), Expectation::Absent, vec![], None)
    }

    /// The present revision, and whether there is an entry of this name.
    async fn read(&self, name: &str) -> (Revision, bool) {
        let snapshot = self.engine.read(&[key(name)], self.clock.now()).await.unwrap();
        (snapshot.revision, snapshot.entries[0].is_some())
    }

    fn unwritten_since(&self, name: &str, since: Revision) -> bool {
        self.engine.write_sequences().unwrap().unwritten_since(&[Slot::of(&key(name))], since)
    }

    fn newest(&self) -> Option<Revision> {
        self.engine.write_sequences().unwrap().newest()
    }
}

fn key(name: &str) -> Key {
    Key::new(Space::Grants, name)
}

/// Polls a commit whose answer is withheld.
fn begin<T>(commit: &mut (impl Future<Output = T> + Unpin)) {
    assert!(Pin::new(commit).poll(&mut Context::from_waker(Waker::noop())).is_pending(), "its answer is withheld");
}

#[tokio::test]
async fn a_commit_counts_as_a_write_while_readers_see_it_and_its_caller_waits() {
    let world = World::new(Answer::Done);
    let (old, _) = world.read("a").await;
    assert!(world.unwritten_since("a", old));
    let mut commit = world.engine.commit(world.put("a"));
    begin(&mut commit);
    let (seen, is_there) = world.read("a").await;
    assert!(is_there && !world.unwritten_since("a", old), "a reader has seen the write");
    world.permits.add_permits(1);
    let revision = commit.await.unwrap();
    assert_eq!((revision, world.newest()), (seen, Some(revision)));
    assert!(!world.unwritten_since("a", old) && world.unwritten_since("a", revision));

    // No read tells of the next commit, only its answer.
    world.permits.add_permits(1);
    let next = world.engine.commit(world.put("b")).await.unwrap();
    assert_eq!(world.newest(), Some(next));
    assert!(!world.unwritten_since("b", revision) && world.unwritten_since("b", next));
}

#[tokio::test]
async fn a_commit_of_unknown_outcome_counts_as_a_write_for_good() {
    let world = World::new(Answer::Unknown);
    world.permits.add_permits(1);
    let unknown = world.engine.commit(world.put("a")).await.unwrap_err();
    assert!(matches!(unknown, EngineError::Unknown(_)));
    let (now, is_there) = world.read("a").await;
    assert!(is_there && !world.unwritten_since("a", now) && world.unwritten_since("b", now));
}

#[tokio::test]
async fn a_commit_that_its_caller_abandoned_counts_as_a_write_for_good() {
    let world = World::new(Answer::Done);
    let mut commit = world.engine.commit(world.put("a"));
    begin(&mut commit);
    drop(commit);
    let (now, is_there) = world.read("a").await;
    assert!(is_there && !world.unwritten_since("a", now) && world.unwritten_since("b", now));
}
