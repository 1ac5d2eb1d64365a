//! Clients: programs that ask for tokens.

pub mod claimed_name;
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

/// A registered client. It has no counters and no time of last use: every flow reads this record, and such a write
/// would make all of them conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The `client_id`.
    pub id: ClientId,
    /// How the client became known.
    pub origin: ClientOrigin,
    /// Disabled once an operator has stopped the client.
    pub status: ClientStatus,
    /// Displayable. Unless the client is configured, it is the client's own claim, and pages show it as judged only
    /// ([`claimed_name::ClaimedName`]).
    pub name: Option<String>,
    /// At least one.
    pub redirect_uris: Vec<RedirectUri>,
    /// The grant types it registered for, in the order of [`GrantType::ALL`].
    pub grant_types: Vec<GrantType>,
    /// How it authenticates at the token endpoint.
    pub authentication: Authentication,
    /// Metadata that no rule depends on.
    pub about: ClientDescription,
}

/// How a client became known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientOrigin {
    /// An operator put it into the configuration.
    Configured,
    /// It registered itself (RFC 7591).
    Registered {
        /// The time of the registration.
        at: Timestamp,
        /// The attempt that registered it.
        attempt: Attempt,
        /// Digest of the token that manages the registration (RFC 7592); registrations of the first release have none.
        management: Option<SecretDigest>,
    },
    /// Its id is the URL of its metadata document. It has no record: its document is read when it is needed.
    Document,
}

/// The permission of a client to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientStatus {
    /// It may.
    Enabled,
    /// An operator has stopped it.
    Disabled,
}

impl ClientStatus {
    /// Enabled if both are.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (ClientStatus::Enabled, ClientStatus::Enabled) => ClientStatus::Enabled,
            (ClientStatus::Disabled, _) | (_, ClientStatus::Disabled) => ClientStatus::Disabled,
        }
    }

    /// Refuses a disabled client with [`Refusal::ClientDisabled`].
    pub fn enabled(self) -> Result<(), Refusal> {
        match self {
            ClientStatus::Enabled => Ok(()),
            ClientStatus::Disabled => Err(Refusal::ClientDisabled),
        }
    }
}

/// A supported grant type of the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// `authorization_code` (RFC 6749 §4.1.3).
    AuthorizationCode,
    /// `refresh_token` (RFC 6749 §6).
    RefreshToken,
}

impl GrantType {
    /// All supported grant types, in the order in which they are registered and advertised.
    pub const ALL: [GrantType; 2] = [GrantType::AuthorizationCode, GrantType::RefreshToken];

    /// The registered name (RFC 7591 §2).
    pub fn as_str(self) -> &'static str {
        match self {
            GrantType::AuthorizationCode => "authorization_code",
            GrantType::RefreshToken => "refresh_token",
        }
    }

    /// The value with this registered name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant_type| grant_type.as_str() == text)
    }
}

/// Metadata about a client that no rule depends on. Returned as registered (RFC 7591 §3.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientDescription {
    /// Home page of the client.
    pub client_uri: Option<String>,
    /// Logo; never fetched.
    pub logo_uri: Option<String>,
    /// Terms of service.
    pub tos_uri: Option<String>,
    /// Privacy policy.
    pub policy_uri: Option<String>,
    /// Addresses of people responsible for the client.
    pub contacts: Vec<String>,
    /// Scopes that the client may ask for, space-separated; not enforced.
    pub scope: Option<String>,
    /// `web` or `native` (OpenID Connect Registration §2).
    pub application_type: Option<String>,
    /// Id of the software, the same for all its registrations.
    pub software_id: Option<String>,
    /// Version of the software.
    pub software_version: Option<String>,
}

/// How a client authenticates at the token endpoint, and what its credentials are checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// It does not: a public client.
    Public,
    /// By a shared secret. Header and form carry the same secret, so a client may use either method.
    Secret {
        /// The registered method.
        registered: SecretMethod,
        /// Digest of the secret.
        digest: SecretDigest,
    },
    /// By a signature (`private_key_jwt`).
    Keys {
        /// The client's keys.
        keys: ClientKeys,
        /// How a request without a signature is treated.
        unsigned: UnsignedRequests,
    },
}

/// How a client registered to send its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretMethod {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
}

/// Where a client's public keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientKeys {
    /// At least one.
    ByValue(Vec<PublicJwk>),
    /// An https URL (`jwks_uri`).
    ByReference(String),
}

/// How a request without a signature is treated, if its client has keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsignedRequests {
    /// Authentication fails.
    Refused,
    /// The client's document lists `none` beside `private_key_jwt`, so it may also be a public client. The grant pins
    /// the method of the code exchange.
    Public,
}

/// A method of client authentication at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationMethod {
    /// A public client.
    None,
    /// A secret in the Authorization header (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// A secret in the form (RFC 6749 §2.3.1).
    ClientSecretPost,
    /// A signed assertion (RFC 7523 §2.2).
    PrivateKeyJwt,
}

impl AuthenticationMethod {
    /// All supported methods.
    pub const ALL: [AuthenticationMethod; 4] = [
        AuthenticationMethod::None,
        AuthenticationMethod::ClientSecretBasic,
        AuthenticationMethod::ClientSecretPost,
        AuthenticationMethod::PrivateKeyJwt,
    ];

    /// The registered name (RFC 7591 §2, OpenID Connect Core §9).
    pub fn as_str(self) -> &'static str {
        match self {
            AuthenticationMethod::None => "none",
            AuthenticationMethod::ClientSecretBasic => "client_secret_basic",
            AuthenticationMethod::ClientSecretPost => "client_secret_post",
            AuthenticationMethod::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// The value with this registered name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// True if it proves at least as much as `other`.
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
    /// The registered method.
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
    /// True if an operator configured the client.
    pub fn is_configured(&self) -> bool {
        self.origin == ClientOrigin::Configured
    }

    /// The time of registration; `None` unless the client registered itself.
    pub fn registered_at(&self) -> Option<Timestamp> {
        match self.origin {
            ClientOrigin::Registered { at, .. } => Some(at),
            ClientOrigin::Configured | ClientOrigin::Document => None,
        }
    }

    /// True if the client registered for `grant_type`.
    pub fn may(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// Checks that the client registered for `grant_type`. Refuses with [`Refusal::GrantTypeUnauthorized`] (RFC 6749
    /// §5.2).
    pub fn allowed(&self, grant_type: GrantType) -> Result<(), Refusal> {
        if self.may(grant_type) { Ok(()) } else { Err(Refusal::GrantTypeUnauthorized) }
    }

    /// Checks that the client may act. Refuses with [`Refusal::ClientDisabled`].
    pub fn enabled(&self) -> Result<(), Refusal> {
        self.status.enabled()
    }

    /// A digest of what a consent was given to. If any of it changes, the consent was given to another client (CIMD
    /// §6.6). The secret is left out, since no person sees it, and so are the keys behind `jwks_uri`, since clients
    /// replace them regularly.
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
    /// The name on pages: the client's name, or else its id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or(self.id.as_str()))
    }
}
