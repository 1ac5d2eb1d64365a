//! Breakpoints before and after each call that a control plane makes to its store or to the upstream. Between two of
//! them it awaits nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lychgate_control::Engine;
use lychgate_engine::{
    Batch, Cursor, Durability, EngineError, EventPage, Key, KeyRange, Limit, Page, Revision, Snapshot, Space, Timestamp,
};
use tokio::sync::oneshot;

/// Lets calls through, except the one that a test stops.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breakpoints(Arc<Mutex<Option<Plan>>>);

#[derive(Debug)]
struct Plan {
    first: usize,
    arrive: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

/// A stopped call. It continues when this is released or dropped.
#[derive(Debug)]
pub(crate) struct Breakpoint {
    arrived: oneshot::Receiver<()>,
    _release: oneshot::Sender<()>,
}

impl Breakpoints {
    /// Stops the call that passes after `first` others.
    pub(crate) fn stop(&self, first: usize) -> Breakpoint {
        let ((arrive, arrived), (release, released)) = (oneshot::channel(), oneshot::channel());
        *self.0.lock().expect("unpoisoned") = Some(Plan { first, arrive, released });
        Breakpoint { arrived, _release: release }
    }

    pub(crate) async fn pass(&self) {
        let stopped = self.0.lock().expect("unpoisoned").take_if(|plan| {
            let is_mine = plan.first == 0;
            plan.first = plan.first.saturating_sub(1);
            is_mine
        });
        if let Some(Plan { arrive, released, .. }) = stopped {
            // A test that dropped its `Breakpoint` does not stop the call.
            let _ = arrive.send(());
            let _ = released.await;
        }
    }

    async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        self.pass().await;
        let answer = call.await;
        self.pass().await;
        answer
    }
}

impl Breakpoint {
    /// Waits until the call has stopped.
    pub(crate) async fn arrived(&mut self) {
        (&mut self.arrived).await.expect("the breakpoints outlives the test");
    }

    pub(crate) fn release(self) {}
}

/// An engine with a breakpoint before and after each call.
#[derive(Debug)]
pub(crate) struct BreakpointEngine {
    pub(crate) breakpoints: Breakpoints,
    pub(crate) engine: Arc<dyn Engine>,
}

#[async_trait]
impl Engine for BreakpointEngine {
    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError> {
        self.breakpoints.around(self.engine.read(keys, now)).await
    }

    async fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, EngineError> {
        self.breakpoints.around(self.engine.scan(space, range, now, limit)).await
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, EngineError> {
        self.breakpoints.around(self.engine.commit(batch)).await
    }

    async fn events(&self, cursor: Cursor, wait: Duration, limit: usize) -> Result<EventPage, EngineError> {
        self.engine.events(cursor, wait, limit).await
    }

    async fn forget_events(&self, before: Cursor) -> Result<(), EngineError> {
        self.engine.forget_events(before).await
    }

    async fn barrier(&self) -> Result<(), EngineError> {
        self.engine.barrier().await
    }

    async fn ready(&self) -> Result<Durability, EngineError> {
        self.engine.ready().await
    }

    async fn free_bytes(&self) -> Result<Option<u64>, EngineError> {
        self.engine.free_bytes().await
    }

    async fn clock_difference(&self) -> Result<Option<Duration>, EngineError> {
        self.engine.clock_difference().await
    }
}
