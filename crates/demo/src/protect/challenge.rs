//! Responses to refused requests, in the form that clients act on.

use std::fmt::Write;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::metadata::metadata_url;
use super::verify::Unverified;
use super::{Resource, Scopes};

const RETRY_AFTER_SECONDS: u64 = 5;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// The request has no token.
    NoToken,
    /// The token is invalid, with a short reason for the client's developer. The reason contains nothing of the token.
    InvalidToken(&'static str),
    /// The token lacks a scope. Contains all scopes that the operation needs, not only the missing ones.
    InsufficientScope(Scopes),
    /// The token cannot be verified at present.
    Unavailable,
}

impl From<Unverified> for Challenge {
    fn from(unverified: Unverified) -> Self {
        match unverified {
            Unverified::Invalid(reason) => Challenge::InvalidToken(reason),
            Unverified::Unavailable => Challenge::Unavailable,
        }
    }
}

impl Challenge {
    /// The HTTP response.
    pub fn response(&self, resource: &Resource) -> Response {
        match self {
            // A request without a token gets no error code (RFC 6750 §3.1).
            Challenge::NoToken => {
                let headers = [(header::WWW_AUTHENTICATE, bearer(resource, &resource.required_scopes, None))];
                (StatusCode::UNAUTHORIZED, headers, "an access token is needed\n").into_response()
            }
            Challenge::InvalidToken(reason) => {
                let error = ("invalid_token", *reason);
                refusal(StatusCode::UNAUTHORIZED, resource, &resource.required_scopes, error)
            }
            Challenge::InsufficientScope(needed) => {
                let error = ("insufficient_scope", "the token does not carry what this needs");
                refusal(StatusCode::FORBIDDEN, resource, needed, error)
            }
            // Not 401: a client would discard a valid token and make its user sign in again.
            Challenge::Unavailable => {
                let body = json!({
                    "error": "temporarily_unavailable",
                    "error_description": "the token cannot be verified at the moment",
                });
                let headers = [(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS))];
                (StatusCode::SERVICE_UNAVAILABLE, headers, Json(body)).into_response()
            }
        }
    }
}

fn refusal(status: StatusCode, resource: &Resource, scopes: &Scopes, error: (&str, &str)) -> Response {
    let headers = [(header::WWW_AUTHENTICATE, bearer(resource, scopes, Some(error)))];
    let body = json!({ "error": error.0, "error_description": error.1 });
    (status, headers, Json(body)).into_response()
}

/// The `WWW-Authenticate` header. Clients parse it with regular expressions, so it starts with `Bearer `, quotes every value,
/// and has no text that contains `scope=` or `error=`. The metadata URL has this server's own origin, because some clients
/// refuse others.
#[expect(clippy::expect_used, reason = "URLs, scope tokens and our own texts are visible ASCII")]
fn bearer(resource: &Resource, scopes: &Scopes, error: Option<(&str, &str)>) -> HeaderValue {
    let mut challenge = format!("Bearer resource_metadata=\"{}\"", metadata_url(&resource.url));
    let mut parameter = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = write!(challenge, ", {name}=\"{value}\"");
    };
    if !scopes.is_empty() {
        parameter("scope", &scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" "));
    }
    if let Some((error, description)) = error {
        parameter("error", error);
        parameter("error_description", description);
    }
    HeaderValue::try_from(challenge).expect("visible ASCII")
}
