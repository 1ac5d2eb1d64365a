//! Client metadata, as a client sent it and before any check.

use super::ClientDescription;
use crate::client::jwk::JwkMembers;

/// The metadata of a registration request or a metadata document (RFC 7591 §2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientMetadata {
    pub redirect_uris: Vec<String>,
    pub client_name: Option<String>,
    pub grant_types: Vec<String>,
    pub response_types: Vec<String>,
    pub token_endpoint_auth_method: Option<String>,
    pub jwks_uri: Option<String>,
    /// Keys by value.
    pub jwks: Option<Vec<JwkMembers>>,
    pub about: ClientDescription,
}

/// A client metadata document, as it was fetched (CIMD §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataDocument {
    pub client_id: Option<String>,
    pub metadata: ClientMetadata,
    /// `token_endpoint_auth_methods_supported`: further methods of the client (ChatGPT lists two).
    pub methods: Vec<String>,
    /// True if the document has a `client_secret` or `client_secret_expires_at`.
    pub secret: bool,
}
