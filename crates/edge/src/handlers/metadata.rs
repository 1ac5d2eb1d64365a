//! The metadata documents of issuers and protected resources.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

use crate::failure::Failure;
use crate::issuers::ResourceDocument;
use crate::request_context::{RequestContext, not_found};

/// Server metadata: the same bytes at every alias of the path (A3).
pub(crate) async fn server(RequestContext { issuer, .. }: RequestContext) -> impl IntoResponse {
    document(issuer.metadata.clone())
}

/// The issuer's key set.
pub(crate) async fn keys(RequestContext { issuer, .. }: RequestContext) -> impl IntoResponse {
    document(issuer.keys.clone())
}

/// Protected resource metadata, whether the request came to our own host or through a proxy of the resource's.
pub(crate) async fn resource(request: Request) -> Result<impl IntoResponse, Failure> {
    match request.extensions().get::<ResourceDocument>() {
        Some(ResourceDocument(json)) => Ok(document(json.clone())),
        None => Err(not_found(request).await),
    }
}

fn document(json: Bytes) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")], json)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The control plane waits for this long before it signs with a new key.
    #[test]
    fn key_set_is_cached_no_longer_than_the_control_plane_assumes() {
        let response = document(Bytes::new()).into_response();
        let expected = format!("public, max-age={}", lychgate_api::KEY_SET_MAX_AGE.as_secs());
        assert_eq!(response.headers()[CACHE_CONTROL], expected);
    }
}
