//! Metrics in OpenMetrics format at `GET /metrics`, on a separate address.
//!
//! Labels have few values and never come from a request: otherwise a client could exhaust memory with new ones. Names follow
//! OpenTelemetry's semantic conventions where they define one.

use std::fmt::Debug;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::connections::http::{HttpTimeouts, serve};
use crate::connections::{ConnectionLimits, Places};
use crate::{ConfigError, Shutdown, supervisor};

/// A histogram of durations in seconds, with labels `L`.
pub type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// Collectors are few, and ask every few seconds.
const LIMITS: ConnectionLimits = ConnectionLimits {
    max: 12,
    max_per_peer: 6,
    reserve: 0,
    first_request: Duration::from_secs(10),
    write: Duration::from_secs(10),
    age: None,
};

/// Longer than collectors pause between two questions.
const TIMEOUTS: HttpTimeouts = HttpTimeouts { headers: Duration::from_secs(75), drain: Duration::from_secs(2) };

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The table `[metrics]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Address to serve metrics on, without authentication. Unset serves none.
    pub listen: Option<SocketAddr>,
}

/// A new registry, with the version of the program.
pub fn registry() -> Registry {
    let mut registry = Registry::default();
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("lychgate_build", "The version of the program", version);
    registry
}

/// A new family of [`Durations`].
pub fn durations<L: Clone + Debug + Eq + Hash + EncodeLabelSet>() -> Durations<L> {
    // From a page that is in memory to an upstream that hardly answers.
    const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0];
    Family::new_with_constructor(|| Histogram::new(BUCKETS))
}

/// The server of `GET /metrics`. Serves nothing if no address is configured.
#[derive(Debug)]
pub struct MetricsServer {
    listener: Option<TcpListener>,
}

impl MetricsServer {
    /// The file descriptors that it may use.
    pub const DESCRIPTORS: usize = LIMITS.max + 4;

    /// Binds the address. Port 0 binds a free port, which is logged.
    pub(crate) async fn bind(config: &MetricsConfig) -> Result<Self, ConfigError> {
        let Some(address) = config.listen else { return Ok(Self { listener: None }) };
        let listener = supervisor::listen("metrics.listen", address).await?;
        tracing::info!(address = %listener.local_addr().unwrap_or(address), "serving metrics");
        Ok(Self { listener: Some(listener) })
    }

    /// Serves the metrics of `registry` until shutdown is requested.
    pub async fn serve(self, registry: Registry, shutdown: Shutdown) {
        let Some(listener) = self.listener else { return };
        let registry = Arc::new(registry);
        let routes = Router::new().route("/metrics", get(async move || render(&registry)));
        serve(listener, &Places::new(LIMITS, |_| false), routes, TIMEOUTS, shutdown.requested()).await;
    }
}

fn render(registry: &Registry) -> Response {
    let mut body = String::new();
    match text::encode(&mut body, registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot encode metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_served_without_an_address() {
        let server = MetricsServer::bind(&MetricsConfig::default()).await.unwrap();
        server.serve(Registry::default(), Shutdown::new()).await;
    }
}
