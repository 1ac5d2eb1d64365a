//! A cached document of an upstream. One fetch runs at a time. For a moment after a failure no fetch starts, so that
//! callers which waited for the failed one fail with it instead of trying one after the other.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lychgate_domain::flow::LoginFailure;
use lychgate_domain::time::Timestamp;
use tokio::sync::Mutex;

use super::UpstreamError;

/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Cached<T> {
    state: Mutex<CacheState<T>>,
}

#[derive(Debug)]
struct CacheState<T> {
    document: Option<(Arc<T>, Timestamp)>,
    failed: Option<(LoginFailure, Timestamp)>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { state: Mutex::new(CacheState { document: None, failed: None }) }
    }
}

impl<T> Cached<T> {
    /// The document, if it is younger than `max_age`; otherwise the result of `fetch`.
    pub(super) async fn get<F>(
        &self,
        max_age: Duration,
        now: Timestamp,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, UpstreamError>
    where
        F: Future<Output = Result<T, UpstreamError>>,
    {
        let mut state = self.state.lock().await;
        if let Some((document, fetched_at)) = &state.document
            && now.since(*fetched_at) < max_age
        {
            return Ok(Arc::clone(document));
        }
        if let Some((failure, failed_at)) = state.failed
            && now.since(failed_at) < PAUSE
        {
            return Err(UpstreamError { failure, cause: anyhow::anyhow!("the previous fetch failed a moment ago") });
        }
        match fetch().await {
            Ok(document) => {
                let document = Arc::new(document);
                *state = CacheState { document: Some((Arc::clone(&document), now)), failed: None };
                Ok(document)
            }
            Err(error) => {
                state.failed = Some((error.failure, now));
                Err(error)
            }
        }
    }

    /// The last fetched document, of any age.
    pub(super) async fn stale(&self) -> Option<Arc<T>> {
        self.state.lock().await.document.as_ref().map(|(document, _)| Arc::clone(document))
    }
}
