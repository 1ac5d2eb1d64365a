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
            && now.age_of(*fetched_at).is_below(max_age)
        {
            return Ok(Arc::clone(document));
        }
        if let Some((failure, failed_at)) = state.failed
            && now.age_of(failed_at).is_below(PAUSE)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;

    const MAX_AGE: Duration = Duration::from_secs(600);

    /// Gets a document at `now`, with a fetch that succeeds or fails; returns the result and whether there was a fetch.
    async fn get(cached: &Cached<u32>, now: Timestamp, succeeds: bool) -> (bool, bool) {
        let fetches = AtomicUsize::new(0);
        let fetch = || async {
            fetches.fetch_add(1, Ordering::SeqCst);
            if succeeds { Ok(1) } else { Err(UpstreamError::unavailable(anyhow::anyhow!("away"))) }
        };
        let found = cached.get(MAX_AGE, now, fetch).await;
        (found.is_ok(), fetches.into_inner() == 1)
    }

    #[tokio::test]
    async fn a_failure_counts_for_a_moment_and_not_until_the_clock_has_caught_up() {
        let (cached, now) = (Cached::default(), Timestamp::from_seconds(1_000_000));
        assert_eq!(get(&cached, now, false).await, (false, true));
        assert_eq!(get(&cached, now + PAUSE / 2, true).await, (false, false), "a moment ago");
        let stepped_back = Timestamp::from_seconds(1_000_000 - 3600);
        assert_eq!(get(&cached, stepped_back, true).await, (true, true));
    }

    proptest! {
        /// After any steps of the clock, a document serves only if it was fetched within its age before `now`, and a fetch
        /// is omitted after a failure only within the pause.
        #[test]
        fn a_cached_result_is_used_only_within_its_age(
            steps in prop::collection::vec((-2_000_i64..2_000, any::<bool>()), 1..40),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let cached = Cached::default();
                let (mut now, mut fetched, mut failed) = (1_000_000_i64, None, None);
                for (step, succeeds) in steps {
                    now += step;
                    let age = |then: Option<i64>, limit: i64| then.is_some_and(|then| (0..limit).contains(&(now - then)));
                    let (is_fresh, is_paused) = (age(fetched, 600), age(failed, 1));
                    let found = get(&cached, Timestamp::from_seconds(now.unsigned_abs()), succeeds).await;
                    prop_assert_eq!(found, match (is_fresh, is_paused) {
                        (true, _) => (true, false),
                        (false, true) => (false, false),
                        (false, false) => (succeeds, true),
                    });
                    if !is_fresh && !is_paused {
                        if succeeds {
                            (fetched, failed) = (Some(now), None);
                        } else {
                            failed = Some(now);
                        }
                    }
                }
                Ok(())
            })?;
        }
    }
}
