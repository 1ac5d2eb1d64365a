//! The metric of the limits.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Counts the decisions of each limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct LimitMetrics(Family<DecisionLabels, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    limit: &'static str,
    outcome: &'static str,
}

impl LimitMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "lychgate_limit_decisions",
            "Requests that a limit admitted, and those that it refused, by the key that it was refused for",
            Family::clone(&metrics.0),
        );
        metrics
    }

    /// `limit` is the name of the limit in the configuration, `outcome` is `admitted` or the key below it that refused.
    pub(super) fn count(&self, limit: &'static str, outcome: &'static str) {
        self.0.get_or_create(&DecisionLabels { limit, outcome }).inc();
    }
}
