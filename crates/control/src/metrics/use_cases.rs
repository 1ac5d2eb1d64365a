//! Metrics of use cases: the steps of authorizations, the states of connections, and waiting for another call's refresh.

use std::time::Instant;

use lychgate_domain::id::IssuerId;
use lychgate_domain::upstream::connection::{Connection, ConnectionState};
use lychgate_process::metrics::{Durations, durations};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug)]
pub(crate) struct UseCaseMetrics {
    steps: Family<StepLabels, Counter>,
    transitions: Family<TransitionLabels, Counter>,
    waits: Durations<WaitLabels>,
}

/// A step of an authorization, from the consent page to the client's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConsentStep {
    /// The page was shown, in full or with one button. A page that is opened again counts again.
    Shown,
    /// The approval was stored, also one without a page.
    Approved,
    Denied,
    /// The person has signed in, and the client gets a code.
    Finished,
    /// The login at the upstream failed, or its person is not admitted.
    Failed,
}

/// The call that refreshes the tokens of a connection while another waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseHolder {
    ThisProcess,
    OtherProcess,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    issuer: String,
    step: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransitionLabels {
    issuer: String,
    from: &'static str,
    to: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WaitLabels {
    holder: &'static str,
}

/// A call that waits for a refresh. The wait is counted when it is dropped.
#[derive(Debug)]
pub(crate) struct RefreshWait {
    waits: Durations<WaitLabels>,
    labels: WaitLabels,
    begun: Instant,
}

impl UseCaseMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let (steps, transitions, waits) = (Family::default(), Family::default(), durations());
        registry.register(
            "lychgate_consent_steps",
            "Authorizations that reached a step: shown, approved, denied, finished, failed",
            Family::clone(&steps),
        );
        registry.register(
            "lychgate_upstream_connection_transitions",
            "Changes of state of connections to people's accounts at the upstream",
            Family::clone(&transitions),
        );
        let help = "Time that calls waited for another call's refresh of an upstream token";
        registry.register_with_unit("lychgate_upstream_refresh_wait", help, Unit::Seconds, Durations::clone(&waits));
        Self { steps, transitions, waits }
    }

    pub(crate) fn step(&self, issuer: &IssuerId, step: ConsentStep) {
        self.steps.get_or_create(&StepLabels { issuer: issuer.to_string(), step: step.label() }).inc();
    }

    /// Counts a stored change of a connection, if it changes its state. `None` stands for no connection.
    pub(crate) fn connection(&self, issuer: &IssuerId, before: Option<&Connection>, after: Option<&Connection>) {
        let [from, to] = [before, after].map(|connection| connection.map_or("none", |found| label(&found.state)));
        if from != to {
            self.transitions.get_or_create(&TransitionLabels { issuer: issuer.to_string(), from, to }).inc();
        }
    }

    pub(crate) fn wait_for(&self, holder: LeaseHolder) -> RefreshWait {
        let holder = match holder {
            LeaseHolder::ThisProcess => "this_process",
            LeaseHolder::OtherProcess => "other_process",
        };
        RefreshWait { waits: self.waits.clone(), labels: WaitLabels { holder }, begun: Instant::now() }
    }
}

impl Drop for RefreshWait {
    fn drop(&mut self) {
        self.waits.get_or_create(&self.labels).observe(self.begun.elapsed().as_secs_f64());
    }
}

impl ConsentStep {
    fn label(self) -> &'static str {
        match self {
            ConsentStep::Shown => "shown",
            ConsentStep::Approved => "approved",
            ConsentStep::Denied => "denied",
            ConsentStep::Finished => "finished",
            ConsentStep::Failed => "failed",
        }
    }
}

fn label(state: &ConnectionState) -> &'static str {
    match state {
        ConnectionState::Live => "live",
        ConnectionState::Refreshing(_) => "refreshing",
        ConnectionState::Uncertain => "uncertain",
        ConnectionState::Rejected { .. } => "rejected",
        ConnectionState::Ended { .. } => "ended",
    }
}
