//! One id, one log line and one count for every request.
//!
//! The id is always our own: strangers do not choose under which name our logs know them. The line holds no query, no
//! body, no header: codes, tickets and tokens travel in those.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::http::{Extensions, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use lychgate_api::REQUEST_ID;
use lychgate_api::channel::RequestId;

use crate::entropy;
use crate::router::App;

/// Enough to recognise a path by; the rest is a stranger's.
const MAX_LOGGED_PATH: usize = 96;

/// Of a response: why it says no, as logs name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome(pub(crate) &'static str);

/// Outermost layer: what it adds, every response has.
pub(crate) async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = entropy::request_id();
    let method = request.method().clone();
    let path: String = request.uri().path().chars().take(MAX_LOGGED_PATH).collect();
    request.extensions_mut().insert(id.clone());

    let mut response = next.run(request).await;

    let headers = response.headers_mut();
    headers
        .insert(HeaderName::from_static(REQUEST_ID), HeaderValue::try_from(id.as_str()).expect("ids fit in headers"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let took = begun.elapsed();
    app.metrics.count(&method, &response, took);
    tracing::info!(
        request.id = %id,
        http.method = %method,
        url.path = ?path,
        http.status = response.status().as_u16(),
        reason = response.extensions().get::<Outcome>().map(|outcome| outcome.0),
        duration_ms = took.as_millis() as u64,
        "answered"
    );
    response
}

pub(crate) fn request_id(request: &Request) -> String {
    request_id_of(request.extensions()).as_str().to_owned()
}

/// The request's id; a fresh one where the layer is missing.
pub(crate) fn request_id_of(extensions: &Extensions) -> RequestId {
    extensions.get::<RequestId>().cloned().unwrap_or_else(entropy::request_id)
}
