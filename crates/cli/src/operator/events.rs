//! `lychgate events`.

mod digest;
mod export;
mod export_verifier;
pub(super) mod since;
mod verify;

use clap::{Args, Subcommand};
use lychgate_api::v1;
use prost_types::Timestamp;

use super::control_plane::Control;
use super::failure::Failure;
use super::list::{Filter, List, Page, Parties};
use super::screen::Columns;
use super::watch::Watch;
use super::{Answer, Common, Session, time};
use export::Export;
use verify::Verify;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Lists events, the oldest first
    List(List<Events>),
    /// Follows new events
    Watch(Watch),
    /// Writes all events as JSON lines with signed digests, to be stored elsewhere
    Export(Export),
    /// Prints the public keys that verify digests, as a JSON Web Key Set
    Keys,
    /// Verifies offline that an export has no missing, changed or added event
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    #[command(flatten)]
    of: Parties,
    /// Only of this kind, such as consent.approved
    #[arg(long, value_name = "KIND", default_value = "", hide_default_value = true)]
    kind: String,
    /// Only at this time or later: 2026-11-23T03:00:00Z, or an age like 15m, 2h or 3d
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    since: Option<Timestamp>,
    /// Only before this time
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    until: Option<Timestamp>,
}

pub(super) async fn run(verb: Verb, common: Common) -> Result<Answer, Failure> {
    match verb {
        Verb::List(list) => list.run(&mut Session::open(common)?).await,
        Verb::Watch(watch) => watch.follow(&mut Session::open(common)?, |_| true).await,
        Verb::Export(export) => export.run(&Session::open(common)?).await,
        Verb::Keys => export::keys(&Session::open(common)?).await,
        // No session: verification needs no control plane and no token.
        Verb::Verify(verify) => verify.run(),
    }
}

impl Filter for Events {
    type Item = v1::Event;
    const COLUMNS: Columns = &[
        ("TIME", "time"),
        ("KIND", "kind"),
        ("BY", "principal"),
        ("SUBJECT", "subject"),
        ("CLIENT", "client_id"),
        ("RESOURCE", "resource"),
        ("GRANT", "grant_id"),
        ("SCOPES", "scopes"),
        ("REASON", "reason"),
    ];

    async fn page(&self, control: &Control, page: Page) -> Result<(Vec<v1::Event>, String), Failure> {
        let request = v1::ListEventsRequest {
            issuer_id: page.issuer_id,
            subject: self.of.subject.clone(),
            client_id: self.of.client.clone(),
            kind: self.kind.clone(),
            start_time: self.since,
            end_time: self.until,
            page_size: page.size,
            page_token: page.token,
        };
        let reply = control.call(request, async |request| control.admin().list_events(request).await).await?;
        Ok((reply.events, reply.next_page_token))
    }
}
