//! `lychgate clients`.

use clap::{Args, Subcommand, ValueEnum};
use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;

use super::change::Change;
use super::control_plane::Control;
use super::failure::Failure;
use super::list::{Filter, List, Page};
use super::revoke::{Revocable, Revoke, Targets};
use super::screen::Columns;
use super::{Answer, Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Lists the clients on record: configured, registered, and others that an operator changed
    List(List<Clients>),
    /// Shows one client
    Get(ClientName),
    /// Disables a client of any kind: it gets no more tokens, and those it has become inactive
    Disable(Switch),
    /// Enables a client again, with those of its grants that did not end meanwhile
    Enable(Switch),
    /// Revokes everything that was given to a client; it may ask people again
    Revoke(Revoke<ClientName>),
}

#[derive(Debug, Args)]
pub(crate) struct Clients {
    /// Only clients that are in this state now
    #[arg(long)]
    state: Option<State>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Enabled,
    Disabled,
}

#[derive(Debug, Args)]
pub(crate) struct ClientName {
    /// The client's id; for a client with a metadata document, its URL
    #[arg(value_name = "CLIENT_ID")]
    client: String,
}

#[derive(Debug, Args)]
pub(crate) struct Switch {
    #[command(flatten)]
    name: ClientName,
    #[command(flatten)]
    change: Change,
}

pub(super) async fn run(verb: Verb, session: &mut Session) -> Result<Answer, Failure> {
    match verb {
        Verb::List(list) => list.run(session).await,
        Verb::Get(ClientName { client }) => {
            let request = v1::GetClientRequest { issuer_id: session.issuer().await?, client_id: client };
            let call = async |request| session.control.admin().get_client(request).await;
            let reply = session.control.call(request, call).await?;
            session.screen.message(&reply, reply.client.as_ref())?;
            Ok(Answer::Yes)
        }
        Verb::Disable(switch) => switch.disable(session).await,
        Verb::Enable(switch) => switch.enable(session).await,
        Verb::Revoke(revoke) => revoke.run(session).await,
    }
}

impl Switch {
    async fn disable(self, session: &Session) -> Result<Answer, Failure> {
        let request = v1::DisableClientRequest {
            issuer_id: session.issuer().await?,
            client_id: self.name.client,
            reason: self.change.reason,
            request_id: self.change.request_id.or_fresh()?,
        };
        let call = async |request| session.control.admin().disable_client(request).await;
        let reply = session.control.call(request, call).await?;
        session.screen.outcome(&reply, if reply.changed { "disabled" } else { "it was disabled already" })?;
        Ok(Answer::Yes)
    }

    async fn enable(self, session: &Session) -> Result<Answer, Failure> {
        let request = v1::EnableClientRequest {
            issuer_id: session.issuer().await?,
            client_id: self.name.client,
            reason: self.change.reason,
            request_id: self.change.request_id.or_fresh()?,
        };
        let call = async |request| session.control.admin().enable_client(request).await;
        let reply = session.control.call(request, call).await?;
        session.screen.outcome(&reply, if reply.changed { "enabled" } else { "it was enabled already" })?;
        Ok(Answer::Yes)
    }
}

impl Filter for Clients {
    type Item = v1::Client;
    const COLUMNS: Columns = &[
        ("CLIENT", "client_id"),
        ("KIND", "kind"),
        ("STATE", "state"),
        ("REGISTERED", "create_time"),
        ("NAME", "name"),
        ("DOUBTS", "name_doubts"),
    ];

    async fn page(&self, control: &Control, page: Page) -> Result<(Vec<v1::Client>, String), Failure> {
        let state = match self.state {
            None => v1::ClientState::Unspecified,
            Some(State::Enabled) => v1::ClientState::Enabled,
            Some(State::Disabled) => v1::ClientState::Disabled,
        };
        let request = v1::ListClientsRequest {
            issuer_id: page.issuer_id,
            state: state.into(),
            page_size: page.size,
            page_token: page.token,
        };
        let reply = control.call(request, async |request| control.admin().list_clients(request).await).await?;
        Ok((reply.clients, reply.next_page_token))
    }
}

impl Revocable for ClientName {
    fn targets(self) -> Result<Targets, Failure> {
        Ok(Targets::One(Target::ClientId(self.client)))
    }
}
