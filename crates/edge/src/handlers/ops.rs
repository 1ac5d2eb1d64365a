//! Health, readiness, style sheets and images.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use lychgate_api::Reason;

use crate::app::App;
use crate::failure::Failure;
use crate::issuers::{IssuerRoute, Readiness};

/// `GET /healthz`: the process serves HTTP.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the edge knows its issuers and is not about to end. It stays ready while the control plane is away, as long as
/// the last known issuers are served.
pub(crate) async fn readyz(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.shutdown.is_requested() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n");
    }
    match app.issuers.readiness() {
        Readiness::Ready => (StatusCode::OK, "ready\n"),
        Readiness::NeverFetched => (StatusCode::SERVICE_UNAVAILABLE, "the control plane has not answered yet\n"),
        Readiness::TooOld => (StatusCode::SERVICE_UNAVAILABLE, "the control plane has been away for too long\n"),
    }
}

/// `GET /assets/{file}`: a style sheet, or an image of the operator. Under its current name it is immutable. A page of another
/// version's edge links to another name; it gets the current style sheet too, so that pages keep their looks during a rolling
/// update.
pub(crate) async fn asset(
    State(app): State<App>,
    file: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let found = file.ok().and_then(|Path(file)| app.pages.asset(&file));
    let asset = found.ok_or_else(|| Failure::new(Reason::NotFound))?;
    let caching = if asset.is_current { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(([(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, caching)], asset.content).into_response())
}

/// `GET /favicon.ico`: the icon of the issuer's brand; 204 without one. Browsers request it for every page that names none, and
/// a 404 for each person would look like a fault in log and counters.
pub(crate) async fn favicon(State(app): State<App>, route: Option<Extension<IssuerRoute>>) -> Response {
    let issuer = route.as_ref().and_then(|Extension(route)| route.issuer());
    let caching = [(CACHE_CONTROL, "public, max-age=86400")];
    match issuer.and_then(|issuer| app.pages.icon(&issuer.id)) {
        Some(icon) => (caching, [(CONTENT_TYPE, icon.content_type)], icon.content).into_response(),
        None => (StatusCode::NO_CONTENT, caching).into_response(),
    }
}
