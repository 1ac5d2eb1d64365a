//! Clients: programs that ask for tokens.

use std::fmt;

use crate::Refusal;
use crate::id::{Attempt, ClientId};
use crate::keys::digest;
use crate::redirect_uri::RedirectUri;
use crate::time::Timestamp;

/// A client. It has no counters and no last use: it is everybody's record, and would be everybody's conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub id: ClientId,
    pub origin: Origin,
    pub status: Status,
    /// Fit to be shown, but its own claim unless the client is configured.
    pub name: Option<String>,
    /// At least one.
    pub redirect_uris: Vec<RedirectUri>,
    pub grant_types: Vec<GrantType>,
    pub about: About,
}

/// How it became known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By an operator, in configuration.
    Configured,
    /// By itself (RFC 7591).
    Registered { at: Timestamp, attempt: Attempt },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Enabled,
    Disabled,
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
pub struct About {
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

/// How a client proves at the token endpoint that it is itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuthenticationMethod {
    /// Not at all: a public client (RFC 7591 §2 `none`).
    None,
}

impl AuthenticationMethod {
    /// As in RFC 7591 §2.
    pub fn as_str(self) -> &'static str {
        match self {
            AuthenticationMethod::None => "none",
        }
    }
}

impl Client {
    pub fn is_configured(&self) -> bool {
        self.origin == Origin::Configured
    }

    pub fn authentication_method(&self) -> AuthenticationMethod {
        AuthenticationMethod::None
    }

    pub fn may(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// RFC 6749 §5.2 `unauthorized_client`.
    pub fn allowed(&self, grant_type: GrantType) -> Result<(), Refusal> {
        if self.may(grant_type) { Ok(()) } else { Err(Refusal::GrantTypeUnauthorized) }
    }

    /// That it may act at all.
    pub fn enabled(&self) -> Result<&Self, Refusal> {
        match self.status {
            Status::Enabled => Ok(self),
            Status::Disabled => Err(Refusal::ClientDisabled),
        }
    }

    /// What a consent was given to. If any of it changes, the consent was given to something else (CIMD §6.6).
    pub fn metadata_digest(&self) -> [u8; 32] {
        let name = self.name.as_deref().unwrap_or_default();
        let mut parts = vec![name.as_bytes(), self.authentication_method().as_str().as_bytes()];
        parts.extend(self.redirect_uris.iter().map(|uri| uri.as_str().as_bytes()));
        digest("client metadata", &parts)
    }
}

impl fmt::Display for Client {
    /// What a page calls it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or(self.id.as_str()))
    }
}
