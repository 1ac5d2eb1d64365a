//! All metrics of the process.

use prometheus_client::registry::Registry;

use super::listener::HandshakeMetrics;
use crate::feed::FeedMetrics;
use crate::grpc::metrics::Metrics;
use crate::jobs::node_health::HealthMetrics;
use crate::metrics::commits::CommitMetrics;
use crate::metrics::upstream_calls::UpstreamCallMetrics;
use crate::metrics::use_cases::UseCaseMetrics;

#[derive(Debug)]
pub(super) struct ControlMetrics {
    pub(super) calls: Metrics,
    pub(super) health: HealthMetrics,
    pub(super) feed: FeedMetrics,
    pub(super) commits: CommitMetrics,
    pub(super) upstream_calls: UpstreamCallMetrics,
    pub(super) use_cases: UseCaseMetrics,
    pub(super) handshakes: HandshakeMetrics,
}

impl ControlMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            calls: Metrics::new(registry),
            health: HealthMetrics::register(registry),
            feed: FeedMetrics::register(registry),
            commits: CommitMetrics::register(registry),
            upstream_calls: UpstreamCallMetrics::register(registry),
            use_cases: UseCaseMetrics::register(registry),
            handshakes: HandshakeMetrics::register(registry),
        }
    }
}
