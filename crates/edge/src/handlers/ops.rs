//! Health, readiness, the style sheet and the icon.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use lychgate_api::Reason;

use crate::app::App;
use crate::failure::Failure;

/// `GET /healthz`: the process serves HTTP.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the edge knows its issuers. It stays ready while the control plane is away for a moment.
pub(crate) async fn readyz(State(app): State<App>) -> (StatusCode, &'static str) {
    match app.issuers.current() {
        Some(_) => (StatusCode::OK, "ready\n"),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the control plane has not answered yet\n"),
    }
}

/// `GET /assets/{file}`: the style sheet. Under its current name it is immutable. A page of another version's edge links to
/// another name; it gets the current style sheet too, so that pages keep their looks during a rolling update.
pub(crate) async fn asset(
    State(app): State<App>,
    file: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let Ok(Path(file)) = file else { return Err(Failure::new(Reason::NotFound)) };
    if !(file.starts_with("lychgate") && file.ends_with(".css")) {
        return Err(Failure::new(Reason::NotFound));
    }
    let is_current = app.pages.stylesheet().ends_with(&format!("/{file}"));
    let caching = if is_current { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, caching)], app.pages.css()).into_response())
}

/// `GET /favicon.ico`: 204, because there is no icon. Browsers request it for every page that names none, and a 404 for each
/// person would look like a fault in log and counters.
pub(crate) async fn favicon() -> impl IntoResponse {
    (StatusCode::NO_CONTENT, [(CACHE_CONTROL, "public, max-age=86400")])
}
