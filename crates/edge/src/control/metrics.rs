//! Metrics of the calls to the control plane, and of its endpoints.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::endpoints::Endpoints;
use super::repetition::Cause;

#[derive(Clone, Debug, Default)]
pub(super) struct ControlMetrics {
    repetitions: Family<RepetitionLabels, Counter>,
    budget_exhausted: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RepetitionLabels {
    cause: &'static str,
}

/// Counts the endpoints when it is asked.
#[derive(Debug)]
struct EndpointCount(Arc<ArcSwap<Endpoints>>);

impl ControlMetrics {
    pub(super) fn new(registry: &mut Registry, endpoints: Arc<ArcSwap<Endpoints>>) -> Self {
        let metrics = Self::default();
        registry.register(
            "lychgate_control_repetitions",
            "Calls to the control plane that were sent again, by cause",
            Family::clone(&metrics.repetitions),
        );
        registry.register(
            "lychgate_control_repetition_budget_exhausted",
            "Calls to the control plane that failed because the budget of repetitions was exhausted",
            Counter::clone(&metrics.budget_exhausted),
        );
        registry.register_collector(Box::new(EndpointCount(endpoints)));
        metrics
    }

    pub(super) fn repeated(&self, cause: Cause) {
        let cause = match cause {
            Cause::NotDelivered => "not_delivered",
            Cause::Lost => "lost",
            Cause::StoreUnavailable => "store_unavailable",
        };
        self.repetitions.get_or_create(&RepetitionLabels { cause }).inc();
    }

    pub(super) fn budget_exhausted(&self) {
        self.budget_exhausted.inc();
    }
}

impl Collector for EndpointCount {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Endpoints of the control plane, by health";
        let counted = self.0.load().count();
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut family = encoder.encode_descriptor("lychgate_control_endpoints", help, None, kind)?;
        for (health, number) in counted {
            let gauge = ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX));
            gauge.encode(family.encode_family(&[("health", health.label())])?)?;
        }
        Ok(())
    }
}
