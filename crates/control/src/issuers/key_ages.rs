//! The metric of the age of keys.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::Issuers;

/// Reads the keyrings, as they were last reconciled, when it is asked.
#[derive(Debug)]
struct KeyAges(Arc<Issuers>);

impl Issuers {
    /// Registers the time at which the active key of each family became active.
    pub(crate) fn register(self: &Arc<Self>, registry: &mut Registry) {
        registry.register_collector(Box::new(KeyAges(Arc::clone(self))));
    }
}

impl Collector for KeyAges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "When the key that makes new values became active, in seconds since 1970";
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut family =
            encoder.encode_descriptor("lychgate_key_active_since_timestamp", help, Some(&Unit::Seconds), kind)?;
        for (issuer, key_manager) in self.0.each() {
            for (key_family, since) in &key_manager.known().active_since {
                let gauge = ConstGauge::new(i64::try_from(since.seconds()).unwrap_or(i64::MAX));
                let labels = [("issuer", issuer.id.as_str()), ("family", key_family.label())];
                gauge.encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
