//! The one list of routes. Paths are those of an issuer without a path of its own; issuer routing has rewritten all others.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::{self, HeaderName};
use axum::http::{Method, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, any, get, post};
use lychgate_api::REQUEST_ID;
use tower::{Service, ServiceBuilder};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use crate::app::App;
use crate::failure::Failure;
use crate::handlers::{account, authorization, introspection, metadata, ops, registration, revocation, token, verify};
use crate::middleware::{
    as_json, as_page, demand_one_host, identify_client, limit, name_route, observe, route_to_issuer,
};
use crate::request_context::not_found;

/// The whole edge as one service: the routes, and the layers that a request passes before a route is chosen.
pub(crate) fn service(
    app: &App,
) -> impl Service<Request<axum::body::Body>, Response = Response, Error = std::convert::Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    ServiceBuilder::new()
        .layer(from_fn_with_state(app.metrics.clone(), observe))
        // No browser makes such a request, so the answer is JSON everywhere.
        .layer(from_fn(as_json))
        .layer(from_fn(demand_one_host))
        .layer(from_fn_with_state(Arc::clone(&app.proxies), identify_client))
        .layer(from_fn_with_state(Arc::clone(&app.issuers), route_to_issuer))
        .service(routes(app))
}

fn routes(app: &App) -> Router {
    let limited = |group: Router<App>| group.layer(from_fn_with_state(Arc::clone(&app.limits), limit));
    let browser = limited(browser()).layer(from_fn_with_state(Arc::clone(&app.pages), as_page));
    let api = limited(api()).layer(from_fn(as_json)).layer(cors());
    let proxy = limited(proxy()).layer(from_fn(as_json));
    let ops = limited(ops()).layer(from_fn(as_json));
    browser.merge(api).merge(proxy).merge(ops).route_layer(from_fn(name_route)).with_state(app.clone())
}

/// Endpoints that a person opens in a browser.
fn browser() -> Router<App> {
    Router::new()
        .route("/authorize", only("GET, POST", get(authorization::begin).post(authorization::begin_form)))
        .route("/consent", only("GET, POST", get(authorization::show).post(authorization::decide)))
        .route(
            "/callback/{issuer}",
            only("GET, POST", get(authorization::finish_login).post(authorization::confirm_login)),
        )
        .route("/account", only("GET", get(account::show)))
        .route("/account/sign-in", only("POST", post(account::sign_in)))
        .route("/account/revoke", only("POST", post(account::revoke)))
        .route("/account/sign-out", only("POST", post(account::sign_out)))
        .fallback(not_found)
}

/// Endpoints that clients and resource servers call.
fn api() -> Router<App> {
    // RFC 7592 §2.
    let managed = get(registration::read).put(registration::update).delete(registration::delete);
    Router::new()
        .route("/token", only("POST", post(token::exchange)))
        .route("/revoke", only("POST", post(revocation::revoke)))
        .route("/introspect", only("POST", post(introspection::introspect)))
        .route("/register", only("POST", post(registration::register)))
        .route("/register/{client_id}", only("GET, PUT, DELETE", managed))
        .route("/jwks.json", only("GET, HEAD", get(metadata::keys)))
        .route("/.well-known/oauth-authorization-server", only("GET, HEAD", get(metadata::server)))
        .route("/.well-known/openid-configuration", only("GET, HEAD", get(metadata::server)))
        .route("/.well-known/oauth-protected-resource", only("GET, HEAD", get(metadata::resource)))
        .route("/.well-known/{*document}", any(not_found))
}

/// The endpoint for proxies that ask before they forward a request.
fn proxy() -> Router<App> {
    Router::new().route("/verify", only("GET", get(verify::verify)))
}

/// Endpoints of the edge itself, which belong to no issuer.
fn ops() -> Router<App> {
    Router::new()
        .route("/healthz", only("GET, HEAD", get(ops::healthz)))
        .route("/readyz", only("GET, HEAD", get(ops::readyz)))
        .route("/assets/{file}", only("GET, HEAD", get(ops::asset)))
        .route("/favicon.ico", only("GET, HEAD", get(ops::favicon)))
}

/// Refuses every other method with this `Allow` header. HEAD must be listed to be allowed: axum would otherwise run the
/// handler of GET, and a callback may be handled only once.
fn only(methods: &'static str, router: MethodRouter<App>) -> MethodRouter<App> {
    let refuse = move || async move { Failure::method_not_allowed(methods) };
    let router = router.fallback(refuse);
    if methods.contains("HEAD") { router } else { router.head(refuse) }
}

/// Cross-origin access for clients that are web pages (R26). Browser endpoints have none: no other origin may read them.
///
/// A preflight allows the header names that it asks for. People configure headers for their MCP server, and some clients send
/// them to its authorization server too; the edge ignores them. `*` would not cover `Authorization` (Fetch §3.2.2). No
/// credentials are allowed: a page of another origin can send no cookie of ours.
fn cors() -> CorsLayer {
    let named = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER, named("dpop-nonce"), named(REQUEST_ID)])
        .max_age(Duration::from_secs(3600))
}
