//! The part of a request's body that the service did not read.
//!
//! An answer that is sent while the body is under way, such as a 429 or a 405, would never reach many clients: the HTTP library
//! closes the connection behind it without notice, and the kernel resets a connection that is closed with unread bytes. So a
//! short rest of a body is read and dropped before the answer is sent, and the connection lives on. Before a longer or slower
//! body, the answer announces the end of the connection (RFC 9112 §9.6).

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The bytes of an unread rest that are read for the sake of the connection.
const MAX_BYTES: u64 = 64 * 1024;

/// The time for them. Clients that send head and body apart send the body at once.
pub(super) const MAX_TIME: Duration = Duration::from_secs(2);

/// The rest of a body, for the time after the service has answered.
#[derive(Debug)]
pub(super) struct Rest(oneshot::Receiver<Incoming>);

/// Lends `body` to the service. [`Rest`] gets it back when the service drops it.
pub(super) fn lend(body: Incoming) -> (Body, Rest) {
    let (back, rest) = oneshot::channel();
    (Body::new(Lent(Some((body, back)))), Rest(rest))
}

impl Rest {
    /// Reads the rest of the body and drops it. False if it is too long or too slow: the connection cannot carry another request.
    pub(super) async fn discard(mut self) -> bool {
        // A body that is still in use has a reader.
        let Ok(mut body) = self.0.try_recv() else { return true };
        if body.size_hint().lower() > MAX_BYTES {
            return false;
        }
        let reading = async {
            let mut left = MAX_BYTES;
            while let Some(frame) = body.frame().await {
                let bytes = frame.ok()?.data_ref().map_or(0, Bytes::len);
                left = left.checked_sub(bytes as u64)?;
            }
            Some(())
        };
        // Frames may be as small as the sender likes, so the time is limited for all of them together.
        matches!(timeout(MAX_TIME, reading).await, Ok(Some(())))
    }
}

/// A body with the way back to its owner.
#[derive(Debug)]
struct Lent(Option<(Incoming, oneshot::Sender<Incoming>)>);

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.0 {
            Some((body, _)) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |(body, _)| body.size_hint())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some((body, back)) = self.0.take() {
            // The owner is gone if the connection is.
            let _owner_gone = back.send(body);
        }
    }
}
