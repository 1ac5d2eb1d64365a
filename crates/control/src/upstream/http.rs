//! The HTTP client for upstreams: no redirects, no proxy of the environment, bounded time, bounded bodies.

use std::time::Duration;

use lychgate_domain::secret::{Secret, kind};
use lychgate_process::telemetry::strangers::cut;
use reqwest::redirect::Policy;
use tokio::time::timeout;

use super::reply::Reply;
use super::{UpstreamError, UserinfoError};
use crate::ground::outbound::slots;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The limit of a whole exchange, body included: clients wait ten seconds for us.
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Connections to one host that stay open for the next exchange.
const MAX_IDLE: usize = 16;

#[derive(Clone, Debug)]
pub(crate) struct Http(reqwest::Client);

impl Http {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("lychgate/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .pool_max_idle_per_host(MAX_IDLE)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self(client))
    }

    /// Fetches the JSON object at `url`.
    pub(super) async fn get_reply(&self, url: &str) -> Result<Reply, UpstreamError> {
        let body = self.get(self.0.get(url).header("accept", "application/json"), url).await?;
        Reply::parse(&body).map_err(|error| unreadable(&error, url))
    }

    /// Fetches the JSON object at `url` with the access token `token` (RFC 6750 §2.1).
    pub(super) async fn userinfo(
        &self,
        url: &str,
        media_type: &'static str,
        token: &Secret<kind::UpstreamAccessToken>,
    ) -> Result<Reply, UserinfoError> {
        let request = self.0.get(url).header("accept", media_type).bearer_auth(token.expose());
        let request = request.build().map_err(UpstreamError::invalid)?;
        let (status, body) = self.send(request).await.map_err(SendError::into_upstream)?;
        if status == reqwest::StatusCode::UNAUTHORIZED {
            return Err(UserinfoError::TokenRejected);
        }
        check_status(status, url)?;
        Ok(Reply::parse(&body).map_err(|error| unreadable(&error, url))?)
    }

    /// The status of the answer to a plain request.
    pub(super) async fn status(&self, url: &str) -> Result<reqwest::StatusCode, UpstreamError> {
        let request = self.0.get(url).build().map_err(UpstreamError::invalid)?;
        Ok(self.send(request).await.map_err(SendError::into_upstream)?.0)
    }

    async fn get(&self, request: reqwest::RequestBuilder, url: &str) -> Result<Vec<u8>, UpstreamError> {
        let request = request.build().map_err(UpstreamError::invalid)?;
        let (status, body) = self.send(request).await.map_err(SendError::into_upstream)?;
        check_status(status, url)?;
        Ok(body)
    }

    pub(super) fn post(&self, url: &str) -> reqwest::RequestBuilder {
        self.0.post(url)
    }

    pub(super) fn delete(&self, url: &str) -> reqwest::RequestBuilder {
        self.0.delete(url)
    }

    pub(super) async fn send(&self, request: reqwest::Request) -> Result<(reqwest::StatusCode, Vec<u8>), SendError> {
        let _slot = timeout(TIMEOUT, slots::acquire()).await.map_err(|_| SendError::Busy)?;
        let mut response = self.0.execute(request).await.map_err(SendError::Request)?;
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

    pub(crate) fn into_upstream(self) -> UpstreamError {
        match self {
            SendError::Request(error) => UpstreamError::unavailable(error.without_url()),
            SendError::Status(_) | SendError::Busy => UpstreamError::unavailable(self),
            SendError::TooLarge => UpstreamError::invalid(self),
        }
    }
}

fn check_status(status: reqwest::StatusCode, url: &str) -> Result<(), UpstreamError> {
    let cause = || anyhow::anyhow!("{} answers {status}", cut(url));
    match status {
        reqwest::StatusCode::OK => Ok(()),
        reqwest::StatusCode::TOO_MANY_REQUESTS => Err(UpstreamError::unavailable(cause())),
        other if other.is_server_error() => Err(UpstreamError::unavailable(cause())),
        _ => Err(UpstreamError::invalid(cause())),
    }
}

/// A parse error with the position only: the text may contain tokens.
fn unreadable(error: &serde_json::Error, url: &str) -> UpstreamError {
    let (line, column) = (error.line(), error.column());
    UpstreamError::invalid(anyhow::anyhow!("{} is not one JSON object, at line {line} column {column}", cut(url)))
}
