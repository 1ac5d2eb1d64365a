//! A plain OAuth 2.0 provider with a userinfo endpoint, such as GitHub.
//!
//! Without an ID token, only code, state and PKCE bind the answer to this login, and only the configured member
//! identifies the person. Two other members, `name` and `email`, are display texts; the issuer's entry rules may ask for more.

use ::oauth2::AuthType;
use lychgate_domain::browser::session::Person;
use lychgate_domain::issuer::{EntryFacts, Issuer};
use lychgate_domain::request::ticket::WantedAccount;
use lychgate_domain::secret::{Secret, kind};
use lychgate_domain::subject::UpstreamId;
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream::callback::Callback;
use lychgate_domain::upstream::login::LoginSecrets;
use lychgate_domain::upstream::tokens::UpstreamTokens;
use lychgate_domain::upstream::userinfo::{self, SubjectClaim};
use lychgate_process::config::ConfigError;
use reqwest::StatusCode;

use super::code_flow::{self, CodeFlow, Endpoints, LoginRequest, Redeemed, RefreshReply};
use super::reply::Reply;
use super::revocation::{self, Endpoint};
use super::{AdmittedCode, Http, Identity, ProbeFailure, UpstreamError, UserinfoError};
use crate::config::{AccountPrompt, GithubConfig, Oauth2Config, TokenEndpointAuth};

#[derive(Debug)]
pub(crate) struct Oauth2 {
    id: UpstreamId,
    issuer: Option<String>,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    /// The keys that the two endpoints come from.
    endpoint_keys: [&'static str; 2],
    /// The `Accept` header for it.
    userinfo_media_type: &'static str,
    subject_claim: SubjectClaim,
    auth_type: AuthType,
    account_prompt: AccountPrompt,
    revocation: Option<Endpoint>,
    /// The scopes that the userinfo endpoint needs.
    sign_in_scopes: Vec<String>,
    flow: CodeFlow,
    http: Http,
}

impl Oauth2 {
    /// `at` is the path of `config`, for errors.
    pub(crate) fn new(config: &Oauth2Config, at: &str, issuer: &Issuer, http: Http) -> Result<Self, ConfigError> {
        let secret = config.client_secret.read(&format!("{at}.client_secret"))?;
        let auth_type = match config.token_endpoint_auth {
            TokenEndpointAuth::Basic => AuthType::BasicAuth,
            TokenEndpointAuth::Post => AuthType::RequestBody,
        };
        let rfc7009 = |url: &String| Endpoint::Rfc7009 { url: url.clone(), auth_type: auth_type.clone() };
        Ok(Self {
            revocation: config.revocation_endpoint.as_ref().map(rfc7009),
            id: issuer.upstream.clone(),
            issuer: config.issuer.clone(),
            authorization_endpoint: config.authorization_endpoint.clone(),
            token_endpoint: config.token_endpoint.clone(),
            userinfo_endpoint: config.userinfo_endpoint.clone(),
            endpoint_keys: ["token_endpoint", "userinfo_endpoint"],
            userinfo_media_type: "application/json",
            subject_claim: config.subject_claim(at)?,
            auth_type,
            account_prompt: config.account_prompt,
            // It is unknown which of the scopes its userinfo endpoint needs.
            sign_in_scopes: config.scopes.clone(),
            flow: CodeFlow::new(&config.client_id, &secret, &config.scopes, issuer, http.clone()),
            http,
        })
    }

    pub(crate) fn github(config: &GithubConfig, at: &str, issuer: &Issuer, http: Http) -> Result<Self, ConfigError> {
        let github = Self::new(&config.oauth2(), at, issuer, http)?;
        // Without any scope a GitHub token reads public information, which includes its owner.
        Ok(Self {
            endpoint_keys: ["base_url"; 2],
            userinfo_media_type: "application/vnd.github+json",
            revocation: Some(Endpoint::Github { url: config.token_deletion_url() }),
            sign_in_scopes: Vec::new(),
            ..github
        })
    }

    /// Any answer shows that the token endpoint's host is there: GitHub's answers GET with 404. The userinfo endpoint
    /// refuses a request without a token, and a wrong path is not found.
    pub(crate) async fn probe(&self) -> Result<(), ProbeFailure> {
        let [token_key, userinfo_key] = self.endpoint_keys;
        let failed = |member, cause| ProbeFailure { member, cause };
        self.http.status(&self.token_endpoint).await.map_err(|error| failed(token_key, error.cause))?;
        let url = &self.userinfo_endpoint;
        let status = self.http.status(url).await.map_err(|error| failed(userinfo_key, error.cause))?;
        if status.is_server_error() || [StatusCode::NOT_FOUND, StatusCode::GONE].contains(&status) {
            return Err(failed(userinfo_key, anyhow::anyhow!("{url} answers {status}")));
        }
        Ok(())
    }

    pub(crate) fn login_url(&self, secrets: &LoginSecrets, account: WantedAccount) -> Result<String, UpstreamError> {
        let prompt = self.account_prompt.value(account);
        let request = LoginRequest { scopes: self.flow.scopes(), nonce: None, prompt };
        self.flow.login_url(&self.endpoints(), secrets, request)
    }

    pub(crate) fn sign_in_url(&self, secrets: &LoginSecrets) -> Result<String, UpstreamError> {
        let request = LoginRequest { scopes: &self.sign_in_scopes, nonce: None, prompt: None };
        self.flow.login_url(&self.endpoints(), secrets, request)
    }

    /// Without a configured issuer `iss` is ignored: the callback's path distinguishes upstreams (RFC 9700 §4.4.2).
    pub(crate) fn check<'a>(&self, callback: &Callback<'a>) -> Result<&'a str, UpstreamError> {
        match (callback.iss, self.issuer.as_deref()) {
            (Some(iss), Some(issuer)) if iss != issuer => Err(code_flow::foreign_issuer()),
            _ => code_flow::code(callback.response),
        }
    }

    pub(crate) async fn redeem(&self, code: AdmittedCode<'_>, now: Timestamp) -> Result<Identity, UpstreamError> {
        let Redeemed { tokens, reply: _ } = self.flow.redeem(&self.endpoints(), code, now).await?;
        let (url, media_type) = (&self.userinfo_endpoint, self.userinfo_media_type);
        let userinfo = self.http.userinfo(url, media_type, &tokens.access_token).await?;
        let facts = self.facts(&userinfo)?;
        let person = Person::new(facts.subject.clone(), userinfo.hint("name"), userinfo.hint("email"));
        Ok(Identity { person, facts, tokens })
    }

    pub(crate) async fn userinfo(
        &self,
        token: &Secret<kind::UpstreamAccessToken>,
    ) -> Result<EntryFacts, UserinfoError> {
        let userinfo = self.http.userinfo(&self.userinfo_endpoint, self.userinfo_media_type, token).await?;
        Ok(self.facts(&userinfo)?)
    }

    fn facts(&self, userinfo: &Reply) -> Result<EntryFacts, UpstreamError> {
        let claim = self.subject_claim.as_str();
        let subject = userinfo::subject(&self.id, &userinfo.all(claim)).map_err(|error| {
            UpstreamError::invalid(anyhow::Error::new(error).context(format!("the member {claim}")))
        })?;
        Ok(userinfo.entry_facts(subject))
    }

    pub(crate) async fn refresh(&self, token: &Secret<kind::UpstreamRefreshToken>, now: Timestamp) -> RefreshReply {
        self.flow.refresh(&self.endpoints(), token, now).await
    }

    /// `None` if it has no revocation endpoint.
    pub(crate) async fn revoke(
        &self,
        tokens: &UpstreamTokens,
    ) -> Result<Option<revocation::RevocationReply>, UpstreamError> {
        let Some(endpoint) = &self.revocation else { return Ok(None) };
        self.flow.revoke(endpoint, tokens).await.map(Some)
    }

    fn endpoints(&self) -> Endpoints<'_> {
        Endpoints {
            authorization: &self.authorization_endpoint,
            token: &self.token_endpoint,
            auth_type: self.auth_type.clone(),
        }
    }
}
