//! The one list of routes. Paths are those of an issuer without a path of its own; issuer routing has rewritten all others.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::handler::Handler;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{self, MethodFilter, MethodRouter};
use lychgate_api::REQUEST_ID;
use tower::{Service, ServiceBuilder};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use crate::app::App;
use crate::failure::Failure;
use crate::handlers::{
    account, authorization, checkup, home, introspection, metadata, ops, registration, revocation, token, verify,
};
use crate::limits::{Class, RouteLimit};
use crate::middleware::{
    RouteLimits, as_json, as_page, close_when_draining, demand_one_host, identify_client, limit, name_route, observe,
    route_to_issuer,
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
        .layer(from_fn_with_state(app.shutdown.clone(), close_when_draining))
        .layer(from_fn_with_state(app.metrics.clone(), observe))
        // No browser makes such a request, so the answer is JSON everywhere.
        .layer(from_fn_with_state(app.pages.clone(), as_json))
        .layer(from_fn(demand_one_host))
        .layer(from_fn_with_state(Arc::clone(&app.proxies), identify_client))
        .layer(from_fn_with_state(Arc::clone(&app.issuers), route_to_issuer))
        .service(routes(app))
}

fn routes(app: &App) -> Router {
    let [browser, api, proxy, operator, ops] = [browser(), api(), proxy(), operator(), ops()];
    let groups = [&browser, &api, &proxy, &operator, &ops];
    let limits = Arc::new(RouteLimits(groups.map(|group| group.limits.0.clone()).concat()));
    let limited =
        |group: Routes| group.router.layer(from_fn_with_state((Arc::clone(&app.limits), Arc::clone(&limits)), limit));
    let browser = limited(browser).layer(from_fn_with_state(app.pages.clone(), as_page));
    let json = || from_fn_with_state(app.pages.clone(), as_json);
    let api = limited(api).layer(json()).layer(cors());
    let proxy = limited(proxy).layer(json());
    let operator = limited(operator).layer(json());
    let ops = limited(ops).layer(json());
    browser.merge(api).merge(proxy).merge(operator).merge(ops).route_layer(from_fn(name_route)).with_state(app.clone())
}

/// Endpoints that a person opens in a browser.
fn browser() -> Routes {
    let form = RouteLimit::Class(Class::Decision);
    let page = RouteLimit::Page;
    Routes::default()
        .route("/", [get(page, home::show)])
        .route("/authorize", [get(page, authorization::begin), post(page, authorization::begin_form)])
        .route("/consent", [get(page, authorization::show), post(form, authorization::decide)])
        .route("/callback/{issuer}", [get(page, authorization::finish_login), post(form, authorization::confirm_login)])
        .route("/account", [get(page, account::show)])
        .route("/account/sign-in", [post(form, account::sign_in)])
        .route("/account/revoke", [post(form, account::revoke)])
        .route("/account/sign-out", [post(form, account::sign_out)])
        .fallback()
}

/// Endpoints that clients and resource servers call.
fn api() -> Routes {
    let class = RouteLimit::Class;
    let managed = class(Class::Management);
    Routes::default()
        .route("/token", [post(RouteLimit::ByBody, token::exchange)])
        .route("/revoke", [post(RouteLimit::ByBody, revocation::revoke)])
        .route("/introspect", [post(class(Class::Introspection), introspection::introspect)])
        .route("/register", [post(class(Class::Registration), registration::register)])
        // RFC 7592 §2.
        .route(
            "/register/{client_id}",
            [
                get(managed, registration::read),
                put(managed, registration::update),
                delete(managed, registration::delete),
            ],
        )
        .route("/jwks.json", [document(metadata::keys)])
        .route("/.well-known/oauth-authorization-server", [document(metadata::server)])
        .route("/.well-known/openid-configuration", [document(metadata::server)])
        .route("/.well-known/oauth-protected-resource", [document(metadata::resource)])
        .route("/.well-known/{*document}", [any(class(Class::Document), not_found)])
}

/// The endpoint for proxies that ask before they forward a request.
fn proxy() -> Routes {
    Routes::default().route("/verify", [get(RouteLimit::Class(Class::Verification), verify::verify)])
}

/// The endpoint that an operator's command asks. Everyone can send it a pass, and each pass costs a call: it has no more than a
/// person's first page.
fn operator() -> Routes {
    Routes::default().route("/.well-known/lychgate-checkup", [get(RouteLimit::Class(Class::Stranger), checkup::answer)])
}

/// Endpoints of the edge itself, which belong to no issuer.
fn ops() -> Routes {
    Routes::default()
        .route("/healthz", [read(RouteLimit::Probe, ops::healthz)])
        .route("/readyz", [read(RouteLimit::Probe, ops::readyz)])
        .route("/assets/{file}", [document(ops::asset)])
        .route("/favicon.ico", [document(ops::favicon)])
}

/// Routes, and how each of their methods is limited. A handler cannot be listed without a limit.
#[derive(Default)]
struct Routes {
    router: Router<App>,
    limits: RouteLimits,
}

impl Routes {
    /// Lists the methods of `path`. Every other method is refused, with an `Allow` header. HEAD must be listed to be allowed:
    /// axum would otherwise run the handler of GET, and a callback may be handled only once.
    fn route<const N: usize>(mut self, path: &'static str, endpoints: [Endpoint; N]) -> Self {
        let methods: Vec<&str> = endpoints.iter().flat_map(|endpoint| endpoint.methods).copied().collect();
        let allowed = methods.join(", ");
        let allowed = HeaderValue::try_from(allowed).unwrap_or(HeaderValue::from_static(""));
        let refuse = move || async move { Failure::method_not_allowed(allowed) };
        let has_head = methods.contains(&"HEAD");
        // Of all others; unlike `fallback`, it adds no `Allow` header to a request that its limit refuses.
        let mut router = routing::any(refuse.clone());
        for Endpoint { methods, limit, handler } in endpoints {
            self.limits.0.extend(methods.iter().map(|method| (path, *method, limit)));
            router = router.merge(handler);
        }
        let router = if has_head { router } else { router.head(refuse) };
        self.router = self.router.route(path, router);
        self
    }

    /// Answers every path that no group lists.
    fn fallback(mut self) -> Self {
        self.router = self.router.fallback(not_found);
        self
    }
}

/// Some methods of a route, with their handler.
struct Endpoint {
    methods: &'static [&'static str],
    limit: RouteLimit,
    handler: MethodRouter<App>,
}

/// Defines a function for each line: an endpoint with these methods.
macro_rules! endpoints {
    ($($name:ident: $methods:expr, $router:expr;)+) => {$(
        fn $name<H: Handler<T, App>, T: 'static>(limit: RouteLimit, handler: H) -> Endpoint {
            Endpoint { methods: $methods, limit, handler: ($router)(handler) }
        }
    )+};
}

endpoints! {
    get: &["GET"], routing::get;
    read: &["GET", "HEAD"], routing::get;
    post: &["POST"], routing::post;
    put: &["PUT"], routing::put;
    delete: &["DELETE"], routing::delete;
    any: &["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"], on_any;
}

fn on_any<H: Handler<T, App>, T: 'static>(handler: H) -> MethodRouter<App> {
    let read = MethodFilter::GET.or(MethodFilter::HEAD);
    let write = MethodFilter::POST.or(MethodFilter::PUT).or(MethodFilter::DELETE).or(MethodFilter::PATCH);
    routing::on(read.or(write), handler)
}

/// A public document.
fn document<H: Handler<T, App>, T: 'static>(handler: H) -> Endpoint {
    read(RouteLimit::Class(Class::Document), handler)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every method of every route with its limit. A new route does not pass without a line here.
    #[test]
    fn each_method_of_each_route_has_the_limit_that_stands_here() {
        const PAGE: RouteLimit = RouteLimit::Page;
        const FORM: RouteLimit = RouteLimit::Class(Class::Decision);
        const MANAGED: RouteLimit = RouteLimit::Class(Class::Management);
        const DOCUMENT: RouteLimit = RouteLimit::Class(Class::Document);
        let expected: &[(&str, &str, RouteLimit)] = &[
            ("/", "GET", PAGE),
            ("/authorize", "GET POST", PAGE),
            ("/consent", "GET", PAGE),
            ("/consent", "POST", FORM),
            ("/callback/{issuer}", "GET", PAGE),
            ("/callback/{issuer}", "POST", FORM),
            ("/account", "GET", PAGE),
            ("/account/sign-in", "POST", FORM),
            ("/account/revoke", "POST", FORM),
            ("/account/sign-out", "POST", FORM),
            ("/token", "POST", RouteLimit::ByBody),
            ("/revoke", "POST", RouteLimit::ByBody),
            ("/introspect", "POST", RouteLimit::Class(Class::Introspection)),
            ("/register", "POST", RouteLimit::Class(Class::Registration)),
            ("/register/{client_id}", "GET PUT DELETE", MANAGED),
            ("/jwks.json", "GET HEAD", DOCUMENT),
            ("/.well-known/oauth-authorization-server", "GET HEAD", DOCUMENT),
            ("/.well-known/openid-configuration", "GET HEAD", DOCUMENT),
            ("/.well-known/oauth-protected-resource", "GET HEAD", DOCUMENT),
            ("/.well-known/{*document}", "GET HEAD POST PUT DELETE PATCH", DOCUMENT),
            ("/verify", "GET", RouteLimit::Class(Class::Verification)),
            ("/.well-known/lychgate-checkup", "GET", RouteLimit::Class(Class::Stranger)),
            ("/healthz", "GET HEAD", RouteLimit::Probe),
            ("/readyz", "GET HEAD", RouteLimit::Probe),
            ("/assets/{file}", "GET HEAD", DOCUMENT),
            ("/favicon.ico", "GET HEAD", DOCUMENT),
        ];
        let expected = expected
            .iter()
            .flat_map(|(path, methods, limit)| methods.split(' ').map(move |method| (*path, method, *limit)));
        let listed = RouteLimits([browser(), api(), proxy(), operator(), ops()].map(|group| group.limits.0).concat());
        assert_eq!(listed.0, expected.collect::<Vec<_>>());

        // A method that a route does not list, and a path that is none, have the strictest class.
        let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"];
        for (path, _, _) in &listed.0 {
            for method in methods.map(|method| method.parse::<Method>().expect("a method")) {
                let is_listed = listed.0.iter().any(|(of, listed, _)| of == path && *listed == method.as_str());
                let is_unlisted = listed.of(Some(path), &method) == RouteLimit::Class(Class::Unlisted);
                assert_ne!(is_listed, is_unlisted, "{method} {path}");
            }
        }
        for path in [None, Some("/register/"), Some("/Token"), Some("/anything")] {
            assert_eq!(listed.of(path, &Method::GET), RouteLimit::Class(Class::Unlisted), "{path:?}");
        }
    }
}
