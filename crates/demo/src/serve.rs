//! Serving a router until the process is asked to end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use lychgate_process::{ConfigError, Shutdown};
use tokio::net::TcpListener;

/// How long requests under way may take once the end has been asked for.
const DRAIN: Duration = Duration::from_secs(5);

pub async fn bind(address: SocketAddr) -> Result<TcpListener, ConfigError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| ConfigError::new("listen", format_args!("{address}: {error}"), "choose a free address"))
}

/// Accepts connections until `shutdown`, then finishes the requests under way. A client that never closes its connection
/// cannot keep the process alive.
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
            tracing::warn!("ended before all connections were closed");
            Ok(())
        }
    }
}
