//! The identity provider that people sign in with. Lychgate is an ordinary client of it, with one static client id.
//!
//! An upstream's answers are not trusted before they are verified, and its texts are never logged. The name it gives a
//! person is shown to that person only.
//!
//! - `code_flow`: the authorization code flow, common to all kinds
//! - `oidc`, with `jwks`: identity by ID token
//! - `oauth2`: identity by userinfo endpoint
//! - `reply`: reads everything that a provider sends, strictly or leniently
//! - `revocation`: revocation of its tokens
//! - `http`, `cached`: requests and cached documents

mod cached;
mod code_flow;
mod http;
mod jwks;
mod oauth2;
mod oidc;
mod reply;
mod revocation;

use lychgate_domain::browser::session::Person;
use lychgate_domain::flow::LoginFailure;
use lychgate_domain::issuer::{EntryFacts, Issuer};
use lychgate_domain::request::ticket::WantedAccount;
use lychgate_domain::secret::{Secret, kind};
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream::callback::Callback;
use lychgate_domain::upstream::login::LoginSecrets;
use lychgate_domain::upstream::tokens::UpstreamTokens;
use lychgate_process::config::ConfigError;

use crate::config::UpstreamConfig;
use crate::limits::Redemption;

pub(crate) use self::oauth2::Oauth2;
pub(crate) use code_flow::RefreshReply;
pub(crate) use http::{Http, HttpClient};
pub(crate) use oidc::Oidc;
pub(crate) use revocation::RevocationReply;

/// An identity provider. A new kind is a variant here, a file in this folder, and a variant in the configuration.
#[derive(Debug)]
pub(crate) enum Upstream {
    Oidc(Oidc),
    Oauth2(Oauth2),
}

/// A code of a callback that may be sent to the upstream.
#[derive(Debug)]
pub(crate) struct AdmittedCode<'a> {
    pub code: &'a str,
    pub secrets: &'a LoginSecrets,
    /// Counts the code if the upstream refuses it.
    pub redemption: Redemption,
}

/// The person who signed in, what the upstream states about them, and its tokens.
#[derive(Debug)]
pub(crate) struct Identity {
    pub person: Person,
    pub facts: EntryFacts,
    pub tokens: UpstreamTokens,
}

/// A failed upstream call. The cause is for the log.
#[derive(Debug)]
pub(crate) struct UpstreamError {
    pub failure: LoginFailure,
    pub cause: anyhow::Error,
}

impl UpstreamError {
    /// The upstream does not answer, or not in time, or reports a temporary failure.
    fn unavailable(cause: impl Into<anyhow::Error>) -> Self {
        Self { failure: LoginFailure::UpstreamUnavailable, cause: cause.into() }
    }

    /// The upstream's answer cannot be trusted or used.
    fn invalid(cause: impl Into<anyhow::Error>) -> Self {
        Self { failure: LoginFailure::UpstreamInvalid, cause: cause.into() }
    }
}

/// Why a userinfo endpoint states no claims.
#[derive(Debug)]
pub(crate) enum UserinfoError {
    /// The upstream answers the access token with 401 (RFC 6750 §3.1).
    TokenRejected,
    /// There is no userinfo endpoint, it does not answer, or its answer cannot be used.
    Failed(UpstreamError),
}

impl From<UpstreamError> for UserinfoError {
    fn from(error: UpstreamError) -> Self {
        UserinfoError::Failed(error)
    }
}

/// At a login, where the access token is new.
impl From<UserinfoError> for UpstreamError {
    fn from(error: UserinfoError) -> Self {
        match error {
            UserinfoError::TokenRejected => {
                UpstreamError::invalid(anyhow::anyhow!("the userinfo endpoint rejects the access token"))
            }
            UserinfoError::Failed(error) => error,
        }
    }
}

/// The reason why an upstream cannot be used as it is configured.
#[derive(Debug)]
pub(crate) struct ProbeFailure {
    /// The key below `upstream` that leads to it.
    pub member: &'static str,
    pub cause: anyhow::Error,
}

impl Upstream {
    /// Creates a client of the upstream and reads its secret; makes no requests. `at` is the path of `config`, for
    /// errors.
    pub(crate) fn new(config: &UpstreamConfig, at: &str, issuer: &Issuer, http: Http) -> Result<Self, ConfigError> {
        match config {
            UpstreamConfig::Oidc(config) => Oidc::new(config, at, issuer, http).map(Upstream::Oidc),
            UpstreamConfig::Oauth2(config) => Oauth2::new(config, at, issuer, http).map(Upstream::Oauth2),
            UpstreamConfig::Github(config) => Oauth2::github(config, at, issuer, http).map(Upstream::Oauth2),
        }
    }

    /// Checks, without any person, that the configured upstream is there: a provider's metadata, or the endpoints of
    /// plain OAuth 2.0. The client id and secret are not tried: no request tells of them without a code.
    pub(crate) async fn probe(&self) -> Result<(), ProbeFailure> {
        match self {
            Upstream::Oidc(oidc) => oidc.probe().await,
            Upstream::Oauth2(oauth2) => oauth2.probe().await,
        }
    }

    /// The authorization URL of a login for an MCP client.
    pub(crate) async fn login_url(
        &self,
        secrets: &LoginSecrets,
        account: WantedAccount,
        now: Timestamp,
    ) -> Result<String, UpstreamError> {
        match self {
            Upstream::Oidc(oidc) => oidc.login_url(secrets, account, now).await,
            Upstream::Oauth2(oauth2) => oauth2.login_url(secrets, account),
        }
    }

    /// The authorization URL of a sign-in that only needs the person's identity: with the least scope that tells it.
    pub(crate) async fn sign_in_url(&self, secrets: &LoginSecrets, now: Timestamp) -> Result<String, UpstreamError> {
        match self {
            Upstream::Oidc(oidc) => oidc.sign_in_url(secrets, now).await,
            Upstream::Oauth2(oauth2) => oauth2.sign_in_url(secrets),
        }
    }

    /// Checks `iss` (RFC 9207 §2.4) and the upstream's error, and returns the code.
    pub(crate) async fn check<'a>(&self, callback: &Callback<'a>, now: Timestamp) -> Result<&'a str, UpstreamError> {
        match self {
            Upstream::Oidc(oidc) => oidc.check(callback, now).await,
            Upstream::Oauth2(oauth2) => oauth2.check(callback),
        }
    }

    /// Revokes `tokens`; `None` if the upstream has no revocation endpoint.
    pub(crate) async fn revoke(
        &self,
        tokens: &UpstreamTokens,
        now: Timestamp,
    ) -> Result<Option<RevocationReply>, UpstreamError> {
        match self {
            Upstream::Oidc(oidc) => oidc.revoke(tokens, now).await,
            Upstream::Oauth2(oauth2) => oauth2.revoke(tokens).await,
        }
    }

    /// True if the upstream may state a person's claims in the reply to a refresh.
    pub(crate) fn states_claims_at_refresh(&self) -> bool {
        match self {
            Upstream::Oidc(_) => true,
            Upstream::Oauth2(_) => false,
        }
    }

    /// The claims of the ID token that came with refreshed tokens; `None` without one, or if it is not good.
    pub(crate) async fn refreshed_facts(&self, reply: &RefreshReply, now: Timestamp) -> Option<EntryFacts> {
        match self {
            Upstream::Oidc(oidc) => oidc.refreshed_facts(reply.id_token.as_deref()?, now).await,
            Upstream::Oauth2(_) => None,
        }
    }

    /// What the userinfo endpoint states about the person of an access token.
    pub(crate) async fn userinfo(
        &self,
        token: &Secret<kind::UpstreamAccessToken>,
        now: Timestamp,
    ) -> Result<EntryFacts, UserinfoError> {
        match self {
            Upstream::Oidc(oidc) => oidc.userinfo(token, now).await,
            Upstream::Oauth2(oauth2) => oauth2.userinfo(token).await,
        }
    }

    /// Sends the refresh token, once. An error of discovery means that it was not sent.
    pub(crate) async fn refresh(&self, token: &Secret<kind::UpstreamRefreshToken>, now: Timestamp) -> RefreshReply {
        match self {
            Upstream::Oidc(oidc) => oidc.refresh(token, now).await,
            Upstream::Oauth2(oauth2) => oauth2.refresh(token, now).await,
        }
    }

    /// Exchanges the code, once, and identifies the person.
    pub(crate) async fn redeem(&self, code: AdmittedCode<'_>, now: Timestamp) -> Result<Identity, UpstreamError> {
        match self {
            Upstream::Oidc(oidc) => oidc.redeem(code, now).await,
            Upstream::Oauth2(oauth2) => oauth2.redeem(code, now).await,
        }
    }
}
