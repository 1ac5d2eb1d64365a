//! Protected resource metadata (RFC 9728): tells clients which authorization server this resource trusts.

use std::collections::BTreeSet;

use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderName, StatusCode, header};
use serde_json::{Value, json};
use url::Url;

use super::Resource;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Serves the document at the well-known URL of the resource's path, and at the root for clients that look only there.
pub fn metadata(resource: &Resource) -> Router {
    let document = json!({
        "resource": resource.identifier,
        "authorization_servers": [resource.issuer],
        "scopes_supported": resource.scopes,
        "resource_name": resource.name,
        "bearer_methods_supported": ["header"],
    });
    let paths = BTreeSet::from([metadata_path(&resource.url), WELL_KNOWN.to_owned()]);
    paths.iter().fold(Router::new(), |router, path| {
        let document = document.clone();
        router.route(path, get(move || async { show(document) }).options(preflight))
    })
}

/// The URL of the document. The well-known part stands between host and path (RFC 9728 §3.1).
pub(super) fn metadata_url(resource: &Url) -> String {
    format!("{}{}", resource.origin().ascii_serialization(), metadata_path(resource))
}

fn metadata_path(resource: &Url) -> String {
    format!("{WELL_KNOWN}{}", resource.path().trim_end_matches('/'))
}

fn show(document: Value) -> Response {
    (CORS, Json(document)).into_response()
}

async fn preflight() -> Response {
    (StatusCode::NO_CONTENT, CORS).into_response()
}

/// Clients in a browser read the document from another origin. It is public and needs no credentials.
const CORS: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
];
