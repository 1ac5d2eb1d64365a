//! The token endpoint: redeems codes and refresh tokens (RFC 6749 §4.1.3, §6; OpenID Connect Core §3.1.3, §12).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::Provider;
use super::answer::{Answer, OAuthError, Reply};
use super::config::Client;
use super::memory::{Code, CodeTerms, Grant, GrantId, Memory, Scopes};
use super::params::Params;
use crate::clock::UnixSeconds;

const TOKEN_LIFETIME_SECONDS: u64 = 3600;

pub(super) async fn token(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Bytes) -> Reply {
    let answer = provider.exchange(&headers, &body).unwrap_or_else(OAuthError::answer);
    provider.reply(answer)
}

impl Provider {
    fn exchange(&self, headers: &HeaderMap, body: &Bytes) -> Result<Answer, OAuthError> {
        let (client, params) = self.authenticated(headers, body)?;
        match params.value("grant_type") {
            Some("authorization_code") => self.redeem(client, &params),
            Some("refresh_token") => self.refresh(client, &params),
            Some(_) => Err(OAuthError::new("unsupported_grant_type", "authorization_code or refresh_token")),
            None => Err(OAuthError::invalid_request("grant_type is missing")),
        }
    }

    /// Parses the form and authenticates the client that sent it.
    pub(super) fn authenticated(&self, headers: &HeaderMap, body: &Bytes) -> Result<(&Client, Params), OAuthError> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !content_type.starts_with("application/x-www-form-urlencoded") {
            return Err(OAuthError::invalid_request("the body must be application/x-www-form-urlencoded"));
        }
        let params = Params::parse(body).map_err(|_| OAuthError::invalid_request("a parameter is repeated"))?;
        Ok((self.authenticate(headers, &params)?, params))
    }

    fn authenticate(&self, headers: &HeaderMap, params: &Params) -> Result<&Client, OAuthError> {
        let basic = basic_credentials(headers)?;
        let (id, secret) = match (basic, params.owned("client_secret")) {
            // RFC 6749 §2.3: one method per request.
            (Some(_), Some(_)) => return Err(OAuthError::invalid_request("two ways of client authentication")),
            (Some(basic), None) => basic,
            (None, secret) => (params.owned("client_id").unwrap_or_default(), secret.unwrap_or_default()),
        };
        self.client(&id)
            .filter(|client| client.has_secret(&secret))
            .ok_or(OAuthError::new("invalid_client", "the client or its secret is wrong"))
    }

    fn redeem(&self, client: &Client, params: &Params) -> Result<Answer, OAuthError> {
        let code = params.value("code").ok_or(OAuthError::invalid_request("code is missing"))?;
        let now = self.clock.now();
        let mut memory = self.memory();
        match memory.code(code) {
            None => return Err(invalid_grant("the code is unknown")),
            Some(Code::Spent { client_id, grant_id }) => {
                if *client_id == client.id {
                    let grant_id = grant_id.clone();
                    memory.revoke(&grant_id);
                }
                return Err(invalid_grant("the code was used before"));
            }
            // A failed attempt does not spend the code; otherwise a thief of the code could deny it to the client.
            Some(Code::Fresh(terms)) => check_terms(terms, client, params, now)?,
        }
        let (grant_id, terms) = memory.spend(code).ok_or(invalid_grant("the code was used before"))?;
        let CodeTerms { grant, nonce, .. } = &terms;
        let issuance = Issuance { grant_id: &grant_id, grant, scopes: &grant.scopes, nonce: nonce.as_deref() };
        self.issue(&mut memory, &issuance, now)
    }

    fn refresh(&self, client: &Client, params: &Params) -> Result<Answer, OAuthError> {
        let token = params.value("refresh_token").ok_or(OAuthError::invalid_request("refresh_token is missing"))?;
        let requested: Option<Scopes> =
            params.value("scope").map(|scope| scope.split(' ').map(str::to_owned).collect());
        let mut memory = self.memory();
        let (grant_id, grant) = memory
            .refresh(token, &client.id)
            .ok_or(invalid_grant("the refresh token is unknown or was used before"))?;
        let scopes = requested.unwrap_or_else(|| grant.scopes.clone());
        if !scopes.is_subset(&grant.scopes) {
            return Err(OAuthError::new("invalid_scope", "more than was granted"));
        }
        let issuance = Issuance { grant_id: &grant_id, grant: &grant, scopes: &scopes, nonce: None };
        self.issue(&mut memory, &issuance, self.clock.now())
    }

    fn issue(&self, memory: &mut Memory, issuance: &Issuance<'_>, now: UnixSeconds) -> Result<Answer, OAuthError> {
        let scopes = issuance.scopes;
        let tokens = memory
            .mint(issuance.grant_id, now, now + TOKEN_LIFETIME_SECONDS)
            .ok_or(invalid_grant("the grant has ended"))?;
        let mut answer = json!({
            "access_token": tokens.access_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME_SECONDS,
            "refresh_token": tokens.refresh_token,
            "scope": scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
        });
        if scopes.contains("openid") {
            answer["id_token"] = Value::String(self.id_token(issuance, now)?);
        }
        Ok(Answer::Private(answer))
    }

    fn id_token(&self, issuance: &Issuance<'_>, now: UnixSeconds) -> Result<String, OAuthError> {
        let Issuance { grant, scopes, nonce, .. } = issuance;
        let mut claims = self.claims(&grant.sub, scopes);
        claims["iss"] = json!(self.issuer);
        claims["aud"] = json!(grant.client_id);
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + TOKEN_LIFETIME_SECONDS);
        claims["auth_time"] = json!(grant.auth_time);
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        self.key.sign(&claims).map_err(|error| {
            tracing::error!(%error, "cannot sign an ID token");
            OAuthError::new("server_error", "cannot sign an ID token")
        })
    }

    /// The claims about a user that `scopes` permit (OpenID Connect Core §5.4).
    pub(super) fn claims(&self, sub: &str, scopes: &Scopes) -> Value {
        let mut claims = json!({ "sub": sub });
        if let Some(user) = self.user(sub) {
            if scopes.contains("profile") {
                claims["name"] = json!(user.name);
                claims["preferred_username"] = json!(user.login);
            }
            if scopes.contains("email") {
                claims["email"] = json!(user.email);
                claims["email_verified"] = json!(true);
            }
        }
        claims
    }
}

/// The grant to issue tokens for, and what the ID token says.
struct Issuance<'a> {
    grant_id: &'a GrantId,
    grant: &'a Grant,
    scopes: &'a Scopes,
    nonce: Option<&'a str>,
}

fn check_terms(terms: &CodeTerms, client: &Client, params: &Params, now: UnixSeconds) -> Result<(), OAuthError> {
    if now >= terms.expires_at {
        return Err(invalid_grant("the code has expired"));
    }
    if terms.grant.client_id != client.id {
        return Err(invalid_grant("the code belongs to another client"));
    }
    if params.value("redirect_uri") != Some(&terms.redirect_uri) {
        return Err(invalid_grant("redirect_uri is not the one of the authorization request"));
    }
    match (&terms.code_challenge, params.value("code_verifier")) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if *challenge == s256(verifier) => Ok(()),
        (Some(_), _) => Err(invalid_grant("code_verifier does not match")),
        // An attacker removed the challenge from the authorization request (RFC 9700 §4.8.2).
        (None, Some(_)) => Err(invalid_grant("code_verifier without a code_challenge")),
    }
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
fn s256(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Client id and secret of the `Authorization: Basic` header, form-decoded (RFC 6749 §2.3.1).
pub(super) fn basic_credentials(headers: &HeaderMap) -> Result<Option<(String, String)>, OAuthError> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let damaged = || OAuthError::new("invalid_client", "the Authorization header is not Basic");
    let (scheme, encoded) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(damaged)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(damaged());
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).map_err(|_| damaged())?;
    let text = String::from_utf8(decoded).map_err(|_| damaged())?;
    let (id, secret) = text.split_once(':').ok_or_else(damaged)?;
    Ok(Some((form_decoded(id), form_decoded(secret))))
}

fn form_decoded(text: &str) -> String {
    // Without `&` and `=`, the parser returns the text as a single name.
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(escaped.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

fn invalid_grant(description: &'static str) -> OAuthError {
    OAuthError::new("invalid_grant", description)
}
