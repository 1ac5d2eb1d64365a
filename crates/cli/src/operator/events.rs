//! `lychgate events`.

mod export;
mod verify;
mod whole;

use clap::{Args, Subcommand};
use lychgate_api::v1;
use prost_types::Timestamp;

use super::failure::Failure;
use super::pages::{Listing, Page};
use super::screen::Columns;
use super::watch::Watch;
use super::{Answer, Common, Session, time};
use export::Export;
use verify::Verify;

pub(super) const COLUMNS: Columns = &[
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

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What happened, the oldest first
    List(List),
    /// Follows what happens
    Watch(Watch),
    /// All of it as JSON lines with signed digests, to be kept elsewhere
    Export(Export),
    /// The public keys that digests are signed with, as a JSON Web Key Set
    Keys,
    /// Whether an export is whole: nothing missing, changed or added; asks nobody
    Verify(Verify),
}

#[derive(Debug, Args)]
pub struct List {
    /// Only what concerns this person, written as UPSTREAM|ID
    #[arg(long, value_name = "SUBJECT", default_value = "", hide_default_value = true)]
    subject: String,
    /// Only what concerns this client
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    client: String,
    /// Only of this kind, such as consent.approved
    #[arg(long, value_name = "KIND", default_value = "", hide_default_value = true)]
    kind: String,
    /// From then on: 2026-11-23T03:00:00Z, or 15m, 2h, 3d for so long ago
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    since: Option<Timestamp>,
    /// Until before then
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    until: Option<Timestamp>,
    #[command(flatten)]
    listing: Listing,
}

pub(super) async fn run(verb: Verb, common: Common) -> Result<Answer, Failure> {
    match verb {
        Verb::List(list) => list.run(&mut Session::open(common)?).await,
        Verb::Watch(watch) => watch.follow(&mut Session::open(common)?, |_| true).await,
        Verb::Export(export) => export.run(&Session::open(common)?).await,
        Verb::Keys => export::keys(&Session::open(common)?).await,
        Verb::Verify(verify) => verify.run(),
    }
}

impl List {
    async fn run(self, session: &mut Session) -> Result<Answer, Failure> {
        let issuer_id = session.issuer().await?;
        let Session { control, screen, .. } = session;
        let page = async |Page { size, token }| {
            let request = v1::ListEventsRequest {
                issuer_id: issuer_id.clone(),
                subject: self.subject.clone(),
                client_id: self.client.clone(),
                kind: self.kind.clone(),
                start_time: self.since,
                end_time: self.until,
                page_size: size,
                page_token: token,
            };
            let reply = control.call(request, async |request| control.admin().list_events(request).await).await?;
            Ok((reply.events, reply.next_page_token))
        };
        self.listing.print(screen, COLUMNS, page).await?;
        Ok(Answer::Yes)
    }
}
