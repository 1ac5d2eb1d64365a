//! Following what happens, also past the control plane's restarts.

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

/// Before it connects again; a control plane that starts takes about so long.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub struct Watch {
    /// Begins right after what came with this cursor (--json shows them); without it, with the oldest event that is kept
    #[arg(long, value_name = "CURSOR", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    after: String,
    /// Passes over what happened before: 2026-11-23T03:00:00Z, or 15m, 2h, 3d for so long ago
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    since: Option<Timestamp>,
    /// With --json, prints also up to when everything has been seen, every half second
    #[arg(long, requires = "json")]
    checkpoints: bool,
}

impl Watch {
    /// Ends only by a failure: where the stream ends, it goes on from its last cursor. `concerns` says which kinds to show.
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
                        Err(status) => break Some(session.control.broke(&status)),
                    }
                },
                Err(failure) => Some(failure),
            };
            // Whoever was never heard is not waited for.
            let known = heard || lost;
            match ended {
                Some(failure) if !(known && passes(&failure)) => return Err(from(failure, &cursor)),
                _ if !lost => eprintln!("lychgate: the stream ended; watching on from where it was"),
                _ => {}
            }
            lost = true;
            sleep(PAUSE).await;
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
            _ => session.screen.told(response, ""),
        }
    }

    fn is_past(&self, change: &v1::Change) -> bool {
        let instant = |at: &Timestamp| (at.seconds, at.nanos);
        matches!((&self.since, &change.time), (Some(since), Some(at)) if instant(at) < instant(since))
    }
}

/// What a restart, or patience, takes care of.
fn passes(failure: &Failure) -> bool {
    failure.exit == Exit::Unreachable || failure.reason == Some(Reason::WatchTooSlow)
}

fn from(mut failure: Failure, cursor: &str) -> Failure {
    if !cursor.is_empty() && failure.reason != Some(Reason::CursorLost) {
        failure.line += &format!("; to go on: --after {cursor}");
    }
    failure
}
