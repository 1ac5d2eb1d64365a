//! Connections to people's accounts at the upstream, as an operator sees them: without their tokens.

use lychgate_domain::keys::digest;
use lychgate_domain::scope::Scopes;
use lychgate_domain::subject::Subject;
use lychgate_domain::upstream::connection::{Connection, ConnectionState};

use super::Admin;
use super::records::Paged;
use crate::ground::error::Error;
use crate::ground::page_token::{List, PageRequest};
use crate::state::CallContext;

/// `None` is no condition.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionFilter {
    pub(crate) subject: Option<Subject>,
    pub(crate) state: Option<ConnectionStateName>,
}

/// The name of a [`ConnectionState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionStateName {
    Live,
    Refreshing,
    Uncertain,
    Rejected,
    Ended,
}

#[derive(Debug)]
pub(crate) struct ListedConnection {
    pub(crate) connection: Connection,
    /// The scopes of the upstream's token. Empty if they are not known.
    pub(crate) scopes: Scopes,
}

impl Admin {
    pub(crate) async fn list_connections(
        &self,
        filter: &ConnectionFilter,
        page: &PageRequest,
    ) -> Result<Paged<ListedConnection>, Error> {
        let (call, principal) = (&self.0, &self.0.caller.principal);
        let list = List { method: "AdminService/ListConnections", filter: filter.digest(), principal };
        let from = list.open(&page.token, call.keys())?;
        let has_state = |connection: &Connection| {
            filter.state.is_none_or(|state| state == ConnectionStateName::of(&connection.state))
        };
        if let Some(subject) = &filter.subject {
            let found = call.store().connection(call.issuer(), subject, call.now).await?.map(|found| found.value);
            let items = found.into_iter().filter(has_state).map(|connection| listed(call, connection)).collect();
            return Ok(Paged { items, next_page_token: String::new() });
        }
        let found = call.store().connections(call.issuer(), from, call.now).await?;
        let mut met = found.items.into_iter().filter(|(_, connection)| has_state(connection));
        let items = met.by_ref().take(page.size).map(|(_, connection)| listed(call, connection)).collect();
        let next = met.next().map(|(position, _)| position).or(found.next);
        Ok(Paged { items, next_page_token: list.next_token(next, call.keys(), call.entropy()) })
    }
}

fn listed(call: &CallContext, connection: Connection) -> ListedConnection {
    let tokens = connection.open_tokens(call.issuer(), call.keys());
    ListedConnection { scopes: tokens.map(|tokens| tokens.scope_set()).unwrap_or_default(), connection }
}

impl ConnectionFilter {
    fn digest(&self) -> [u8; 32] {
        let state = match self.state {
            None => "",
            Some(ConnectionStateName::Live) => "live",
            Some(ConnectionStateName::Refreshing) => "refreshing",
            Some(ConnectionStateName::Uncertain) => "uncertain",
            Some(ConnectionStateName::Rejected) => "rejected",
            Some(ConnectionStateName::Ended) => "ended",
        };
        let subject = self.subject.as_ref().map_or("", Subject::as_str);
        digest("connections", &[subject, state].map(str::as_bytes))
    }
}

impl ConnectionStateName {
    pub(crate) fn of(state: &ConnectionState) -> Self {
        match state {
            ConnectionState::Live => Self::Live,
            ConnectionState::Refreshing(_) => Self::Refreshing,
            ConnectionState::Uncertain => Self::Uncertain,
            ConnectionState::Rejected { .. } => Self::Rejected,
            ConnectionState::Ended { .. } => Self::Ended,
        }
    }
}
