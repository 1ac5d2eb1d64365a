//! The edge's metrics: the duration of every response, and the reasons of failures.

use std::time::Duration;

use axum::http::Method;
use lychgate_process::metrics::{Durations, durations};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    responses: Durations<ResponseLabels>,
    refusals: Family<RefusalLabels, Counter>,
}

/// The facts that are counted about one response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation<'a> {
    pub(crate) method: &'a Method,
    /// As the router lists it; empty if no route matched.
    pub(crate) route: &'a str,
    pub(crate) status: u16,
    /// The name of the failure, if the response is one.
    pub(crate) reason: Option<&'static str>,
    pub(crate) took: Duration,
}

/// `http.server.request.duration` of OpenTelemetry's semantic conventions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResponseLabels {
    http_request_method: &'static str,
    http_route: String,
    http_response_status_code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    http_route: String,
    reason: &'static str,
}

impl Metrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let (responses, refusals) = (durations(), Family::default());
        let help = "Responses to HTTP requests, by duration";
        registry.register_with_unit("http_server_request_duration", help, Unit::Seconds, Durations::clone(&responses));
        registry.register("lychgate_http_refusals", "Failed HTTP requests, by reason", Family::clone(&refusals));
        Self { responses, refusals }
    }

    pub(crate) fn count(&self, observed: Observation<'_>) {
        let http_route = observed.route.to_owned();
        if let Some(reason) = observed.reason {
            self.refusals.get_or_create(&RefusalLabels { http_route: http_route.clone(), reason }).inc();
        }
        let labels = ResponseLabels {
            http_request_method: method_label(observed.method),
            http_route,
            http_response_status_code: observed.status,
        };
        self.responses.get_or_create(&labels).observe(observed.took.as_secs_f64());
    }
}

/// The method's name, or `_OTHER`: a client may invent any number of methods, and each would be a time series.
fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}
