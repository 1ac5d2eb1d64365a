//! Finds the issuer of a request and rewrites the path to the one that the router lists.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{HOST, STRICT_TRANSPORT_SECURITY};
use axum::middleware::Next;
use axum::response::Response;

use crate::issuers::{Issuers, routing};

/// Without `includeSubDomains`: subdomains may belong to another operator.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Layer around the whole router, so that the path is rewritten before a route is chosen by it.
pub(crate) async fn route_to_issuer(State(issuers): State<Arc<Issuers>>, mut request: Request, next: Next) -> Response {
    let routed = routing::route(issuers.current().as_deref(), request.uri(), authority(&request));
    let is_https = routed.route.issuer().is_some_and(|issuer| issuer.is_https);
    if let Some(uri) = routed.uri {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(routed.route);
    if let Some(resource) = routed.resource {
        request.extensions_mut().insert(resource);
    }
    let mut response = next.run(request).await;
    if is_https {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

fn authority(request: &Request) -> Option<&str> {
    let from_uri = request.uri().authority().map(|authority| authority.as_str());
    from_uri.or_else(|| request.headers().get(HOST)?.to_str().ok())
}
