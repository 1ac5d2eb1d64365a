//! `lychgate grants`.

use clap::{ArgAction, Args, Subcommand, ValueEnum};
use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;

use super::failure::Failure;
use super::pages::{Listing, Page};
use super::revoke::Revocation;
use super::screen::Columns;
use super::{Answer, Session};

pub(super) const COLUMNS: Columns = &[
    ("GRANT", "grant_id"),
    ("SUBJECT", "subject"),
    ("CLIENT", "client_id"),
    ("RESOURCE", "resource"),
    ("STATE", "state"),
    ("REFRESHED", "refresh_time"),
    ("EXPIRES", "expire_time"),
    ("SCOPES", "scopes"),
];

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What was given; all of it, or to whom
    List(List),
    /// One grant
    #[command(disable_help_flag = true)]
    Get(Which),
    /// Ends one grant; the consent it came of stands
    #[command(disable_help_flag = true)]
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub struct List {
    /// Only of this person, written as UPSTREAM|ID
    #[arg(long, value_name = "SUBJECT", default_value = "", hide_default_value = true)]
    subject: String,
    /// Only to this client
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    client: String,
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
    Ended,
    Lapsed,
}

#[derive(Debug, Args)]
pub struct Which {
    /// The grant's id, as in access tokens and in introspection
    #[arg(value_name = "GRANT_ID", allow_hyphen_values = true)]
    grant: String,
    /// Print help
    // Not -h as well: a grant's id may begin so, and whoever wants it revoked would read the manual.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    revocation: Revocation,
}

pub(super) async fn run(verb: Verb, session: &mut Session) -> Result<Answer, Failure> {
    match verb {
        Verb::List(list) => list.run(session).await,
        Verb::Get(Which { grant, .. }) => {
            let request = v1::GetGrantRequest { issuer_id: session.issuer().await?, grant_id: grant };
            let call = async |request| session.control.admin().get_grant(request).await;
            let reply = session.control.call(request, call).await?;
            session.screen.answer(&reply, reply.grant.as_ref())?;
            Ok(Answer::Yes)
        }
        Verb::Revoke(Revoke { which, revocation }) => revocation.of(session, Target::GrantId(which.grant)).await,
    }
}

impl List {
    async fn run(self, session: &mut Session) -> Result<Answer, Failure> {
        let issuer_id = session.issuer().await?;
        let state = match self.state {
            None => v1::GrantState::Unspecified,
            Some(State::Live) => v1::GrantState::Live,
            Some(State::Expired) => v1::GrantState::Expired,
            Some(State::Ended) => v1::GrantState::Ended,
            Some(State::Lapsed) => v1::GrantState::Lapsed,
        };
        let Session { control, screen, .. } = session;
        let page = async |Page { size, token }| {
            let request = v1::ListGrantsRequest {
                issuer_id: issuer_id.clone(),
                subject: self.subject.clone(),
                client_id: self.client.clone(),
                state: state.into(),
                page_size: size,
                page_token: token,
            };
            let reply = control.call(request, async |request| control.admin().list_grants(request).await).await?;
            Ok((reply.grants, reply.next_page_token))
        };
        self.listing.print(screen, COLUMNS, page).await?;
        Ok(Answer::Yes)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Parser, error::ErrorKind};

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(subcommand)]
        verb: Verb,
    }

    /// Of a digest in base64url, one in sixty-four begins with a hyphen.
    #[test]
    fn whatever_an_id_begins_with_it_is_an_id() {
        for id in ["-hAAAAAAAAAAAAAAAAAAAA", "--AAAAAAAAAAAAAAAAAAAA", "-", "-rAAA", "AAAA"] {
            let program = Program::try_parse_from(["x", "revoke", id, "--reason", "lost"]).unwrap();
            let Verb::Revoke(revoke) = program.verb else { panic!("revoke") };
            assert_eq!(revoke.which.grant, id);
            let program = Program::try_parse_from(["x", "revoke", "--reason", "lost", id]).unwrap();
            let Verb::Revoke(revoke) = program.verb else { panic!("revoke") };
            assert_eq!(revoke.which.grant, id);
        }
        let help = Program::try_parse_from(["x", "revoke", "--help"]).unwrap_err();
        assert_eq!(help.kind(), ErrorKind::DisplayHelp);
    }
}
