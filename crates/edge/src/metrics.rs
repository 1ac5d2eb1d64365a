//! What this edge counts: its answers, and why it said no.

use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use lychgate_process::metrics::{Durations, durations};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

use crate::observe::Outcome;

#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    answers: Durations<Answer>,
    refusals: Family<Refusal, Counter>,
}

/// `http.server.request.duration` of OpenTelemetry's semantic conventions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    http_request_method: &'static str,
    /// As the router lists it; none where it lists nothing.
    http_route: String,
    http_response_status_code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    http_route: String,
    reason: &'static str,
}

/// Of a response: which of the router's paths it came from.
#[derive(Clone, Debug)]
struct Route(MatchedPath);

impl Metrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let (answers, refusals) = (durations(), Family::default());
        let help = "Answers to HTTP requests, by how long they took";
        registry.register_with_unit("http_server_request_duration", help, Unit::Seconds, Durations::clone(&answers));
        registry.register("lychgate_http_refusals", "Why this edge said no", Family::clone(&refusals));
        Self { answers, refusals }
    }

    pub(crate) fn count(&self, method: &Method, response: &Response, took: Duration) {
        let route = response.extensions().get::<Route>().map(|Route(path)| path.as_str().to_owned());
        let http_route = route.unwrap_or_default();
        if let Some(Outcome(reason)) = response.extensions().get() {
            self.refusals.get_or_create(&Refusal { http_route: http_route.clone(), reason }).inc();
        }
        let answer = Answer {
            http_request_method: known(method),
            http_route,
            http_response_status_code: response.status().as_u16(),
        };
        self.answers.get_or_create(&answer).observe(took.as_secs_f64());
    }
}

/// A stranger may invent any number of them.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

/// A layer of every route.
pub(crate) async fn name_route(path: MatchedPath, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Route(path));
    response
}
