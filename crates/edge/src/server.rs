//! Accepts connections, limits their number, and ends them in order at shutdown.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use governor::clock::DefaultClock;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use lychgate_process::Shutdown;
use lychgate_process::metrics::MetricsServer;
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower::util::MapRequest;

use crate::app::App;
use crate::client_address::Peer;
use crate::config::Config;
use crate::control::Control;
use crate::credentials::CredentialReloader;
use crate::issuers::Issuers;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::pages::Pages;
use crate::router;

/// From the end of the previous request on the connection to the end of a request's headers. Longer than load balancers keep
/// idle connections (usually 60 s): if the edge closed first, a balancer could send a request into a closed connection.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(75);

/// The limit of a request's headers, its URL included. A ticket keeps URLs under 6 KB, and cookies may have 16 KB.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Time at shutdown, beyond the deadline of a call, for reading a request and writing its response.
const GRACE: Duration = Duration::from_secs(5);

/// An edge that is bound to its address and does not serve yet.
#[derive(Debug)]
pub struct Edge {
    listener: TcpListener,
    metrics_server: MetricsServer,
    app: App,
    credentials: CredentialReloader,
    max_connections: usize,
    deadline: Duration,
}

impl Edge {
    /// Checks `config` and binds the address. The control plane need not be reachable.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let max_connections = config.checked_max_connections()?;
        let deadline = config.control.deadline()?;
        let proxies = config.trusted_proxies()?;
        let limits = Limits::new(&config.limits, DefaultClock::default());
        let pages = Pages::load(config.templates_dir.as_deref())?;
        let credentials = CredentialReloader::new(config.control.clone());
        let control = Control::new(config.control.channel()?, deadline);
        let listener =
            TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let metrics_server = MetricsServer::bind(&config.metrics, registry).await?;
        let app = App {
            control,
            issuers: Arc::new(Issuers::default()),
            pages: Arc::new(pages),
            proxies: Arc::new(proxies),
            limits: Arc::new(limits),
            metrics,
        };
        Ok(Self { listener, metrics_server, app, credentials, max_connections, deadline })
    }

    /// The bound address, with the real port if the configuration has port 0.
    pub fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `shutdown` is requested, then finishes the requests in progress.
    pub async fn run(self, shutdown: Shutdown) {
        if let Ok(address) = self.listener.local_addr() {
            tracing::info!(%address, "listening");
        }
        let refreshing = tokio::spawn({
            let App { issuers, control, .. } = self.app.clone();
            async move { issuers.keep_fresh(&control).await }
        });
        let reloading = tokio::spawn({
            let (control, credentials) = (self.app.control.clone(), self.credentials);
            async move { credentials.run(&control).await }
        });
        let metrics = tokio::spawn(self.metrics_server.serve(shutdown.clone()));
        let connections = GracefulShutdown::new();
        let requested = shutdown.requested();
        tokio::select! {
            () = accept(&self.listener, &self.app, self.max_connections, &connections) => {}
            () = requested => {}
        }
        drop(self.listener);
        if timeout(self.deadline + GRACE, connections.shutdown()).await.is_err() {
            tracing::warn!("shut down before every request was answered");
        }
        // These tasks hold nothing that could be lost.
        refreshing.abort();
        reloading.abort();
        metrics.abort();
    }
}

async fn accept(listener: &TcpListener, app: &App, max_connections: usize, connections: &GracefulShutdown) {
    let service = router::service(app);
    // HTTP/1.1 only: every proxy in front speaks it, and hyper limits the time to a connection's first bytes only there.
    let mut protocol = auto::Builder::new(TokioExecutor::new()).http1_only();
    protocol.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_READ_TIMEOUT).max_buf_size(MAX_HEADER_BYTES);
    let slots = Arc::new(Semaphore::new(max_connections));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let (stream, peer) = next_connection(listener).await;
        let service = MapRequest::new(service.clone(), move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            request
        });
        let connection = protocol.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = connection.into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection ended early");
            }
            drop(slot);
        });
    }
}

/// The next connection. Errors pass: the peer has disconnected again, or the process has too many open files until some
/// are closed.
async fn next_connection(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Responses are written whole, so waiting to fill a packet only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
                return (stream, peer.ip());
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
