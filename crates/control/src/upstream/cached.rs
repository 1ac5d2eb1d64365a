//! A document of an upstream's, fetched when it is needed: one flight at a time, and not again at once after a failure,
//! so that whoever waits behind a failing flight fails with it instead of trying one after the other.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lychgate_domain::flow::LoginFailure;
use lychgate_domain::time::Timestamp;
use tokio::sync::Mutex;

use super::UpstreamError;

/// After a failure, this long nobody asks again.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Cached<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    document: Option<(Arc<T>, Timestamp)>,
    failed: Option<(LoginFailure, Timestamp)>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { document: None, failed: None }) }
    }
}

impl<T> Cached<T> {
    /// The document, if it is younger than `max_age`; otherwise what `fetch` brings.
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
            return Err(UpstreamError { failure, cause: anyhow::anyhow!("it failed a moment ago") });
        }
        match fetch().await {
            Ok(document) => {
                let document = Arc::new(document);
                *state = State { document: Some((Arc::clone(&document), now)), failed: None };
                Ok(document)
            }
            Err(error) => {
                state.failed = Some((error.failure, now));
                Err(error)
            }
        }
    }

    /// What was fetched last, however old.
    pub(super) async fn stale(&self) -> Option<Arc<T>> {
        self.state.lock().await.document.as_ref().map(|(document, _)| Arc::clone(document))
    }
}
