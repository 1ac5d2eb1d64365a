//! A layer above the engine that measures commits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lychgate_domain::time::Timestamp;
use lychgate_engine::{
    Batch, Cursor, Durability, Engine, EngineError, EventPage, Key, KeyRange, Limit, OpenEngine, Page, Revision,
    Snapshot, Space,
};
use lychgate_process::metrics::{Durations, durations};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::registry::{Registry, Unit};

/// The duration of each commit that is sent to the engine, by outcome. A commit that is sent again counts again.
#[derive(Clone, Debug)]
pub(crate) struct CommitMetrics(Durations<CommitLabels>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommitLabels {
    outcome: &'static str,
}

#[derive(Debug)]
struct MeasuredEngine {
    engine: Arc<dyn Engine>,
    metrics: CommitMetrics,
}

impl CommitMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let commits = durations();
        let help = "Commits sent to the storage engine, by outcome and duration";
        registry.register_with_unit("lychgate_store_commit_duration", help, Unit::Seconds, Durations::clone(&commits));
        Self(commits)
    }

    /// The same engine, with its commits measured.
    pub(crate) fn measure(self, engine: OpenEngine) -> OpenEngine {
        engine.layered(|engine| Arc::new(MeasuredEngine { engine, metrics: self }))
    }

    fn count(&self, result: &Result<Revision, EngineError>, took: Duration) {
        let outcome = match result {
            Ok(_) => "done",
            Err(EngineError::Conflict(_)) => "conflict",
            Err(EngineError::Unavailable(_)) => "unavailable",
            Err(EngineError::Unknown(_)) => "unknown",
            Err(EngineError::CursorLost { .. } | EngineError::Invalid(_)) => "invalid",
        };
        self.0.get_or_create(&CommitLabels { outcome }).observe(took.as_secs_f64());
    }
}

#[async_trait]
impl Engine for MeasuredEngine {
    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError> {
        self.engine.read(keys, now).await
    }

    async fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, EngineError> {
        self.engine.scan(space, range, now, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, EngineError> {
        let begun = Instant::now();
        let result = self.engine.commit(batch).await;
        self.metrics.count(&result, begun.elapsed());
        result
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

#[cfg(test)]
mod tests {
    use lychgate_engine::{Clock as _, Expectation, Memory};
    use lychgate_engine_suite::fault::{Fault, Faulty};
    use lychgate_engine_suite::{TestClock, TestEntropy};
    use prometheus_client::encoding::text;

    use super::*;

    #[tokio::test]
    async fn each_commit_is_counted_by_its_outcome_and_reaches_the_engine() {
        let clock = Arc::<TestClock>::default();
        let faulty = Arc::new(Faulty::new(OpenEngine::sole_writer(Memory::new(clock.clone(), &TestEntropy))));
        let mut registry = Registry::default();
        let engine = CommitMetrics::register(&mut registry).measure(faulty.open());
        let key = Key::new(Space::Meta, b"key".to_vec());
        let put = || {
            let now = clock.now();
            Batch::new(now, now + Duration::from_secs(10)).put(
                key.clone(),
                Expectation::Absent,
                b"value".to_vec(),
                None,
            )
        };
        engine.commit(put()).await.unwrap();
        assert!(matches!(engine.commit(put()).await, Err(EngineError::Conflict(_))));
        faulty.fail(0, Fault::UnknownBefore);
        assert!(matches!(engine.commit(put()).await, Err(EngineError::Unknown(_))));
        let mut exposed = String::new();
        text::encode(&mut exposed, &registry).unwrap();
        for outcome in ["done", "conflict", "unknown"] {
            let line = format!("lychgate_store_commit_duration_seconds_count{{outcome=\"{outcome}\"}} 1\n");
            assert!(exposed.contains(&line), "{outcome}: {exposed}");
        }
    }
}
