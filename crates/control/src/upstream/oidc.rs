//! Any OpenID Connect provider, by discovery.

use std::sync::Arc;
use std::time::Duration;

use lychgate_domain::authorization::LoginFailure;
use lychgate_domain::id_token::{self, Expected};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::login::LoginSecrets;
use lychgate_domain::secret::Secret;
use lychgate_domain::subject::UpstreamId;
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream_tokens::UpstreamTokens;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    ExtraTokenFields, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardRevocableToken, StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::cached::Cached;
use super::jwks::Jwks;
use super::{Callback, Http, Identity, UpstreamError};
use crate::config::OidcConfig;

/// How long discovered metadata is used. After that it is fetched again; while that fails, the old is used on.
const METADATA_MAX_AGE: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub struct Oidc {
    id: UpstreamId,
    issuer: String,
    client_id: String,
    client_secret: ClientSecret,
    scopes: Vec<String>,
    redirect_uri: String,
    http: Http,
    discovered: Cached<Metadata>,
    jwks: Jwks,
}

/// OpenID Connect Discovery §3, as far as it is used.
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Oidc {
    pub fn new(config: &OidcConfig, issuer: &Issuer, secret: &str, http: Http) -> Self {
        Self {
            id: issuer.upstream.clone(),
            issuer: config.issuer.clone(),
            client_id: config.client_id.clone(),
            client_secret: ClientSecret::new(secret.to_owned()),
            scopes: config.scopes.clone(),
            // One path for each issuer, so that an answer cannot be taken for another upstream's (RFC 9700 §4.4.2).
            redirect_uri: format!("{}/callback/{}", issuer.url.origin(), issuer.id),
            http,
            discovered: Cached::default(),
            jwks: Jwks::default(),
        }
    }

    pub async fn login_url(&self, secrets: &LoginSecrets, now: Timestamp) -> Result<String, UpstreamError> {
        let metadata = self.metadata(now).await?;
        let client = self.client(&metadata)?;
        let state = secrets.state.clone();
        let verifier = PkceCodeVerifier::new(secrets.verifier.expose().to_owned());
        let (url, _) = client
            .authorize_url(|| CsrfToken::new(state))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_scopes(self.scopes.iter().cloned().map(Scope::new))
            .add_extra_param("nonce", secrets.nonce.expose())
            .url();
        Ok(url.into())
    }

    pub async fn check<'a>(&self, callback: &Callback<'a>, now: Timestamp) -> Result<&'a str, UpstreamError> {
        let promised = self.metadata(now).await?.authorization_response_iss_parameter_supported;
        match callback.iss {
            Some(iss) if iss != self.issuer => {
                return Err(UpstreamError::invalid(anyhow::anyhow!("the callback's iss is another issuer's")));
            }
            None if promised => {
                return Err(UpstreamError::invalid(anyhow::anyhow!("the callback lacks the promised iss")));
            }
            Some(_) | None => {}
        }
        match (callback.error, callback.code) {
            (Some(error), _) => Err(refused(error)),
            (None, Some(code)) => Ok(code),
            (None, None) => Err(UpstreamError::invalid(anyhow::anyhow!("the callback has neither code nor error"))),
        }
    }

    pub async fn redeem(&self, code: &str, secrets: &LoginSecrets, now: Timestamp) -> Result<Identity, UpstreamError> {
        let metadata = self.metadata(now).await?;
        let response = self
            .client(&metadata)?
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(secrets.verifier.expose().to_owned()))
            .request_async(&self.http)
            .await
            .map_err(|error| match error {
                RequestTokenError::Request(error) => error.into_upstream(),
                // What it says is not repeated: it may hold anything.
                RequestTokenError::ServerResponse(response) => {
                    UpstreamError::invalid(anyhow::anyhow!("the token endpoint refuses with {:?}", response.error()))
                }
                RequestTokenError::Parse(error, _) => {
                    UpstreamError::invalid(anyhow::anyhow!("the token response cannot be read at {}", error.path()))
                }
                RequestTokenError::Other(error) => UpstreamError::invalid(anyhow::anyhow!(error)),
            })?;
        let id_token = response.extra_fields().id_token.as_deref();
        let id_token = id_token.ok_or_else(|| UpstreamError::invalid(anyhow::anyhow!("there is no ID token")))?;
        let claims = self.jwks.verify(id_token, &metadata.jwks_uri, &self.http, now).await?;
        let expected =
            Expected { upstream: &self.id, issuer: &self.issuer, client_id: &self.client_id, nonce: &secrets.nonce };
        let subject = id_token::subject(&claims, &expected, now).map_err(UpstreamError::invalid)?;
        let tokens = UpstreamTokens {
            access_token: Secret::new(response.access_token().secret()),
            refresh_token: response.refresh_token().map(|token| Secret::new(token.secret())),
            expires_at: response.expires_in().map(|lifetime| now + lifetime),
        };
        let tokens =
            tokens.bounded().ok_or_else(|| UpstreamError::invalid(anyhow::anyhow!("its tokens are too large")))?;
        Ok(Identity { subject, tokens })
    }

    async fn metadata(&self, now: Timestamp) -> Result<Arc<Metadata>, UpstreamError> {
        match self.discovered.get(METADATA_MAX_AGE, now, || self.discover()).await {
            Ok(metadata) => Ok(metadata),
            Err(error) => {
                let Some(metadata) = self.discovered.stale().await else { return Err(error) };
                tracing::warn!(
                    upstream.id = self.id.as_str(),
                    error = format!("{:#}", error.cause),
                    "discovery failed; using what was known"
                );
                Ok(metadata)
            }
        }
    }

    /// OpenID Connect Discovery §4.3: the document must be the configured issuer's own.
    async fn discover(&self) -> Result<Metadata, UpstreamError> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let metadata: Metadata = self.http.get_json(&url).await?;
        if metadata.issuer != self.issuer {
            return Err(UpstreamError::invalid(anyhow::anyhow!("{url} is another issuer's document")));
        }
        let plaintext_allowed = self.issuer.starts_with("http:");
        for endpoint in [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri] {
            let scheme = Url::parse(endpoint).map(|url| url.scheme().to_owned()).unwrap_or_default();
            if scheme != "https" && !(scheme == "http" && plaintext_allowed) {
                return Err(UpstreamError::invalid(anyhow::anyhow!("{url} names an endpoint that is not https")));
            }
        }
        Ok(metadata)
    }

    fn client(&self, metadata: &Metadata) -> Result<OidcClient, UpstreamError> {
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let has = |method: &str| methods.iter().any(|supported| supported == method);
        // OpenID Connect Discovery §3: left out, it is client_secret_basic.
        let auth_type = if has("client_secret_post") && !has("client_secret_basic") {
            AuthType::RequestBody
        } else {
            AuthType::BasicAuth
        };
        Ok(Client::new(ClientId::new(self.client_id.clone()))
            .set_client_secret(self.client_secret.clone())
            .set_auth_type(auth_type)
            .set_auth_uri(AuthUrl::new(metadata.authorization_endpoint.clone()).map_err(UpstreamError::invalid)?)
            .set_token_uri(TokenUrl::new(metadata.token_endpoint.clone()).map_err(UpstreamError::invalid)?)
            .set_redirect_uri(RedirectUrl::new(self.redirect_uri.clone()).map_err(UpstreamError::invalid)?))
    }
}

/// RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6. Only the code is looked at; the words beside it are anybody's.
fn refused(error: &str) -> UpstreamError {
    let failure = match error {
        "temporarily_unavailable" | "server_error" => LoginFailure::UpstreamUnavailable,
        "access_denied"
        | "login_required"
        | "consent_required"
        | "interaction_required"
        | "account_selection_required" => LoginFailure::UpstreamDenied,
        _ => LoginFailure::UpstreamInvalid,
    };
    UpstreamError { failure, cause: anyhow::anyhow!("the upstream refused the login") }
}

type OidcClient = Client<
    BasicErrorResponse,
    StandardTokenResponse<IdToken, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// What OIDC Core §3.1.3.3 adds to a token response.
#[derive(Deserialize, Serialize)]
struct IdToken {
    id_token: Option<String>,
}

impl std::fmt::Debug for IdToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdToken(..)")
    }
}

impl ExtraTokenFields for IdToken {}
