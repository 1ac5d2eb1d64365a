//! The sockets of a process.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::ConfigError;
use crate::metrics::{MetricsConfig, MetricsServer};
use crate::supervisor::{listen, refuse_unused_sockets};

/// The sockets of a process, all of them bound. Connections wait until the process serves them.
#[derive(Debug)]
pub struct Listeners {
    /// At the key `listen`.
    pub service: TcpListener,
    /// At the key `metrics.listen`.
    pub metrics: MetricsServer,
}

impl Listeners {
    /// Binds both addresses, and refuses a socket of the supervisor at a third one. A process does this before it writes to its
    /// store or connects to another process, so that a start which fails here has changed nothing.
    pub async fn bind(service: SocketAddr, metrics: &MetricsConfig) -> Result<Self, ConfigError> {
        let service = listen("listen", service).await?;
        let metrics = MetricsServer::bind(metrics).await?;
        refuse_unused_sockets()?;
        Ok(Self { service, metrics })
    }
}
