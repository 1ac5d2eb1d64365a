//! Calls to the control plane: one method per RPC ([`mod@rpcs`]), each with a deadline and with retries where its class has them.
//!
//! A repetition is the same message, with the same idempotency key if it has one, so that the control plane acts on it once. A
//! call is repeated until the deadline if it was certainly not delivered or if the control plane asks for it. If its connection
//! was lost before an answer, it is repeated a few times: a client that asks again itself has another idempotency key, so its
//! code would be spent and its refresh token replayed. A call that was answered is not repeated, also if the answer cannot be
//! read.

mod rpcs;

pub use rpcs::rpcs;

use std::error::Error as _;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use lychgate_api::channel::{AuthenticatedChannel, ClientAddress, RequestId};
use lychgate_api::v1::ListRequest;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Request, Response, Status};

use crate::entropy;
use crate::failure::{Delivery, Failure, invites_repetition, is_unreachable};

/// The pause before a retry, which doubles up to the longest. A control plane that restarts is back within a few of them.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Repetitions of a call whose connection was lost. A request that ends the control plane must not do so for ten seconds.
const MAX_LOST: usize = 3;

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
    /// The connection, with the credentials that are in force.
    channel: Arc<ArcSwap<AuthenticatedChannel>>,
    /// The time limit of the calls for one HTTP request, retries included.
    deadline: Duration,
}

impl Control {
    pub(crate) fn new(channel: AuthenticatedChannel, deadline: Duration) -> Self {
        Self { channel: Arc::new(ArcSwap::from_pointee(channel)), deadline }
    }

    /// Replaces the channel if the control plane answers on the new one. Calls in progress end on the old one.
    pub(crate) async fn switch_to(&self, channel: AuthenticatedChannel) -> Result<(), Status> {
        Self::new(channel.clone(), self.deadline).list_issuers(ListRequest {}).await?;
        self.channel.store(Arc::new(channel));
        Ok(())
    }

    /// Sends `message` until it is answered or refused for good, was lost too often, or the deadline has passed.
    async fn call_until_deadline<M, A, F>(
        &self,
        context: &CallContext,
        message: M,
        send: impl Fn(AuthenticatedChannel, Request<M>) -> F,
    ) -> Result<A, Failure>
    where
        M: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let give_up_at = Instant::now() + self.deadline;
        // The timeout of a first try is always the same, which HTTP/2 then sends as one byte.
        let mut left = self.deadline;
        let mut pause = FIRST_PAUSE;
        let mut lost = 0;
        loop {
            let request = request(context, message.clone(), left);
            let status = match timeout(left, send(self.channel(), request)).await {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("the control plane did not answer in time"),
            };
            let id = &context.request_id;
            let is_repeated = match Delivery::of(&status) {
                Delivery::NotDelivered => true,
                Delivery::Unknown => {
                    lost += 1;
                    lost <= MAX_LOST
                }
                Delivery::Answered => invites_repetition(&status),
            };
            if !is_repeated || Instant::now() + pause >= give_up_at {
                log_unless_refused(&status, id);
                return Err(Failure::from(&status));
            }
            tracing::debug!(request.id = %id, code = ?status.code(), error = status.message(), "retrying a call");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            left = give_up_at.saturating_duration_since(Instant::now());
        }
    }

    /// Sends `message` once, on the edge's own behalf.
    async fn call_once<M, A, F>(
        &self,
        message: M,
        send: impl FnOnce(AuthenticatedChannel, Request<M>) -> F,
    ) -> Result<A, Status>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let context = CallContext { request_id: entropy::request_id(), client_address: None };
        Ok(send(self.channel(), request(&context, message, self.deadline)).await?.into_inner())
    }

    fn channel(&self) -> AuthenticatedChannel {
        AuthenticatedChannel::clone(&self.channel.load())
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
