//! Client metadata, as a client sent it and before any check.

use super::ClientDescription;
use crate::client::jwk::JwkMembers;

/// The metadata of a registration request or a metadata document (RFC 7591 §2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientMetadata {
    /// `redirect_uris`, required.
    pub redirect_uris: Vec<String>,
    /// `client_name`.
    pub client_name: Option<String>,
    /// `grant_types`; empty means `authorization_code`.
    pub grant_types: Vec<String>,
    /// `response_types`; empty means `code`.
    pub response_types: Vec<String>,
    /// `token_endpoint_auth_method`.
    pub token_endpoint_auth_method: Option<String>,
    /// `jwks_uri`: keys by reference.
    pub jwks_uri: Option<String>,
    /// Keys by value.
    pub jwks: Option<Vec<JwkMembers>>,
    /// Metadata that no rule depends on.
    pub about: ClientDescription,
}

/// A client metadata document, as it was fetched (CIMD §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataDocument {
    /// `client_id`, which must be the document's URL.
    pub client_id: Option<String>,
    /// The members it shares with a registration.
    pub metadata: ClientMetadata,
    /// `token_endpoint_auth_methods_supported`: further methods of the client (ChatGPT lists two).
    pub methods: Vec<String>,
    /// True if the document has a `client_secret` or `client_secret_expires_at`.
    pub secret: bool,
}
