//! The edge as a process: bound to its address, it serves until shutdown and finishes the requests in progress.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::DefaultClock;
use lychgate_process::connections::Places;
use lychgate_process::connections::http::{HttpTimeouts, serve};
use lychgate_process::{Listeners, Shutdown, metrics, supervisor};
use prometheus_client::registry::Registry;

use crate::app::App;
use crate::config::Config;
use crate::control::Control;
use crate::control::endpoints::Endpoints;
use crate::credentials::CredentialReloader;
use crate::issuers::Issuers;
use crate::limits::{LimitMetrics, Limits};
use crate::metrics::Metrics;
use crate::pages::AppearanceReloader;
use crate::router;

/// From the end of the previous request on the connection to the end of a request's headers. Longer than load balancers keep
/// idle connections (usually 60 s): if the edge closed first, a balancer could send a request into a closed connection.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(75);

/// Time at shutdown, beyond the deadline of a call, for reading a request and writing its response.
const GRACE: Duration = Duration::from_secs(5);

/// The longest time for both: supervisors kill a process that takes 30 s to end.
const LONGEST_DRAIN: Duration = Duration::from_secs(20);

/// An edge that is bound to its address and does not serve yet.
#[derive(Debug)]
pub struct Edge {
    listeners: Listeners,
    registry: Registry,
    app: App,
    credentials: CredentialReloader,
    appearance: Option<AppearanceReloader>,
    places: Places,
    deadline: Duration,
    drain: Duration,
}

impl Edge {
    /// Checks `config` and binds the address. The control plane need not be reachable.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let connection_limits = config.connection_limits()?;
        let deadline = config.control.deadline()?;
        let proxies = Arc::new(config.trusted_proxies()?);
        let places = Places::new(connection_limits, {
            let proxies = Arc::clone(&proxies);
            move |peer| proxies.trusts(peer)
        });
        let (pages, appearance) = AppearanceReloader::load(config.templates_dir.clone())?;
        let credentials = CredentialReloader::new(config.control.clone());
        let (targets, stale, drain) = (config.control.targets()?, config.control.stale()?, config.drain()?);
        let listeners = Listeners::bind(config.listen, &config.metrics).await?;
        let endpoints = Endpoints::open(targets)?;
        let mut registry = metrics::registry();
        places.register(&mut registry);
        let metrics = Metrics::new(&mut registry);
        let limits = Limits::new(&config.limits, DefaultClock::default(), LimitMetrics::register(&mut registry));
        let control = Control::new(endpoints, deadline, &mut registry);
        let issuers = Arc::new(Issuers::new(stale, &mut registry));
        let (limits, shutdown) = (Arc::new(limits), Shutdown::new());
        let app = App { control, issuers, pages, proxies, limits, metrics, shutdown };
        Ok(Self { listeners, registry, app, credentials, appearance, places, deadline, drain })
    }

    /// The bound address, with the real port if the configuration has port 0.
    pub fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listeners.service.local_addr()?)
    }

    /// Serves until `shutdown` is requested. Then `/readyz` says so at once, new requests are served for the time that balancers
    /// may need to notice, and the requests in progress are finished.
    pub async fn run(mut self, shutdown: Shutdown) {
        self.app.shutdown = shutdown.clone();
        let shutdown = shutdown.delayed(self.drain);
        if let Ok(address) = self.listeners.service.local_addr() {
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
        let appearance = self.appearance.map(|appearance| {
            let App { pages, issuers, .. } = self.app.clone();
            tokio::spawn(async move { appearance.run(&pages, &issuers).await })
        });
        let metrics = tokio::spawn(self.listeners.metrics.serve(self.registry, shutdown.clone()));
        let timeouts = HttpTimeouts { headers: HEADER_READ_TIMEOUT, drain: (self.deadline + GRACE).min(LONGEST_DRAIN) };
        let service = router::service(&self.app);
        supervisor::notify_ready();
        if !serve(self.listeners.service, &self.places, service, timeouts, shutdown.requested()).await {
            tracing::warn!("shut down before every request was answered");
        }
        // These tasks hold nothing that could be lost.
        refreshing.abort();
        reloading.abort();
        appearance.inspect(tokio::task::JoinHandle::abort);
        metrics.abort();
    }
}
