//! An open engine, as a process hands it to everything that uses the store.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lychgate_clock::Timestamp;

use crate::{
    Batch, Checkpoints, Cursor, Durability, Engine, EngineError, EventPage, Key, KeyRange, Limit, Page, Revision,
    Snapshot, Space, WriteSequences,
};

/// An engine that no other process can write to while the value exists: memory, or an embedded database that holds a
/// lock. An engine over a network must not implement it, not even if a single process uses it today.
pub trait SoleWriter: Engine {}

/// An engine, with a record of its writes if this process makes all of them. A clone is the same engine.
#[derive(Clone, Debug)]
pub struct OpenEngine {
    engine: Arc<dyn Engine>,
    write_sequences: Option<Arc<WriteSequences>>,
    checkpoints: Option<Arc<dyn Checkpoints>>,
}

impl OpenEngine {
    /// An engine that other processes may write to. It has no record of writes: this process cannot know of theirs, so
    /// it never knows a value to be current without reading it.
    pub fn shared(engine: Arc<dyn Engine>) -> Self {
        Self { engine, write_sequences: None, checkpoints: None }
    }

    /// An engine that only this process writes to, and only through this value: it is taken by value, so that no
    /// write can bypass the record.
    pub fn sole_writer(engine: impl SoleWriter) -> Self {
        let write_sequences = Arc::new(WriteSequences::new());
        let engine = Arc::new(Recorded { engine, write_sequences: Arc::clone(&write_sequences) });
        Self { engine, write_sequences: Some(write_sequences), checkpoints: None }
    }

    /// Puts a layer above the engine, such as one that fails on purpose. The layer must forward to the engine it is given,
    /// or to a clone of this value: then the record stays beneath it and complete. A layer above another engine would
    /// make cached values pass for current.
    pub fn layered(self, layer: impl FnOnce(Arc<dyn Engine>) -> Arc<dyn Engine>) -> Self {
        Self { engine: layer(self.engine), ..self }
    }

    /// Adds the maker of this engine's backups.
    pub fn with_checkpoints(self, checkpoints: Arc<dyn Checkpoints>) -> Self {
        Self { checkpoints: Some(checkpoints), ..self }
    }

    /// The maker of this engine's backups; `None` if it keeps no files of its own.
    pub fn checkpoints(&self) -> Option<&Arc<dyn Checkpoints>> {
        self.checkpoints.as_ref()
    }

    /// The record of all writes; `None` if other processes may write.
    pub fn write_sequences(&self) -> Option<&WriteSequences> {
        self.write_sequences.as_deref()
    }
}

impl Deref for OpenEngine {
    type Target = dyn Engine;

    fn deref(&self) -> &dyn Engine {
        &*self.engine
    }
}

/// The layer that records writes.
#[derive(Debug)]
struct Recorded<E> {
    engine: E,
    write_sequences: Arc<WriteSequences>,
}

#[async_trait]
impl<E: SoleWriter> Engine for Recorded<E> {
    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError> {
        let snapshot = self.engine.read(keys, now).await?;
        self.write_sequences.observe(snapshot.revision);
        Ok(snapshot)
    }

    async fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, EngineError> {
        self.engine.scan(space, range, now, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, EngineError> {
        let in_flight = self.write_sequences.begin(&batch);
        let answer = self.engine.commit(batch).await;
        in_flight.end(&answer);
        answer
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
