//! Metrics of calls. Failed attempts of strangers appear here and in no event.

use std::time::Duration;

use lychgate_process::metrics::{Durations, durations};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    calls: Durations<CallLabels>,
    refusals: Family<RefusalLabels, Counter>,
}

/// `rpc.server.duration` of OpenTelemetry's semantic conventions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    rpc_method: &'static str,
    rpc_grpc_status_code: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    rpc_method: &'static str,
    reason: String,
}

impl Metrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let (calls, refusals) = (durations(), Family::default());
        let help = "Calls, by how long they took; those that stream, until they began to";
        registry.register_with_unit("rpc_server_duration", help, Unit::Seconds, Durations::clone(&calls));
        registry.register(
            "lychgate_rpc_refusals",
            "Refusals of the control plane, by reason",
            Family::clone(&refusals),
        );
        Self { calls, refusals }
    }

    /// Counts a call. `method` is `None` for an unknown method.
    pub(crate) fn count(&self, method: Option<&'static str>, error: Option<&Status>, took: Duration) {
        let rpc_method = method.unwrap_or("_OTHER");
        if let Some(reason) = error.and_then(|status| status.get_details_error_info()).map(|info| info.reason) {
            self.refusals.get_or_create(&RefusalLabels { rpc_method, reason }).inc();
        }
        let rpc_grpc_status_code = error.map_or(Code::Ok, Status::code).into();
        self.calls.get_or_create(&CallLabels { rpc_method, rpc_grpc_status_code }).observe(took.as_secs_f64());
    }
}
