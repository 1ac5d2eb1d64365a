//! The control plane as a server: everything is opened and checked first, then the listener.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use lychgate_api::FILE_DESCRIPTORS;
use lychgate_domain::entropy::Entropy;
use lychgate_domain::time::Clock;
use lychgate_process::Shutdown;
use lychgate_process::config::ConfigError;
use lychgate_store::Store;
use lychgate_store::engine::Engine;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic_health::ServingStatus;

use crate::authentication::Authentication;
use crate::config::{Config, TlsConfig};
use crate::control::Control;
use crate::issuers::Issuers;
use crate::services;
use crate::system::{SystemClock, SystemEntropy};

/// How long use cases that are under way may take when the process ends: longer than any upstream is waited for.
const FINISH_TIMEOUT: Duration = Duration::from_secs(15);

/// Health is looked at this often.
const HEALTH_INTERVAL: Duration = Duration::from_secs(2);

/// Serves until `shutdown`, and then finishes what is under way.
pub async fn serve(config: Config, engine: Arc<dyn Engine>, shutdown: Shutdown) -> anyhow::Result<()> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    serve_with(config, engine, clock, entropy, shutdown).await
}

/// The same with a clock and randomness of the caller's.
pub async fn serve_with(
    config: Config,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    config.check_listen()?;
    let principals = config.principals()?;
    let store = Store::open(engine, clock.now()).await.context("cannot open the store")?;
    let issuers = Issuers::open(&config, &store, &*clock, &*entropy).await?;
    let control = Control::new(store.clone(), Arc::new(issuers), clock, entropy.clone(), shutdown.clone());

    let (health, health_service) = tonic_health::server::health_reporter();
    let routes = services::routes(&control)
        .add_service(health_service)
        .add_service(
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .build_v1()?,
        )
        .add_service(
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .build_v1alpha()?,
        );

    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        ConfigError::new(
            "listen",
            format_args!("{} cannot be bound: {error}", config.listen),
            "free the port or choose another",
        )
    })?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    // Nothing else is waited for by shutdown: what it watches never ends by itself.
    let watch = tokio::spawn(watch_health(store, health, shutdown.clone()));
    let served =
        listen(routes, listener, config.tls.as_ref(), Authentication::new(principals, entropy), &shutdown).await;
    watch.abort();
    shutdown.trigger();
    shutdown.finish(FINISH_TIMEOUT).await;
    served
}

async fn listen(
    routes: Routes,
    listener: TcpListener,
    tls: Option<&TlsConfig>,
    authentication: Authentication,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)));
    if let Some(tls) = tls {
        server = server.tls_config(ServerTlsConfig::new().identity(identity(tls)?))?;
    }
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    server
        .layer(authentication)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, shutdown.requested())
        .await?;
    Ok(())
}

fn identity(tls: &TlsConfig) -> Result<Identity, ConfigError> {
    let read = |key: &str, path: &std::path::Path| {
        std::fs::read(path).map_err(|error| {
            ConfigError::new(
                key,
                format_args!("{} cannot be read: {error}", path.display()),
                "check the path and its permissions",
            )
        })
    };
    Ok(Identity::from_pem(read("tls.cert_file", &tls.cert_file)?, read("tls.key_file", &tls.key_file)?))
}

/// Says "serving" as long as the store takes commits.
async fn watch_health(store: Store, health: tonic_health::server::HealthReporter, shutdown: Shutdown) {
    let mut interval = tokio::time::interval(HEALTH_INTERVAL);
    let mut requested = std::pin::pin!(shutdown.requested());
    loop {
        let status = match store.ready().await {
            Ok(_) => ServingStatus::Serving,
            Err(error) => {
                tracing::warn!(error = format!("{:#}", anyhow::Error::new(error)), "the store is not ready");
                ServingStatus::NotServing
            }
        };
        health.set_service_status("", status).await;
        tokio::select! {
            _ = interval.tick() => {}
            () = &mut requested => {
                health.set_service_status("", ServingStatus::NotServing).await;
                return;
            }
        }
    }
}
