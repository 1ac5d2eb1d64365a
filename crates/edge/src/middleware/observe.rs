//! Gives every request an id, one log line and one count.
//!
//! The log line has no query, body or header, because codes, tickets and tokens travel in them.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use lychgate_api::REQUEST_ID;
use lychgate_process::telemetry::strangers::cut;

use super::render_failure::FailureName;
use crate::entropy;
use crate::metrics::{Metrics, Observation};

/// The router's path that a response came from.
#[derive(Clone, Debug)]
struct Route(MatchedPath);

/// Outermost layer. Every response carries the headers that it adds.
pub(crate) async fn observe(State(metrics): State<Metrics>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = entropy::request_id();
    let method = request.method().clone();
    let path = cut(request.uri().path()).to_string();
    request.extensions_mut().insert(id.clone());

    let mut response = next.run(request).await;

    let headers = response.headers_mut();
    // An id is base64url, which every header can carry.
    if let Ok(id) = HeaderValue::try_from(id.as_str()) {
        headers.insert(HeaderName::from_static(REQUEST_ID), id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    let reason = response.extensions().get::<FailureName>().map(|name| name.0);
    let route = response.extensions().get::<Route>().map(|Route(path)| path.as_str()).unwrap_or_default();
    metrics.count(Observation { method: &method, route, status, reason, took });
    tracing::info!(
        request.id = %id,
        http.method = %cut(method.as_str()),
        url.path = ?path,
        http.status = status,
        reason,
        duration_ms = took.as_millis() as u64,
        "answered"
    );
    response
}

/// Layer of every route: names the route in the response, for [`observe`].
pub(crate) async fn name_route(path: MatchedPath, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Route(path));
    response
}
