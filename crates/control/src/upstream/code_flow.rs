//! The authorization code flow that all kinds of upstreams share: RFC 6749 §4.1 with PKCE (RFC 7636). Identification
//! of the person is not done here.

use lychgate_domain::flow::LoginFailure;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::secret::{Secret, kind};
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::token_exchange::normal_scopes;
use lychgate_domain::upstream::callback::CallbackResponse;
use lychgate_domain::upstream::connection::RefreshOutcome;
use lychgate_domain::upstream::login::LoginSecrets;
use lychgate_domain::upstream::tokens::UpstreamTokens;
use oauth2::basic::BasicClient;
use oauth2::{
    AuthType, AuthUrl, ClientId, ClientSecret, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};
use reqwest::{RequestBuilder, StatusCode};

use super::http::{SendError, is_temporary};
use super::reply::Reply;
use super::{AdmittedCode, Http, UpstreamError};
use crate::metrics::upstream_calls::CalledEndpoint;

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

/// The parameters of an authorization request in which logins differ.
pub(super) struct LoginRequest<'a> {
    pub(super) scopes: &'a [String],
    /// For providers of ID tokens.
    pub(super) nonce: Option<&'a Secret<kind::UpstreamNonce>>,
    /// OIDC Core §3.1.2.1.
    pub(super) prompt: Option<&'static str>,
}

/// The result of a code exchange.
pub(super) struct Redeemed {
    pub(super) tokens: UpstreamTokens,
    /// All that the token endpoint replied. Nothing of it is verified.
    pub(super) reply: Reply,
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

    /// The authorization URL, with state and PKCE.
    pub(super) fn login_url(
        &self,
        endpoints: &Endpoints<'_>,
        secrets: &LoginSecrets,
        request: LoginRequest<'_>,
    ) -> Result<String, UpstreamError> {
        let LoginRequest { scopes, nonce, prompt } = request;
        let client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_auth_uri(AuthUrl::new(endpoints.authorization.to_owned()).map_err(UpstreamError::invalid)?)
            .set_redirect_uri(RedirectUrl::new(self.redirect_uri.clone()).map_err(UpstreamError::invalid)?);
        let state = secrets.state.clone();
        let verifier = PkceCodeVerifier::new(secrets.verifier.expose().to_owned());
        let mut request = client
            .authorize_url(|| CsrfToken::new(state))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_scopes(scopes.iter().cloned().map(Scope::new));
        if let Some(nonce) = nonce {
            request = request.add_extra_param("nonce", nonce.expose());
        }
        if let Some(prompt) = prompt {
            request = request.add_extra_param("prompt", prompt);
        }
        Ok(request.url().0.into())
    }

    /// Exchanges the code, once.
    pub(super) async fn redeem(
        &self,
        endpoints: &Endpoints<'_>,
        code: AdmittedCode<'_>,
        now: Timestamp,
    ) -> Result<Redeemed, UpstreamError> {
        let AdmittedCode { code, secrets, redemption } = code;
        let exchanged = self.exchange(endpoints, code, secrets).await;
        // An error in a reply that gives tokens is not the code's fault.
        redemption.end(&exchanged, now);
        let no_object = || UpstreamError::invalid(anyhow::anyhow!("the token response is not one JSON object"));
        let reply = exchanged?.ok_or_else(no_object)?;
        let mut tokens = tokens(&reply, now)?;
        // Without a member, the scopes are those that were asked for (RFC 6749 §5.1).
        if tokens.scopes.is_empty() {
            tokens.scopes = self.scopes.join(" ");
        }
        Ok(Redeemed { tokens, reply })
    }

    /// Sends the refresh token, once (RFC 6749 §6).
    pub(super) async fn refresh(
        &self,
        endpoints: &Endpoints<'_>,
        refresh_token: &Secret<kind::UpstreamRefreshToken>,
        now: Timestamp,
    ) -> RefreshReply {
        let form = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        let request = self.http.post(endpoints.token).header("accept", "application/json");
        let request = match self.authenticated(request, form, &endpoints.auth_type).build() {
            Ok(request) => request,
            Err(error) => return unavailable(error.without_url()),
        };
        match self.http.send(CalledEndpoint::Token, request).await {
            Ok((status, body)) => refreshed(status, &body, now),
            Err(error) if error.was_not_sent() => unavailable(error),
            Err(error) => RefreshReply::failed(RefreshOutcome::Unknown, error.into()),
        }
    }

    /// The successful reply of the token endpoint; `None` if it is not one JSON object.
    async fn exchange(
        &self,
        endpoints: &Endpoints<'_>,
        code: &str,
        secrets: &LoginSecrets,
    ) -> Result<Option<Reply>, UpstreamError> {
        let form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &*self.redirect_uri),
            ("code_verifier", secrets.verifier.expose()),
        ];
        let request = self.http.post(endpoints.token).header("accept", "application/json");
        let request = self.authenticated(request, form, &endpoints.auth_type).build();
        let request = request.map_err(|error| UpstreamError::invalid(error.without_url()))?;
        let (status, body) = self.http.send(CalledEndpoint::Token, request).await.map_err(SendError::into_upstream)?;
        if is_temporary(status) {
            return Err(SendError::Status(status).into_upstream());
        }
        let reply = Reply::parse(&body).ok();
        // GitHub and others refuse with status 200: an answer with an error is a refusal, even if it contains tokens.
        if let Some(error) = reply.as_ref().and_then(Reply::refusal) {
            return Err(refused(error));
        }
        if status != StatusCode::OK {
            return Err(UpstreamError::invalid(anyhow::anyhow!("the token endpoint answers {status}")));
        }
        Ok(reply)
    }

    /// Adds `form` and the client authentication to a request (RFC 6749 §2.3.1).
    pub(super) fn authenticated<'a>(
        &'a self,
        request: RequestBuilder,
        mut form: Vec<(&'static str, &'a str)>,
        auth_type: &AuthType,
    ) -> RequestBuilder {
        let (id, secret) = (&*self.client_id, &**self.client_secret.secret());
        let request = match auth_type {
            AuthType::RequestBody => {
                form.extend([("client_id", id), ("client_secret", secret)]);
                request
            }
            // Id and secret are form-encoded before they are joined.
            _ => request.basic_auth(encoded(id), Some(encoded(secret))),
        };
        request.form(&form)
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The outcome of sending a refresh token, and the cause of every other outcome than new tokens, for the log.
#[derive(Debug)]
pub(crate) struct RefreshReply {
    pub(crate) outcome: RefreshOutcome,
    pub(crate) cause: Option<anyhow::Error>,
    /// The ID token beside new tokens, not verified.
    pub(super) id_token: Option<String>,
}

impl RefreshReply {
    /// No new tokens.
    pub(super) fn failed(outcome: RefreshOutcome, cause: anyhow::Error) -> Self {
        Self { outcome, cause: Some(cause), id_token: None }
    }
}

fn unavailable(cause: impl Into<anyhow::Error>) -> RefreshReply {
    RefreshReply::failed(RefreshOutcome::Unavailable, cause.into())
}

/// Error codes by which providers refuse a refresh token for good: RFC 6749 §5.2, OIDC Core §3.1.2.6 (Entra answers these at
/// its token endpoint), GitHub, Slack. Any other code is about us, or about now.
const REFUSALS: [&str; 8] = [
    "invalid_grant",
    "interaction_required",
    "login_required",
    "consent_required",
    "bad_refresh_token",
    "invalid_refresh_token",
    "token_revoked",
    "token_expired",
];

/// Judges the answer to a refresh. An outage must never count as a refusal, and a refusal never as an outage.
fn refreshed(status: StatusCode, body: &[u8], now: Timestamp) -> RefreshReply {
    let reply = Reply::parse(body).ok();
    // Some answer errors with status 200: an answer with an error is none with tokens.
    if let Some(error) = reply.as_ref().and_then(Reply::refusal) {
        let cause = refused(error).cause;
        let is_final = REFUSALS.contains(&error) && !status.is_server_error();
        let outcome = if is_final { RefreshOutcome::Refused } else { RefreshOutcome::Unavailable };
        return RefreshReply::failed(outcome, cause);
    }
    if !status.is_success() {
        return unavailable(anyhow::anyhow!("the token endpoint answers {status}"));
    }
    let unusable = |cause| RefreshReply::failed(RefreshOutcome::Unknown, cause);
    let Some(reply) = reply else { return unusable(anyhow::anyhow!("the token response is not one JSON object")) };
    match tokens(&reply, now) {
        Ok(tokens) => {
            let id_token = reply.hint("id_token").map(str::to_owned);
            RefreshReply { outcome: RefreshOutcome::Refreshed(tokens), cause: None, id_token }
        }
        Err(error) => unusable(error.cause),
    }
}

/// The tokens of a successful token response (RFC 6749 §5.1). Nothing depends on `expires_in`, `scope` and the presence
/// of `token_type` and `refresh_token`.
fn tokens(reply: &Reply, now: Timestamp) -> Result<UpstreamTokens, UpstreamError> {
    let invalid = |error| UpstreamError::invalid(anyhow::Error::new(error).context("the token response"));
    // RFC 6749 §7.1: a token of an unknown type must not be used.
    if reply.optional_text("token_type").map_err(invalid)?.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        let error = "the token response: the member token_type is not \"Bearer\"";
        return Err(UpstreamError::invalid(anyhow::anyhow!(error)));
    }
    let tokens = UpstreamTokens {
        access_token: Secret::new(reply.text("access_token").map_err(invalid)?),
        refresh_token: reply.hint("refresh_token").map(Secret::new),
        expires_at: reply.lifetime("expires_in").map(|lifetime| now + lifetime),
        scopes: normal_scopes(&reply.hints("scope").unwrap_or_default().join(" ")),
        claims: None,
    };
    tokens.bounded().ok_or_else(|| UpstreamError::invalid(anyhow::anyhow!("its tokens are too large")))
}

/// The code of an authorization response, or the upstream's error. `iss` was checked before.
pub(super) fn code<'a>(response: CallbackResponse<'a>) -> Result<&'a str, UpstreamError> {
    match response {
        CallbackResponse::Error(error) => Err(refused(error)),
        CallbackResponse::Code(code) => Ok(code),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::reply::tests::{any_value, reply};
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn cause(error: UpstreamError) -> String {
        format!("{:#}", error.cause)
    }

    #[test]
    fn an_unusable_member_of_a_token_response_is_named() {
        for (members, expected) in [
            (json!({}), "the token response: the member access_token is missing"),
            (json!({ "access_token": null }), "the token response: the member access_token is missing"),
            (json!({ "access_token": "" }), "the token response: the member access_token is empty"),
            (json!({ "access_token": 5 }), "the token response: the member access_token is a number, not a string"),
            (
                json!({ "access_token": "x", "token_type": ["Bearer"] }),
                "the token response: the member token_type is a list, not a string",
            ),
            (
                json!({ "access_token": "x", "token_type": "DPoP" }),
                "the token response: the member token_type is not \"Bearer\"",
            ),
        ] {
            assert_eq!(cause(tokens(&reply(&members), NOW).unwrap_err()), expected, "{members}");
        }
    }

    /// What providers answer to a refresh, and what it means.
    #[test]
    fn an_outage_is_never_taken_for_a_refusal_nor_a_refusal_for_an_outage() {
        let judged =
            |status: u16, body: &str| refreshed(StatusCode::from_u16(status).unwrap(), body.as_bytes(), NOW).outcome;
        let error = |code: &str| format!(r#"{{"error":"{code}"}}"#);
        for code in REFUSALS {
            for status in [200, 400, 401, 403] {
                assert_eq!(judged(status, &error(code)), RefreshOutcome::Refused, "{status} {code}");
            }
            assert_eq!(judged(500, &error(code)), RefreshOutcome::Unavailable, "{code}");
        }
        for (status, body) in [
            (500, String::new()),
            (502, "<html>Bad gateway".to_owned()),
            (503, error("temporarily_unavailable")),
            (429, String::new()),
            (403, r#"{"message":"API rate limit exceeded"}"#.to_owned()),
            (302, String::new()),
            (404, "<html>".to_owned()),
            (401, "<html>".to_owned()),
            (400, String::new()),
            (401, error("invalid_client")),
            (400, error("unauthorized_client")),
            (400, error("invalid_request")),
            (200, error("server_error")),
            (200, r#"{"error":{"code":"invalid_grant"}}"#.to_owned()),
        ] {
            assert_eq!(judged(status, &body), RefreshOutcome::Unavailable, "{status} {body}");
        }
        for body in ["", "<html>", "[]", "{}", r#"{"access_token":5}"#, r#"{"access_token":"x","token_type":"DPoP"}"#] {
            assert_eq!(judged(200, body), RefreshOutcome::Unknown, "{body}");
        }
        let RefreshOutcome::Refreshed(tokens) =
            judged(200, r#"{"access_token":"a","refresh_token":"r","expires_in":"60","scope":"repo,read:user"}"#)
        else {
            panic!("no tokens");
        };
        assert_eq!((tokens.scopes.as_str(), tokens.expires_at), ("repo read:user", Some(Timestamp::from_seconds(60))));
    }

    proptest! {
        /// The access token alone decides whether a token response is used, unless its type is a known other one.
        #[test]
        fn nothing_depends_on_the_optional_members(
            expires_in in any_value(), refresh_token in any_value(), scope in any_value(), more in any_value(),
        ) {
            let members = json!({
                "access_token": "x", "expires_in": expires_in, "refresh_token": refresh_token, "scope": scope, "id_token": more,
            });
            let read = tokens(&reply(&members), NOW).unwrap();
            prop_assert_eq!(read.access_token, Secret::new("x"));
            let expected = refresh_token.as_str().filter(|token| !token.is_empty());
            prop_assert_eq!(read.refresh_token.as_ref().map(|token| token.expose()), expected);
            let is_stated = |value: &Value| value.is_number() || value.is_string();
            prop_assert!(read.expires_at.is_none() || is_stated(&expires_in));
        }
    }
}
