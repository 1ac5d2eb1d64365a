//! Accepts connections and completes their TLS handshakes.
//!
//! A connection has ten seconds from its accept to its first authenticated call, for handshake, preface and call together. Until
//! then any new connection may take its place; afterwards it keeps its place until it ends, or has reached its age.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use futures_util::{Stream, stream};
use lychgate_domain::time::Clock;
use lychgate_process::connections::{GuardedStream, Places, accept};
use lychgate_process::telemetry::strangers::{LineLimit, cut};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tonic::transport::server::Connected;

use crate::ground::tls::{Peer, Tls};
use crate::grpc::authentication::Connection;

/// Connections that are ready and not yet taken by the server, which takes them at once.
const READY: usize = 16;
/// For lines about callers without a usable certificate.
static REJECTED: LazyLock<LineLimit> = LazyLock::new(LineLimit::default);

type Socket = GuardedStream<TcpStream>;

/// A connection that is ready for calls.
#[derive(Debug)]
pub(crate) struct IncomingConnection {
    stream: Either<Socket, Box<TlsStream<Socket>>>,
    connection: Connection,
}

/// The TLS configuration of the listener, and the clock that certificates are judged by.
#[derive(Clone, Debug)]
pub(crate) struct Handshakes {
    pub(crate) tls: Arc<Tls>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: HandshakeMetrics,
}

/// Counts TLS handshakes that gave no connection.
#[derive(Clone, Debug)]
pub(crate) struct HandshakeMetrics(Family<RefusalLabels, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    reason: &'static str,
}

impl HandshakeMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let refused = Family::default();
        registry.register(
            "lychgate_tls_handshakes_refused",
            "TLS handshakes that ended without a connection, by reason",
            Family::clone(&refused),
        );
        Self(refused)
    }

    fn count(&self, reason: &'static str) {
        self.0.get_or_create(&RefusalLabels { reason }).inc();
    }
}

/// All connections, while the stream is polled. Unfinished handshakes are dropped with it. Without `handshakes` they are not
/// encrypted.
pub(crate) fn connections(
    listener: TcpListener,
    places: Places,
    handshakes: Option<Handshakes>,
) -> impl Stream<Item = io::Result<IncomingConnection>> {
    let (ready, incoming) = mpsc::channel(READY);
    let mut accepting = JoinSet::new();
    accepting.spawn(accept_all(listener, places, handshakes, ready));
    stream::unfold((incoming, accepting), |(mut incoming, accepting)| async {
        let connection = incoming.recv().await?;
        Some((Ok(connection), (incoming, accepting)))
    })
}

/// A slow handshake must not delay other connections, so each is a task.
async fn accept_all(
    listener: TcpListener,
    places: Places,
    handshakes: Option<Handshakes>,
    ready: mpsc::Sender<IncomingConnection>,
) {
    let mut running = JoinSet::new();
    loop {
        let (stream, address) = accept(&listener, &places).await;
        // A handshake that panicked is logged by the panic hook.
        while running.try_join_next().is_some() {}
        match &handshakes {
            None => {
                if ready.send(plain(stream, address)).await.is_err() {
                    return;
                }
            }
            Some(handshakes) => {
                let (handshakes, ready) = (handshakes.clone(), ready.clone());
                running.spawn(async move {
                    if let Some(connection) = secured(stream, address, &handshakes).await {
                        // Without a receiver the server is shutting down.
                        drop(ready.send(connection).await);
                    }
                });
            }
        }
    }
}

fn plain(stream: Socket, address: IpAddr) -> IncomingConnection {
    let is_private = address.to_canonical().is_loopback();
    let place = stream.place().handle();
    let connection = Connection { is_private, address: Some(address), peer: None, place };
    IncomingConnection { stream: Either::Left(stream), connection }
}

/// The caller of a rejected certificate only sees a TLS alert; the log says why.
async fn secured(stream: Socket, address: IpAddr, handshakes: &Handshakes) -> Option<IncomingConnection> {
    let Handshakes { tls, clock, metrics } = handshakes;
    let loaded = tls.current();
    let place = stream.place().handle();
    let stream = match TlsAcceptor::from(Arc::clone(&loaded.server)).accept(stream).await {
        Ok(stream) => stream,
        Err(error) => {
            match error.get_ref().and_then(|error| error.downcast_ref()) {
                Some(rejected @ (rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)) => {
                    let is_absent = matches!(rejected, rustls::Error::NoCertificatesPresented);
                    metrics.count(if is_absent { "no_certificate" } else { "invalid_certificate" });
                    let error = error.to_string();
                    REJECTED.write(|| tracing::warn!(%address, error = %cut(&error), "client certificate rejected"));
                }
                // The peer left, is too slow, or speaks another protocol.
                _ => {
                    metrics.count("not_completed");
                    tracing::debug!(%address, %error, "TLS handshake failed");
                }
            }
            return None;
        }
    };
    let peer = match stream.get_ref().1.peer_certificates() {
        None => None,
        Some(chain) => match Peer::new(chain, &loaded, clock.now()) {
            Some(peer) => Some(Arc::new(peer)),
            None => {
                metrics.count("unreadable_certificate");
                REJECTED.write(|| tracing::warn!(%address, "cannot parse the caller's verified certificate"));
                return None;
            }
        },
    };
    let connection = Connection { is_private: true, address: Some(address), peer, place };
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
