//! Who answers what: the one list of routes. Paths are those of an issuer without a path of its own; [`crate::locate`]
//! has turned every other into these.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{self, CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use lychgate_api::REQUEST_ID;
use tower_http::cors::{Any, CorsLayer};

use crate::client_address::TrustedProxies;
use crate::control::Control;
use crate::failure::{Failure, as_json, as_page};
use crate::issuers::Issuers;
use crate::limits::{Limits, admit};
use crate::locate::nowhere;
use crate::metrics::{Metrics, name_route};
use crate::pages::Pages;
use crate::{account, flow, introspection, metadata, registration, revocation, token, verification};

/// What handlers share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) control: Control,
    pub(crate) issuers: Issuers,
    pub(crate) pages: Pages,
    pub(crate) proxies: TrustedProxies,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
}

pub(crate) fn routes(app: &Arc<App>) -> Router {
    let limited = || from_fn_with_state(Arc::clone(app), admit);
    let people = Router::new()
        .route("/authorize", only("GET, POST", get(flow::begin).post(flow::begin_form)))
        .route("/consent", only("GET, POST", get(flow::show).post(flow::decide)))
        .route("/callback/{issuer}", only("GET, POST", get(flow::finish_login).post(flow::confirm_login)))
        .route("/account", only("GET", get(account::show)))
        .route("/account/sign-in", only("POST", post(account::sign_in)))
        .route("/account/revoke", only("POST", post(account::revoke)))
        .route("/account/sign-out", only("POST", post(account::sign_out)))
        .fallback(nowhere)
        .layer(limited())
        .layer(from_fn_with_state(Arc::clone(app), as_page));
    let programs = Router::new()
        .route("/token", only("POST", post(token::exchange)))
        .route("/revoke", only("POST", post(revocation::revoke)))
        .route("/introspect", only("POST", post(introspection::introspect)))
        .route("/register", only("POST", post(registration::register)))
        .route("/register/{client_id}", only("GET, PUT, DELETE", managed()))
        .route("/jwks.json", only("GET, HEAD", get(metadata::keys)))
        .route("/.well-known/oauth-authorization-server", only("GET, HEAD", get(metadata::server)))
        .route("/.well-known/openid-configuration", only("GET, HEAD", get(metadata::server)))
        .route("/.well-known/oauth-protected-resource", only("GET, HEAD", get(metadata::resource)))
        .route("/.well-known/{*document}", any(nowhere))
        .layer(limited())
        .layer(from_fn(as_json))
        .layer(cors());
    let proxies =
        Router::new().route("/verify", only("GET", get(verification::verify))).layer(limited()).layer(from_fn(as_json));
    let house = Router::new()
        .route("/healthz", only("GET, HEAD", get("ok\n")))
        .route("/readyz", only("GET, HEAD", get(ready)))
        .route("/assets/{file}", only("GET, HEAD", get(asset)))
        .layer(limited())
        .layer(from_fn(as_json));
    people.merge(programs).merge(proxies).merge(house).route_layer(from_fn(name_route)).with_state(Arc::clone(app))
}

/// RFC 7592 §2.
fn managed() -> MethodRouter<Arc<App>> {
    get(registration::read).put(registration::update).delete(registration::delete)
}

/// Every other method is refused with this `Allow`. HEAD among them, unless it is listed: it would otherwise run what
/// GET runs, and a callback does that once.
fn only(methods: &'static str, router: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    let refuse = move || async move { Failure::method_not_allowed(methods) };
    let router = router.fallback(refuse);
    if methods.contains("HEAD") { router } else { router.head(refuse) }
}

/// For clients that are web pages (R26). Never for what a browser opens: there, another origin has no business reading.
/// A client that sends a DPoP proof with everything must get past its own browser even where nobody asks for one.
fn cors() -> CorsLayer {
    let named = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, named("mcp-protocol-version"), named("dpop")])
        .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER, named("dpop-nonce"), named(REQUEST_ID)])
        .max_age(Duration::from_secs(3600))
}

/// Whether this edge can tell issuers apart. That the control plane is away for a moment does not make it useless.
async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    match app.issuers.current() {
        Some(_) => (StatusCode::OK, "ready\n"),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the control plane has not been heard yet\n"),
    }
}

/// The style sheet. Under its own name it never changes; under the name that an edge of another version gave it, ours is
/// served too, so that a page keeps its looks while versions are being changed.
async fn asset(State(app): State<Arc<App>>, file: Result<Path<String>, PathRejection>) -> Result<Response, Failure> {
    let Ok(Path(file)) = file else { return Err(Failure::not_found()) };
    if !(file.starts_with("lychgate") && file.ends_with(".css")) {
        return Err(Failure::not_found());
    }
    let is_current = app.pages.stylesheet().ends_with(&format!("/{file}"));
    let caching = if is_current { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, caching)], app.pages.css()).into_response())
}
