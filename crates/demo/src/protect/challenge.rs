//! The answers that let nobody in, in the form that clients act on.

use std::fmt::Write;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::metadata::metadata_url;
use super::verify::Unverified;
use super::{Resource, Scopes};

const RETRY_AFTER_SECONDS: u64 = 5;

/// Why a request does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    NoToken,
    /// With a short reason, for whoever debugs a client. It contains nothing of the token.
    InvalidToken(&'static str),
    /// The token is good, but not for this. These are all the scopes the operation needs, not only those that are missing.
    InsufficientScope(Scopes),
    /// Whether the token is good could not be found out.
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
    pub fn response(&self, resource: &Resource) -> Response {
        match self {
            // Without an error: nothing was wrong with a request that did not know (RFC 6750 §3.1).
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
            // Not 401: a client would throw a good token away and send its user through a login.
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

/// Clients take this apart with regular expressions: it starts with `Bearer `, every value is quoted, and no text in it
/// contains `scope=` or `error=`. The metadata are at this server's own origin, because some clients follow no other.
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
    HeaderValue::try_from(challenge).expect("a URL, scope tokens and our own words are visible ASCII")
}
