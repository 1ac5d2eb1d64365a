//! Upstreams: the identity providers that people sign in with.

use lychgate_domain::issuer::{IssuerUrl, UpstreamRevocationMode};
use lychgate_domain::request::ticket::WantedAccount;
use lychgate_domain::upstream::userinfo::SubjectClaim;
use lychgate_process::config::{ConfigError, Secret};
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};

/// The identity provider of an issuer, by kind.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum UpstreamConfig {
    /// Any OpenID Connect provider, by discovery.
    Oidc(OidcConfig),
    /// Any OAuth 2.0 provider with a userinfo endpoint.
    Oauth2(Oauth2Config),
    /// github.com, or a GitHub Enterprise.
    Github(GithubConfig),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// `[a-z0-9-]`, at most 32; part of every subject, so it never changes.
    pub id: String,
    /// The name on pages.
    pub name: String,
    /// Its issuer identifier; metadata is at `/.well-known/openid-configuration` below it.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Secret,
    #[serde(default = "openid")]
    pub scopes: Vec<String>,
    #[serde(default = "select_account")]
    pub account_prompt: AccountPrompt,
    #[serde(default)]
    pub revocation: RevocationMode,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Oauth2Config {
    /// `[a-z0-9-]`, at most 32; part of every subject, so it never changes.
    pub id: String,
    /// The name on pages.
    pub name: String,
    /// Its issuer identifier, if it has one: an `iss` in a callback must equal it (RFC 9207).
    pub issuer: Option<String>,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    /// Answers a request with the access token with a JSON object.
    pub userinfo_endpoint: String,
    /// Its revocation endpoint (RFC 7009), if it has one.
    pub revocation_endpoint: Option<String>,
    /// The top-level member of the userinfo object that identifies a person and is never reassigned: a string or an
    /// integer.
    pub subject_claim: String,
    pub client_id: String,
    pub client_secret: Secret,
    #[serde(default)]
    pub token_endpoint_auth: TokenEndpointAuth,
    #[serde(default)]
    pub scopes: Vec<String>,
    #[serde(default)]
    pub account_prompt: AccountPrompt,
    #[serde(default)]
    pub revocation: RevocationMode,
}

/// The `prompt` by which the upstream lets a person choose another account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountPrompt {
    /// No parameter: plain OAuth 2.0 has none.
    #[default]
    None,
    /// `select_account` (OIDC Core §3.1.2.1).
    SelectAccount,
    /// `login`, for providers without a list of accounts.
    Login,
}

impl AccountPrompt {
    /// The parameter's value in a login for `account`.
    pub(crate) fn value(self, account: WantedAccount) -> Option<&'static str> {
        match (account, self) {
            (WantedAccount::Any, _) | (WantedAccount::Another, AccountPrompt::None) => None,
            (WantedAccount::Another, AccountPrompt::SelectAccount) => Some("select_account"),
            (WantedAccount::Another, AccountPrompt::Login) => Some("login"),
        }
    }
}

/// When tokens are revoked at the upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationMode {
    Never,
    /// When the person's last live grant here ends.
    #[default]
    WhenLastGrantEnds,
    /// When each grant ends.
    PerGrant,
}

impl From<RevocationMode> for UpstreamRevocationMode {
    fn from(mode: RevocationMode) -> Self {
        match mode {
            RevocationMode::Never => UpstreamRevocationMode::Never,
            RevocationMode::WhenLastGrantEnds => UpstreamRevocationMode::WhenLastGrantEnds,
            RevocationMode::PerGrant => UpstreamRevocationMode::PerGrant,
        }
    }
}

/// How the client secret is sent to the token endpoint (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenEndpointAuth {
    /// In the `Authorization` header.
    #[default]
    Basic,
    /// In the form.
    Post,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GithubConfig {
    /// `[a-z0-9-]`, at most 32; part of every subject, so it never changes.
    pub id: String,
    /// The name on pages.
    pub name: String,
    pub client_id: String,
    pub client_secret: Secret,
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Scheme and host; a GitHub Enterprise has its own.
    #[serde(default = "github")]
    pub base_url: String,
    /// GitHub revokes one token at a time.
    #[serde(default = "per_grant")]
    pub revocation: RevocationMode,
}

fn per_grant() -> RevocationMode {
    RevocationMode::PerGrant
}

fn select_account() -> AccountPrompt {
    AccountPrompt::SelectAccount
}

fn openid() -> Vec<String> {
    vec!["openid".to_owned()]
}

fn github() -> String {
    "https://github.com".to_owned()
}

impl UpstreamConfig {
    pub fn id(&self) -> &str {
        match self {
            UpstreamConfig::Oidc(oidc) => &oidc.id,
            UpstreamConfig::Oauth2(oauth2) => &oauth2.id,
            UpstreamConfig::Github(github) => &github.id,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            UpstreamConfig::Oidc(oidc) => &oidc.name,
            UpstreamConfig::Oauth2(oauth2) => &oauth2.name,
            UpstreamConfig::Github(github) => &github.name,
        }
    }

    /// The URL by which an operator recognises it.
    pub fn url(&self) -> &str {
        match self {
            UpstreamConfig::Oidc(oidc) => &oidc.issuer,
            UpstreamConfig::Oauth2(oauth2) => oauth2.issuer.as_ref().unwrap_or(&oauth2.authorization_endpoint),
            UpstreamConfig::Github(github) => &github.base_url,
        }
    }

    /// The URLs that this process requests, by the key that each comes from.
    pub(crate) fn requested_urls(&self) -> Vec<(&'static str, String)> {
        match self {
            UpstreamConfig::Oidc(oidc) => vec![("issuer", oidc.issuer.clone())],
            UpstreamConfig::Oauth2(oauth2) => {
                let mut urls = vec![
                    ("token_endpoint", oauth2.token_endpoint.clone()),
                    ("userinfo_endpoint", oauth2.userinfo_endpoint.clone()),
                ];
                urls.extend(oauth2.revocation_endpoint.clone().map(|url| ("revocation_endpoint", url)));
                urls
            }
            UpstreamConfig::Github(github) => vec![("base_url", github.base_url.clone())],
        }
    }

    /// The revocation mode; `Never` for an upstream without a revocation endpoint.
    pub(super) fn upstream_revocation(&self) -> UpstreamRevocationMode {
        match self {
            UpstreamConfig::Oidc(oidc) => oidc.revocation.into(),
            UpstreamConfig::Oauth2(oauth2) if oauth2.revocation_endpoint.is_none() => UpstreamRevocationMode::Never,
            UpstreamConfig::Oauth2(oauth2) => oauth2.revocation.into(),
            UpstreamConfig::Github(github) => github.revocation.into(),
        }
    }

    /// Checks the settings of this kind, for an upstream of `issuer`.
    pub(super) fn check(&self, at: &str, issuer: &IssuerUrl) -> Result<(), ConfigError> {
        match self {
            UpstreamConfig::Oidc(oidc) => oidc.check(at, issuer),
            UpstreamConfig::Oauth2(oauth2) => oauth2.check(at, issuer),
            UpstreamConfig::Github(github) => github.check(at, issuer),
        }
    }
}

impl OidcConfig {
    fn check(&self, at: &str, issuer: &IssuerUrl) -> Result<(), ConfigError> {
        private_url(&format!("{at}.issuer"), &self.issuer, issuer)?;
        if !self.scopes.iter().any(|scope| scope == "openid") {
            return Err(ConfigError::new(
                format!("{at}.scopes"),
                "lacks \"openid\"",
                "add it: without it there is no ID token",
            ));
        }
        check_client_id(at, &self.client_id)
    }
}

impl Oauth2Config {
    /// Parses the subject claim.
    pub(crate) fn subject_claim(&self, at: &str) -> Result<SubjectClaim, ConfigError> {
        SubjectClaim::parse(&self.subject_claim).ok_or_else(|| {
            ConfigError::new(
                format!("{at}.subject_claim"),
                format_args!("is {:?}", self.subject_claim),
                "name the member with an id that is never reassigned, as in \"id\" or \"sub\"; names and addresses are",
            )
        })
    }

    fn check(&self, at: &str, issuer: &IssuerUrl) -> Result<(), ConfigError> {
        let endpoints = [
            ("authorization_endpoint", &self.authorization_endpoint),
            ("token_endpoint", &self.token_endpoint),
            ("userinfo_endpoint", &self.userinfo_endpoint),
        ];
        let revocation = self.revocation_endpoint.as_ref().map(|url| ("revocation_endpoint", url));
        for (name, url) in endpoints.into_iter().chain(revocation) {
            let key = format!("{at}.{name}");
            let endpoint = private_url(&key, url, issuer)?;
            // RFC 6749 §3.1, §3.2 forbid fragments; a password in a URL ends up in logs.
            if endpoint.fragment().is_some() || !endpoint.username().is_empty() || endpoint.password().is_some() {
                return Err(ConfigError::new(key, "has a fragment, a user or a password", "remove it"));
            }
        }
        self.subject_claim(at)?;
        check_client_id(at, &self.client_id)
    }
}

impl GithubConfig {
    /// GitHub as a plain OAuth 2.0 provider. It has no issuer identifier: its `iss` is undocumented, and its callback
    /// path distinguishes it.
    pub(crate) fn oauth2(&self) -> Oauth2Config {
        let (base, api) = (self.base(), self.api());
        Oauth2Config {
            id: self.id.clone(),
            name: self.name.clone(),
            issuer: None,
            authorization_endpoint: format!("{base}/login/oauth/authorize"),
            token_endpoint: format!("{base}/login/oauth/access_token"),
            userinfo_endpoint: format!("{api}/user"),
            // GitHub has its own API for this.
            revocation_endpoint: None,
            revocation: self.revocation,
            // A number. A login can be renamed and then taken by another person.
            subject_claim: "id".to_owned(),
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            token_endpoint_auth: TokenEndpointAuth::Post,
            scopes: self.scopes.clone(),
            // "select_account" makes its account picker appear.
            account_prompt: AccountPrompt::SelectAccount,
        }
    }

    /// The URL of "Delete an app token" in GitHub's REST API.
    pub(crate) fn token_deletion_url(&self) -> String {
        let id: String = form_urlencoded::byte_serialize(self.client_id.as_bytes()).collect();
        format!("{}/applications/{id}/token", self.api())
    }

    fn base(&self) -> &str {
        self.base_url.trim_end_matches('/')
    }

    fn api(&self) -> String {
        let base = self.base();
        match base.strip_prefix("https://") {
            Some("github.com") => "https://api.github.com".to_owned(),
            // GitHub Enterprise Cloud with data residency.
            Some(host) if host.ends_with(".ghe.com") => format!("https://api.{host}"),
            // GitHub Enterprise Server.
            Some(_) | None => format!("{base}/api/v3"),
        }
    }

    fn check(&self, at: &str, issuer: &IssuerUrl) -> Result<(), ConfigError> {
        let key = format!("{at}.base_url");
        let base = private_url(&key, &self.base_url, issuer)?;
        if self.base_url.trim_end_matches('/') != base.origin().ascii_serialization() {
            return Err(ConfigError::new(
                key,
                format_args!("is {:?}", self.base_url),
                "write scheme and host in lower case and nothing else, as in \"https://github.example.com\"",
            ));
        }
        self.oauth2().check(at, issuer)
    }
}

/// The client secret and tokens are sent there, so the URL must be private: https, or http between processes on
/// loopback.
fn private_url(key: &str, text: &str, issuer: &IssuerUrl) -> Result<Url, ConfigError> {
    let private = |url: &Url| {
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        url.scheme() == "https" || (url.scheme() == "http" && loopback && !issuer.is_https())
    };
    Url::parse(text).ok().filter(private).ok_or_else(|| {
        ConfigError::new(
            key,
            format_args!("is {text:?}"),
            "use https; http only on loopback, beside an issuer on loopback",
        )
    })
}

fn check_client_id(at: &str, client_id: &str) -> Result<(), ConfigError> {
    if client_id.is_empty() {
        return Err(ConfigError::new(format!("{at}.client_id"), "is empty", "write the id your provider gave you"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requirements: B36.
    #[test]
    fn each_github_edition_has_its_documented_api_url() {
        for (base_url, authorization_endpoint, userinfo_endpoint) in [
            ("https://github.com", "https://github.com/login/oauth/authorize", "https://api.github.com/user"),
            ("https://octo.ghe.com", "https://octo.ghe.com/login/oauth/authorize", "https://api.octo.ghe.com/user"),
            ("https://git.example/", "https://git.example/login/oauth/authorize", "https://git.example/api/v3/user"),
        ] {
            let github = GithubConfig {
                id: "github".to_owned(),
                name: "GitHub".to_owned(),
                client_id: "x".to_owned(),
                client_secret: Secret::Env("SECRET".to_owned()),
                scopes: Vec::new(),
                base_url: base_url.to_owned(),
                revocation: RevocationMode::PerGrant,
            };
            let oauth2 = github.oauth2();
            assert_eq!(oauth2.authorization_endpoint, authorization_endpoint);
            assert_eq!(oauth2.token_endpoint, authorization_endpoint.replace("/authorize", "/access_token"));
            assert_eq!((oauth2.userinfo_endpoint.as_str(), oauth2.subject_claim.as_str()), (userinfo_endpoint, "id"));
            let token_deletion = userinfo_endpoint.replace("/user", "/applications/x/token");
            assert_eq!(github.token_deletion_url(), token_deletion);
        }
    }
}
