//! `lychgate consents`.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;

use super::control_plane::Control;
use super::failure::Failure;
use super::list::{Filter, List, Page, Parties};
use super::revoke::{Revocable, Revoke, Targets};
use super::screen::Columns;
use super::watch::Watch;
use super::{Answer, Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Lists consents: all, or those of a person, a client or a resource
    List(List<Consents>),
    /// Shows one consent, in any state
    Get(ConsentName),
    /// Tells whether a consent is live and covers some scopes; needs a token with the role checker
    Check(Check),
    /// Follows the changes of consents
    Watch(Watch),
    /// Revokes one consent, or everything of people, of a client or of the issuer, with all grants
    Revoke(Box<Revoke<Revoked>>),
}

#[derive(Debug, Args)]
pub(crate) struct Consents {
    #[command(flatten)]
    of: Parties,
    /// Only for this resource
    #[arg(long, value_name = "URI", default_value = "", hide_default_value = true)]
    resource: String,
    /// Only consents that are in this state now
    #[arg(long)]
    state: Option<State>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Live,
    Expired,
    Revoked,
}

#[derive(Debug, Args)]
pub(crate) struct ConsentName {
    /// The person: UPSTREAM_ID|USER_ID, for example idp|alice
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
pub(crate) struct Check {
    #[command(flatten)]
    name: ConsentName,
    /// A scope that the consent must cover; can be repeated; without any, the consent only has to be live
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").args(["subject", "client", "everything"]).multiple(true).required(true))]
pub(crate) struct Revoked {
    /// Everything of this person (UPSTREAM_ID|USER_ID), or one consent with --client and --resource; can be repeated
    #[arg(long = "subject", id = "subject", value_name = "SUBJECT")]
    subjects: Vec<String>,
    /// Everything of this client, or one consent with --subject and --resource
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// The resource of one consent, with --subject and --client
    #[arg(long, value_name = "URI", requires_all = ["subject", "client"])]
    resource: Option<String>,
    /// Everything of every person; repeat the issuer's full URL to confirm
    #[arg(long, value_name = "ISSUER_URL", conflicts_with_all = ["subject", "client", "resource"])]
    everything: Option<String>,
}

pub(super) async fn run(verb: Verb, session: &mut Session) -> Result<Answer, Failure> {
    match verb {
        Verb::List(list) => list.run(session).await,
        Verb::Get(ConsentName { subject, client, resource }) => {
            let request = v1::GetRequest { issuer_id: session.issuer().await?, subject, client_id: client, resource };
            let call = async |request| session.control.consents().get(request).await;
            let reply = session.control.call(request, call).await?;
            session.screen.message(&reply, reply.consent.as_ref())?;
            Ok(Answer::Yes)
        }
        Verb::Check(check) => check.run(session).await,
        Verb::Watch(watch) => watch.follow(session, may_end_a_consent).await,
        Verb::Revoke(revoke) => revoke.run(session).await,
    }
}

/// Excludes the kinds that never end a consent. Kinds that a newer control plane adds are shown.
fn may_end_a_consent(kind: &str) -> bool {
    let others = ["grant.", "code.", "refresh_token.", "keys.", "connection.", "upstream_token."];
    !others.iter().any(|other| kind.starts_with(other))
}

impl Filter for Consents {
    type Item = v1::Consent;
    const COLUMNS: Columns = &[
        ("SUBJECT", "subject"),
        ("CLIENT", "client_id"),
        ("RESOURCE", "resource"),
        ("STATE", "state"),
        ("APPROVED", "approve_time"),
        ("EXPIRES", "expire_time"),
        ("SCOPES", "scopes"),
    ];

    async fn page(&self, control: &Control, page: Page) -> Result<(Vec<v1::Consent>, String), Failure> {
        let state = match self.state {
            None => v1::ConsentState::Unspecified,
            Some(State::Live) => v1::ConsentState::Live,
            Some(State::Expired) => v1::ConsentState::Expired,
            Some(State::Revoked) => v1::ConsentState::Revoked,
        };
        let request = v1::ConsentServiceListRequest {
            issuer_id: page.issuer_id,
            subject: self.of.subject.clone(),
            client_id: self.of.client.clone(),
            resource: self.resource.clone(),
            state: state.into(),
            page_size: page.size,
            page_token: page.token,
        };
        let reply = control.call(request, async |request| control.consents().list(request).await).await?;
        Ok((reply.consents, reply.next_page_token))
    }
}

impl Check {
    async fn run(self, session: &Session) -> Result<Answer, Failure> {
        let Self { name: ConsentName { subject, client, resource }, scopes } = self;
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
        session.screen.message(&reply, reply.result.as_ref())?;
        let granted = reply.result.is_some_and(|result| result.verdict() == v1::CheckVerdict::Granted);
        Ok(if granted { Answer::Yes } else { Answer::No })
    }
}

impl Revocable for Revoked {
    fn targets(self) -> Result<Targets, Failure> {
        let Self { mut subjects, client, resource, everything } = self;
        Ok(match (subjects.len(), client, resource, everything) {
            (0, None, None, Some(confirm)) => Targets::One(Target::Everything(v1::Everything { confirm })),
            (0, Some(client_id), None, None) => Targets::One(Target::ClientId(client_id)),
            (1, None, None, None) => Targets::One(Target::Subject(subjects.remove(0))),
            (1, Some(client_id), Some(resource), None) => {
                let subject = subjects.remove(0);
                Targets::One(Target::Consent(v1::ConsentKey { subject, client_id, resource }))
            }
            (2.., None, None, None) => Targets::Subjects(subjects),
            _ => {
                return Err(Failure::usage(
                    "one consent needs one --subject, --client and --resource; to revoke everything of people, give \
                     --subject alone; to revoke everything of a client, give --client alone",
                ));
            }
        })
    }
}
