//! The provider's responses: one type, rendered as HTTP in one place.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};
use url::form_urlencoded;

pub(super) enum Answer {
    Alive,
    /// A public document.
    Document(Value),
    /// Tokens or claims for one caller; never cached (RFC 6749 §5.1).
    Private(Value),
    Page(StatusCode, String),
    /// A redirect to the client with the result of its request.
    Return(ReturnAddress, Outcome),
    Refused(OAuthError),
    /// Authentication failed; with the value of `WWW-Authenticate`.
    Unauthorized(&'static str, OAuthError),
}

/// The target of the authorization response: redirect URI and `state`.
#[derive(Clone)]
pub(super) struct ReturnAddress {
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
}

/// The authorization response (RFC 6749 §4.1.2).
pub(super) enum Outcome {
    Code(String),
    Error(OAuthError),
}

/// An OAuth error (RFC 6749 §5.2).
#[derive(Debug)]
pub(super) struct OAuthError {
    pub(super) code: &'static str,
    pub(super) description: &'static str,
}

impl OAuthError {
    pub(super) fn new(code: &'static str, description: &'static str) -> Self {
        Self { code, description }
    }

    /// The error response; `invalid_client` gets status 401 with a challenge.
    pub(super) fn answer(self) -> Answer {
        match self.code {
            "invalid_client" => Answer::Unauthorized("Basic realm=\"token\"", self),
            _ => Answer::Refused(self),
        }
    }

    pub(super) fn invalid_request(description: &'static str) -> Self {
        Self::new("invalid_request", description)
    }
}

/// An answer with the issuer and the cookie that its response needs.
pub(super) struct Reply {
    pub(super) answer: Answer,
    pub(super) issuer: String,
    pub(super) cookie: Option<String>,
}

#[expect(clippy::expect_used, reason = "a cookie's name and value are base64url characters")]
impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = match self.answer {
            Answer::Alive => "ok".into_response(),
            Answer::Document(document) => Json(document).into_response(),
            Answer::Private(value) => (NO_STORE, Json(value)).into_response(),
            Answer::Page(status, html) => (status, NO_STORE, PAGE_HEADERS, Html(html)).into_response(),
            Answer::Return(to, outcome) => {
                let location = location(&to, &outcome, &self.issuer);
                // 303 prevents the browser from posting the form to the client (RFC 9700 §4.12).
                let headers = [(header::LOCATION, location), (header::REFERRER_POLICY, "no-referrer".to_owned())];
                (StatusCode::SEE_OTHER, NO_STORE, headers).into_response()
            }
            Answer::Refused(error) => (StatusCode::BAD_REQUEST, NO_STORE, error_body(&error)).into_response(),
            Answer::Unauthorized(challenge, error) => {
                let headers = [(header::WWW_AUTHENTICATE, challenge)];
                (StatusCode::UNAUTHORIZED, NO_STORE, headers, error_body(&error)).into_response()
            }
        };
        if let Some(cookie) = self.cookie {
            let cookie = HeaderValue::try_from(cookie).expect("visible ASCII");
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// Without `form-action`: Chromium applies it to redirects after a form, which lead to the client. With `same-origin` instead
/// of `no-referrer`: the latter makes Chromium post forms with `Origin: null`.
const PAGE_HEADERS: [(header::HeaderName, &str); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

fn error_body(error: &OAuthError) -> Json<Value> {
    Json(json!({ "error": error.code, "error_description": error.description }))
}

/// The unchanged bytes of the redirect URI, the outcome, and one `iss` (RFC 9207 §2). Without `iss`, an attacker can make a
/// client of two providers send the code of one to the other.
fn location(to: &ReturnAddress, outcome: &Outcome, issuer: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    match outcome {
        Outcome::Code(code) => query.append_pair("code", code),
        Outcome::Error(error) => {
            query.append_pair("error", error.code).append_pair("error_description", error.description)
        }
    };
    if let Some(state) = &to.state {
        query.append_pair("state", state);
    }
    query.append_pair("iss", issuer);
    let separator = if to.redirect_uri.contains('?') { '&' } else { '?' };
    format!("{}{separator}{}", to.redirect_uri, query.finish())
}
