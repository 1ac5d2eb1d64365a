//! An engine that stops answering when its process is killed: a runtime that is shut down may still run a task for a
//! moment, a killed process does not.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lychgate_control::Engine;
use lychgate_engine::{
    Batch, Cursor, Durability, EngineError, EventPage, Key, KeyRange, Limit, OpenEngine, Page, Revision, Snapshot,
    Space, Timestamp,
};

/// Forwards to an engine until it is killed.
#[derive(Clone, Debug)]
pub(crate) struct KillableEngine {
    engine: OpenEngine,
    is_killed: Arc<AtomicBool>,
}

impl KillableEngine {
    pub(crate) fn new(engine: OpenEngine) -> Self {
        Self { engine, is_killed: Arc::default() }
    }

    /// Calls from now on never return.
    pub(crate) fn kill(&self) {
        self.is_killed.store(true, Ordering::SeqCst);
    }

    async fn engine(&self) -> &dyn Engine {
        if self.is_killed.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
        &*self.engine
    }
}

#[async_trait]
impl Engine for KillableEngine {
    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError> {
        self.engine().await.read(keys, now).await
    }

    async fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, EngineError> {
        self.engine().await.scan(space, range, now, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, EngineError> {
        self.engine().await.commit(batch).await
    }

    async fn events(&self, cursor: Cursor, wait: Duration, limit: usize) -> Result<EventPage, EngineError> {
        self.engine().await.events(cursor, wait, limit).await
    }

    async fn forget_events(&self, before: Cursor) -> Result<(), EngineError> {
        self.engine().await.forget_events(before).await
    }

    async fn barrier(&self) -> Result<(), EngineError> {
        self.engine().await.barrier().await
    }

    async fn ready(&self) -> Result<Durability, EngineError> {
        self.engine().await.ready().await
    }

    async fn free_bytes(&self) -> Result<Option<u64>, EngineError> {
        self.engine().await.free_bytes().await
    }

    async fn clock_difference(&self) -> Result<Option<Duration>, EngineError> {
        self.engine().await.clock_difference().await
    }
}
