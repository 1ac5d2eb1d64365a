//! The authorization code flow that all kinds of upstreams share: RFC 6749 §4.1 with PKCE (RFC 7636). Identification
//! of the person is not done here.

use lychgate_domain::flow::LoginFailure;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::secret::{Secret, kind};
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream::login::LoginSecrets;
use lychgate_domain::upstream::tokens::UpstreamTokens;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    ExtraTokenFields, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardRevocableToken, StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use serde::{Deserialize, Serialize};

use super::http::SendError;
use super::{Callback, Http, UpstreamError};

/// Our client registration at an upstream.
#[derive(Debug)]
pub(super) struct CodeFlow {
    pub(super) client_id: String,
    pub(super) client_secret: ClientSecret,
    scopes: Vec<String>,
    redirect_uri: String,
    pub(super) http: Http,
}

/// The endpoints of an upstream, and how the client secret is sent.
#[derive(Clone, Debug)]
pub(super) struct Endpoints<'a> {
    pub(super) authorization: &'a str,
    pub(super) token: &'a str,
    pub(super) auth_type: AuthType,
}

/// The result of a code exchange.
pub(super) struct Redeemed {
    pub(super) tokens: UpstreamTokens,
    /// Not verified.
    pub(super) id_token: Option<String>,
}

impl CodeFlow {
    pub(super) fn new(client_id: &str, client_secret: &str, scopes: &[String], issuer: &Issuer, http: Http) -> Self {
        Self {
            client_id: client_id.to_owned(),
            client_secret: ClientSecret::new(client_secret.to_owned()),
            scopes: scopes.to_vec(),
            // One callback path per issuer prevents mix-up of upstreams (RFC 9700 §4.4.2).
            redirect_uri: format!("{}/callback/{}", issuer.url.origin(), issuer.id),
            http,
        }
    }

    /// The configured scopes.
    pub(super) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The authorization URL, with state and PKCE, and a nonce for providers of ID tokens.
    pub(super) fn login_url(
        &self,
        scopes: &[String],
        endpoints: &Endpoints<'_>,
        secrets: &LoginSecrets,
        nonce: Option<&Secret<kind::UpstreamNonce>>,
    ) -> Result<String, UpstreamError> {
        let client = self.client(endpoints)?;
        let state = secrets.state.clone();
        let verifier = PkceCodeVerifier::new(secrets.verifier.expose().to_owned());
        let mut request = client
            .authorize_url(|| CsrfToken::new(state))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_scopes(scopes.iter().cloned().map(Scope::new));
        if let Some(nonce) = nonce {
            request = request.add_extra_param("nonce", nonce.expose());
        }
        Ok(request.url().0.into())
    }

    /// Exchanges the code, once.
    pub(super) async fn redeem(
        &self,
        endpoints: &Endpoints<'_>,
        code: &str,
        secrets: &LoginSecrets,
        now: Timestamp,
    ) -> Result<Redeemed, UpstreamError> {
        let response = self
            .client(endpoints)?
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(secrets.verifier.expose().to_owned()))
            .request_async(&self.http)
            .await
            .map_err(unredeemed)?;
        if let Some(error) = &response.extra_fields().error {
            return Err(refused(error.as_str().unwrap_or_default()));
        }
        // RFC 6749 §7.1: a token of an unknown type must not be used.
        if *response.token_type() != BasicTokenType::Bearer {
            return Err(UpstreamError::invalid(anyhow::anyhow!("its token is not a bearer token")));
        }
        if response.access_token().secret().is_empty() {
            return Err(UpstreamError::invalid(anyhow::anyhow!("its access token is empty")));
        }
        let tokens = UpstreamTokens {
            access_token: Secret::new(response.access_token().secret()),
            refresh_token: response.refresh_token().map(|token| Secret::new(token.secret())),
            expires_at: response.expires_in().map(|lifetime| now + lifetime),
        };
        let tokens =
            tokens.bounded().ok_or_else(|| UpstreamError::invalid(anyhow::anyhow!("its tokens are too large")))?;
        Ok(Redeemed { tokens, id_token: response.extra_fields().id_token.clone() })
    }

    fn client(&self, endpoints: &Endpoints<'_>) -> Result<CodeClient, UpstreamError> {
        Ok(Client::new(ClientId::new(self.client_id.clone()))
            .set_client_secret(self.client_secret.clone())
            .set_auth_type(endpoints.auth_type.clone())
            .set_auth_uri(AuthUrl::new(endpoints.authorization.to_owned()).map_err(UpstreamError::invalid)?)
            .set_token_uri(TokenUrl::new(endpoints.token.to_owned()).map_err(UpstreamError::invalid)?)
            .set_redirect_uri(RedirectUrl::new(self.redirect_uri.clone()).map_err(UpstreamError::invalid)?))
    }
}

/// The code of a callback, or the upstream's error. `iss` was checked before.
pub(super) fn code<'a>(callback: &Callback<'a>) -> Result<&'a str, UpstreamError> {
    match (callback.error, callback.code) {
        (Some(error), _) => Err(refused(error)),
        (None, Some(code)) => Ok(code),
        (None, None) => Err(UpstreamError::invalid(anyhow::anyhow!("the callback has neither code nor error"))),
    }
}

/// The callback comes from another issuer than the one that the browser was sent to (RFC 9207 §2.4).
pub(super) fn foreign_issuer() -> UpstreamError {
    UpstreamError::invalid(anyhow::anyhow!("the callback's iss is another issuer's"))
}

/// An upstream's error (RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6). Only the code is used; an attacker may have written
/// the description.
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
    // Logging a well-formed code is safe and useful; any other text is replaced.
    let is_code = error.len() <= 64 && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let error = if is_code { error } else { "something that is no error code" };
    UpstreamError { failure, cause: anyhow::anyhow!("the upstream refuses with {error:?}") }
}

fn unredeemed(error: RequestTokenError<SendError, BasicErrorResponse>) -> UpstreamError {
    match error {
        RequestTokenError::Request(error) => error.into_upstream(),
        RequestTokenError::ServerResponse(response) => refused(response.error().as_ref()),
        // GitHub and others refuse with status 200: the body is then no token response but has an `error`.
        RequestTokenError::Parse(error, body) => match serde_json::from_slice(&body) {
            Ok(ErrorReply { error }) => refused(&error),
            Err(_) => UpstreamError::invalid(anyhow::anyhow!("the token response cannot be read at {}", error.path())),
        },
        RequestTokenError::Other(error) => UpstreamError::invalid(anyhow::anyhow!(error)),
    }
}

/// RFC 6749 §5.2, with any status.
#[derive(Deserialize)]
struct ErrorReply {
    error: String,
}

type CodeClient = Client<
    BasicErrorResponse,
    StandardTokenResponse<Extra, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// Additional members of a token response.
#[derive(Deserialize, Serialize)]
struct Extra {
    /// OIDC Core §3.1.3.3.
    id_token: Option<String>,
    /// An answer with this member is a refusal, even if it contains tokens.
    error: Option<serde_json::Value>,
}

impl std::fmt::Debug for Extra {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Extra(..)")
    }
}

impl ExtraTokenFields for Extra {}
