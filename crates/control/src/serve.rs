//! The control plane as a server. Everything is opened and checked before the first call is answered.

mod listener;
mod metrics;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::Stream;
use lychgate_api::FILE_DESCRIPTORS;
use lychgate_domain::entropy::Entropy;
use lychgate_domain::event::Retention;
use lychgate_domain::time::{Clock, Timestamp};
use lychgate_engine::OpenEngine;
use lychgate_process::connections::Places;
use lychgate_process::file_watcher::POLL_INTERVAL;
use lychgate_process::{Listeners, Shutdown, metrics as process_metrics, supervisor};
use lychgate_store::Store;
use prometheus_client::registry::Registry;
use tonic::service::Routes;

use crate::client_metadata::{self, Documents};
use crate::config::Config;
use crate::event_log::EventLog;
use crate::feed::Feed;
use crate::ground::outbound::{Outbound, RESOLV_CONF};
use crate::ground::principal::Principals;
use crate::ground::system::{SystemClock, SystemEntropy};
use crate::ground::tls::{LoadedTls, Tls};
use crate::grpc;
use crate::grpc::authentication::Authentication;
use crate::issuers::Issuers;
use crate::jobs::node_health::NodeHealth;
use crate::jobs::reload::{Reload, ReloadTargets};
use crate::jobs::{maintenance, upstream_health, upstream_revocation};
use crate::limits::Limits;
use crate::node::{ConfigAudit, Node};
use crate::refreshes::Refreshes;
use crate::state::State;
use listener::{Handshakes, IncomingConnection, connections};
use metrics::ControlMetrics;

/// The time that calls and streams may take to end at shutdown; then every connection is closed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(8);

/// The time that use cases under way may take at shutdown, after that: longer than the timeout of any upstream call. Supervisors kill
/// a process that takes 30 s to end.
const FINISH_TIMEOUT: Duration = Duration::from_secs(15);

/// Time between the end of a connection's age, when its caller is asked to open another (GOAWAY), and its end. No call but a
/// stream lasts as long.
const AGE_GRACE: Duration = Duration::from_secs(300);

/// Serves `config`, which was read from `file`, until `shutdown`. Calls under way are finished.
pub async fn serve(config: Config, file: PathBuf, engine: OpenEngine, shutdown: Shutdown) -> anyhow::Result<()> {
    let server = Server::bind(config, engine, Arc::new(SystemClock), Arc::new(SystemEntropy)).await?;
    server.rereading(file, POLL_INTERVAL).probing_upstreams().run(shutdown).await
}

/// A control plane that is ready to serve and has bound its address. Connections wait until it runs.
#[derive(Debug)]
pub struct Server {
    listeners: Listeners,
    registry: Registry,
    places: Places,
    drain: Duration,
    tls: Option<Arc<Tls>>,
    principals: Arc<Principals>,
    audit: ConfigAudit,
    reload: Option<Reload>,
    probes_upstreams: bool,
    metrics: ControlMetrics,
    config: Config,
    store: Store,
    issuers: Arc<Issuers>,
    documents: Documents,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    retention: Retention,
    limits: Limits,
    opened_at: Timestamp,
}

impl Server {
    /// Opens and checks everything. Fails with the configuration key that is wrong. Port 0 takes a free port.
    pub async fn bind(
        config: Config,
        engine: OpenEngine,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> anyhow::Result<Self> {
        config.check_listen()?;
        // A caller's address says nothing about its right to connections, so there is no share of a peer: those without an
        // authenticated call make room.
        let places = Places::new(config.connection_limits(AGE_GRACE)?, |_| true);
        let drain = config.drain()?;
        let principals = Arc::new(config.principals()?);
        let retention = config.events.retention()?;
        let limits = Limits::new(&config.limits.allowances()?);
        let outbound = Outbound::new(config.outbound()?, config.resolver(Path::new(RESOLV_CONF))?)?;
        let documents = Documents::new(outbound, client_metadata::judge);
        let tls = config.tls.as_ref().map(|tls| LoadedTls::read(tls, &clock)).transpose()?;
        let tls = tls.map(|loaded| Arc::new(Tls::new(loaded)));
        let listeners = Listeners::bind(config.listen, &config.metrics).await?;
        let opened_at = clock.now();
        let mut registry = process_metrics::registry();
        let metrics = ControlMetrics::register(&mut registry);
        places.register(&mut registry);
        let engine = metrics.commits.clone().measure(engine);
        let store = Store::open(engine, opened_at).await.context("cannot open the store")?;
        let store = store.caching_checks(config.store.check_cache_entries);
        let upstream_calls = metrics.upstream_calls.clone();
        let issuers = Arc::new(Issuers::open(&config, &store, upstream_calls, &entropy, clock.now()).await?);
        issuers.register(&mut registry);
        let audit = ConfigAudit::new(store.clone(), Arc::clone(&clock), Arc::clone(&entropy));
        audit.record(&config).await.context("cannot open the store")?;
        Ok(Self {
            listeners,
            registry,
            places,
            drain,
            tls,
            principals,
            audit,
            reload: None,
            probes_upstreams: false,
            metrics,
            config,
            store,
            issuers,
            documents,
            clock,
            entropy,
            retention,
            limits,
            opened_at,
        })
    }

    /// Reloads principals and certificates when one of their files changes, checked as often as `every` says, and on
    /// SIGHUP.
    pub fn rereading(mut self, file: PathBuf, every: Duration) -> Self {
        let (principals, tls, audit) = (Arc::clone(&self.principals), self.tls.clone(), self.audit.clone());
        self.reload = Some(Reload::new(file, every, self.config.clone(), ReloadTargets { principals, tls, audit }));
        self
    }

    /// Checks from the start on that every upstream is there, and reports it as a health service of each issuer.
    pub fn probing_upstreams(self) -> Self {
        Self { probes_upstreams: true, ..self }
    }

    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listeners.service.local_addr()
    }

    fn node(&self) -> Node {
        Node {
            audit: self.audit.clone(),
            tls: self.tls.clone(),
            engine: self.config.store.engine,
            required_durability: self.config.store.required_durability(),
        }
    }

    /// Serves until `shutdown`. Then the health service says so at once, new calls are served for the time that callers may need
    /// to notice, and calls under way are finished.
    pub async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        tracing::info!(address = %self.local_addr()?, "listening");
        let announced = shutdown.clone();
        let shutdown = announced.delayed(self.drain);
        let (clock, entropy, node) = (self.clock.clone(), self.entropy.clone(), self.node());
        let ControlMetrics { calls, health: health_metrics, feed, use_cases, handshakes, .. } = self.metrics;
        let state = State {
            store: self.store.clone(),
            issuers: self.issuers,
            documents: self.documents,
            principals: Arc::clone(&self.principals),
            feed: Feed::new(self.store.clone(), shutdown.clone(), feed),
            log: EventLog::new(self.retention),
            limits: Arc::new(self.limits),
            refreshes: Refreshes::default(),
            metrics: use_cases,
            node,
            clock: self.clock,
            entropy: self.entropy,
            shutdown: shutdown.clone(),
        };
        upstream_revocation::start(&state);
        let (health, health_service) = tonic_health::server::health_reporter();
        let routes = grpc::routes(&state)
            .add_service(health_service)
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?);
        if self.probes_upstreams {
            upstream_health::announce(&state, &health).await;
        }
        // Shutdown waits for use cases only: these tasks never end by themselves.
        let probes = self
            .probes_upstreams
            .then(|| tokio::spawn(upstream_health::run(state.clone(), health.clone(), shutdown.clone())));
        let node = NodeHealth { store: self.store, audit: self.audit, health, metrics: health_metrics };
        node.announce().await;
        let watch = tokio::spawn(node.run(announced, shutdown.clone()));
        let reload = self.reload.map(|reload| tokio::spawn(reload.run()));
        let metrics = tokio::spawn(self.listeners.metrics.serve(self.registry, shutdown.clone()));
        let maintenance = tokio::spawn(maintenance::run(state, self.opened_at, shutdown.clone()));
        let authentication = Authentication::new(self.principals, self.tls.clone(), clock.clone(), entropy, calls);
        let handshakes = self.tls.map(|tls| Handshakes { tls, clock, metrics: handshakes });
        let incoming = connections(self.listeners.service, self.places.clone(), handshakes);
        let age = Duration::from_secs(self.config.max_connection_age_seconds);
        supervisor::notify_ready();
        let served = tokio::select! {
            served = listen(routes, incoming, authentication, age, &shutdown) => served,
            () = drain(&self.places, &shutdown) => Ok(()),
        };
        watch.abort();
        probes.inspect(tokio::task::JoinHandle::abort);
        maintenance.abort();
        metrics.abort();
        reload.inspect(tokio::task::JoinHandle::abort);
        shutdown.trigger();
        shutdown.finish(FINISH_TIMEOUT).await;
        served
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// Resolves some time after shutdown was requested, when every connection has been closed. Until then calls may end.
async fn drain(places: &Places, shutdown: &Shutdown) {
    shutdown.requested().await;
    places.close_unused();
    tokio::time::sleep(DRAIN_TIMEOUT).await;
    tracing::warn!(connections = places.taken(), "shut down before every call was answered");
    places.close_all();
}

async fn listen(
    routes: Routes,
    incoming: impl Stream<Item = std::io::Result<IncomingConnection>>,
    authentication: Authentication,
    age: Duration,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    tonic::transport::Server::builder()
        .max_connection_age(age)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .layer(authentication)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, shutdown.requested())
        .await?;
    Ok(())
}
