//! `lychgate grants`.

use clap::{ArgAction, Args, Subcommand, ValueEnum};
use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;

use super::control_plane::Control;
use super::failure::Failure;
use super::list::{Filter, List, Page, Parties};
use super::revoke::{Revocable, Revoke, Targets};
use super::screen::Columns;
use super::{Answer, Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Lists grants: all, or those of a person or a client
    List(List<Grants>),
    /// Shows one grant
    #[command(disable_help_flag = true)]
    Get(GrantName),
    /// Ends one grant; its consent stays
    #[command(disable_help_flag = true)]
    Revoke(Revoke<GrantName>),
}

#[derive(Debug, Args)]
pub(crate) struct Grants {
    #[command(flatten)]
    of: Parties,
    /// Only grants that are in this state now
    #[arg(long)]
    state: Option<State>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Live,
    Expired,
    Ended,
    Lapsed,
}

#[derive(Debug, Args)]
pub(crate) struct GrantName {
    /// The grant's id, as in access tokens and in introspection
    #[arg(value_name = "GRANT_ID", allow_hyphen_values = true)]
    grant: String,
    /// Print help
    // There is no -h: a grant's id may begin with it, and instead of a revocation the operator would get this text.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

pub(super) async fn run(verb: Verb, session: &mut Session) -> Result<Answer, Failure> {
    match verb {
        Verb::List(list) => list.run(session).await,
        Verb::Get(GrantName { grant, .. }) => {
            let request = v1::GetGrantRequest { issuer_id: session.issuer().await?, grant_id: grant };
            let call = async |request| session.control.admin().get_grant(request).await;
            let reply = session.control.call(request, call).await?;
            session.screen.message(&reply, reply.grant.as_ref())?;
            Ok(Answer::Yes)
        }
        Verb::Revoke(revoke) => revoke.run(session).await,
    }
}

impl Filter for Grants {
    type Item = v1::Grant;
    const COLUMNS: Columns = &[
        ("GRANT", "grant_id"),
        ("SUBJECT", "subject"),
        ("CLIENT", "client_id"),
        ("RESOURCE", "resource"),
        ("STATE", "state"),
        ("REFRESHED", "refresh_time"),
        ("EXPIRES", "expire_time"),
        ("SCOPES", "scopes"),
    ];

    async fn page(&self, control: &Control, page: Page) -> Result<(Vec<v1::Grant>, String), Failure> {
        let state = match self.state {
            None => v1::GrantState::Unspecified,
            Some(State::Live) => v1::GrantState::Live,
            Some(State::Expired) => v1::GrantState::Expired,
            Some(State::Ended) => v1::GrantState::Ended,
            Some(State::Lapsed) => v1::GrantState::Lapsed,
        };
        let request = v1::ListGrantsRequest {
            issuer_id: page.issuer_id,
            subject: self.of.subject.clone(),
            client_id: self.of.client.clone(),
            state: state.into(),
            page_size: page.size,
            page_token: page.token,
        };
        let reply = control.call(request, async |request| control.admin().list_grants(request).await).await?;
        Ok((reply.grants, reply.next_page_token))
    }
}

impl Revocable for GrantName {
    fn targets(self) -> Result<Targets, Failure> {
        Ok(Targets::One(Target::GrantId(self.grant)))
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

    /// One in sixty-four base64url ids begins with a hyphen.
    #[test]
    fn a_grant_id_may_begin_with_a_hyphen() {
        for id in ["-hAAAAAAAAAAAAAAAAAAAA", "--AAAAAAAAAAAAAAAAAAAA", "-", "-rAAA", "AAAA"] {
            let program = Program::try_parse_from(["x", "revoke", id, "--reason", "lost"]).unwrap();
            let Verb::Revoke(revoke) = program.verb else { panic!("revoke") };
            assert_eq!(revoke.name.grant, id);
            let program = Program::try_parse_from(["x", "revoke", "--reason", "lost", id]).unwrap();
            let Verb::Revoke(revoke) = program.verb else { panic!("revoke") };
            assert_eq!(revoke.name.grant, id);
        }
        let help = Program::try_parse_from(["x", "revoke", "--help"]).unwrap_err();
        assert_eq!(help.kind(), ErrorKind::DisplayHelp);
    }
}
