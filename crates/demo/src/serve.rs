//! Serves a router until shutdown.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use lychgate_process::{ConfigError, Shutdown};
use tokio::net::TcpListener;

/// Time that running requests get after shutdown was requested.
const DRAIN: Duration = Duration::from_secs(5);

/// Binds the address of the configuration key `listen`.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ConfigError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| ConfigError::new("listen", format_args!("{address}: {error}"), "choose a free address"))
}

/// Accepts connections until shutdown is requested, then finishes running requests. Connections that stay open longer are
/// dropped.
pub async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) -> io::Result<()> {
    tracing::info!(listen.address = %listener.local_addr()?, "listening");
    let requested = shutdown.requested();
    let server = axum::serve(listener, router).with_graceful_shutdown(shutdown.requested()).into_future();
    let drained = async {
        requested.await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        result = server => result,
        () = drained => {
            tracing::warn!("shutdown timed out; open connections are dropped");
            Ok(())
        }
    }
}
