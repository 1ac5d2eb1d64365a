//! The HTTP client for upstreams: no redirects, no proxy of the environment, bounded time, bounded bodies.

use std::time::Duration;

use lychgate_domain::secret::{Secret, kind};
use lychgate_domain::subject::UpstreamId;
use lychgate_process::telemetry::strangers::cut;
use reqwest::redirect::Policy;
use tokio::time::timeout;

use super::reply::Reply;
use super::{UpstreamError, UserinfoError};
use crate::ground::outbound::slots;
use crate::metrics::upstream_calls::{CallOutcome, CalledEndpoint, UpstreamCallMetrics};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The limit of a whole exchange, body included: clients wait ten seconds for us.
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Connections to one host that stay open for the next exchange.
const MAX_IDLE: usize = 16;

/// The connections to all upstreams.
#[derive(Debug)]
pub(crate) struct HttpClient {
    client: reqwest::Client,
    metrics: UpstreamCallMetrics,
}

/// The client of one upstream.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    upstream: UpstreamId,
    metrics: UpstreamCallMetrics,
}

impl HttpClient {
    pub(crate) fn new(metrics: UpstreamCallMetrics) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("lychgate/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .pool_max_idle_per_host(MAX_IDLE)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self { client, metrics })
    }

    pub(crate) fn of(&self, upstream: &UpstreamId) -> Http {
        Http { client: self.client.clone(), upstream: upstream.clone(), metrics: self.metrics.clone() }
    }
}

impl Http {
    /// Fetches the JSON object at `url`.
    pub(super) async fn get_reply(&self, endpoint: CalledEndpoint, url: &str) -> Result<Reply, UpstreamError> {
        let request = self.client.get(url).header("accept", "application/json");
        let request = request.build().map_err(UpstreamError::invalid)?;
        let (status, body) = self.send(endpoint, request).await.map_err(SendError::into_upstream)?;
        check_status(status, url)?;
        Reply::parse(&body).map_err(|error| unreadable(&error, url))
    }

    /// Fetches the JSON object at `url` with the access token `token` (RFC 6750 §2.1).
    pub(super) async fn userinfo(
        &self,
        url: &str,
        media_type: &'static str,
        token: &Secret<kind::UpstreamAccessToken>,
    ) -> Result<Reply, UserinfoError> {
        let request = self.client.get(url).header("accept", media_type).bearer_auth(token.expose());
        let request = request.build().map_err(UpstreamError::invalid)?;
        let (status, body) = self.send(CalledEndpoint::Userinfo, request).await.map_err(SendError::into_upstream)?;
        if status == reqwest::StatusCode::UNAUTHORIZED {
            return Err(UserinfoError::TokenRejected);
        }
        check_status(status, url)?;
        Ok(Reply::parse(&body).map_err(|error| unreadable(&error, url))?)
    }

    /// The status of the answer to a plain request, which only asks whether the endpoint is there.
    pub(super) async fn status(&self, url: &str) -> Result<reqwest::StatusCode, UpstreamError> {
        let request = self.client.get(url).build().map_err(UpstreamError::invalid)?;
        Ok(self.send(CalledEndpoint::Probe, request).await.map_err(SendError::into_upstream)?.0)
    }

    pub(super) fn post(&self, url: &str) -> reqwest::RequestBuilder {
        self.client.post(url)
    }

    pub(super) fn delete(&self, url: &str) -> reqwest::RequestBuilder {
        self.client.delete(url)
    }

    /// Sends a request, once. It counts for the metrics of `endpoint`.
    pub(super) async fn send(
        &self,
        endpoint: CalledEndpoint,
        request: reqwest::Request,
    ) -> Result<(reqwest::StatusCode, Vec<u8>), SendError> {
        let call = self.metrics.begin(&self.upstream, endpoint);
        let result = self.exchange(request).await;
        call.end(match &result {
            Ok((status, _)) => outcome(*status),
            Err(error) => error.outcome(),
        });
        result
    }

    async fn exchange(&self, request: reqwest::Request) -> Result<(reqwest::StatusCode, Vec<u8>), SendError> {
        let _slot = timeout(TIMEOUT, slots::acquire()).await.map_err(|_| SendError::Busy)?;
        let mut response = self.client.execute(request).await.map_err(SendError::Request)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(SendError::Request)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(SendError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status(), body))
    }
}

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("the request failed")]
    Request(#[source] reqwest::Error),
    #[error("it answers {0}")]
    Status(reqwest::StatusCode),
    #[error("the answer has more than {MAX_BODY_BYTES} bytes")]
    TooLarge,
    #[error("too many exchanges are in progress")]
    Busy,
}

impl SendError {
    /// True if the server certainly did not get the request.
    pub(super) fn was_not_sent(&self) -> bool {
        match self {
            SendError::Busy => true,
            SendError::Request(error) => error.is_connect() || error.is_builder(),
            SendError::Status(_) | SendError::TooLarge => false,
        }
    }

    fn outcome(&self) -> CallOutcome {
        match self {
            SendError::Request(error) if error.is_timeout() => CallOutcome::Timeout,
            SendError::Request(_) => CallOutcome::Failed,
            SendError::Status(status) => outcome(*status),
            SendError::TooLarge => CallOutcome::TooLarge,
            SendError::Busy => CallOutcome::Busy,
        }
    }

    pub(crate) fn into_upstream(self) -> UpstreamError {
        match self {
            SendError::Request(error) => UpstreamError::unavailable(error.without_url()),
            SendError::Status(_) | SendError::Busy => UpstreamError::unavailable(self),
            SendError::TooLarge => UpstreamError::invalid(self),
        }
    }
}

fn outcome(status: reqwest::StatusCode) -> CallOutcome {
    match status {
        status if status.is_success() => CallOutcome::Success,
        status if is_temporary(status) => CallOutcome::Unavailable,
        _ => CallOutcome::Refused,
    }
}

/// True for an answer that may be another one later.
pub(super) fn is_temporary(status: reqwest::StatusCode) -> bool {
    status.is_server_error() || status == reqwest::StatusCode::TOO_MANY_REQUESTS
}

fn check_status(status: reqwest::StatusCode, url: &str) -> Result<(), UpstreamError> {
    let cause = || anyhow::anyhow!("{} answers {status}", cut(url));
    match status {
        reqwest::StatusCode::OK => Ok(()),
        status if is_temporary(status) => Err(UpstreamError::unavailable(cause())),
        _ => Err(UpstreamError::invalid(cause())),
    }
}

/// A parse error with the position only: the text may contain tokens.
fn unreadable(error: &serde_json::Error, url: &str) -> UpstreamError {
    let (line, column) = (error.line(), error.column());
    UpstreamError::invalid(anyhow::anyhow!("{} is not one JSON object, at line {line} column {column}", cut(url)))
}
