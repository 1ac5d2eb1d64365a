//! Clients and grants, as an operator sees them. Never a secret, nor anything that one could be made of.

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

use super::PageAsked;
use crate::clients::unregistered_status;
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::ground::page_token::List;
use crate::state::Control;

/// One page.
#[derive(Debug)]
pub struct Paged<T> {
    pub items: Vec<T>,
    /// Empty at the end.
    pub next_page_token: String,
}

#[derive(Debug)]
pub struct ListedClient {
    pub id: ClientId,
    pub kind: ClientKind,
    pub status: ClientStatus,
    /// `None` if all that is kept is what an operator made of it.
    pub client: Option<Client>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    Configured,
    Registered,
    Document,
    /// It was configured once.
    Gone,
}

/// What is `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct GrantFilter {
    pub subject: Option<Subject>,
    pub client_id: Option<ClientId>,
    pub state: Option<GrantState>,
}

#[derive(Debug)]
pub struct ListedGrant {
    pub grant: Grant,
    pub state: GrantState,
}

/// What a grant is at some instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantState {
    Live,
    Expired,
    Ended,
    /// With something it depends on.
    Lapsed,
}

impl Control {
    pub async fn list_clients(
        &self,
        caller: &Caller,
        issuer_id: &str,
        status: Option<ClientStatus>,
        page: &PageAsked,
    ) -> Result<Paged<ListedClient>, Error> {
        let serving = self.issuer(issuer_id, caller).await?;
        let (issuer, now) = (&*serving.issuer, self.clock.now());
        let asked = match status {
            None => "",
            Some(ClientStatus::Enabled) => "enabled",
            Some(ClientStatus::Disabled) => "disabled",
        };
        let filter = digest("clients", &[asked.as_bytes()]);
        let list = List { method: "AdminService/ListClients", filter, principal: &caller.principal };
        let from = list.open(&page.token, serving.keys())?;
        let mut items = Vec::new();
        if from.is_none() {
            for client in &issuer.clients {
                let kept = self.store.client_record(issuer, &client.id, now).await?;
                items.push(configured(client, kept.map(|kept| kept.value).as_ref()));
            }
            items.retain(|listed| status.is_none_or(|status| status == listed.status));
        }
        let found = self.store.clients(issuer, from, now).await?;
        let mut met = found
            .items
            .into_iter()
            .filter(|(_, record)| issuer.configured_client(record.id()).is_none())
            .filter(|(_, record)| status.is_none_or(|status| status == record.status()));
        items.extend(met.by_ref().take(page.size).map(|(_, record)| kept(record)));
        let next = met.next().map(|(place, _)| place).or(found.next);
        let next_page_token = next.map(|place| list.seal(&place, serving.keys(), &*self.entropy)).unwrap_or_default();
        Ok(Paged { items, next_page_token })
    }

    pub async fn client_of(&self, caller: &Caller, issuer_id: &str, id: &ClientId) -> Result<ListedClient, Error> {
        let (issuer, now) = (self.issuers.issuer(issuer_id, &caller.principal)?, self.clock.now());
        let record = self.store.client_record(issuer, id, now).await?.map(|found| found.value);
        Ok(match (issuer.configured_client(id), record) {
            (Some(client), record) => configured(client, record.as_ref()),
            (None, Some(record)) => kept(record),
            (None, None) => {
                let status = unregistered_status(issuer, id).ok_or(Refusal::ClientUnknown)?;
                ListedClient { id: id.clone(), kind: ClientKind::Document, status, client: None }
            }
        })
    }

    pub async fn list_grants(
        &self,
        caller: &Caller,
        issuer_id: &str,
        filter: &GrantFilter,
        page: &PageAsked,
    ) -> Result<Paged<ListedGrant>, Error> {
        let serving = self.issuer(issuer_id, caller).await?;
        let (issuer, now) = (&*serving.issuer, self.clock.now());
        let list = List { method: "AdminService/ListGrants", filter: filter.digest(), principal: &caller.principal };
        let found = self.store.grants(issuer, list.open(&page.token, serving.keys())?, now).await?;
        let (places, grants): (Vec<_>, Vec<_>) =
            found.items.into_iter().filter(|(_, grant)| filter.meets(grant)).unzip();
        let listed = self.with_states(issuer, grants, now).await?;
        let mut met =
            places.into_iter().zip(listed).filter(|(_, listed)| filter.state.is_none_or(|state| state == listed.state));
        let items = met.by_ref().take(page.size).map(|(_, listed)| listed).collect();
        let next = met.next().map(|(place, _)| place).or(found.next);
        let next_page_token = next.map(|place| list.seal(&place, serving.keys(), &*self.entropy)).unwrap_or_default();
        Ok(Paged { items, next_page_token })
    }

    pub async fn grant_of(&self, caller: &Caller, issuer_id: &str, id: GrantId) -> Result<ListedGrant, Error> {
        let (issuer, now) = (self.issuers.issuer(issuer_id, &caller.principal)?, self.clock.now());
        let grant = self.store.grant(issuer, id, now).await?.ok_or(Refusal::RecordUnknown("grant"))?.value;
        let listed = self.with_states(issuer, vec![grant], now).await?.pop();
        Ok(listed.ok_or(StoreError::Corrupt { kind: "snapshot" })?)
    }

    async fn with_states(
        &self,
        issuer: &Issuer,
        grants: Vec<Grant>,
        now: Timestamp,
    ) -> Result<Vec<ListedGrant>, Error> {
        let of: Vec<_> = grants.iter().map(|grant| standing_of(issuer, grant)).collect();
        let (standings, _) = self.store.grant_statuses(issuer, &of, now).await?;
        let standings = standings.into_iter().collect::<Result<Vec<_>, _>>()?;
        let listed = grants.into_iter().zip(standings).map(|(grant, found)| {
            let state = state(&grant, &found.status, now);
            ListedGrant { grant, state }
        });
        Ok(listed.collect())
    }
}

fn standing_of<'a>(issuer: &Issuer, grant: &'a Grant) -> GrantStatusKey<'a> {
    GrantStatusKey {
        subject: &grant.subject,
        client: &grant.client_id,
        unregistered_status: unregistered_status(issuer, &grant.client_id),
        resource: &grant.resource,
    }
}

/// Whatever is live is what every use of a grant asks; the rest says why it is not.
fn state(grant: &Grant, standing: &GrantStatus, now: Timestamp) -> GrantState {
    match grant.status {
        token::GrantPhase::Ended { .. } => GrantState::Ended,
        token::GrantPhase::Live if grant.live(standing, now).is_ok() => GrantState::Live,
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
