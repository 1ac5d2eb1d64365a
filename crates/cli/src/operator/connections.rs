//! `lychgate connections`.

use clap::{Args, Subcommand, ValueEnum};
use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;

use super::control_plane::Control;
use super::failure::Failure;
use super::list::{Filter, List, Page};
use super::revoke::{Revocable, Revoke, Targets};
use super::screen::Columns;
use super::{Answer, Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Lists connections: all, or that of a person; never their tokens
    List(List<Connections>),
    /// Ends the connection of a person until the next sign-in; consents and grants stay
    End(Revoke<Holder>),
}

#[derive(Debug, Args)]
pub(crate) struct Connections {
    /// Only of this person: UPSTREAM_ID|USER_ID, for example idp|alice
    #[arg(long, value_name = "SUBJECT", default_value = "", hide_default_value = true)]
    subject: String,
    /// Only connections that are in this state now
    #[arg(long)]
    state: Option<State>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    /// The tokens are in order, as far as is known
    Live,
    /// A refresh is under way
    Refreshing,
    /// The outcome of the latest refresh is unknown
    Uncertain,
    /// The identity provider has refused the tokens
    Rejected,
    /// The person or an operator ended the connection
    Ended,
}

/// The holder of the connection.
#[derive(Debug, Args)]
pub(crate) struct Holder {
    /// The person: UPSTREAM_ID|USER_ID, for example idp|alice
    #[arg(value_name = "SUBJECT")]
    subject: String,
}

pub(super) async fn run(verb: Verb, session: &mut Session) -> Result<Answer, Failure> {
    match verb {
        Verb::List(list) => list.run(session).await,
        Verb::End(end) => end.run(session).await,
    }
}

impl Filter for Connections {
    type Item = v1::Connection;
    const COLUMNS: Columns = &[
        ("SUBJECT", "subject"),
        ("STATE", "state"),
        ("SIGNED IN", "sign_in_time"),
        ("OBTAINED", "obtain_time"),
        ("GENERATION", "generation"),
        ("SCOPES", "scopes"),
    ];

    async fn page(&self, control: &Control, page: Page) -> Result<(Vec<v1::Connection>, String), Failure> {
        let state = match self.state {
            None => v1::ConnectionState::Unspecified,
            Some(State::Live) => v1::ConnectionState::Live,
            Some(State::Refreshing) => v1::ConnectionState::Refreshing,
            Some(State::Uncertain) => v1::ConnectionState::Uncertain,
            Some(State::Rejected) => v1::ConnectionState::Rejected,
            Some(State::Ended) => v1::ConnectionState::Ended,
        };
        let request = v1::ListConnectionsRequest {
            issuer_id: page.issuer_id,
            subject: self.subject.clone(),
            state: state.into(),
            page_size: page.size,
            page_token: page.token,
        };
        let reply = control.call(request, async |request| control.admin().list_connections(request).await).await?;
        Ok((reply.connections, reply.next_page_token))
    }
}

impl Revocable for Holder {
    fn targets(self) -> Result<Targets, Failure> {
        Ok(Targets::One(Target::ConnectionOf(self.subject)))
    }
}
