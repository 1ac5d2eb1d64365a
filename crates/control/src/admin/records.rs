//! Clients and grants, as an operator sees them: without secrets, and without anything a secret could be derived from.

use lychgate_domain::Refusal;
use lychgate_domain::client::{Client, ClientStatus};
use lychgate_domain::consent::GrantStatus;
use lychgate_domain::id::{ClientId, GrantId};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::keys::digest;
use lychgate_domain::registration::document;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::{self, Grant};
use lychgate_store::clients::ClientRecord;
use lychgate_store::{GrantStatusKey, StoreError};

use super::Admin;
use crate::clients::unregistered_status;
use crate::ground::error::Error;
use crate::ground::page_token::{List, PageRequest};

/// One page.
#[derive(Debug)]
pub(crate) struct Paged<T> {
    pub(crate) items: Vec<T>,
    /// Empty at the end.
    pub(crate) next_page_token: String,
}

#[derive(Debug)]
pub(crate) struct ListedClient {
    pub(crate) id: ClientId,
    pub(crate) kind: ClientKind,
    pub(crate) status: ClientStatus,
    /// `None` if only an operator's decision about it is on record.
    pub(crate) client: Option<Client>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientKind {
    Configured,
    Registered,
    Document,
    /// It was configured in the past.
    Gone,
}

/// `None` is no condition.
#[derive(Clone, Debug, Default)]
pub(crate) struct GrantFilter {
    pub(crate) subject: Option<Subject>,
    pub(crate) client_id: Option<ClientId>,
    pub(crate) state: Option<GrantState>,
}

#[derive(Debug)]
pub(crate) struct ListedGrant {
    pub(crate) grant: Grant,
    pub(crate) state: GrantState,
}

/// The state of a grant at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantState {
    Live,
    Expired,
    Ended,
    /// Something it depends on has ended.
    Lapsed,
}

impl Admin {
    pub(crate) async fn list_clients(
        &self,
        status: Option<ClientStatus>,
        page: &PageRequest,
    ) -> Result<Paged<ListedClient>, Error> {
        let (call, store, issuer, now) = (&self.0, self.0.store(), self.0.issuer(), self.0.now);
        let asked = match status {
            None => "",
            Some(ClientStatus::Enabled) => "enabled",
            Some(ClientStatus::Disabled) => "disabled",
        };
        let (filter, principal) = (digest("clients", &[asked.as_bytes()]), &call.caller.principal);
        let list = List { method: "AdminService/ListClients", filter, principal };
        let from = list.open(&page.token, call.keys())?;
        let mut items = Vec::new();
        // Configured clients come first, all on the first page.
        if from.is_none() {
            for client in &issuer.clients {
                let kept = store.client_record(issuer, &client.id, now).await?;
                items.push(configured(client, kept.map(|kept| kept.value).as_ref()));
            }
            items.retain(|listed| status.is_none_or(|status| status == listed.status));
        }
        let found = store.clients(issuer, from, now).await?;
        let mut met = found
            .items
            .into_iter()
            .filter(|(_, record)| issuer.configured_client(record.id()).is_none())
            .filter(|(_, record)| status.is_none_or(|status| status == record.status()));
        items.extend(met.by_ref().take(page.size).map(|(_, record)| kept(record)));
        let next = met.next().map(|(position, _)| position).or(found.next);
        Ok(Paged { items, next_page_token: list.next_token(next, call.keys(), call.entropy()) })
    }

    pub(crate) async fn client(&self, id: &ClientId) -> Result<ListedClient, Error> {
        let (store, issuer, now) = (self.0.store(), self.0.issuer(), self.0.now);
        let record = store.client_record(issuer, id, now).await?.map(|found| found.value);
        Ok(match (issuer.configured_client(id), record) {
            (Some(client), record) => configured(client, record.as_ref()),
            (None, Some(record)) => kept(record),
            (None, None) => {
                let status = unregistered_status(issuer, id).ok_or(Refusal::ClientUnknown)?;
                ListedClient { id: id.clone(), kind: ClientKind::Document, status, client: None }
            }
        })
    }

    pub(crate) async fn list_grants(
        &self,
        filter: &GrantFilter,
        page: &PageRequest,
    ) -> Result<Paged<ListedGrant>, Error> {
        let (call, principal) = (&self.0, &self.0.caller.principal);
        let list = List { method: "AdminService/ListGrants", filter: filter.digest(), principal };
        let found = call.store().grants(call.issuer(), list.open(&page.token, call.keys())?, call.now).await?;
        let (positions, grants): (Vec<_>, Vec<_>) =
            found.items.into_iter().filter(|(_, grant)| filter.meets(grant)).unzip();
        let listed = self.with_states(grants).await?;
        let mut met = positions
            .into_iter()
            .zip(listed)
            .filter(|(_, listed)| filter.state.is_none_or(|state| state == listed.state));
        let items = met.by_ref().take(page.size).map(|(_, listed)| listed).collect();
        let next = met.next().map(|(position, _)| position).or(found.next);
        Ok(Paged { items, next_page_token: list.next_token(next, call.keys(), call.entropy()) })
    }

    pub(crate) async fn grant(&self, id: GrantId) -> Result<ListedGrant, Error> {
        let grant = self.0.store().grant(self.0.issuer(), id, self.0.now).await?;
        let grant = grant.ok_or(Refusal::RecordUnknown("grant"))?.value;
        let listed = self.with_states(vec![grant]).await?.pop();
        Ok(listed.ok_or(StoreError::Corrupt { kind: "snapshot" })?)
    }

    async fn with_states(&self, grants: Vec<Grant>) -> Result<Vec<ListedGrant>, Error> {
        let (issuer, now) = (self.0.issuer(), self.0.now);
        let of: Vec<_> = grants.iter().map(|grant| status_key(issuer, grant)).collect();
        let (statuses, _) = self.0.store().grant_statuses(issuer, &of, now).await?;
        let statuses = statuses.into_iter().collect::<Result<Vec<_>, _>>()?;
        let listed = grants.into_iter().zip(statuses).map(|(grant, found)| {
            let state = state(&grant, &found.status, now);
            ListedGrant { grant, state }
        });
        Ok(listed.collect())
    }
}

fn status_key<'a>(issuer: &Issuer, grant: &'a Grant) -> GrantStatusKey<'a> {
    GrantStatusKey {
        subject: &grant.subject,
        client: &grant.client_id,
        unregistered_status: unregistered_status(issuer, &grant.client_id),
        resource: &grant.resource,
    }
}

/// "Live" is what every use of a grant checks; the other states say why a grant is not live.
fn state(grant: &Grant, status: &GrantStatus, now: Timestamp) -> GrantState {
    match grant.phase {
        token::GrantPhase::Ended { .. } => GrantState::Ended,
        token::GrantPhase::Live if grant.live(status, now).is_ok() => GrantState::Live,
        token::GrantPhase::Live if now >= grant.idle_end.min(grant.end) => GrantState::Expired,
        token::GrantPhase::Live => GrantState::Lapsed,
    }
}

impl GrantFilter {
    fn meets(&self, grant: &Grant) -> bool {
        self.subject.as_ref().is_none_or(|subject| *subject == grant.subject)
            && self.client_id.as_ref().is_none_or(|id| *id == grant.client_id)
    }

    fn digest(&self) -> [u8; 32] {
        let state = match self.state {
            None => "",
            Some(GrantState::Live) => "live",
            Some(GrantState::Expired) => "expired",
            Some(GrantState::Ended) => "ended",
            Some(GrantState::Lapsed) => "lapsed",
        };
        let subject = self.subject.as_ref().map_or("", Subject::as_str);
        let client = self.client_id.as_ref().map_or("", ClientId::as_str);
        digest("grants", &[subject, client, state].map(str::as_bytes))
    }
}

fn configured(client: &Client, kept: Option<&ClientRecord>) -> ListedClient {
    let status = client.status.and(kept.map_or(ClientStatus::Enabled, ClientRecord::status));
    ListedClient { id: client.id.clone(), kind: ClientKind::Configured, status, client: Some(client.clone()) }
}

fn kept(record: ClientRecord) -> ListedClient {
    match record {
        ClientRecord::Registered(client) => ListedClient {
            id: client.id.clone(),
            kind: ClientKind::Registered,
            status: client.status,
            client: Some(*client),
        },
        ClientRecord::Unregistered(marked) => {
            let kind = if document::is_url(&marked.id) { ClientKind::Document } else { ClientKind::Gone };
            ListedClient { id: marked.id, kind, status: marked.status, client: None }
        }
    }
}
