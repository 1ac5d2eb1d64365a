//! Reading a request's body, with a limit on its size and its time, and only of the expected media type.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use lychgate_api::Reason;
use tokio::time::timeout;

use crate::failure::Failure;

/// The limit of a form. The largest fields are tickets and signed assertions of a few kilobytes.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// The limit of a client registration (RFC 7591), which needs no authentication.
const MAX_REGISTRATION_BYTES: usize = 16 * 1024;

/// Limits the time from the end of the headers to the end of the body.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The body of a form post. Other media types are refused (RFC 6749 appendix B).
pub(crate) async fn form(request: Request) -> Result<Bytes, Failure> {
    if media_type(request.headers()) != Some("application/x-www-form-urlencoded") {
        return Err(malformed("the content type is not application/x-www-form-urlencoded"));
    }
    read(request, MAX_FORM_BYTES).await
}

/// A JSON body. Other media types are refused: a browser sends JSON's own across sites only after a preflight, but would send
/// JSON labelled as text or as a form without one. Nesting beyond serde_json's limit of 128 is refused, so recursion over the value cannot exhaust the stack.
pub(crate) async fn json(request: Request) -> Result<serde_json::Value, Failure> {
    if media_type(request.headers()) != Some("application/json") {
        return Err(malformed("the content type is not application/json"));
    }
    let bytes = read(request, MAX_REGISTRATION_BYTES).await?;
    serde_json::from_slice(&bytes).map_err(|_| malformed("the body is not JSON"))
}

async fn read(request: Request, limit: usize) -> Result<Bytes, Failure> {
    let too_large = || Failure::new(Reason::RequestTooLarge).describe(format!("the body is larger than {limit} bytes"));
    let announced = request.headers().get(axum::http::header::CONTENT_LENGTH);
    if announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok()).is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    match timeout(READ_TIMEOUT, axum::body::to_bytes(request.into_body(), limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_length_limit(&error) => Err(too_large()),
        Ok(Err(_)) => Err(malformed("the body could not be read")),
        Err(_) => Err(malformed("the body took too long to arrive")),
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

fn malformed(description: &'static str) -> Failure {
    Failure::new(Reason::RequestMalformed).describe(description)
}

/// The media type without its parameters, if it is one that a handler expects; `None` also for a repeated header.
fn media_type(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let essence = value.to_str().ok()?.split(';').next()?.trim();
    // Media types are case-insensitive (RFC 9110 §8.3.1).
    ["application/x-www-form-urlencoded", "application/json"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(essence))
}
