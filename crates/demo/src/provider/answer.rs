//! Everything the provider says: one type, turned into HTTP in one place.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::request::ReturnAddress;

pub(super) enum Answer {
    Alive,
    /// Discovery, keys: for everybody.
    Document(Value),
    /// Tokens or claims: for one caller, and for no cache (RFC 6749 §5.1).
    Private(Value),
    Page(StatusCode, String),
    /// Back to the client, with an answer to its request.
    Return(ReturnAddress, Outcome),
    Refused(OAuthError),
    /// The caller is unknown and hears how to say who it is.
    Unauthorized(&'static str, OAuthError),
}

/// What the client gets to know (RFC 6749 §4.1.2).
pub(super) enum Outcome {
    Code(String),
    Error(OAuthError),
}

/// RFC 6749 §5.2.
#[derive(Debug)]
pub(super) struct OAuthError {
    pub(super) code: &'static str,
    pub(super) description: &'static str,
}

impl OAuthError {
    pub(super) fn new(code: &'static str, description: &'static str) -> Self {
        Self { code, description }
    }

    /// Whoever is unknown hears how to say who it is.
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

/// An answer, with what is needed to send it: the issuer it is from, and a cookie to set.
pub(super) struct Reply {
    pub(super) answer: Answer,
    pub(super) issuer: String,
    pub(super) cookie: Option<String>,
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = match self.answer {
            Answer::Alive => "ok".into_response(),
            Answer::Document(document) => Json(document).into_response(),
            Answer::Private(value) => (NO_STORE, Json(value)).into_response(),
            Answer::Page(status, html) => (status, NO_STORE, PAGE_HEADERS, Html(html)).into_response(),
            Answer::Return(to, outcome) => {
                let location = location(&to, &outcome, &self.issuer);
                // 303, so that no form is posted on to the client (RFC 9700 §4.12).
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
            let cookie = HeaderValue::try_from(cookie).expect("a name and value of base64url characters");
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// No `form-action`: Chromium applies it to the redirects after a form, and these lead to the client. `same-origin` and not
/// `no-referrer`, because the latter makes Chromium post forms with `Origin: null`.
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

/// The registered URI's own bytes, then the answer, and exactly one `iss` (RFC 9207 §2): without it, a client of two
/// providers can be made to take one's code to the other.
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
