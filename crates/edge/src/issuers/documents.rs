//! The JSON documents of an issuer: server metadata (RFC 8414, with the members that OpenID Connect Discovery requires), key
//! sets (RFC 7517), and protected resource metadata (RFC 9728) for MCP servers that serve none themselves.
//!
//! The control plane decides their content.

use axum::body::Bytes;
use lychgate_api::v1;
use serde::Serialize;

/// The metadata of one protected resource. As a request's extension: of the resource that the request's path names.
#[derive(Clone, Debug)]
pub(crate) struct ResourceDocument(pub(crate) Bytes);

/// Protected resource metadata (RFC 9728 §2). `offline_access` is not a scope of a resource (A23), and tokens are accepted
/// only in the header.
pub(super) fn resource_document(resource: &v1::ProtectedResource, authorization_servers: &[&str]) -> ResourceDocument {
    ResourceDocument(json(&ResourceMetadata {
        resource: &resource.resource,
        authorization_servers,
        resource_name: &resource.resource_name,
        scopes_supported: &resource.scopes_supported,
        bearer_methods_supported: ["header"],
    }))
}

/// Server metadata (RFC 8414 §2).
pub(super) fn server_document(metadata: v1::ServerMetadata) -> Bytes {
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
        revocation_endpoint: metadata.revocation_endpoint,
        revocation_endpoint_auth_signing_alg_values_supported: metadata
            .token_endpoint_auth_signing_alg_values_supported
            .clone(),
        revocation_endpoint_auth_methods_supported: metadata.revocation_endpoint_auth_methods_supported,
        introspection_endpoint: metadata.introspection_endpoint,
        introspection_endpoint_auth_methods_supported: metadata.introspection_endpoint_auth_methods_supported,
        token_endpoint_auth_signing_alg_values_supported: metadata.token_endpoint_auth_signing_alg_values_supported,
        client_id_metadata_document_supported: metadata.client_id_metadata_document_supported,
    })
}

pub(super) fn key_document(keys: Vec<v1::Jwk>) -> Bytes {
    json(&KeyDocument::new(keys))
}

#[expect(clippy::expect_used, reason = "the documents consist of strings, lists and booleans")]
fn json(document: &impl Serialize) -> Bytes {
    serde_json::to_vec(document).expect("strings, lists and booleans are always JSON").into()
}

/// RFC 8414 §3.2: members without a value are omitted.
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
    #[serde(skip_serializing_if = "String::is_empty")]
    revocation_endpoint: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    revocation_endpoint_auth_methods_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    introspection_endpoint: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    introspection_endpoint_auth_methods_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    client_id_metadata_document_supported: bool,
}

#[derive(Serialize)]
struct ResourceMetadata<'a> {
    resource: &'a str,
    authorization_servers: &'a [&'a str],
    #[serde(skip_serializing_if = "str::is_empty")]
    resource_name: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scopes_supported: &'a [String],
    bearer_methods_supported: [&'static str; 1],
}

/// A key set (RFC 7517 §5).
#[derive(Serialize)]
pub(crate) struct KeyDocument {
    keys: Vec<Jwk>,
}

impl KeyDocument {
    pub(crate) fn new(keys: Vec<v1::Jwk>) -> Self {
        let keys = keys.into_iter().map(|key| Jwk {
            kty: key.kty,
            r#use: key.r#use,
            alg: key.alg,
            kid: key.kid,
            crv: key.crv,
            x: key.x,
            y: key.y,
            n: key.n,
            e: key.e,
        });
        Self { keys: keys.collect() }
    }
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
    #[serde(skip_serializing_if = "String::is_empty")]
    n: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    e: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requirements: R41.
    #[test]
    fn empty_members_are_omitted_and_none_is_null() {
        let document = server_document(v1::ServerMetadata { issuer: "https://a".to_owned(), ..Default::default() });
        assert_eq!(
            document,
            r#"{"issuer":"https://a","authorization_response_iss_parameter_supported":false,"client_id_metadata_document_supported":false}"#
        );
        let keys = key_document(vec![v1::Jwk { kty: "EC".to_owned(), kid: "k".to_owned(), ..Default::default() }]);
        assert_eq!(keys, r#"{"keys":[{"kty":"EC","kid":"k"}]}"#);
        let rsa = v1::Jwk { kty: "RSA".to_owned(), n: "3w".to_owned(), e: "AQAB".to_owned(), ..Default::default() };
        assert_eq!(key_document(vec![rsa]), r#"{"keys":[{"kty":"RSA","n":"3w","e":"AQAB"}]}"#);
    }
}
