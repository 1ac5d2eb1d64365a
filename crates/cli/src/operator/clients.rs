//! `lychgate clients`.

use clap::{Args, Subcommand, ValueEnum};
use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;

use super::failure::Failure;
use super::order::Order;
use super::pages::{Listing, Page};
use super::revoke::Revocation;
use super::screen::Columns;
use super::{Answer, Session};

pub(super) const COLUMNS: Columns =
    &[("CLIENT", "client_id"), ("KIND", "kind"), ("STATE", "state"), ("REGISTERED", "create_time"), ("NAME", "name")];

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Those that there are records of: configured, registered, and of others those that an operator has changed
    List(List),
    /// One client
    Get(Which),
    /// Stops a client, of any kind: from now on it gets nothing, and its tokens are inactive
    Disable(Change),
    /// Lets a client go on, with what has not ended meanwhile
    Enable(Change),
    /// Takes back everything that was given to a client; it may ask anew
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub struct List {
    /// Only those that are so now
    #[arg(long)]
    state: Option<State>,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Enabled,
    Disabled,
}

#[derive(Debug, Args)]
pub struct Which {
    /// The client's id; of one with a metadata document, its URL
    #[arg(value_name = "CLIENT_ID")]
    client: String,
}

#[derive(Debug, Args)]
pub struct Change {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    order: Order,
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
        Verb::List(list) => return list.run(session).await,
        Verb::Get(Which { client }) => {
            let request = v1::GetClientRequest { issuer_id: session.issuer().await?, client_id: client };
            let call = async |request| session.control.admin().get_client(request).await;
            let reply = session.control.call(request, call).await?;
            session.screen.answer(&reply, reply.client.as_ref())?;
        }
        Verb::Disable(Change { which, order }) => {
            let request = v1::DisableClientRequest {
                issuer_id: session.issuer().await?,
                client_id: which.client,
                reason: order.reason,
                request_id: order.request_id.settle()?,
            };
            let call = async |request| session.control.admin().disable_client(request).await;
            let reply = session.control.call(request, call).await?;
            session.screen.told(&reply, if reply.changed { "disabled" } else { "it was disabled already" })?;
        }
        Verb::Enable(Change { which, order }) => {
            let request = v1::EnableClientRequest {
                issuer_id: session.issuer().await?,
                client_id: which.client,
                reason: order.reason,
                request_id: order.request_id.settle()?,
            };
            let call = async |request| session.control.admin().enable_client(request).await;
            let reply = session.control.call(request, call).await?;
            session.screen.told(&reply, if reply.changed { "enabled" } else { "it was enabled already" })?;
        }
        Verb::Revoke(Revoke { which, revocation }) => {
            return revocation.of(session, Target::ClientId(which.client)).await;
        }
    }
    Ok(Answer::Yes)
}

impl List {
    async fn run(self, session: &mut Session) -> Result<Answer, Failure> {
        let issuer_id = session.issuer().await?;
        let state = match self.state {
            None => v1::ClientState::Unspecified,
            Some(State::Enabled) => v1::ClientState::Enabled,
            Some(State::Disabled) => v1::ClientState::Disabled,
        };
        let Session { control, screen, .. } = session;
        let page = async |Page { size, token }| {
            let request = v1::ListClientsRequest {
                issuer_id: issuer_id.clone(),
                state: state.into(),
                page_size: size,
                page_token: token,
            };
            let reply = control.call(request, async |request| control.admin().list_clients(request).await).await?;
            Ok((reply.clients, reply.next_page_token))
        };
        self.listing.print(screen, COLUMNS, page).await?;
        Ok(Answer::Yes)
    }
}
