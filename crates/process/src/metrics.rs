//! What a process counts, for whoever collects it: OpenMetrics at `GET /metrics`, on an address of its own.
//!
//! Labels have few values, and ours: nothing a stranger chooses becomes one. Names are those of OpenTelemetry's semantic
//! conventions where it has one.

use std::fmt::Debug;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::{ConfigError, Shutdown};

/// How long calls took, in seconds, and with the labels `L` how many there were.
pub type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The table `[metrics]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Whoever reaches it can read it. Nothing is served without it.
    pub listen: Option<SocketAddr>,
}

pub fn durations<L: Clone + Debug + Eq + Hash + EncodeLabelSet>() -> Durations<L> {
    /// From a page that is in memory to an upstream that hardly answers.
    const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0];
    Family::new_with_constructor(|| Histogram::new(BUCKETS))
}

/// Where they are served, if anywhere.
#[derive(Debug)]
pub struct Exposition {
    listener: Option<TcpListener>,
    registry: Registry,
}

impl Exposition {
    /// Takes the address. Port 0 takes a free one, which is logged.
    pub async fn bind(config: &MetricsConfig, registry: Registry) -> Result<Self, ConfigError> {
        let Some(address) = config.listen else { return Ok(Self { listener: None, registry }) };
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let problem = format_args!("{address} cannot be bound: {error}");
            ConfigError::new("metrics.listen", problem, "free the port or choose another")
        })?;
        tracing::info!(address = %listener.local_addr().unwrap_or(address), "metrics are served");
        Ok(Self { listener: Some(listener), registry })
    }

    /// Until `shutdown` is requested.
    pub async fn serve(self, shutdown: Shutdown) {
        let Some(listener) = self.listener else { return };
        let registry = Arc::new(self.registry);
        let routes = Router::new().route("/metrics", get(async move || told(&registry)));
        let served = axum::serve(listener, routes).with_graceful_shutdown(async move { shutdown.requested().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "metrics are served no longer");
        }
    }
}

fn told(registry: &Registry) -> Response {
    let mut body = String::new();
    match text::encode(&mut body, registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_taken_is_the_configurations_fault() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = MetricsConfig { listen: Some(taken.local_addr().unwrap()) };
        let error = Exposition::bind(&config, Registry::default()).await.unwrap_err().to_string();
        assert!(error.starts_with("metrics.listen: ") && error.contains("cannot be bound"), "{error}");
    }

    #[tokio::test]
    async fn without_an_address_nothing_is_served() {
        let exposition = Exposition::bind(&MetricsConfig::default(), Registry::default()).await.unwrap();
        exposition.serve(Shutdown::new()).await;
    }
}
