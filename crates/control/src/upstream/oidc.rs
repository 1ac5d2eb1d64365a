//! An OpenID Connect provider with discovery.

use std::sync::Arc;
use std::time::Duration;

use lychgate_domain::browser::session::Person;
use lychgate_domain::issuer::{EntryFacts, Issuer};
use lychgate_domain::request::ticket::WantedAccount;
use lychgate_domain::secret::{Secret, kind};
use lychgate_domain::subject::{Subject, UpstreamId};
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream::callback::{Callback, CallbackResponse};
use lychgate_domain::upstream::connection::RefreshOutcome;
use lychgate_domain::upstream::id_token::{self, ExpectedIdToken, IdTokenClaims};
use lychgate_domain::upstream::login::LoginSecrets;
use lychgate_domain::upstream::tokens::UpstreamTokens;
use lychgate_domain::upstream::userinfo;
use lychgate_process::config::ConfigError;
use oauth2::AuthType;
use url::Url;

use super::cached::Cached;
use super::code_flow::{self, CodeFlow, Endpoints, LoginRequest, Redeemed, RefreshReply};
use super::jwks::{Jwks, SignedClaims};
use super::reply::{MemberError, Reply};
use super::revocation::{self, Endpoint};
use super::{AdmittedCode, Http, Identity, ProbeFailure, UpstreamError, UserinfoError};
use crate::config::{AccountPrompt, OidcConfig};
use crate::metrics::upstream_calls::CalledEndpoint;

/// How long discovered metadata is used. Afterwards it is fetched again; if that fails, the old metadata remains in
/// use.
const METADATA_MAX_AGE: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(crate) struct Oidc {
    id: UpstreamId,
    issuer: String,
    client_id: String,
    account_prompt: AccountPrompt,
    flow: CodeFlow,
    http: Http,
    discovered: Cached<Metadata>,
    jwks: Jwks,
}

/// The members of provider metadata that are used (OpenID Connect Discovery §3).
#[derive(Debug)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Vec<String>,
    authorization_response_iss_parameter_supported: bool,
    /// RFC 8414 §2.
    revocation_endpoint: Option<String>,
    revocation_endpoint_auth_methods_supported: Option<Vec<String>>,
    userinfo_endpoint: Option<String>,
}

impl Oidc {
    /// `at` is the path of `config`, for errors.
    pub(crate) fn new(config: &OidcConfig, at: &str, issuer: &Issuer, http: Http) -> Result<Self, ConfigError> {
        let secret = config.client_secret.read(&format!("{at}.client_secret"))?;
        Ok(Self {
            id: issuer.upstream.clone(),
            issuer: config.issuer.clone(),
            client_id: config.client_id.clone(),
            account_prompt: config.account_prompt,
            flow: CodeFlow::new(&config.client_id, &secret, &config.scopes, issuer, http.clone()),
            http,
            discovered: Cached::default(),
            jwks: Jwks::default(),
        })
    }

    /// Fetches the metadata anew; logins keep what they know.
    pub(crate) async fn probe(&self) -> Result<(), ProbeFailure> {
        let discovered = self.discover().await;
        discovered.map(|_| ()).map_err(|error| ProbeFailure { member: "issuer", cause: error.cause })
    }

    pub(crate) async fn login_url(
        &self,
        secrets: &LoginSecrets,
        account: WantedAccount,
        now: Timestamp,
    ) -> Result<String, UpstreamError> {
        let metadata = self.metadata(now).await?;
        let (scopes, nonce) = (self.flow.scopes(), Some(&secrets.nonce));
        let request = LoginRequest { scopes, nonce, prompt: self.account_prompt.value(account) };
        self.flow.login_url(&metadata.endpoints(), secrets, request)
    }

    /// Of the configured scopes, those that tell the person's identity (OpenID Connect Core §5.4). `openid`, which is always
    /// configured, yields an ID token with the subject only.
    pub(crate) async fn sign_in_url(&self, secrets: &LoginSecrets, now: Timestamp) -> Result<String, UpstreamError> {
        let metadata = self.metadata(now).await?;
        let tells_identity = |scope: &&String| ["openid", "profile", "email"].contains(&scope.as_str());
        let scopes: Vec<_> = self.flow.scopes().iter().filter(tells_identity).cloned().collect();
        let request = LoginRequest { scopes: &scopes, nonce: Some(&secrets.nonce), prompt: None };
        self.flow.login_url(&metadata.endpoints(), secrets, request)
    }

    pub(crate) async fn check<'a>(&self, callback: &Callback<'a>, now: Timestamp) -> Result<&'a str, UpstreamError> {
        let promised = self.metadata(now).await?.authorization_response_iss_parameter_supported;
        match (callback.iss, callback.response) {
            (Some(iss), _) if iss != self.issuer => Err(code_flow::foreign_issuer()),
            (None, CallbackResponse::Code(_)) if promised => {
                Err(UpstreamError::invalid(anyhow::anyhow!("the callback lacks the iss that the metadata promises")))
            }
            // An error without `iss` is believed: it gives no code, so nothing can be mixed up.
            (Some(_) | None, response) => code_flow::code(response),
        }
    }

    pub(crate) async fn redeem(&self, code: AdmittedCode<'_>, now: Timestamp) -> Result<Identity, UpstreamError> {
        let secrets = code.secrets;
        let metadata = self.metadata(now).await?;
        let Redeemed { tokens, reply } = self.flow.redeem(&metadata.endpoints(), code, now).await?;
        let id_token = reply
            .text("id_token")
            .map_err(|error| UpstreamError::invalid(anyhow::Error::new(error).context("the token response")))?;
        let SignedClaims { claims, stated } = self.jwks.verify(id_token, &metadata.jwks_uri, &self.http, now).await?;
        let subject = self.subject(&claims, Some(&secrets.nonce), now)?;
        let facts = stated.entry_facts(subject.clone());
        let person = Person::new(subject, claims.name.as_deref(), claims.email.as_deref());
        Ok(Identity { person, facts, tokens })
    }

    pub(crate) async fn refresh(&self, token: &Secret<kind::UpstreamRefreshToken>, now: Timestamp) -> RefreshReply {
        match self.metadata(now).await {
            Ok(metadata) => self.flow.refresh(&metadata.endpoints(), token, now).await,
            Err(error) => RefreshReply::failed(RefreshOutcome::Unavailable, error.cause),
        }
    }

    pub(crate) async fn refreshed_facts(&self, id_token: &str, now: Timestamp) -> Option<EntryFacts> {
        match self.facts(id_token, now).await {
            Ok(facts) => Some(facts),
            Err(error) => {
                let error = format!("{:#}", error.cause);
                tracing::warn!(upstream.id = self.id.as_str(), error, "the ID token of a refresh is not used");
                None
            }
        }
    }

    async fn facts(&self, id_token: &str, now: Timestamp) -> Result<EntryFacts, UpstreamError> {
        let metadata = self.metadata(now).await?;
        let SignedClaims { claims, stated } = self.jwks.verify(id_token, &metadata.jwks_uri, &self.http, now).await?;
        Ok(stated.entry_facts(self.subject(&claims, None, now)?))
    }

    /// OpenID Connect Core §5.3.
    pub(crate) async fn userinfo(
        &self,
        token: &Secret<kind::UpstreamAccessToken>,
        now: Timestamp,
    ) -> Result<EntryFacts, UserinfoError> {
        let metadata = self.metadata(now).await?;
        let url = metadata.userinfo_endpoint.as_ref();
        let url = url.ok_or_else(|| UpstreamError::invalid(anyhow::anyhow!("it has no userinfo endpoint")))?;
        let stated = self.http.userinfo(url, "application/json", token).await?;
        let subject = userinfo::subject(&self.id, &stated.all("sub"));
        let subject = subject.map_err(UpstreamError::invalid)?;
        Ok(stated.entry_facts(subject))
    }

    fn subject(
        &self,
        claims: &IdTokenClaims,
        nonce: Option<&Secret<kind::UpstreamNonce>>,
        now: Timestamp,
    ) -> Result<Subject, UpstreamError> {
        let expected = ExpectedIdToken { upstream: &self.id, issuer: &self.issuer, client_id: &self.client_id, nonce };
        id_token::subject(claims, &expected, now)
            .map_err(|error| UpstreamError::invalid(anyhow::Error::new(error).context("the ID token")))
    }

    /// `None` if its metadata names no revocation endpoint.
    pub(crate) async fn revoke(
        &self,
        tokens: &UpstreamTokens,
        now: Timestamp,
    ) -> Result<Option<revocation::RevocationReply>, UpstreamError> {
        let Some(endpoint) = self.metadata(now).await?.revocation() else { return Ok(None) };
        self.flow.revoke(&endpoint, tokens).await.map(Some)
    }

    async fn metadata(&self, now: Timestamp) -> Result<Arc<Metadata>, UpstreamError> {
        match self.discovered.get(METADATA_MAX_AGE, now, || self.discover()).await {
            Ok(metadata) => Ok(metadata),
            Err(error) => {
                let Some(metadata) = self.discovered.stale().await else { return Err(error) };
                tracing::warn!(
                    upstream.id = self.id.as_str(),
                    error = format!("{:#}", error.cause),
                    "discovery failed; using the known metadata"
                );
                Ok(metadata)
            }
        }
    }

    /// OpenID Connect Discovery §4.3: the document must be the configured issuer's own.
    async fn discover(&self) -> Result<Metadata, UpstreamError> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let metadata = Metadata::of(&self.http.get_reply(CalledEndpoint::Discovery, &url).await?);
        let mut metadata =
            metadata.map_err(|error| UpstreamError::invalid(anyhow::Error::new(error).context(url.clone())))?;
        if metadata.issuer != self.issuer {
            return Err(UpstreamError::invalid(anyhow::anyhow!("{url} is another issuer's document")));
        }
        let plaintext_allowed = self.issuer.starts_with("http:");
        let is_private = |endpoint: &String| {
            let scheme = Url::parse(endpoint).map(|url| url.scheme().to_owned()).unwrap_or_default();
            scheme == "https" || (scheme == "http" && plaintext_allowed)
        };
        if ![&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri].into_iter().all(is_private)
        {
            return Err(UpstreamError::invalid(anyhow::anyhow!("{url} names an endpoint that is not https")));
        }
        // Signing in does not need these: an insecure one is treated as absent.
        metadata.revocation_endpoint = metadata.revocation_endpoint.filter(is_private);
        metadata.userinfo_endpoint = metadata.userinfo_endpoint.filter(is_private);
        Ok(metadata)
    }
}

/// The default is client_secret_basic (OpenID Connect Discovery §3, RFC 8414 §2).
fn auth_type(supported: &[String]) -> AuthType {
    let has = |method: &str| supported.iter().any(|supported| supported == method);
    let only_post = has("client_secret_post") && !has("client_secret_basic");
    if only_post { AuthType::RequestBody } else { AuthType::BasicAuth }
}

impl Metadata {
    fn of(reply: &Reply) -> Result<Self, MemberError> {
        Ok(Self {
            issuer: reply.text("issuer")?.to_owned(),
            authorization_endpoint: reply.text("authorization_endpoint")?.to_owned(),
            token_endpoint: reply.text("token_endpoint")?.to_owned(),
            jwks_uri: reply.text("jwks_uri")?.to_owned(),
            token_endpoint_auth_methods_supported: reply
                .hints("token_endpoint_auth_methods_supported")
                .unwrap_or_default(),
            authorization_response_iss_parameter_supported: reply
                .flag("authorization_response_iss_parameter_supported"),
            revocation_endpoint: reply.hint("revocation_endpoint").map(str::to_owned),
            revocation_endpoint_auth_methods_supported: reply.hints("revocation_endpoint_auth_methods_supported"),
            userinfo_endpoint: reply.hint("userinfo_endpoint").map(str::to_owned),
        })
    }

    fn revocation(&self) -> Option<Endpoint> {
        // The default is the token endpoint's methods.
        let supported = self.revocation_endpoint_auth_methods_supported.as_ref();
        let auth_type = auth_type(supported.unwrap_or(&self.token_endpoint_auth_methods_supported));
        Some(Endpoint::Rfc7009 { url: self.revocation_endpoint.clone()?, auth_type })
    }

    fn endpoints(&self) -> Endpoints<'_> {
        Endpoints {
            authorization: &self.authorization_endpoint,
            token: &self.token_endpoint,
            auth_type: auth_type(&self.token_endpoint_auth_methods_supported),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::reply::tests::{any_value, reply};
    use super::*;

    fn metadata() -> Value {
        json!({
            "issuer": "https://idp.example", "authorization_endpoint": "https://idp.example/authorize",
            "token_endpoint": "https://idp.example/token", "jwks_uri": "https://idp.example/jwks",
        })
    }

    fn with(member: &str, value: Value) -> Value {
        let mut metadata = metadata();
        metadata[member] = value;
        metadata
    }

    #[test]
    fn the_secret_is_posted_only_where_nothing_else_is_supported() {
        let is_posted = |methods: Value| {
            let metadata = with("token_endpoint_auth_methods_supported", methods);
            let metadata = Metadata::of(&reply(&metadata)).unwrap();
            matches!(metadata.endpoints().auth_type, AuthType::RequestBody)
        };
        for (methods, expected) in [
            (json!(["client_secret_post"]), true),
            (json!("client_secret_post"), true),
            (json!(["client_secret_post", "private_key_jwt"]), true),
            (json!(["client_secret_post", "client_secret_basic"]), false),
            (json!("client_secret_post client_secret_basic"), false),
            (json!([]), false),
            (json!(null), false),
            (json!({}), false),
        ] {
            assert_eq!(is_posted(methods.clone()), expected, "{methods}");
        }
    }

    #[test]
    fn an_essential_member_of_metadata_is_named_if_it_cannot_be_used() {
        for member in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
            for (value, problem) in [(json!(null), "is missing"), (json!(5), "is a number, not a string")] {
                let error = Metadata::of(&reply(&with(member, value))).unwrap_err().to_string();
                assert_eq!(error, format!("the member {member} {problem}"));
            }
        }
    }

    proptest! {
        #[test]
        fn no_value_of_an_optional_member_makes_metadata_unusable(
            member in prop::sample::select(vec![
                "token_endpoint_auth_methods_supported", "authorization_response_iss_parameter_supported",
                "revocation_endpoint", "revocation_endpoint_auth_methods_supported", "scopes_supported",
            ]),
            value in any_value(),
        ) {
            prop_assert!(Metadata::of(&reply(&with(member, value))).is_ok());
        }
    }
}
