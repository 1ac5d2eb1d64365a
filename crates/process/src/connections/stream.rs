//! A connection's bytes, with its deadlines: for the first request, for a peer that reads nothing, and for its age.
//!
//! No HTTP library bounds a write that waits for its peer, so the stream below it does. A deadline that has passed is an I/O
//! error, with which the library ends the connection.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::Place;

/// Bytes per second that a slow reader must take to be waited for longer than the deadline.
const LEAST_RATE: u32 = 1000;

/// Reads between two looks at the deadlines while the peer sends without a pause.
const READS_BETWEEN_LOOKS: u32 = 64;

/// The bytes that a connection reads after its last answer, from a peer that is still sending. A connection that is closed with
/// unread bytes is reset, and the reset may overtake the answer (RFC 9112 §9.6).
const LINGER_BYTES: usize = 1024 * 1024;

/// The time for them.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// A stream whose connection has a [`Place`].
#[derive(Debug)]
pub struct GuardedStream<S> {
    // In this order: the socket is closed before the place is free.
    stream: S,
    place: Place,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Until the first request.
    first_request: Option<Pin<Box<Sleep>>>,
    end: Option<Pin<Box<Sleep>>>,
    write_limit: Duration,
    /// While a write waits for the peer.
    write: Option<Pin<Box<Sleep>>>,
    reads: u32,
    /// Once the connection is closed in the direction of the peer.
    linger: Option<Linger>,
}

/// The last reads of a connection.
#[derive(Debug)]
struct Linger {
    deadline: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl<S> GuardedStream<S> {
    /// Guards `stream` by the limits of `place`. Its deadlines count from now.
    pub fn new(stream: S, place: Place) -> Self {
        let limits = place.limits();
        Self {
            stream,
            closing: Box::pin(place.closing()),
            first_request: Some(Box::pin(sleep(limits.first_request))),
            end: limits.age.map(|age| Box::pin(sleep(age))),
            write_limit: limits.write,
            write: None,
            reads: 0,
            linger: None,
            place,
        }
    }

    /// The connection's place.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Fails if the connection has to end, and otherwise wakes the task when it has to.
    fn look(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.closing.as_mut().poll(context).is_ready() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the connection is closed from this side"));
        }
        if self.place.is_used() {
            self.first_request = None;
        }
        if let Some(deadline) = &mut self.first_request {
            past(deadline, context, "no request in time")?;
        }
        match &mut self.end {
            Some(deadline) => past(deadline, context, "the connection has reached its age"),
            None => Ok(()),
        }
    }

    /// Judges the result of a write of up to `length` bytes.
    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        length: usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => {
                self.look(context)?;
                let limit = self.write_limit;
                let deadline = self.write.get_or_insert_with(|| Box::pin(sleep(limit)));
                past(deadline, context, "the peer does not read what it asked for")?;
                return Poll::Pending;
            }
            Poll::Ready(Ok(bytes)) if bytes < length => {
                // A peer that reads slowly earns time by what it reads, however small the pieces are.
                let earned = Duration::from_secs(1) * u32::try_from(bytes).unwrap_or(u32::MAX) / LEAST_RATE;
                self.write = self.write.take().map(|deadline| {
                    let latest = Instant::now() + self.write_limit;
                    Box::pin(sleep_until((deadline.deadline() + earned).min(latest)))
                });
            }
            Poll::Ready(_) => self.write = None,
        }
        written
    }
}

fn past(deadline: &mut Pin<Box<Sleep>>, context: &mut Context<'_>, what: &'static str) -> io::Result<()> {
    // The timer does not report its end to a task that has used up its turn (tokio::task::coop), but the clock does.
    if deadline.as_mut().poll(context).is_ready() || Instant::now() >= deadline.deadline() {
        return Err(io::Error::new(io::ErrorKind::TimedOut, what));
    }
    Ok(())
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        self.reads = self.reads.wrapping_add(1);
        if read.is_pending() || self.reads.is_multiple_of(READS_BETWEEN_LOOKS) {
            self.look(context)?;
        }
        read
    }
}

impl<S: AsyncRead + Unpin> GuardedStream<S> {
    /// Reads and drops what the peer still sends, until it ends, fails, or a limit is reached.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scrap = [0; 4096];
        loop {
            let mut into = ReadBuf::new(&mut scrap);
            let read = Pin::new(&mut *self).poll_read(context, &mut into);
            let bytes = into.filled().len();
            let Some(linger) = &mut self.linger else { return Poll::Ready(Ok(())) };
            past(&mut linger.deadline, context, "the peer does not end")?;
            ready!(read)?;
            if bytes == 0 || bytes >= linger.bytes_left {
                return Poll::Ready(Ok(()));
            }
            linger.bytes_left -= bytes;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for GuardedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, from);
        self.written(written, from.len(), context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, from);
        self.written(written, from.iter().map(|slice| slice.len()).sum(), context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            if !self.place.lingers() {
                return Poll::Ready(Ok(()));
            }
            self.linger = Some(Linger { deadline: Box::pin(sleep(LINGER_TIME)), bytes_left: LINGER_BYTES });
        }
        // The answer is sent, so an error has no more meaning than the end.
        self.poll_linger(context).map(|_ended| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::advance;

    use super::*;
    use crate::connections::{ConnectionLimits, Places};

    const SECOND: Duration = Duration::from_secs(1);

    /// A connection with a pipe of 100 bytes as its network.
    async fn connection(age: Option<Duration>) -> (GuardedStream<DuplexStream>, DuplexStream, Places) {
        let limits = ConnectionLimits {
            max: 1,
            max_per_peer: 1,
            reserve: 0,
            first_request: 10 * SECOND,
            write: 20 * SECOND,
            age,
        };
        let places = Places::new(limits, |_| false);
        let (near, far) = duplex(100);
        (GuardedStream::new(near, places.take(Ipv4Addr::LOCALHOST.into()).await), far, places)
    }

    async fn failure(stream: &mut GuardedStream<DuplexStream>) -> (io::ErrorKind, Duration) {
        let began = Instant::now();
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        (error.kind(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn silent_connection_ends_at_the_deadline_of_its_first_request() {
        let (mut stream, _far, places) = connection(None).await;
        let (kind, after) = failure(&mut stream).await;
        assert_eq!((kind, after.as_secs()), (io::ErrorKind::TimedOut, 10));
        assert_eq!(places.taken(), 1);
        drop(stream);
        assert_eq!(places.taken(), 0);
    }

    /// A peer that sends a byte now and then, and one that sends without a pause, complete no request either.
    #[tokio::test(start_paused = true)]
    async fn bytes_that_are_no_request_do_not_move_the_deadline() {
        let (mut stream, mut far, _places) = connection(None).await;
        let trickle = async {
            while far.write_all(b"x").await.is_ok() {
                tokio::time::sleep(SECOND).await;
            }
        };
        let ((kind, after), ()) = tokio::join!(
            async {
                let failed = failure(&mut stream).await;
                drop(stream);
                failed
            },
            trickle
        );
        assert_eq!((kind, after.as_secs()), (io::ErrorKind::TimedOut, 10));

        let (mut stream, mut far, _places) = connection(None).await;
        advance(11 * SECOND).await;
        let mut byte = [0];
        let mut reads = 0;
        loop {
            far.write_all(b"x").await.unwrap();
            match stream.read_exact(&mut byte).await {
                Ok(_) => reads += 1,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                    break;
                }
            }
        }
        assert!(reads <= READS_BETWEEN_LOOKS, "{reads}");
    }

    #[tokio::test(start_paused = true)]
    async fn used_connection_may_be_silent_until_its_age() {
        let (mut stream, mut far, _places) = connection(Some(100 * SECOND)).await;
        drop(stream.place().handle().begin_request());
        let (kind, after) = failure(&mut stream).await;
        assert_eq!((kind, after.as_secs()), (io::ErrorKind::TimedOut, 100));
        drop(stream);
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn answer_that_is_not_read_ends_the_connection() {
        let (mut stream, _far, _places) = connection(None).await;
        stream.place().handle().keep();
        let began = Instant::now();
        let error = stream.write_all(&[0; 200]).await.unwrap_err();
        assert_eq!((error.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, 20));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_reader_must_keep_to_a_rate() {
        // A byte a second is no reading; a kilobyte a second is.
        for (piece, is_served) in [(1, false), (1000, true)] {
            let (mut stream, mut far, _places) = connection(None).await;
            stream.place().handle().keep();
            let reading = async {
                let mut into = vec![0; piece];
                while far.read_exact(&mut into).await.is_ok() {
                    tokio::time::sleep(SECOND).await;
                }
            };
            let writing = async {
                let written = stream.write_all(&[0; 60_000]).await;
                drop(stream);
                written
            };
            let (written, ()) = tokio::join!(writing, reading);
            assert_eq!(written.is_ok(), is_served, "{piece} bytes a second: {written:?}");
        }
    }

    #[tokio::test]
    async fn closed_place_interrupts_a_read_and_a_write() {
        let (mut stream, _far, places) = connection(None).await;
        stream.place().handle().keep();
        places.close_all();
        assert_eq!(failure(&mut stream).await.0, io::ErrorKind::ConnectionAborted);
        let error = stream.write_all(&[0; 200]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }

    /// The peer of a connection that lingers can still send what it was sending, and no more, and not for long.
    #[tokio::test(start_paused = true)]
    async fn only_a_connection_that_lingers_reads_on_and_only_within_its_limits() {
        for (lingers, pieces, pause, read, after) in [
            (false, 1, Duration::ZERO, 0, 0),
            (true, 1, Duration::ZERO, 100, 0),
            (true, 1, 3 * SECOND, 100, 2),
            (true, 1000, SECOND * 9 / 10, 300, 2),
            (true, usize::MAX, Duration::ZERO, LINGER_BYTES, 0),
        ] {
            let (mut stream, mut far, _places) = connection(None).await;
            stream.place().handle().keep();
            if lingers {
                stream.place().handle().linger();
            }
            let began = Instant::now();
            let closing = async {
                stream.shutdown().await.unwrap();
                drop(stream);
                began.elapsed()
            };
            let sending = async {
                let mut sent = 0;
                while sent / 100 < pieces && far.write_all(&[0; 100]).await.is_ok() {
                    sent += 100;
                    tokio::time::sleep(pause).await;
                }
                drop(far);
                sent
            };
            let (took, sent) = tokio::join!(closing, sending);
            let what = format!("lingers {lingers}, {pieces} pieces, pause {pause:?}: {sent} bytes, {took:?}");
            assert_eq!(took.as_secs(), after, "{what}");
            // The pipe itself takes a piece.
            assert!((read..=read + 200).contains(&sent), "{what}");
        }
    }
}
