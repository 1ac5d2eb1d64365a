//! Notices an upstream that is wrong or absent: at start, and from then on. Otherwise the first person to press a button
//! would.
//!
//! A failure is a warning that names the configuration key, and the status of a health service of the issuer's own. The
//! process stays ready: other issuers work, and so do refreshes, checks and revocations of this one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use lychgate_domain::id::IssuerId;
use lychgate_domain::time::Clock;
use lychgate_process::Shutdown;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::issuers::{UpstreamCheck, UpstreamProblem, WatchedUpstream};
use crate::state::State;
use crate::upstream::ProbeFailure;

/// The time between checks of an upstream that answers. It is also the longest time after a failure.
const CHECK_INTERVAL: Duration = Duration::from_secs(600);
/// The time between the first failure and the next check; each further failure doubles it.
const FIRST_RETRY: Duration = Duration::from_secs(30);

/// Makes the health service of each issuer known, before the first check has an answer.
pub(crate) async fn announce(state: &State, health: &HealthReporter) {
    for watched in state.issuers.upstreams() {
        health.set_service_status(service(watched.issuer), ServingStatus::Unknown).await;
    }
}

/// Checks every upstream until `shutdown`.
pub(crate) async fn run(state: State, health: HealthReporter, shutdown: Shutdown) {
    let watches = state.issuers.upstreams().map(|watched| {
        let watch = UpstreamWatch { watched, health: health.clone(), clock: Arc::clone(&state.clock) };
        watch.run()
    });
    tokio::select! {
        _ = join_all(watches) => {}
        () = shutdown.requested() => {}
    }
}

struct UpstreamWatch<'a> {
    watched: WatchedUpstream<'a>,
    health: HealthReporter,
    clock: Arc<dyn Clock>,
}

impl UpstreamWatch<'_> {
    async fn run(self) {
        let WatchedUpstream { issuer, key, upstream, last_check } = self.watched;
        let service = service(issuer);
        let mut failures = 0;
        loop {
            let probed = upstream.probe().await;
            let problem = probed.err().map(|ProbeFailure { member, cause }| UpstreamProblem {
                key: format!("{key}.{member}"),
                error: format!("{cause:#}"),
            });
            let (status, wait) = match &problem {
                None => {
                    if failures > 0 {
                        tracing::info!(issuer.id = %issuer, "the upstream answers again");
                    }
                    failures = 0;
                    (ServingStatus::Serving, CHECK_INTERVAL)
                }
                Some(UpstreamProblem { key, error }) => {
                    tracing::warn!(issuer.id = %issuer, key, error, "the upstream cannot be used: people cannot sign in");
                    failures += 1;
                    (ServingStatus::NotServing, retry_after(failures))
                }
            };
            last_check.set(UpstreamCheck { at: self.clock.now(), problem });
            self.health.set_service_status(&service, status).await;
            tokio::time::sleep(wait).await;
        }
    }
}

/// The name of the issuer's health service.
fn service(issuer: &IssuerId) -> String {
    format!("upstream/{issuer}")
}

fn retry_after(failures: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(CHECK_INTERVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_ten_minutes() {
        let pauses = [1, 2, 3, 4, 5, 6, 100].map(|failures| retry_after(failures).as_secs());
        assert_eq!(pauses, [30, 60, 120, 240, 480, 600, 600]);
    }
}
