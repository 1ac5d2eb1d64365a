//! The token endpoint: strict when honest, and where most lies are told.

use anyhow::Result;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{RawForm, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use futures_util::stream;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::{CLIENT_ID, CLIENT_SECRET, Code, KEY_ID, Lie, Parameters, Provider, challenge, parameters};

pub(super) async fn exchange(State(provider): State<Provider>, headers: HeaderMap, RawForm(form): RawForm) -> Response {
    let form = parameters(&form);
    provider.state.send_modify(|state| state.exchanges.push(form.clone()));
    let lie = provider.lie();
    match lie {
        Some(Lie::TokenFails) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Lie::TokenRefuses) => return refuse("invalid_grant"),
        Some(Lie::TokenStalls) => {
            let mut state = provider.state.subscribe();
            // It errs only when the provider is gone, and then nobody is waiting.
            drop(state.wait_for(|state| state.released).await);
        }
        Some(Lie::TokenBreaksOff) => {
            let end = stream::iter([Ok(Bytes::from_static(b"{\"access_token\":")), Err(std::io::Error::other("gone"))]);
            return ([(CONTENT_TYPE, "application/json")], Body::from_stream(end)).into_response();
        }
        Some(Lie::TokenNeverEnds) => {
            let chunk = Bytes::from_static(&[b' '; 16 * 1024]);
            let endless = stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
            return ([(CONTENT_TYPE, "application/json")], Body::from_stream(endless)).into_response();
        }
        Some(Lie::TokenRedirects) => {
            let elsewhere = format!("{}/elsewhere", provider.issuer);
            return (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, elsewhere)]).into_response();
        }
        Some(Lie::TokenIsNoJson) => return "<html>a login page of some proxy</html>".into_response(),
        _ => {}
    }
    let expected = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    if headers.get("authorization").is_none_or(|sent| sent.as_bytes() != format!("Basic {expected}").as_bytes()) {
        return refuse("invalid_client");
    }
    let Some(code) = provider.redeem(&form) else { return refuse("invalid_grant") };
    let mut answer = json!({
        "access_token": format!("upstream-access-token-of-{}", code.person),
        "refresh_token": format!("upstream-refresh-token-of-{}", code.person),
        "token_type": "Bearer",
        "expires_in": 3600,
    });
    if lie != Some(Lie::NoIdToken) {
        match provider.id_token(&code, lie) {
            Ok(id_token) => answer["id_token"] = id_token.into(),
            Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
    Json(answer).into_response()
}

impl Provider {
    /// RFC 6749 §4.1.3, RFC 7636 §4.6: once, and only for what was authorized.
    fn redeem(&self, form: &Parameters) -> Option<Code> {
        let mut redeemed = None;
        self.state.send_modify(|state| {
            let Some(code) = form.get("code").and_then(|code| state.codes.get_mut(code)) else { return };
            let challenge = form.get("code_verifier").map(|verifier| challenge(verifier));
            if !code.redeemed
                && code.request.get("redirect_uri") == form.get("redirect_uri")
                && code.request.get("code_challenge") == challenge.as_ref()
            {
                code.redeemed = true;
                redeemed = Some(code.clone());
            }
        });
        redeemed
    }

    fn id_token(&self, code: &Code, lie: Option<Lie>) -> Result<String> {
        let now = jsonwebtoken::get_current_timestamp();
        let mut claims = json!({
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": code.person,
            "nonce": code.request.get("nonce"),
            "iat": now,
            "exp": now + 300,
        });
        if let (Some((name, value)), Value::Object(claims)) = (lie.and_then(|lie| changed(lie, now)), &mut claims) {
            claims.remove(name);
            claims.extend(value.map(|value| (name.to_owned(), value)));
        }
        let header = |algorithm| Header { kid: Some(KEY_ID.to_owned()), ..Header::new(algorithm) };
        let token = match lie {
            Some(Lie::Unsigned) => {
                let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
                format!("{}.{}.", part(&json!({ "alg": "none", "kid": KEY_ID })), part(&claims))
            }
            Some(Lie::Hs256) => {
                let secret = EncodingKey::from_secret(CLIENT_SECRET.as_bytes());
                jsonwebtoken::encode(&header(Algorithm::HS256), &claims, &secret)?
            }
            Some(Lie::OtherKey) => jsonwebtoken::encode(&header(Algorithm::ES256), &claims, &self.other_key.private)?,
            _ => jsonwebtoken::encode(&header(Algorithm::ES256), &claims, &self.key.private)?,
        };
        Ok(token)
    }
}

/// The claim of the ID token that a lie is about, and what it says then; `None`: nothing.
fn changed(lie: Lie, now: u64) -> Option<(&'static str, Option<Value>)> {
    match lie {
        Lie::Issuer => Some(("iss", Some("https://another.example".into()))),
        Lie::Audience => Some(("aud", Some("another-client".into()))),
        Lie::SecondAudienceWithoutAzp => Some(("aud", Some(json!([CLIENT_ID, "another-client"])))),
        Lie::AuthorizedParty => Some(("azp", Some("another-client".into()))),
        Lie::Nonce => Some(("nonce", Some("of-another-login".into()))),
        Lie::NoNonce => Some(("nonce", None)),
        Lie::Expired => Some(("exp", Some((now - 3600).into()))),
        Lie::NoExpiry => Some(("exp", None)),
        Lie::IssuedLater => Some(("iat", Some((now + 3600).into()))),
        Lie::NoSubject => Some(("sub", None)),
        Lie::EmptySubject => Some(("sub", Some("".into()))),
        _ => None,
    }
}

fn refuse(error: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response()
}
