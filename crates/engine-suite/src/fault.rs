//! An engine that fails on request, for the tests of code that is built on an engine: a test can stop at every point at
//! which a commit can be lost, repeated or delayed.
//!
//! Reads can be held or fail; scans and events pass through unchanged; barriers can fail, and the free space, the durability
//! and the difference of clocks can be set.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use lychgate_engine::{
    Batch, Cursor, Durability, Engine, EngineError, EventPage, Key, KeyRange, Limit, OpenEngine, Page, Revision,
    Snapshot, Space, Timestamp,
};
use tokio::sync::oneshot;

/// A way for a commit to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The commit is not applied, and the caller does not learn it.
    UnknownBefore,
    /// The commit is applied or conflicts, and the caller does not learn which.
    UnknownAfter,
    /// The commit is not applied, and the caller learns it.
    Unavailable,
}

/// A layer above an engine that makes chosen commits fail. Commits are counted from 0.
#[derive(Debug)]
pub struct Faulty {
    inner: OpenEngine,
    script: Mutex<Script>,
    free_bytes: Mutex<Option<u64>>,
    clock_difference: Mutex<Option<Duration>>,
    durability: Mutex<Option<Durability>>,
    ready_fails: AtomicBool,
    barriers_fail: AtomicBool,
    reads_fail: AtomicBool,
}

impl Faulty {
    /// A layer without faults.
    pub fn new(inner: OpenEngine) -> Self {
        Self {
            inner,
            script: Mutex::default(),
            free_bytes: Mutex::default(),
            clock_difference: Mutex::default(),
            durability: Mutex::default(),
            ready_fails: AtomicBool::new(false),
            barriers_fail: AtomicBool::new(false),
            reads_fail: AtomicBool::new(false),
        }
    }

    /// This layer, with the inner engine's record of writes, for the store under test.
    pub fn open(self: &Arc<Self>) -> OpenEngine {
        let faulty = Arc::clone(self);
        self.inner.clone().layered(|_| faulty)
    }

    /// The number of commits tried so far.
    pub fn commits(&self) -> usize {
        self.script().commits
    }

    /// The `nth` commit from now on (0 is the next) suffers `fault`.
    pub fn fail(&self, nth: usize, fault: Fault) {
        self.script().plan(nth, Intervention::Fail(fault));
    }

    /// The `nth` commit from now on (0 is the next) waits until it is released.
    pub fn hold(&self, nth: usize) -> Hold {
        let (arrive, arrived) = oneshot::channel();
        let (release, released) = oneshot::channel();
        self.script().plan(nth, Intervention::Hold { arrive, released });
        Hold { arrived: Some(arrived), _release: release }
    }

    /// The `nth` read from now on (0 is the next) that asks for a key of `space` waits until it is released: it sees what is
    /// committed until then.
    pub fn hold_read(&self, nth: usize, space: Space) -> Hold {
        let (arrive, arrived) = oneshot::channel();
        let (release, released) = oneshot::channel();
        let held = HeldRead { before: nth, space, arrive, released };
        let previous = self.script().held_read.replace(held);
        assert!(previous.is_none(), "one read is held at a time");
        Hold { arrived: Some(arrived), _release: release }
    }

    /// The `nth` commit from now on (0 is the next) is answered `Unknown` at once, and applied when the test lets it.
    pub fn delay(&self, nth: usize) -> Delay {
        let (depart, departed) = oneshot::channel();
        self.script().plan(nth, Intervention::Delay(depart));
        Delay { inner: self.inner.clone(), departed }
    }

    /// Sets the free space that the engine reports; `None`: that of the inner engine.
    pub fn set_free_bytes(&self, free_bytes: Option<u64>) {
        *self.free_bytes.lock().expect("nothing panics while it holds the number") = free_bytes;
    }

    /// Sets the difference of clocks that the engine reports; `None`: that of the inner engine.
    pub fn set_clock_difference(&self, difference: Option<Duration>) {
        *self.clock_difference.lock().expect("nothing panics while it holds the difference") = difference;
    }

    /// Sets the durability that the engine reports; `None`: that of the inner engine.
    pub fn set_durability(&self, durability: Option<Durability>) {
        *self.durability.lock().expect("nothing panics while it holds the durability") = durability;
    }

    /// Whether the engine reports from now on that it takes no commits.
    pub fn set_ready_fails(&self, fail: bool) {
        self.ready_fails.store(fail, Ordering::SeqCst);
    }

    /// From now on barriers fail, as when the node that is read cannot tell whether another took over.
    pub fn fail_barriers(&self) {
        self.barriers_fail.store(true, Ordering::SeqCst);
    }

    /// Whether reads fail from now on.
    pub fn set_reads_fail(&self, fail: bool) {
        self.reads_fail.store(fail, Ordering::SeqCst);
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("nothing panics while it holds the script")
    }
}

/// A commit or a read that waits. It continues when this value is released or dropped.
#[derive(Debug)]
pub struct Hold {
    arrived: Option<oneshot::Receiver<()>>,
    _release: oneshot::Sender<()>,
}

impl Hold {
    /// Waits until it has arrived; a commit is not applied yet.
    pub async fn arrived(&mut self) {
        if let Some(arrived) = self.arrived.take() {
            arrived.await.expect("the engine outlives the test");
        }
    }

    /// Lets it continue.
    pub fn release(self) {}
}

/// A commit of unknown outcome that has not been applied yet.
#[derive(Debug)]
pub struct Delay {
    inner: OpenEngine,
    departed: oneshot::Receiver<Batch>,
}

impl Delay {
    /// Waits until the commit was tried, then applies it.
    pub async fn land(self) -> Result<Revision, EngineError> {
        let batch = self.departed.await.expect("the engine outlives the test");
        self.inner.commit(batch).await
    }
}

#[async_trait]
impl Engine for Faulty {
    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError> {
        if self.reads_fail.load(Ordering::SeqCst) {
            return Err(EngineError::Unavailable(cause()));
        }
        let held = self.script().held(keys);
        if let Some(HeldRead { arrive, released, .. }) = held {
            // If the test dropped the hold, the read continues at once.
            let _ = arrive.send(());
            let _ = released.await;
        }
        self.inner.read(keys, now).await
    }

    async fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, EngineError> {
        self.inner.scan(space, range, now, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, EngineError> {
        let intervention = self.script().next();
        match intervention {
            None => self.inner.commit(batch).await,
            Some(Intervention::Fail(Fault::UnknownBefore)) => Err(EngineError::Unknown(cause())),
            Some(Intervention::Fail(Fault::UnknownAfter)) => {
                // The caller must not learn the outcome.
                let _ = self.inner.commit(batch).await;
                Err(EngineError::Unknown(cause()))
            }
            Some(Intervention::Fail(Fault::Unavailable)) => Err(EngineError::Unavailable(cause())),
            Some(Intervention::Hold { arrive, released }) => {
                // If the test dropped the hold, the commit continues at once.
                let _ = arrive.send(());
                let _ = released.await;
                self.inner.commit(batch).await
            }
            Some(Intervention::Delay(depart)) => {
                // If the test dropped the delay, the commit is never applied.
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

    async fn barrier(&self) -> Result<(), EngineError> {
        if self.barriers_fail.load(Ordering::SeqCst) {
            return Err(EngineError::Unavailable(cause()));
        }
        self.inner.barrier().await
    }

    async fn ready(&self) -> Result<Durability, EngineError> {
        if self.ready_fails.load(Ordering::SeqCst) {
            return Err(EngineError::Unavailable(cause()));
        }
        let set = *self.durability.lock().expect("nothing panics while it holds the durability");
        match set {
            Some(durability) => Ok(durability),
            None => self.inner.ready().await,
        }
    }

    async fn free_bytes(&self) -> Result<Option<u64>, EngineError> {
        let set = *self.free_bytes.lock().expect("nothing panics while it holds the number");
        match set {
            Some(free_bytes) => Ok(Some(free_bytes)),
            None => self.inner.free_bytes().await,
        }
    }

    async fn clock_difference(&self) -> Result<Option<Duration>, EngineError> {
        let set = *self.clock_difference.lock().expect("nothing panics while it holds the difference");
        match set {
            Some(difference) => Ok(Some(difference)),
            None => self.inner.clock_difference().await,
        }
    }
}

#[derive(Debug, Default)]
struct Script {
    commits: usize,
    interventions: HashMap<usize, Intervention>,
    held_read: Option<HeldRead>,
}

#[derive(Debug)]
struct HeldRead {
    /// The reads of the space that still come before it.
    before: usize,
    space: Space,
    arrive: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

#[derive(Debug)]
enum Intervention {
    Fail(Fault),
    Hold { arrive: oneshot::Sender<()>, released: oneshot::Receiver<()> },
    Delay(oneshot::Sender<Batch>),
}

impl Script {
    fn plan(&mut self, nth: usize, intervention: Intervention) {
        let before = self.interventions.insert(self.commits + nth, intervention);
        assert!(before.is_none(), "one commit, one fault");
    }

    /// The hold of this read, if it is the one.
    fn held(&mut self, keys: &[Key]) -> Option<HeldRead> {
        let held = self.held_read.as_mut()?;
        if keys.iter().all(|key| key.space != held.space) {
            return None;
        }
        match held.before.checked_sub(1) {
            Some(before) => {
                held.before = before;
                None
            }
            None => self.held_read.take(),
        }
    }

    fn next(&mut self) -> Option<Intervention> {
        self.commits += 1;
        self.interventions.remove(&(self.commits - 1))
    }
}

fn cause() -> lychgate_engine::Cause {
    "the test said so".into()
}
