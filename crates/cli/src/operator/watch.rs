//! The verb `watch`: follows events, also across restarts of the control plane.

use std::time::Duration;

use clap::Args;
use lychgate_api::v1::watch_response::Update;
use lychgate_api::{Reason, v1};
use prost_types::Timestamp;
use tokio::time::sleep;

use super::failure::{Exit, Failure};
use super::screen::Columns;
use super::{Answer, Session, time};

pub(super) const COLUMNS: Columns = &[
    ("TIME", "time"),
    ("KIND", "kind"),
    ("SUBJECT", "subject"),
    ("CLIENT", "client_id"),
    ("RESOURCE", "resource"),
    ("GRANT", "grant_id"),
    ("SCOPES", "scopes"),
];

/// The pause before a new connection, about the time that a control plane takes to start.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Begins after the event with this cursor, as --json prints it; without it, with the oldest event on record
    #[arg(long, value_name = "CURSOR", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    after: String,
    /// Skips earlier events: 2026-11-23T03:00:00Z, or an age like 15m, 2h or 3d
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    since: Option<Timestamp>,
    /// With --json, also prints every half second up to which time all events were shown
    #[arg(long, requires = "json")]
    checkpoints: bool,
}

impl Watch {
    /// Shows the events of the kinds that `concerns` accepts. It ends only by a failure: when a stream ends, it reconnects with the
    /// last cursor.
    pub(super) async fn follow(
        self,
        session: &mut Session,
        concerns: impl Fn(&str) -> bool,
    ) -> Result<Answer, Failure> {
        let issuer_id = session.issuer().await?;
        let mut cursor = self.after.clone();
        let mut lost = false;
        loop {
            let mut heard = false;
            let request = v1::WatchRequest { issuer_id: issuer_id.clone(), cursor: cursor.clone() };
            let call = async |request| session.control.consents().watch(request).await;
            let ended = match session.control.call(request, call).await {
                Ok(mut stream) => loop {
                    match stream.message().await {
                        Ok(Some(response)) => {
                            (heard, lost) = (true, false);
                            cursor.clone_from(&response.cursor);
                            self.show(session, &response, &concerns)?;
                        }
                        Ok(None) => break None,
                        Err(status) => break Some(session.control.stream_failure(&status)),
                    }
                },
                Err(failure) => Some(failure),
            };
            // A control plane that never answered is not waited for: the URL may be wrong.
            let answered_before = heard || lost;
            match ended {
                Some(failure) if !(answered_before && is_temporary(&failure)) => {
                    return Err(with_cursor(failure, &cursor));
                }
                _ if !lost => eprintln!("lychgate: the stream ended; watching on after the last event"),
                _ => {}
            }
            lost = true;
            sleep(RECONNECT_PAUSE).await;
        }
    }

    fn show(
        &self,
        session: &mut Session,
        response: &v1::WatchResponse,
        concerns: impl Fn(&str) -> bool,
    ) -> Result<(), Failure> {
        let wanted = match &response.update {
            Some(Update::Change(change)) => concerns(&change.kind) && !self.is_past(change),
            Some(Update::Checkpoint(_)) => self.checkpoints,
            None => false,
        };
        match &response.update {
            _ if !wanted => Ok(()),
            Some(Update::Change(change)) if !session.screen.is_json() => {
                session.screen.rows(COLUMNS, std::slice::from_ref(change))
            }
            _ => session.screen.outcome(response, ""),
        }
    }

    fn is_past(&self, change: &v1::Change) -> bool {
        let instant = |at: &Timestamp| (at.seconds, at.nanos);
        matches!((&self.since, &change.time), (Some(since), Some(at)) if instant(at) < instant(since))
    }
}

/// True if a restart of the control plane or waiting resolves it.
fn is_temporary(failure: &Failure) -> bool {
    failure.exit == Exit::Unreachable || failure.reason == Some(Reason::WatchTooSlow)
}

/// Tells the operator how to continue.
fn with_cursor(mut failure: Failure, cursor: &str) -> Failure {
    if !cursor.is_empty() && failure.reason != Some(Reason::CursorLost) {
        failure.line += &format!("; to continue: --after {cursor}");
    }
    failure
}
