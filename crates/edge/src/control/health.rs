//! The health of one endpoint, by the standard health service (`grpc.health.v1`) and by the calls that fail.

use std::sync::Arc;
use std::time::Duration;

use lychgate_api::channel::AuthenticatedChannel;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tonic::{Code, Status, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::failure::{Delivery, found_no_server};

/// The pause after an endpoint could not be reached, which doubles up to the longest. A control plane that restarts is noticed
/// within it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The time for the first answer of the health service, beyond the time to connect.
const ANSWER: Duration = Duration::from_secs(3);

/// How often an endpoint without a health service is asked for it.
const NO_SERVICE: Duration = Duration::from_secs(10);

/// The health of an endpoint, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Health {
    Serving,
    /// Not asked yet, or it answers and does not tell its health.
    Unknown,
    /// It drains, or its store is not ready.
    NotServing,
    /// It refuses connections, or does not answer.
    Unreachable,
}

impl Health {
    pub(super) const ALL: [Self; 4] = [Self::Serving, Self::Unknown, Self::NotServing, Self::Unreachable];

    /// The value of the label in metrics and logs.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Unknown => "unknown",
            Self::NotServing => "not_serving",
            Self::Unreachable => "unreachable",
        }
    }
}

/// The health of one endpoint, which its watcher and failed calls set.
#[derive(Debug)]
pub(super) struct NodeHealth {
    name: String,
    current: watch::Sender<Health>,
    /// Wakes the watcher.
    check: Notify,
    better: Arc<Notify>,
    lost: Arc<Notify>,
}

impl NodeHealth {
    pub(super) fn new(name: String, better: Arc<Notify>, lost: Arc<Notify>) -> Self {
        Self { name, current: watch::Sender::new(Health::Unknown), check: Notify::new(), better, lost }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn current(&self) -> Health {
        *self.current.borrow()
    }

    pub(super) fn set(&self, health: Health) {
        let before = self.current.send_replace(health);
        if before == health {
            return;
        }
        let (endpoint, label) = (self.name(), health.label());
        match health {
            Health::Serving | Health::Unknown => {
                tracing::info!(endpoint, health = label, "the health of an endpoint of the control plane changed");
            }
            Health::NotServing | Health::Unreachable => {
                tracing::warn!(endpoint, health = label, "the health of an endpoint of the control plane changed");
            }
        }
        if health < before {
            self.better.notify_waiters();
        } else if health == Health::Unreachable {
            self.lost.notify_waiters();
        }
    }

    /// Asks the watcher to check the endpoint at once.
    pub(super) fn check(&self) {
        self.check.notify_one();
    }
}

/// Keeps `health` up to date. Never returns.
pub(super) async fn watch(channel: AuthenticatedChannel, health: Arc<NodeHealth>) {
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::select! {
            () = follow(&channel, &health) => {}
            () = health.check.notified() => {}
        }
        if health.current() == Health::Serving {
            pause = FIRST_PAUSE;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Follows the reports of the health service until they end or say "not serving". A stream to a control plane that drains would
/// keep it from ending.
async fn follow(channel: &AuthenticatedChannel, health: &NodeHealth) {
    let (mut reports, mut report) = match timeout(ANSWER, first_report(channel.clone())).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(status)) => return without_report(&status, health).await,
        Err(_) => return health.set(Health::Unreachable),
    };
    loop {
        match report {
            Some(report) if report.status() == ServingStatus::Serving => health.set(Health::Serving),
            Some(_) => return health.set(Health::NotServing),
            None => return,
        }
        // After a lost connection the next report decides, so that a connection that ends by its age changes nothing.
        report = match reports.message().await {
            Ok(report) => report,
            Err(_) => return,
        };
    }
}

async fn first_report(
    channel: AuthenticatedChannel,
) -> Result<(Streaming<HealthCheckResponse>, Option<HealthCheckResponse>), Status> {
    let mut reports = HealthClient::new(channel).watch(HealthCheckRequest::default()).await?.into_inner();
    let first = reports.message().await?;
    Ok((reports, first))
}

async fn without_report(status: &Status, health: &NodeHealth) {
    match status.code() {
        // The protocol's rule: a server without a health service is healthy.
        Code::Unimplemented => {
            health.set(Health::Serving);
            sleep(NO_SERVICE).await;
        }
        // The control plane has withdrawn its report: it is about to end.
        Code::NotFound => health.set(Health::NotServing),
        _ if found_no_server(status) || Delivery::of(status) == Delivery::Unknown => {
            tracing::debug!(endpoint = health.name(), error = status.message(), "cannot reach an endpoint");
            health.set(Health::Unreachable);
        }
        // It is there and refuses this question.
        _ => health.set(Health::Unknown),
    }
}
