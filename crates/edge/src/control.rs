//! Calls to the control plane: one method per RPC ([`mod@rpcs`]), each with a deadline, to one of its [`endpoints`], and repeated
//! as [`repetition`] says.

pub(crate) mod endpoints;
mod health;
mod metrics;
mod repetition;
mod resolution;
mod rpcs;

pub(crate) use resolution::MAX_ADDRESSES;
pub use rpcs::rpcs;

use std::error::Error as _;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use lychgate_api::channel::{AuthenticatedChannel, ClientAddress, RequestId};
use lychgate_api::v1::ListRequest;
use prometheus_client::registry::Registry;
use tokio::time::{Instant, timeout};
use tonic::{Request, Response, Status};

use crate::entropy;
use crate::failure::{Failure, is_unreachable};
use endpoints::Endpoints;
use metrics::ControlMetrics;
use repetition::{Budget, Class, Tries, Verdict};

/// The pause when every endpoint was tried, which doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The time for the answer that new credentials must get, at most the deadline.
const LONGEST_TRIAL: Duration = Duration::from_secs(3);

/// The HTTP request that a call is made for.
#[derive(Clone, Debug)]
pub(crate) struct CallContext {
    pub(crate) request_id: RequestId,
    /// For the control plane's events, which record of it what the issuer's configuration says.
    pub(crate) client_address: Option<IpAddr>,
}

/// A client of the control plane.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    /// With the credentials that are in force.
    endpoints: Arc<ArcSwap<Endpoints>>,
    /// The time limit of the calls for one HTTP request, retries included.
    deadline: Duration,
    budget: Arc<Budget>,
    metrics: ControlMetrics,
}

impl Control {
    pub(crate) fn new(endpoints: Endpoints, deadline: Duration, registry: &mut Registry) -> Self {
        let endpoints = Arc::new(ArcSwap::from_pointee(endpoints));
        let metrics = ControlMetrics::new(registry, Arc::clone(&endpoints));
        Self { endpoints, deadline, budget: Arc::default(), metrics }
    }

    /// Replaces the endpoints if the control plane answers at one of the new ones. Calls in progress end at the old ones.
    pub(crate) async fn switch_to(&self, endpoints: Endpoints) -> Result<(), Status> {
        let new = Self {
            endpoints: Arc::new(ArcSwap::from_pointee(endpoints.clone())),
            deadline: self.deadline.min(LONGEST_TRIAL),
            budget: Arc::default(),
            metrics: self.metrics.clone(),
        };
        new.list_issuers(ListRequest {}).await?;
        self.endpoints.store(Arc::new(endpoints));
        Ok(())
    }

    /// Sends `message` for an HTTP request.
    async fn call<M, A, F>(
        &self,
        context: &CallContext,
        message: M,
        class: Class,
        send: impl Fn(AuthenticatedChannel, Request<M>) -> F,
    ) -> Result<A, Failure>
    where
        M: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        self.send(context, message, class, send).await.map_err(|status| {
            log_unless_refused(&status, &context.request_id);
            Failure::from(&status)
        })
    }

    /// Sends `message` on the edge's own behalf.
    async fn ask<M, A, F>(
        &self,
        message: M,
        class: Class,
        send: impl Fn(AuthenticatedChannel, Request<M>) -> F,
    ) -> Result<A, Status>
    where
        M: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let context = CallContext { request_id: entropy::request_id(), client_address: None };
        self.send(&context, message, class, send).await
    }

    /// Sends `message` until it is answered, [`repetition`] says that it is not repeated, or the deadline has passed. While no
    /// endpoint can be reached, the call waits for one.
    async fn send<M, A, F>(
        &self,
        context: &CallContext,
        message: M,
        class: Class,
        send: impl Fn(AuthenticatedChannel, Request<M>) -> F,
    ) -> Result<A, Status>
    where
        M: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let give_up_at = Instant::now() + self.deadline;
        // The timeout of a first try is always the same, which HTTP/2 then sends as one byte.
        let mut left = self.deadline;
        let mut pause = FIRST_PAUSE;
        let endpoints = self.endpoints.load_full();
        let (mut tries, mut tried) = (Tries::begin(class, &self.budget), Vec::new());
        let mut last = Status::unavailable("no endpoint of the control plane can be reached");
        loop {
            let better = endpoints.better();
            let Some(endpoint) = endpoints.choose(&tried) else {
                if left.is_zero() {
                    return Err(last);
                }
                // An endpoint that comes back ends the pause, so the error of the timeout says nothing.
                drop(timeout(pause.min(left), better).await);
                tried.clear();
                pause = (pause * 2).min(LONGEST_PAUSE);
                left = give_up_at.saturating_duration_since(Instant::now());
                continue;
            };
            let request = request(context, message.clone(), left);
            let status = match timeout(left, send(endpoint.channel(), request)).await {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("the control plane did not answer in time"),
            };
            tried.push(endpoint.failed(&status));
            self.obey(tries.after(&status), &status, &context.request_id)?;
            left = give_up_at.saturating_duration_since(Instant::now());
            last = status;
        }
    }

    /// Fails with `status` unless the call is repeated.
    fn obey(&self, verdict: Verdict, status: &Status, id: &RequestId) -> Result<(), Status> {
        match verdict {
            Verdict::Repeat(cause) => {
                self.metrics.repeated(cause);
                tracing::debug!(request.id = %id, code = ?status.code(), error = status.message(), "repeating a call");
                return Ok(());
            }
            Verdict::BudgetExhausted => {
                self.metrics.budget_exhausted();
                tracing::debug!(request.id = %id, "not repeating a call: too many were repeated");
            }
            Verdict::Final => {}
        }
        Err(status.clone())
    }
}

/// A refusal is in the control plane's own log; an unreachable control plane, and an answer that cannot be read, are only known
/// here.
fn log_unless_refused(status: &Status, id: &RequestId) {
    let (code, error) = (status.code(), status.message());
    if is_unreachable(status) {
        tracing::warn!(request.id = %id, ?code, error, "cannot reach the control plane");
    } else if status.source().is_some() {
        tracing::error!(request.id = %id, ?code, error, "cannot read the control plane's answer");
    }
}

fn request<M>(context: &CallContext, message: M, left: Duration) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(left);
    request.extensions_mut().insert(context.request_id.clone());
    if let Some(client) = context.client_address {
        request.extensions_mut().insert(ClientAddress(client));
    }
    request
}
