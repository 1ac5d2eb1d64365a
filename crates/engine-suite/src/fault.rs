//! An engine that fails when it is told to, for the tests of what is built on an engine: every point at which a commit
//! can be lost, doubled or delayed is one that a test can stand at.
//!
//! Reads, scans and events pass through untouched.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use lychgate_engine::{
    Batch, Cursor, Durability, Engine, EngineError, EventPage, Key, KeyRange, Limit, OpenEngine, Page, Revision,
    Snapshot, Space, Timestamp,
};
use tokio::sync::oneshot;

/// What happens to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not applied, and the caller does not learn that.
    UnknownBefore,
    /// It is applied, or conflicts, and the caller does not learn which.
    UnknownAfter,
    /// It is not applied, and the caller is told.
    Unavailable,
}

/// Wraps an engine. Commits are counted from 0.
#[derive(Debug)]
pub struct Faulty {
    inner: OpenEngine,
    script: Mutex<Script>,
}

impl Faulty {
    pub fn new(inner: impl Into<OpenEngine>) -> Self {
        Self { inner: inner.into(), script: Mutex::default() }
    }

    /// This engine with the inner one's record of writes: what a store under test opens.
    pub fn open(self: &Arc<Self>) -> OpenEngine {
        let faulty = Arc::clone(self);
        self.inner.clone().layered(|_| faulty)
    }

    /// How many commits have been tried.
    pub fn commits(&self) -> usize {
        self.script().commits
    }

    /// The `nth` commit from now on (0 is the next) suffers `fault`.
    pub fn fail(&self, nth: usize, fault: Fault) {
        self.script().plan(nth, Step::Fail(fault));
    }

    /// The `nth` commit from now on (0 is the next) waits until it is released.
    pub fn hold(&self, nth: usize) -> Hold {
        let (arrive, arrived) = oneshot::channel();
        let (release, released) = oneshot::channel();
        self.script().plan(nth, Step::Hold { arrive, released });
        Hold { arrived: Some(arrived), _release: release }
    }

    /// The `nth` commit from now on (0 is the next) is answered `Unknown` at once, and applied when the test says so.
    pub fn delay(&self, nth: usize) -> Delay {
        let (depart, departed) = oneshot::channel();
        self.script().plan(nth, Step::Delay(depart));
        Delay { inner: self.inner.clone(), departed }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("nothing panics while it holds the script")
    }
}

/// A commit that waits. It goes on when this is released or dropped.
#[derive(Debug)]
pub struct Hold {
    arrived: Option<oneshot::Receiver<()>>,
    _release: oneshot::Sender<()>,
}

impl Hold {
    /// Waits until the commit has come this far; nothing of it has been applied.
    pub async fn arrived(&mut self) {
        if let Some(arrived) = self.arrived.take() {
            arrived.await.expect("the engine outlives the test");
        }
    }

    /// Lets the commit go on.
    pub fn release(self) {}
}

/// A commit whose caller has given up on it, and which may yet land.
#[derive(Debug)]
pub struct Delay {
    inner: OpenEngine,
    departed: oneshot::Receiver<Batch>,
}

impl Delay {
    /// Waits until the commit has been tried, and then applies it.
    pub async fn land(self) -> Result<Revision, EngineError> {
        let batch = self.departed.await.expect("the engine outlives the test");
        self.inner.commit(batch).await
    }
}

#[async_trait]
impl Engine for Faulty {
    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError> {
        self.inner.read(keys, now).await
    }

    async fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, EngineError> {
        self.inner.scan(space, range, now, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, EngineError> {
        let step = self.script().next();
        match step {
            None => self.inner.commit(batch).await,
            Some(Step::Fail(Fault::UnknownBefore)) => Err(EngineError::Unknown(cause())),
            Some(Step::Fail(Fault::UnknownAfter)) => {
                // Whatever came of it is what the caller must not learn.
                let _ = self.inner.commit(batch).await;
                Err(EngineError::Unknown(cause()))
            }
            Some(Step::Fail(Fault::Unavailable)) => Err(EngineError::Unavailable(cause())),
            Some(Step::Hold { arrive, released }) => {
                // Both ends may have been dropped: then nobody watches, and nobody holds it any longer.
                let _ = arrive.send(());
                let _ = released.await;
                self.inner.commit(batch).await
            }
            Some(Step::Delay(depart)) => {
                // If nobody will ever let it land, it never lands.
                let _ = depart.send(batch);
                Err(EngineError::Unknown(cause()))
            }
        }
    }

    async fn events(&self, cursor: Cursor, wait: Duration, limit: usize) -> Result<EventPage, EngineError> {
        self.inner.events(cursor, wait, limit).await
    }

    async fn forget_events(&self, before: Cursor) -> Result<(), EngineError> {
        self.inner.forget_events(before).await
    }

    async fn ready(&self) -> Result<Durability, EngineError> {
        self.inner.ready().await
    }
}

#[derive(Debug, Default)]
struct Script {
    commits: usize,
    steps: HashMap<usize, Step>,
}

#[derive(Debug)]
enum Step {
    Fail(Fault),
    Hold { arrive: oneshot::Sender<()>, released: oneshot::Receiver<()> },
    Delay(oneshot::Sender<Batch>),
}

impl Script {
    fn plan(&mut self, nth: usize, step: Step) {
        let before = self.steps.insert(self.commits + nth, step);
        assert!(before.is_none(), "one commit, one fault");
    }

    fn next(&mut self) -> Option<Step> {
        self.commits += 1;
        self.steps.remove(&(self.commits - 1))
    }
}

fn cause() -> lychgate_engine::Cause {
    "the test said so".into()
}
