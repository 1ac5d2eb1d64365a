//! The metric of the issuers' age.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::Fetched;

#[derive(Debug)]
struct Age(Arc<ArcSwapOption<Fetched>>);

/// Registers the age of `current`, which is absent before the first answer of the control plane.
pub(super) fn register(registry: &mut Registry, current: Arc<ArcSwapOption<Fetched>>) {
    registry.register_collector(Box::new(Age(current)));
}

impl Collector for Age {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(fetched) = self.0.load_full() else { return Ok(()) };
        let gauge = ConstGauge::new(fetched.at.elapsed().as_secs_f64());
        let help = "Time since the control plane described the issuers that are served";
        let metric =
            encoder.encode_descriptor("lychgate_issuers_age", help, Some(&Unit::Seconds), gauge.metric_type())?;
        gauge.encode(metric)
    }
}
