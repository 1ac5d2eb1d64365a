//! Clients: programs that ask for tokens.

pub mod jwk;
pub mod metadata;
pub mod metadata_url;
pub mod redirect_uri;
pub mod secret;

use std::fmt;

use crate::Refusal;
use crate::client::jwk::PublicJwk;
use crate::client::redirect_uri::RedirectUri;
use crate::client::secret::SecretDigest;
use crate::id::{Attempt, ClientId};
use crate::keys::digest;
use crate::time::Timestamp;

/// A client. It has no counters and no last use: it is everybody's record, and would be everybody's conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub id: ClientId,
    pub origin: ClientOrigin,
    pub status: ClientStatus,
    /// Fit to be shown, but its own claim unless the client is configured.
    pub name: Option<String>,
    /// At least one.
    pub redirect_uris: Vec<RedirectUri>,
    pub grant_types: Vec<GrantType>,
    pub authentication: Authentication,
    pub about: ClientDescription,
}

/// How it became known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientOrigin {
    /// By an operator, in configuration.
    Configured,
    /// By itself (RFC 7591).
    Registered {
        at: Timestamp,
        attempt: Attempt,
        /// Of the token that manages the registration (RFC 7592); registrations of the first release have none.
        management: Option<SecretDigest>,
    },
    /// By the document that its id leads to. There is no record of it: it is what its document says now.
    Document,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientStatus {
    Enabled,
    Disabled,
}

impl ClientStatus {
    /// Enabled only if both are.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (ClientStatus::Enabled, ClientStatus::Enabled) => ClientStatus::Enabled,
            (ClientStatus::Disabled, _) | (_, ClientStatus::Disabled) => ClientStatus::Disabled,
        }
    }

    pub fn enabled(self) -> Result<(), Refusal> {
        match self {
            ClientStatus::Enabled => Ok(()),
            ClientStatus::Disabled => Err(Refusal::ClientDisabled),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    AuthorizationCode,
    RefreshToken,
}

impl GrantType {
    /// As in RFC 7591 §2.
    pub fn as_str(self) -> &'static str {
        match self {
            GrantType::AuthorizationCode => "authorization_code",
            GrantType::RefreshToken => "refresh_token",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [GrantType::AuthorizationCode, GrantType::RefreshToken]
            .into_iter()
            .find(|grant_type| grant_type.as_str() == text)
    }
}

/// What a client said about itself and nothing here depends on. Returned as registered (RFC 7591 §3.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientDescription {
    pub client_uri: Option<String>,
    pub logo_uri: Option<String>,
    pub tos_uri: Option<String>,
    pub policy_uri: Option<String>,
    pub contacts: Vec<String>,
    pub scope: Option<String>,
    pub application_type: Option<String>,
    pub software_id: Option<String>,
    pub software_version: Option<String>,
}

/// How a client proves at the token endpoint that it is itself, and what that is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Not at all: a public client.
    Public,
    /// By a secret it shares with us. The header and the form carry the same secret: which of the two was registered
    /// makes no difference to what is proven.
    Secret { registered: SecretMethod, digest: SecretDigest },
    /// By a signature.
    Keys { keys: ClientKeys, unsigned: UnsignedRequests },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretMethod {
    Basic,
    Post,
}

/// Where a client's public keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientKeys {
    /// At least one.
    ByValue(Vec<PublicJwk>),
    /// An https URL.
    ByReference(String),
}

/// What becomes of a request without a signature, from a client that has keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsignedRequests {
    Refused,
    /// Its document lists `none` beside `private_key_jwt`, so it may be a public client as well. What it was when a code
    /// was exchanged is pinned in the grant.
    Public,
}

/// How a client proved at the token endpoint that it is itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationMethod {
    /// Not at all.
    None,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
}

impl AuthenticationMethod {
    /// All that are spoken here.
    pub const ALL: [AuthenticationMethod; 4] = [
        AuthenticationMethod::None,
        AuthenticationMethod::ClientSecretBasic,
        AuthenticationMethod::ClientSecretPost,
        AuthenticationMethod::PrivateKeyJwt,
    ];

    /// As in RFC 7591 §2 and OpenID Connect Core §9.
    pub fn as_str(self) -> &'static str {
        match self {
            AuthenticationMethod::None => "none",
            AuthenticationMethod::ClientSecretBasic => "client_secret_basic",
            AuthenticationMethod::ClientSecretPost => "client_secret_post",
            AuthenticationMethod::PrivateKeyJwt => "private_key_jwt",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// Whether it proves as much as `other` does.
    pub fn is_no_weaker_than(self, other: Self) -> bool {
        let strength = |method| match method {
            AuthenticationMethod::None => 0,
            AuthenticationMethod::ClientSecretBasic | AuthenticationMethod::ClientSecretPost => 1,
            AuthenticationMethod::PrivateKeyJwt => 2,
        };
        strength(self) >= strength(other)
    }
}

impl Authentication {
    /// As registered.
    pub fn method(&self) -> AuthenticationMethod {
        match self {
            Authentication::Public => AuthenticationMethod::None,
            Authentication::Secret { registered: SecretMethod::Basic, .. } => AuthenticationMethod::ClientSecretBasic,
            Authentication::Secret { registered: SecretMethod::Post, .. } => AuthenticationMethod::ClientSecretPost,
            Authentication::Keys { .. } => AuthenticationMethod::PrivateKeyJwt,
        }
    }
}

impl Client {
    pub fn is_configured(&self) -> bool {
        self.origin == ClientOrigin::Configured
    }

    /// `None` unless it registered itself.
    pub fn registered_at(&self) -> Option<Timestamp> {
        match self.origin {
            ClientOrigin::Registered { at, .. } => Some(at),
            ClientOrigin::Configured | ClientOrigin::Document => None,
        }
    }

    pub fn may(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// RFC 6749 §5.2 `unauthorized_client`.
    pub fn allowed(&self, grant_type: GrantType) -> Result<(), Refusal> {
        if self.may(grant_type) { Ok(()) } else { Err(Refusal::GrantTypeUnauthorized) }
    }

    /// That it may act at all.
    pub fn enabled(&self) -> Result<(), Refusal> {
        self.status.enabled()
    }

    /// What a consent was given to. If any of it changes, the consent was given to something else (CIMD §6.6). Not the
    /// secret, which only the two of us know, nor what `jwks_uri` leads to: keys are replaced every few months.
    pub fn metadata_digest(&self) -> [u8; 32] {
        let name = self.name.as_deref().unwrap_or_default();
        let mut parts = vec![name.as_bytes(), self.authentication.method().as_str().as_bytes()];
        parts.extend(self.redirect_uris.iter().map(|uri| uri.as_str().as_bytes()));
        let keys = match &self.authentication {
            Authentication::Keys { keys: ClientKeys::ByReference(uri), .. } => uri.clone().into_bytes(),
            Authentication::Keys { keys: ClientKeys::ByValue(keys), .. } => {
                let digests = keys.iter().map(PublicJwk::digest);
                digests.collect::<Vec<_>>().concat()
            }
            Authentication::Public | Authentication::Secret { .. } => Vec::new(),
        };
        if !keys.is_empty() {
            parts.push(&keys);
        }
        digest("client metadata", &parts)
    }
}

impl fmt::Display for Client {
    /// What a page calls it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or(self.id.as_str()))
    }
}
