//! The documents that clients and resource servers read: server metadata (RFC 8414, with what OpenID Connect Discovery
//! makes mandatory) and keys (RFC 7517). The control plane says what is in them; here is only their form.

use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use lychgate_api::v1;
use serde::Serialize;

use crate::locate::At;

/// At every alias the same bytes (A3).
pub(crate) async fn server(At { issuer, .. }: At) -> impl IntoResponse {
    document(issuer.metadata.clone())
}

pub(crate) async fn keys(At { issuer, .. }: At) -> impl IntoResponse {
    document(issuer.keys.clone())
}

fn document(json: Bytes) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")], json)
}

pub(crate) fn server_document(metadata: v1::ServerMetadata) -> Bytes {
    json(&ServerDocument {
        issuer: metadata.issuer,
        authorization_endpoint: metadata.authorization_endpoint,
        token_endpoint: metadata.token_endpoint,
        registration_endpoint: metadata.registration_endpoint,
        jwks_uri: metadata.jwks_uri,
        scopes_supported: metadata.scopes_supported,
        response_types_supported: metadata.response_types_supported,
        response_modes_supported: metadata.response_modes_supported,
        grant_types_supported: metadata.grant_types_supported,
        token_endpoint_auth_methods_supported: metadata.token_endpoint_auth_methods_supported,
        code_challenge_methods_supported: metadata.code_challenge_methods_supported,
        authorization_response_iss_parameter_supported: metadata.authorization_response_iss_parameter_supported,
        subject_types_supported: metadata.subject_types_supported,
        id_token_signing_alg_values_supported: metadata.id_token_signing_alg_values_supported,
    })
}

pub(crate) fn key_document(keys: Vec<v1::Jwk>) -> Bytes {
    let keys = keys.into_iter().map(|key| Jwk {
        kty: key.kty,
        r#use: key.r#use,
        alg: key.alg,
        kid: key.kid,
        crv: key.crv,
        x: key.x,
        y: key.y,
    });
    json(&KeyDocument { keys: keys.collect() })
}

fn json(document: &impl Serialize) -> Bytes {
    serde_json::to_vec(document).expect("strings, lists and booleans are always JSON").into()
}

/// RFC 8414 §2; §3.2: what is empty is left out.
#[derive(Serialize)]
struct ServerDocument {
    issuer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    authorization_endpoint: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    token_endpoint: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    registration_endpoint: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    jwks_uri: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    response_types_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    response_modes_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grant_types_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    code_challenge_methods_supported: Vec<String>,
    authorization_response_iss_parameter_supported: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subject_types_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    id_token_signing_alg_values_supported: Vec<String>,
}

#[derive(Serialize)]
struct KeyDocument {
    keys: Vec<Jwk>,
}

#[derive(Serialize)]
struct Jwk {
    kty: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    r#use: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    alg: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    kid: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    crv: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    x: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    y: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_left_out_and_nothing_is_null() {
        let document = server_document(v1::ServerMetadata { issuer: "https://a".to_owned(), ..Default::default() });
        assert_eq!(document, r#"{"issuer":"https://a","authorization_response_iss_parameter_supported":false}"#);
        let keys = key_document(vec![v1::Jwk { kty: "EC".to_owned(), kid: "k".to_owned(), ..Default::default() }]);
        assert_eq!(keys, r#"{"keys":[{"kty":"EC","kid":"k"}]}"#);
    }
}
