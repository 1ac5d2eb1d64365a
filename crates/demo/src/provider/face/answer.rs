//! An honest answer on its way out: its document bent, its transport broken.

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

use super::lie::{self, Answer, Endpoint, Lie};

const DRIP: Duration = Duration::from_millis(100);

/// Where it redirects to.
pub(super) fn location(answer: &Response) -> Option<Url> {
    answer.headers().get(header::LOCATION)?.to_str().ok()?.parse().ok()
}

/// `truth` after `lies` and `bend`. What is refused stays refused, in the same words.
pub(super) async fn bent(truth: Response, endpoint: Endpoint, lies: &[Lie], bend: impl FnOnce(&mut Value)) -> Response {
    if lies.is_empty() {
        return truth;
    }
    let (mut parts, body) = truth.into_parts();
    let Ok(mut body) = to_bytes(body, usize::MAX).await else { return StatusCode::BAD_GATEWAY.into_response() };
    parts.headers.remove(header::CONTENT_LENGTH);
    if let (StatusCode::OK, Ok(mut document)) = (parts.status, serde_json::from_slice(&body)) {
        bend(&mut document);
        if let Value::Object(members) = &mut document {
            lie::bend_document(members, endpoint, lies);
        }
        body = document.to_string().into();
    }
    match lie::answer(endpoint, lies) {
        Some(answer) => broken(answer, endpoint, parts, body),
        None => Response::from_parts(parts, body.into()),
    }
}

fn broken(answer: &Answer, endpoint: Endpoint, mut parts: Parts, truth: Bytes) -> Response {
    const BLANKS: Bytes = Bytes::from_static(&[b' '; 16 * 1024]);
    let body = match answer {
        Answer::Status(status) => {
            parts.status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            truth.into()
        }
        Answer::ContentType(label) => {
            if let Ok(label) = HeaderValue::try_from(label) {
                parts.headers.insert(header::CONTENT_TYPE, label);
            }
            truth.into()
        }
        Answer::Body(body) => {
            parts.status = StatusCode::OK;
            body.clone().into()
        }
        Answer::Redirects => {
            let to = format!("/elsewhere{}", endpoint.path());
            return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response();
        }
        // It has stalled, before anything else.
        Answer::Stalls => truth.into(),
        Answer::BreaksOff => Body::from_stream(breaking_off(truth)),
        Answer::NeverEnds => Body::from_stream(stream::iter(
            [truth].into_iter().chain(std::iter::repeat(BLANKS)).map(Ok::<_, Infallible>),
        )),
        Answer::Drips => Body::from_stream(dripping(truth)),
        Answer::Padded(blanks) => [truth.as_ref(), &vec![b' '; *blanks]].concat().into(),
    };
    Response::from_parts(parts, body)
}

fn breaking_off(truth: Bytes) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let end = stream::once(async {
        // So that what came before is sent, and not taken back.
        tokio::task::yield_now().await;
        Err(io::Error::other("gone"))
    });
    stream::once(async { Ok(truth) }).chain(end)
}

fn dripping(truth: Bytes) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    stream::unfold((truth, tokio::time::interval(DRIP)), |(next, mut drips)| async move {
        drips.tick().await;
        Some((Ok(next), (Bytes::from_static(b" "), drips)))
    })
}
