//! Protected resource metadata (RFC 9728): tells clients which authorization server this resource trusts.

use std::collections::BTreeSet;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use url::Url;

use super::Resource;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Serves the document at the well-known URL of the resource's path, and at the root for clients that look only there. Web pages
/// read it too, so [`cors()`](super::cors()) goes around it.
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
        router.route(path, get(move || async { Json(document) }))
    })
}

/// The URL of the document. The well-known part stands between host and path (RFC 9728 §3.1).
pub(super) fn metadata_url(resource: &Url) -> String {
    format!("{}{}", resource.origin().ascii_serialization(), metadata_path(resource))
}

fn metadata_path(resource: &Url) -> String {
    format!("{WELL_KNOWN}{}", resource.path().trim_end_matches('/'))
}
