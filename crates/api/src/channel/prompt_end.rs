//! Ends a request with its last frame.
//!
//! tonic's request bodies learn that there is nothing more only when they are asked once more, so that the end becomes a
//! frame of its own: one more write, and one more wake-up of the service, which waits for it before it begins. Asked
//! ahead, the end goes with the message.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::Service;

/// A channel that sends nothing after the last frame.
#[derive(Clone, Debug)]
pub struct PromptEnd(pub(super) Channel);

impl Service<Request<Body>> for PromptEnd {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = <Channel as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request.map(|body| Body::new(AskedAhead { body, next: None })))
    }
}

struct AskedAhead {
    body: Body,
    /// What the body has already answered to the next question.
    next: Option<Option<Result<Frame<Bytes>, Status>>>,
}

impl http_body::Body for AskedAhead {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match self.next.take() {
            Some(frame) => frame,
            None => ready!(Pin::new(&mut self.body).poll_frame(context)),
        };
        if frame.is_some()
            && let Poll::Ready(next) = Pin::new(&mut self.body).poll_frame(context)
        {
            self.next = Some(next);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.next {
            Some(next) => next.is_none(),
            None => self.body.is_end_stream(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use http_body::Body as _;

    use super::*;

    /// Frames that are there, one after the other; `None` is one that is not there yet.
    struct Frames(VecDeque<Option<&'static [u8]>>);

    impl http_body::Body for Frames {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            match self.0.pop_front() {
                Some(Some(data)) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(data))))),
                Some(None) => Poll::Pending,
                None => Poll::Ready(None),
            }
        }
    }

    /// Each answer, and whether the end was known with it.
    fn read(frames: &[Option<&'static [u8]>]) -> Vec<(&'static str, bool)> {
        let mut body = AskedAhead { body: Body::new(Frames(frames.iter().copied().collect())), next: None };
        let mut read = Vec::new();
        loop {
            let answer = match Pin::new(&mut body).poll_frame(&mut Context::from_waker(std::task::Waker::noop())) {
                Poll::Ready(Some(frame)) => {
                    let data = frame.expect("a frame").into_data().expect("data");
                    if data == "first" { "first" } else { "last" }
                }
                Poll::Ready(None) => return read,
                Poll::Pending => "pending",
            };
            read.push((answer, body.is_end_stream()));
        }
    }

    #[test]
    fn the_end_is_known_with_the_last_frame() {
        assert_eq!(read(&[Some(b"last")]), [("last", true)]);
        assert_eq!(read(&[Some(b"first"), Some(b"last")]), [("first", false), ("last", true)]);
    }

    #[test]
    fn what_is_not_there_yet_is_waited_for() {
        let waited = [("pending", false), ("first", false), ("pending", false), ("last", true)];
        assert_eq!(read(&[None, Some(b"first"), None, None, Some(b"last")]), waited);
        assert_eq!(read(&[]), []);
    }
}
