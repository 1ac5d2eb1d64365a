//! Accepting connections: how many, for how long, and how they end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
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
use tower::ServiceBuilder;
use tower::util::MapRequest;

use crate::client_address::{Peer, recognise};
use crate::config::Config;
use crate::control::Control;
use crate::credentials::CurrentCredentials;
use crate::issuers::Issuers;
use crate::limits::Limits;
use crate::locate::locate;
use crate::metrics::Metrics;
use crate::observe::observe;
use crate::pages::Pages;
use crate::router::{App, routes};

/// From the first byte of a request, or from the end of the one before, to the end of its headers. Longer than load
/// balancers keep idle connections (60 s is usual): if we closed first, they would now and then send into the void.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(75);

/// Of a request's headers, its URL included. A ticket keeps URLs under 6 KB; cookies may have 16.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// What a request may need beyond its deadline to be read and written, when the process is about to end.
const GRACE: Duration = Duration::from_secs(5);

/// An edge that has its address, and nothing else yet.
#[derive(Debug)]
pub struct Edge {
    listener: TcpListener,
    metrics_server: MetricsServer,
    app: Arc<App>,
    credentials: CurrentCredentials,
    max_connections: usize,
    deadline: Duration,
}

impl Edge {
    /// Checks everything `config` says and takes the address. The control plane need not be there.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let max_connections = config.checked_max_connections()?;
        let deadline = config.control.deadline()?;
        let proxies = config.trusted_proxies()?;
        let limits = Limits::new(&config.limits, DefaultClock::default());
        let pages = Pages::load(config.templates_dir.as_deref())?;
        let credentials = CurrentCredentials::new(config.control.clone());
        let control = Control::new(config.control.channel()?, deadline);
        let listener =
            TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let metrics_server = MetricsServer::bind(&config.metrics, registry).await?;
        let app = Arc::new(App { control, issuers: Issuers::default(), pages, proxies, limits, metrics });
        Ok(Self { listener, metrics_server, app, credentials, max_connections, deadline })
    }

    /// The real address, also if the configuration says port 0.
    pub fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `shutdown` is requested, then answers what is under way.
    pub async fn run(self, shutdown: Shutdown) {
        if let Ok(address) = self.listener.local_addr() {
            tracing::info!(%address, "listening");
        }
        let refreshing = tokio::spawn({
            let app = Arc::clone(&self.app);
            async move { app.issuers.keep_fresh(&app.control).await }
        });
        let showing = tokio::spawn({
            let (app, credentials) = (Arc::clone(&self.app), self.credentials);
            async move { credentials.keep(&app.control).await }
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
            tracing::warn!("ended before every request was answered");
        }
        // They hold nothing that could be lost.
        refreshing.abort();
        showing.abort();
        metrics.abort();
    }
}

async fn accept(listener: &TcpListener, app: &Arc<App>, max_connections: usize, connections: &GracefulShutdown) {
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(Arc::clone(app), observe))
        .layer(from_fn_with_state(Arc::clone(app), recognise))
        .layer(from_fn_with_state(Arc::clone(app), locate));
    let service = layers.service(routes(app));
    // HTTP/1.1 only: what stands in front speaks it, and a connection without its first bytes has a time limit there.
    let mut protocol = auto::Builder::new(TokioExecutor::new()).http1_only();
    protocol.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_READ_TIMEOUT).max_buf_size(MAX_HEADER_BYTES);
    let places = Arc::new(Semaphore::new(max_connections));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
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
            drop(place);
        });
    }
}

/// What fails here passes: a peer that left again, or too many open files until some are closed.
async fn next_connection(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are written whole; waiting to fill a packet only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY could not be set");
                }
                return (stream, peer.ip());
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
