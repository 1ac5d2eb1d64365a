//! Connections, from the listener until they can carry calls. What is not encrypted, and who is at the other end, is known
//! of each from here on.
//!
//! It must never wait for one while others come: whoever connects and says nothing costs a place, for a while.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, stream};
use lychgate_domain::time::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tonic::transport::server::Connected;

use crate::ground::tls::{Peer, Tls};
use crate::grpc::authentication::Connection;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Handshakes at once; further connections wait to be accepted.
const MAX_HANDSHAKES: usize = 256;

/// One that can carry calls.
#[derive(Debug)]
pub struct Accepted {
    stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    connection: Connection,
}

/// All that come, for as long as it is asked for more; then those that are not ready are dropped.
pub fn incoming(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    clock: Arc<dyn Clock>,
) -> impl Stream<Item = io::Result<Accepted>> {
    let gate = Gate { listener, tls, clock, handshakes: JoinSet::new() };
    stream::unfold(gate, |mut gate| async { Some((Ok(gate.next().await), gate)) })
}

struct Gate {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    clock: Arc<dyn Clock>,
    handshakes: JoinSet<Option<Accepted>>,
}

impl Gate {
    async fn next(&mut self) -> Accepted {
        loop {
            tokio::select! {
                Some(made) = self.handshakes.join_next() => {
                    // One that panicked has said so.
                    if let Ok(Some(accepted)) = made {
                        return accepted;
                    }
                }
                stream = connected(&self.listener), if self.handshakes.len() < MAX_HANDSHAKES => match &self.tls {
                    None => return plain(stream),
                    Some(tls) => {
                        let shaken = secured(stream, Arc::clone(tls), Arc::clone(&self.clock));
                        self.handshakes.spawn(async { timeout(HANDSHAKE_TIMEOUT, shaken).await.ok().flatten() });
                    }
                }
            }
        }
    }
}

/// What fails here passes: a peer that left again, or too many open files until some are closed.
async fn connected(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written whole; waiting to fill a packet only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY could not be set");
                }
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn plain(stream: TcpStream) -> Accepted {
    let address = stream.peer_addr().ok().map(|address| address.ip());
    let is_private = address.is_some_and(|address| address.to_canonical().is_loopback());
    Accepted { stream: Either::Left(stream), connection: Connection { is_private, address, peer: None } }
}

/// What the caller is told of a certificate that is not believed is an alert; here it is said why.
async fn secured(stream: TcpStream, tls: Arc<Tls>, clock: Arc<dyn Clock>) -> Option<Accepted> {
    let loaded = tls.current();
    let address = stream.peer_addr().ok()?;
    let stream = match TlsAcceptor::from(Arc::clone(&loaded.server)).accept(stream).await {
        Ok(stream) => stream,
        Err(error) => {
            match error.get_ref().and_then(|error| error.downcast_ref()) {
                Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
                    tracing::warn!(%address, %error, "a caller was not let in");
                }
                // Somebody who left again, or speaks something else.
                _ => tracing::debug!(%address, %error, "no connection was made"),
            }
            return None;
        }
    };
    let peer = match stream.get_ref().1.peer_certificates() {
        None => None,
        Some(chain) => match Peer::new(chain, &loaded, clock.now()) {
            Some(peer) => Some(Arc::new(peer)),
            None => {
                tracing::warn!(%address, "the caller's certificate is good, but cannot be read");
                return None;
            }
        },
    };
    let connection = Connection { is_private: true, address: Some(address.ip()), peer };
    Some(Accepted { stream: Either::Right(Box::new(stream)), connection })
}

impl Connected for Accepted {
    type ConnectInfo = Connection;

    fn connect_info(&self) -> Connection {
        self.connection.clone()
    }
}

impl AsyncRead for Accepted {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
