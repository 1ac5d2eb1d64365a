//! The engine under test, with the steps that contracts consist of.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lychgate_engine::{
    Batch, Clock, Cursor, EngineError, Entry, Expectation, Key, KeyRange, Limit, OpenEngine, Page, Revision, Space,
    Timestamp, Version,
};
use tokio::runtime::{Builder, Runtime};

use crate::TestClock;

/// A fresh, empty engine, and a guard that outlives it (a temporary directory, a server).
#[derive(Clone, Debug)]
pub struct Opened {
    // In this order: the engine is dropped first.
    engine: OpenEngine,
    _guard: Arc<dyn Guard>,
}

impl Opened {
    /// An engine that needs nothing else to live.
    pub fn new(engine: OpenEngine) -> Self {
        Self::guarded(engine, ())
    }

    /// An engine that must not outlive `guard`.
    pub fn guarded(engine: OpenEngine, guard: impl Any + Send + Sync + std::fmt::Debug) -> Self {
        Self { engine, _guard: Arc::new(guard) }
    }
}

trait Guard: Send + Sync + std::fmt::Debug {}

impl<T: Any + Send + Sync + std::fmt::Debug> Guard for T {}

/// Opens an engine and runs one contract on a multi-threaded runtime.
pub fn hold<O, C>(open: impl FnOnce(Arc<dyn Clock>) -> O, contract: impl FnOnce(Subject) -> C)
where
    O: Future<Output = Opened>,
    C: Future<Output = ()>,
{
    runtime().block_on(async { contract(Subject::open(open).await).await });
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("a runtime can be built")
}

/// An engine under test, and its clock. A clone is the same engine.
#[derive(Clone, Debug)]
pub struct Subject {
    opened: Opened,
    /// The engine's clock.
    pub clock: Arc<TestClock>,
}

impl Subject {
    pub(crate) async fn open<O>(open: impl FnOnce(Arc<dyn Clock>) -> O) -> Self
    where
        O: Future<Output = Opened>,
    {
        let clock = Arc::new(TestClock::default());
        Self { opened: open(clock.clone()).await, clock }
    }

    /// The engine under test.
    pub fn engine(&self) -> &OpenEngine {
        &self.opened.engine
    }

    /// The engine's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reads one key now.
    pub async fn read(&self, key: &Key) -> Option<Entry> {
        self.read_at(key, self.now()).await
    }

    /// Reads one key at `now`.
    pub async fn read_at(&self, key: &Key, now: Timestamp) -> Option<Entry> {
        let snapshot = self.engine().read(std::slice::from_ref(key), now).await.expect("a read succeeds");
        assert_eq!(snapshot.entries.len(), 1, "one answer for one key");
        snapshot.entries.into_iter().next().flatten()
    }

    /// An empty batch of this instant, with ten seconds to be applied.
    pub fn batch(&self) -> Batch {
        Batch::new(self.now(), self.now() + Duration::from_secs(10))
    }

    /// Commits a batch that must succeed.
    pub async fn apply(&self, batch: Batch) -> Revision {
        self.engine().commit(batch).await.expect("the commit succeeds")
    }

    /// Commits a batch that must fail.
    pub async fn refuse(&self, batch: Batch) -> EngineError {
        self.engine().commit(batch).await.expect_err("the commit is refused")
    }

    /// Commits a batch that must conflict, and returns the key of the conflict.
    pub async fn conflict(&self, batch: Batch) -> Key {
        match self.refuse(batch).await {
            EngineError::Conflict(key) => key,
            other => panic!("expected a conflict: {other:?}"),
        }
    }

    /// Creates or replaces an entry, and returns its version.
    pub async fn put(&self, key: &Key, value: &[u8], expires_at: impl Into<Option<Timestamp>>) -> Version {
        let found = Expectation::unchanged(self.read(key).await.as_ref());
        self.apply(self.batch().put(key.clone(), found, value.to_vec(), expires_at)).await;
        self.read(key).await.expect("what was just put is there").version
    }

    /// Reads one page of a scan now.
    pub async fn scan(&self, space: Space, range: KeyRange, limit: Limit) -> Page {
        let page = self.engine().scan(space, range, self.now(), limit).await.expect("a scan succeeds");
        assert!(page.entries.len() <= limit.results, "a page is limited in results");
        page
    }

    /// The cursor before the first event.
    pub async fn origin(&self) -> Cursor {
        let revision = self.engine().read(&[], self.now()).await.expect("a read succeeds").revision;
        Cursor { incarnation: revision.incarnation, position: 0 }
    }

    /// All events of the log.
    pub async fn log(&self) -> Vec<Vec<u8>> {
        let page = self.engine().events(self.origin().await, Duration::ZERO, usize::MAX).await;
        page.expect("events can be read").events.into_iter().map(|event| event.value).collect()
    }
}

/// A key in the space that most contracts use.
pub(crate) fn key(name: &str) -> Key {
    Key::new(Space::Grants, name)
}

pub(crate) const UNLIMITED: Limit = Limit { results: usize::MAX, rows: usize::MAX };
