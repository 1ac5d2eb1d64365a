//! What a client says about itself, as it was sent.

use super::ClientDescription;
use crate::client::jwk::JwkMembers;

/// Client metadata as asked for, RFC 7591 §2.
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

/// A document, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataDocument {
    pub client_id: Option<String>,
    pub metadata: ClientMetadata,
    /// `token_endpoint_auth_methods_supported`: what the client can do besides (ChatGPT lists two).
    pub methods: Vec<String>,
    /// Whether there is a `client_secret` or `client_secret_expires_at`.
    pub secret: bool,
}
