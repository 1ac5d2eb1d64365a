//! The metric of the connections of a listener, by state.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::Places;

/// The connections that have a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ConnectionCounts {
    /// Open, without a request so far.
    pub(super) unused: usize,
    /// Between two requests.
    pub(super) idle: usize,
    /// With a request in progress, or kept for as long as the connection lasts.
    pub(super) in_use: usize,
    /// Asked to close.
    pub(super) closing: usize,
}

/// Counts the connections when it is asked.
#[derive(Debug)]
struct ByState(Places);

impl Places {
    /// Registers the number of connections, by state.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(ByState(self.clone())));
    }
}

impl Collector for ByState {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let ConnectionCounts { unused, idle, in_use, closing } = self.0.counts();
        let kind = ConstGauge::new(0_i64).metric_type();
        let help = "Incoming connections, by state";
        let mut family = encoder.encode_descriptor("lychgate_connections", help, None, kind)?;
        for (state, number) in [("unused", unused), ("idle", idle), ("in_use", in_use), ("closing", closing)] {
            let gauge = ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX));
            gauge.encode(family.encode_family(&[("state", state)])?)?;
        }
        Ok(())
    }
}
