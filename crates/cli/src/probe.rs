//! The health probe of a process, as a load balancer does it.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// A process that answers later counts as not healthy.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(25);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// `grpc.health.v1` for the whole server, without TLS.
    Grpc(SocketAddr),
    /// A `GET` that must be answered with 200.
    Http(SocketAddr, &'static str),
}

impl Probe {
    pub(crate) fn address(self) -> SocketAddr {
        match self {
            Probe::Grpc(address) | Probe::Http(address, _) => address,
        }
    }

    /// Probes until the process is healthy.
    pub(crate) async fn until_healthy(self) {
        loop {
            if self.ask().await.is_ok_and(|is_healthy| is_healthy) {
                return;
            }
            time::sleep(PAUSE).await;
        }
    }

    /// Probes once.
    pub(crate) async fn ask(self) -> anyhow::Result<bool> {
        match self {
            Probe::Grpc(address) => grpc(&Endpoint::from_shared(format!("http://{address}"))?).await,
            Probe::Http(address, path) => in_time(http(address, path)).await,
        }
    }
}

/// Asks the health service at `endpoint` for the whole server.
pub(crate) async fn grpc(endpoint: &Endpoint) -> anyhow::Result<bool> {
    in_time(ask_health_service(endpoint)).await
}

async fn in_time(answer: impl Future<Output = anyhow::Result<bool>>) -> anyhow::Result<bool> {
    time::timeout(ANSWER_TIMEOUT, answer).await.with_context(|| format!("no answer in {ANSWER_TIMEOUT:?}"))?
}

async fn ask_health_service(endpoint: &Endpoint) -> anyhow::Result<bool> {
    let channel = endpoint.connect().await?;
    let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await?;
    Ok(answer.into_inner().status() == ServingStatus::Serving)
}

/// Reads only the status line, which needs no HTTP client.
async fn http(address: SocketAddr, path: &str) -> anyhow::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut status_line = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut status_line).await?;
    Ok(&status_line == b"HTTP/1.1 200")
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one connection with each of `answers`, in order.
    async fn server(answers: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 512];
                let length = stream.read(&mut request).await.unwrap();
                assert!(request[..length].starts_with(b"GET /readyz HTTP/1.1\r\n"));
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn only_200_is_healthy() {
        let address = server(&["HTTP/1.1 503 Service Unavailable\r\n\r\n", "", "HTTP/1.1 200 OK\r\n\r\nok"]).await;
        assert!(!http(address, "/readyz").await.unwrap());
        assert!(http(address, "/readyz").await.is_err());
        assert!(http(address, "/readyz").await.unwrap());
    }

    #[tokio::test]
    async fn a_probe_repeats_until_the_process_is_healthy() {
        let address = server(&["HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"]).await;
        Probe::Http(address, "/readyz").until_healthy().await;
    }
}
