//! The identity provider that people sign in with. Lychgate is an ordinary client of it, with one static client id.
//!
//! Nothing an upstream says is believed before it was verified, and nothing it says in words is ever logged. What it calls
//! a person is shown to that person, and to nobody else.
//!
//! - `code_flow`: what all kinds do alike
//! - `oidc`, with `jwks`: who it was, by ID token
//! - `oauth2`, with `members`: who it was, by userinfo endpoint
//! - `revocation`: what it gave, given back
//! - `http`, `cached`: the way out, and what need not be fetched twice

mod cached;
mod code_flow;
mod http;
mod jwks;
mod members;
mod oauth2;
mod oidc;
mod revocation;

use lychgate_domain::browser::session::Person;
use lychgate_domain::flow::LoginFailure;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::request::parameters::Parameters;
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream::login::LoginSecrets;
use lychgate_domain::upstream::tokens::UpstreamTokens;
use lychgate_process::config::ConfigError;

use crate::config::UpstreamConfig;

pub use self::oauth2::Oauth2;
pub use http::Http;
pub use oidc::Oidc;
pub use revocation::Answer;

/// Where people sign in. A new kind is a variant here, a file beside this one, and a variant in the configuration.
#[derive(Debug)]
pub enum Upstream {
    Oidc(Oidc),
    Oauth2(Oauth2),
}

/// What the browser brought back from the upstream.
#[derive(Debug)]
pub struct Callback<'a> {
    pub code: Option<&'a str>,
    pub error: Option<&'a str>,
    pub iss: Option<&'a str>,
}

impl<'a> Callback<'a> {
    /// A parameter that is repeated could be read either way: nothing is believed then.
    pub fn of(parameters: &'a Parameters) -> Result<Self, UpstreamError> {
        let single = |name| parameters.single(name).map_err(UpstreamError::invalid);
        Ok(Self { code: single("code")?, error: single("error")?, iss: single("iss")? })
    }
}

/// Who signed in.
#[derive(Debug)]
pub struct Identity {
    pub person: Person,
    pub tokens: UpstreamTokens,
}

/// Why nobody is known to have signed in. The cause is for the log.
#[derive(Debug)]
pub struct UpstreamError {
    pub failure: LoginFailure,
    pub cause: anyhow::Error,
}

impl UpstreamError {
    /// It does not answer, or not in time, or says that it cannot now.
    fn unavailable(cause: impl Into<anyhow::Error>) -> Self {
        Self { failure: LoginFailure::UpstreamUnavailable, cause: cause.into() }
    }

    /// It answers, but not with anything that may be believed.
    fn invalid(cause: impl Into<anyhow::Error>) -> Self {
        Self { failure: LoginFailure::UpstreamInvalid, cause: cause.into() }
    }
}

impl Upstream {
    /// Reads its secret, and asks nobody. `at` is where `config` stands, for errors.
    pub fn new(config: &UpstreamConfig, at: &str, issuer: &Issuer, http: Http) -> Result<Self, ConfigError> {
        match config {
            UpstreamConfig::Oidc(config) => Oidc::new(config, at, issuer, http).map(Upstream::Oidc),
            UpstreamConfig::Oauth2(config) => Oauth2::new(config, at, issuer, http).map(Upstream::Oauth2),
            UpstreamConfig::Github(config) => Oauth2::github(config, at, issuer, http).map(Upstream::Oauth2),
        }
    }

    /// Where to send the browser.
    pub async fn login_url(&self, secrets: &LoginSecrets, now: Timestamp) -> Result<String, UpstreamError> {
        match self {
            Upstream::Oidc(oidc) => oidc.login_url(secrets, now).await,
            Upstream::Oauth2(oauth2) => oauth2.login_url(secrets),
        }
    }

    /// Where to send the browser if only who signs in matters: nothing is asked for that this does not need.
    pub async fn sign_in_url(&self, secrets: &LoginSecrets, now: Timestamp) -> Result<String, UpstreamError> {
        match self {
            Upstream::Oidc(oidc) => oidc.sign_in_url(secrets, now).await,
            Upstream::Oauth2(oauth2) => oauth2.sign_in_url(secrets),
        }
    }

    /// Whether the callback is worth a request at all: RFC 9207 §2.4, and the upstream's own refusal.
    pub async fn check<'a>(&self, callback: &Callback<'a>, now: Timestamp) -> Result<&'a str, UpstreamError> {
        match self {
            Upstream::Oidc(oidc) => oidc.check(callback, now).await,
            Upstream::Oauth2(oauth2) => oauth2.check(callback),
        }
    }

    /// Tells it that nobody needs `tokens` any more; `None` if it takes nothing back.
    pub async fn revoke(&self, tokens: &UpstreamTokens, now: Timestamp) -> Result<Option<Answer>, UpstreamError> {
        match self {
            Upstream::Oidc(oidc) => oidc.revoke(tokens, now).await,
            Upstream::Oauth2(oauth2) => oauth2.revoke(tokens).await,
        }
    }

    /// Exchanges the code, once, and learns who signed in.
    pub async fn redeem(&self, code: &str, secrets: &LoginSecrets, now: Timestamp) -> Result<Identity, UpstreamError> {
        match self {
            Upstream::Oidc(oidc) => oidc.redeem(code, secrets, now).await,
            Upstream::Oauth2(oauth2) => oauth2.redeem(code, secrets, now).await,
        }
    }
}
