//! Alters a response of the honest provider: the JSON document, the status, the transport.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::response::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use serde_json::Value;
use url::Url;

use super::fault::{self, Breakage, Endpoint, Fault};

/// Interval between two blanks of [`Breakage::Drips`].
const DRIP: Duration = Duration::from_millis(100);

/// Target of a redirect.
pub(super) fn location(response: &Response) -> Option<Url> {
    response.headers().get(header::LOCATION)?.to_str().ok()?.parse().ok()
}

/// Applies `alter` and `faults` to `honest`. The document of a refusal stays as it is.
pub(super) async fn altered(
    honest: Response,
    endpoint: Endpoint,
    faults: &[Fault],
    alter: impl FnOnce(&mut Value),
) -> Response {
    if faults.is_empty() {
        return honest;
    }
    let (mut parts, body) = honest.into_parts();
    let Ok(mut body) = to_bytes(body, usize::MAX).await else { return StatusCode::BAD_GATEWAY.into_response() };
    parts.headers.remove(header::CONTENT_LENGTH);
    if let (StatusCode::OK, Ok(mut document)) = (parts.status, serde_json::from_slice(&body)) {
        alter(&mut document);
        if let Value::Object(members) = &mut document {
            fault::alter_document(members, endpoint, faults);
        }
        body = document.to_string().into();
    }
    match fault::answer(endpoint, faults) {
        Some(answer) => broken(answer, endpoint, parts, body),
        None => Response::from_parts(parts, body.into()),
    }
}

fn broken(answer: &Breakage, endpoint: Endpoint, mut parts: Parts, honest: Bytes) -> Response {
    const BLANKS: Bytes = Bytes::from_static(&[b' '; 16 * 1024]);
    let body = match answer {
        Breakage::Status(status) => {
            parts.status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            honest.into()
        }
        Breakage::ContentType(label) => {
            if let Ok(label) = HeaderValue::try_from(label) {
                parts.headers.insert(header::CONTENT_TYPE, label);
            }
            honest.into()
        }
        Breakage::Body(body) => {
            parts.status = StatusCode::OK;
            body.clone().into()
        }
        Breakage::Redirects => {
            let to = format!("/redirected{}", endpoint.path());
            return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response();
        }
        // The request has already stalled, before the honest provider saw it.
        Breakage::Stalls => honest.into(),
        Breakage::BreaksOff => Body::from_stream(breaking_off(honest)),
        Breakage::NeverEnds => Body::from_stream(stream::iter(
            [honest].into_iter().chain(std::iter::repeat(BLANKS)).map(Ok::<_, Infallible>),
        )),
        Breakage::Drips => Body::from_stream(dripping(honest)),
        Breakage::Padded(blanks) => [honest.as_ref(), &vec![b' '; *blanks]].concat().into(),
    };
    Response::from_parts(parts, body)
}

fn breaking_off(honest: Bytes) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let end = stream::once(async {
        // Lets the server send the body before the error drops the connection.
        tokio::task::yield_now().await;
        Err(io::Error::other("injected fault"))
    });
    stream::once(async { Ok(honest) }).chain(end)
}

fn dripping(honest: Bytes) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    stream::unfold((honest, tokio::time::interval(DRIP)), |(next, mut drips)| async move {
        drips.tick().await;
        Some((Ok(next), (Bytes::from_static(b" "), drips)))
    })
}
