//! Sends END_STREAM with the last frame of a request.
//!
//! A request body of tonic reports its end only when it is polled after the last frame, so HTTP/2 sends the end in an empty
//! frame of its own. The extra frame costs one more write, and one more wake-up of the server, which waits for the end before it runs the
//! method. Polling the body one frame ahead merges the end into the message.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::Service;

/// A channel that sends END_STREAM with the last frame of each request.
#[derive(Clone, Debug)]
pub struct EndStreamChannel(pub(super) Channel);

impl Service<Request<Body>> for EndStreamChannel {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = <Channel as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request.map(|body| Body::new(LookaheadBody { body, next: None })))
    }
}

/// A body that is polled one frame ahead.
struct LookaheadBody {
    body: Body,
    /// Result of the poll after the frame returned last.
    next: Option<Option<Result<Frame<Bytes>, Status>>>,
}

impl http_body::Body for LookaheadBody {
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

    /// A body of given frames. `None` stands for a frame that is not ready yet.
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

    /// The result of each poll, and the value of `is_end_stream` after it.
    fn read(frames: &[Option<&'static [u8]>]) -> Vec<(&'static str, bool)> {
        let mut body = LookaheadBody { body: Body::new(Frames(frames.iter().copied().collect())), next: None };
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
    fn end_is_known_with_the_last_frame() {
        assert_eq!(read(&[Some(b"last")]), [("last", true)]);
        assert_eq!(read(&[Some(b"first"), Some(b"last")]), [("first", false), ("last", true)]);
    }

    #[test]
    fn pending_frames_are_waited_for() {
        let waited = [("pending", false), ("first", false), ("pending", false), ("last", true)];
        assert_eq!(read(&[None, Some(b"first"), None, None, Some(b"last")]), waited);
        assert_eq!(read(&[]), []);
    }
}
