//! `lychgate consents`.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;

use super::failure::Failure;
use super::pages::{Listing, Page};
use super::revoke::Revocation;
use super::screen::Columns;
use super::watch::Watch;
use super::{Answer, Session};

pub(super) const COLUMNS: Columns = &[
    ("SUBJECT", "subject"),
    ("CLIENT", "client_id"),
    ("RESOURCE", "resource"),
    ("STATE", "state"),
    ("APPROVED", "approve_time"),
    ("EXPIRES", "expire_time"),
    ("SCOPES", "scopes"),
];

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What was allowed; all of it, or by whom, to whom or where
    List(List),
    /// One consent, whatever its state
    Get(Which),
    /// Whether a consent stands and covers some scopes; takes a token of the role checker
    Check(Check),
    /// Follows what happens to consents
    Watch(Watch),
    /// Takes back one consent, or everything of people, of a client or of the issuer, with all that it gave
    Revoke(Box<Revoke>),
}

#[derive(Debug, Args)]
pub struct List {
    /// Only of this person, written as UPSTREAM|ID
    #[arg(long, value_name = "SUBJECT", default_value = "", hide_default_value = true)]
    subject: String,
    /// Only to this client
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    client: String,
    /// Only at this resource
    #[arg(long, value_name = "URI", default_value = "", hide_default_value = true)]
    resource: String,
    /// Only those that are so now
    #[arg(long)]
    state: Option<State>,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Live,
    Expired,
    Revoked,
}

/// What names one consent.
#[derive(Debug, Args)]
pub struct Which {
    /// The person, written as UPSTREAM|ID
    #[arg(long, value_name = "SUBJECT")]
    subject: String,
    /// The client
    #[arg(long, value_name = "ID")]
    client: String,
    /// The resource
    #[arg(long, value_name = "URI")]
    resource: String,
}

#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    which: Which,
    /// A scope that is needed; can be repeated; with none, it is asked whether a consent stands at all
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").args(["subject", "client", "everything"]).multiple(true).required(true))]
pub struct Revoke {
    /// Of this person, written as UPSTREAM|ID: everything, if no client is named; can be repeated
    #[arg(long = "subject", id = "subject", value_name = "SUBJECT")]
    subjects: Vec<String>,
    /// To this client: everything, if no person is named
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// At this resource; needed if both are named
    #[arg(long, value_name = "URI", requires_all = ["subject", "client"])]
    resource: Option<String>,
    /// Everything there is, of everybody; the issuer's URL, in full, shows that it is meant
    #[arg(long, value_name = "ISSUER_URL", conflicts_with_all = ["subject", "client", "resource"])]
    everything: Option<String>,
    #[command(flatten)]
    revocation: Revocation,
}

pub(super) async fn run(verb: Verb, session: &mut Session) -> Result<Answer, Failure> {
    match verb {
        Verb::List(list) => list.run(session).await,
        Verb::Get(which) => {
            let Which { subject, client, resource } = which;
            let request = v1::GetRequest { issuer_id: session.issuer().await?, subject, client_id: client, resource };
            let call = async |request| session.control.consents().get(request).await;
            let reply = session.control.call(request, call).await?;
            session.screen.answer(&reply, reply.consent.as_ref())?;
            Ok(Answer::Yes)
        }
        Verb::Check(check) => check.run(session).await,
        Verb::Watch(watch) => watch.follow(session, may_end_a_consent).await,
        Verb::Revoke(revoke) => revoke.run(session).await,
    }
}

/// A grant may end while its consent stands, and keys are nobody's consent. Kinds that are newer than this are shown.
fn may_end_a_consent(kind: &str) -> bool {
    !["grant.", "code.", "refresh_token.", "keys."].iter().any(|other| kind.starts_with(other))
}

impl List {
    async fn run(self, session: &mut Session) -> Result<Answer, Failure> {
        let issuer_id = session.issuer().await?;
        let state = match self.state {
            None => v1::ConsentState::Unspecified,
            Some(State::Live) => v1::ConsentState::Live,
            Some(State::Expired) => v1::ConsentState::Expired,
            Some(State::Revoked) => v1::ConsentState::Revoked,
        };
        let Session { control, screen, .. } = session;
        let page = async |Page { size, token }| {
            let request = v1::ConsentServiceListRequest {
                issuer_id: issuer_id.clone(),
                subject: self.subject.clone(),
                client_id: self.client.clone(),
                resource: self.resource.clone(),
                state: state.into(),
                page_size: size,
                page_token: token,
            };
            let reply = control.call(request, async |request| control.consents().list(request).await).await?;
            Ok((reply.consents, reply.next_page_token))
        };
        self.listing.print(screen, COLUMNS, page).await?;
        Ok(Answer::Yes)
    }
}

impl Check {
    async fn run(self, session: &Session) -> Result<Answer, Failure> {
        let Self { which: Which { subject, client, resource }, scopes } = self;
        let request = v1::CheckRequest {
            issuer_id: session.issuer().await?,
            subject,
            client_id: client,
            resource,
            scopes,
            consistency: None,
        };
        let call = async |request| session.control.consents().check(request).await;
        let reply = session.control.call(request, call).await?;
        session.screen.answer(&reply, reply.result.as_ref())?;
        let granted = reply.result.is_some_and(|result| result.verdict() == v1::CheckVerdict::Granted);
        Ok(if granted { Answer::Yes } else { Answer::No })
    }
}

impl Revoke {
    async fn run(self, session: &Session) -> Result<Answer, Failure> {
        let Self { mut subjects, client, resource, everything, revocation } = self;
        let target = match (subjects.len(), client, resource, everything) {
            (0, None, None, Some(confirm)) => Target::Everything(v1::Everything { confirm }),
            (0, Some(client_id), None, None) => Target::ClientId(client_id),
            (1, None, None, None) => Target::Subject(subjects.remove(0)),
            (1, Some(client_id), Some(resource), None) => {
                Target::Consent(v1::ConsentKey { subject: subjects.remove(0), client_id, resource })
            }
            (2.., None, None, None) => return revocation.of_each(session, subjects).await,
            _ => {
                return Err(Failure::usage(
                    "one consent is one --subject, --client and --resource; everything of people is --subject alone, of \
                     a client --client alone",
                ));
            }
        };
        revocation.of(session, target).await
    }
}
