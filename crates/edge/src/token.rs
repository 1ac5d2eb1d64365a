//! `POST /token` (RFC 6749 §3.2): a form in, one `Exchange`, JSON out.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use lychgate_api::Reason;
use lychgate_api::v1::exchange_request::Grant;
use lychgate_api::v1::{
    AuthorizationCodeGrant, BasicCredentials, ClientCredentials, ExchangeRequest, ExchangeResponse, OtherGrant,
    RefreshTokenGrant,
};
use serde::Serialize;

use crate::failure::Failure;
use crate::locate::At;
use crate::parameters::{self, Form};
use crate::router::App;
use crate::{body, entropy, response};

pub(crate) async fn exchange(State(app): State<Arc<App>>, at: At, request: Request) -> Result<Response, Failure> {
    let challenge = attempted_basic(request.headers()).then(|| format!("Basic realm=\"{}\"", at.issuer.url));
    let result = exchange_for(&app, at, request).await;
    // RFC 6749 §5.2: whoever tried Basic is told that Basic is what failed.
    result.map_err(|failure| match challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok()) {
        Some(challenge) if failure.code() == "invalid_client" => failure.with_header(WWW_AUTHENTICATE, challenge),
        Some(_) | None => failure,
    })
}

async fn exchange_for(app: &App, at: At, request: Request) -> Result<Response, Failure> {
    let basic = basic(request.headers())?;
    let form = Form::parse(&body::form(request).await?)?;
    let message = message(at.issuer.id.clone(), basic, form);
    let answer = app.control.exchange(&at.request_id, message).await?;
    response::secret_json(StatusCode::OK, &TokenResponse::from(answer))
}

fn message(issuer_id: String, basic: Option<BasicCredentials>, mut form: Form) -> ExchangeRequest {
    let client =
        ClientCredentials { client_id: form.take("client_id"), client_secret: form.take("client_secret"), basic };
    let grant = match form.take("grant_type").as_deref() {
        Some("authorization_code") => Grant::AuthorizationCode(AuthorizationCodeGrant {
            code: form.take("code").unwrap_or_default(),
            redirect_uri: form.take("redirect_uri"),
            code_verifier: form.take("code_verifier"),
        }),
        Some("refresh_token") => {
            Grant::RefreshToken(RefreshTokenGrant { refresh_token: form.take("refresh_token").unwrap_or_default() })
        }
        other => Grant::Other(OtherGrant { grant_type: other.unwrap_or_default().to_owned() }),
    };
    ExchangeRequest {
        issuer_id,
        attempt: entropy::attempt(),
        client: Some(client),
        grant: Some(grant),
        resources: form.take_resources(),
        scope: form.take("scope"),
    }
}

/// RFC 6749 §5.1. An absent member is left out, never null.
#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    token_type: String,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
}

impl From<ExchangeResponse> for TokenResponse {
    fn from(answer: ExchangeResponse) -> Self {
        Self {
            access_token: answer.access_token,
            token_type: answer.token_type,
            expires_in: answer.expires_in,
            refresh_token: answer.refresh_token,
            scope: answer.scope,
        }
    }
}

/// Other schemes are not looked at: some clients send their own header with everything.
fn attempted_basic(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(|value| basic_payload(value).is_some())
}

fn basic_payload(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, payload) = value.as_bytes().split_at_checked(b"Basic".len())?;
    // The scheme is compared without regard to case (RFC 9110 §11.1).
    let separated = payload.is_empty() || payload.starts_with(b" ");
    (scheme.eq_ignore_ascii_case(b"Basic") && separated).then(|| payload.trim_ascii())
}

/// RFC 6749 §2.3.1: base64 of id and secret, each form-encoded. Clients that leave the form encoding out are understood
/// too: ids and secrets of ours have no character that it would change.
fn basic(headers: &HeaderMap) -> Result<Option<BasicCredentials>, Failure> {
    if !attempted_basic(headers) {
        return Ok(None);
    }
    let malformed = || {
        let failure = Failure::new(Reason::ClientAuthenticationFailed).oauth_error("invalid_client");
        failure.describe("the Authorization header could not be read")
    };
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(malformed()) };
    let payload = basic_payload(value).ok_or_else(malformed)?;
    let decoded = STANDARD_PAD_INDIFFERENT.decode(payload).map_err(|_| malformed())?;
    let colon = decoded.iter().position(|byte| *byte == b':').ok_or_else(malformed)?;
    let client_id = parameters::decode(&decoded[..colon]).map_err(|_| malformed())?;
    let client_secret = parameters::decode(&decoded[colon + 1..]).map_err(|_| malformed())?;
    Ok(Some(BasicCredentials { client_id, client_secret }))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn parsed(header: &str) -> Result<Option<(String, String)>, Reason> {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::try_from(header).expect("a header value"));
        let basic = basic(&headers).map_err(|failure| failure.reason())?;
        Ok(basic.map(|basic| (basic.client_id, basic.client_secret)))
    }

    fn encoded(credentials: &str) -> String {
        format!("Basic {}", STANDARD.encode(credentials))
    }

    #[test]
    fn form_encoded_and_raw_credentials_are_understood() {
        let expect = |id: &str, secret: &str| Ok(Some((id.to_owned(), secret.to_owned())));
        assert_eq!(parsed(&encoded("lgi_a-b:s_1-2")), expect("lgi_a-b", "s_1-2"));
        assert_eq!(parsed(&encoded("https%3A%2F%2Fa:s%2B+%25")), expect("https://a", "s+ %"));
        assert_eq!(parsed(&encoded("public:")), expect("public", ""));
        assert_eq!(parsed(&encoded("a:b:c")), expect("a", "b:c"));
        assert_eq!(parsed(&encoded("ab:c").replace("Basic", "bAsIc").replace('=', "")), expect("ab", "c"));
    }

    #[test]
    fn what_cannot_be_read_is_a_failed_authentication() {
        for header in ["Basic", "Basic ", "Basic !!", &encoded("no-colon"), &encoded("a:%ff")] {
            assert_eq!(parsed(header), Err(Reason::ClientAuthenticationFailed), "{header}");
        }
    }

    #[test]
    fn other_schemes_are_not_looked_at() {
        for header in ["Bearer x", "Basics x", "Bas", ""] {
            assert_eq!(parsed(header), Ok(None), "{header}");
        }
    }

    #[test]
    fn two_headers_are_one_too_many() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
        assert!(basic(&headers).is_err());
    }
}
