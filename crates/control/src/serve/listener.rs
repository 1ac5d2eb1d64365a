//! Accepts connections and completes their TLS handshakes.
//!
//! A slow handshake must not delay other connections: a client that connects and sends nothing only occupies a slot
//! until the timeout.

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

/// Parallel handshakes; further connections wait to be accepted.
const MAX_HANDSHAKES: usize = 256;

/// A connection that is ready for calls.
#[derive(Debug)]
pub(crate) struct IncomingConnection {
    stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    connection: Connection,
}

/// All connections, while the stream is polled. Unfinished handshakes are dropped with it.
pub(crate) fn connections(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    clock: Arc<dyn Clock>,
) -> impl Stream<Item = io::Result<IncomingConnection>> {
    let listening = Listener { listener, tls, clock, handshakes: JoinSet::new() };
    stream::unfold(listening, |mut listening| async { Some((Ok(listening.next().await), listening)) })
}

struct Listener {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    clock: Arc<dyn Clock>,
    handshakes: JoinSet<Option<IncomingConnection>>,
}

impl Listener {
    async fn next(&mut self) -> IncomingConnection {
        loop {
            tokio::select! {
                Some(made) = self.handshakes.join_next() => {
                    // A panicked handshake is logged by the panic hook.
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

/// Failures here are temporary: a peer that left, or too many open files.
async fn connected(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Replies are written whole; waiting to fill a packet only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn plain(stream: TcpStream) -> IncomingConnection {
    let address = stream.peer_addr().ok().map(|address| address.ip());
    let is_private = address.is_some_and(|address| address.to_canonical().is_loopback());
    IncomingConnection { stream: Either::Left(stream), connection: Connection { is_private, address, peer: None } }
}

/// The caller of a rejected certificate only sees a TLS alert; the log says why.
async fn secured(stream: TcpStream, tls: Arc<Tls>, clock: Arc<dyn Clock>) -> Option<IncomingConnection> {
    let loaded = tls.current();
    let address = stream.peer_addr().ok()?;
    let stream = match TlsAcceptor::from(Arc::clone(&loaded.server)).accept(stream).await {
        Ok(stream) => stream,
        Err(error) => {
            match error.get_ref().and_then(|error| error.downcast_ref()) {
                Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
                    tracing::warn!(%address, %error, "client certificate rejected");
                }
                // The peer left or speaks another protocol.
                _ => tracing::debug!(%address, %error, "TLS handshake failed"),
            }
            return None;
        }
    };
    let peer = match stream.get_ref().1.peer_certificates() {
        None => None,
        Some(chain) => match Peer::new(chain, &loaded, clock.now()) {
            Some(peer) => Some(Arc::new(peer)),
            None => {
                tracing::warn!(%address, "cannot parse the caller's verified certificate");
                return None;
            }
        },
    };
    let connection = Connection { is_private: true, address: Some(address.ip()), peer };
    Some(IncomingConnection { stream: Either::Right(Box::new(stream)), connection })
}

impl Connected for IncomingConnection {
    type ConnectInfo = Connection;

    fn connect_info(&self) -> Connection {
        self.connection.clone()
    }
}

impl AsyncRead for IncomingConnection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for IncomingConnection {
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
