//! Estimates what a revocation would end. Nothing is changed, and the numbers are no promise: grants come and go meanwhile.

use lychgate_domain::Refusal;
use lychgate_domain::client::ClientStatus;
use lychgate_domain::consent::{Consent, ConsentState, GrantStatus};
use lychgate_store::GrantStatusKey;
use lychgate_store::consents::{ConsentFilter, PageRequest};

use super::Admin;
use super::changes::Target;
use crate::clients::unregistered_status;
use crate::ground::error::Error;

/// Records that are read before the estimate says "at least".
const MAX_RECORDS: usize = 10_000;

/// Consents that are read at a time.
const AT_A_TIME: usize = 100;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Estimate {
    pub(crate) live_consents: usize,
    pub(crate) live_grants: usize,
    pub(crate) live_connections: usize,
    /// There are more records than were read.
    pub(crate) at_least: bool,
}

impl Admin {
    pub(crate) async fn estimate(&self, target: &Target) -> Result<Estimate, Error> {
        let (store, issuer, now) = (self.0.store(), self.0.issuer(), self.0.now);
        let none = ConsentFilter { state: Some(ConsentState::Live), ..ConsentFilter::default() };
        let filter = match target {
            Target::Consent { subject, client_id, resource } => ConsentFilter {
                subject: Some(subject.clone()),
                client_id: Some(client_id.clone()),
                resource: Some(resource.clone()),
                ..none
            },
            Target::Client(id) => ConsentFilter { client_id: Some(id.clone()), ..none },
            Target::Subject(subject) => ConsentFilter { subject: Some(subject.clone()), ..none },
            Target::Issuer { .. } => none,
            Target::Connection(subject) => {
                let found = store.connection(issuer, subject, now).await?;
                let connection = found.ok_or(Refusal::RecordUnknown("connection"))?.value;
                let live_connections = usize::from(connection.is_live());
                return Ok(Estimate { live_connections, ..Estimate::default() });
            }
            Target::Grant(id) => {
                let grant = store.grant(issuer, *id, now).await?.ok_or(Refusal::RecordUnknown("grant"))?.value;
                let unregistered_status = unregistered_status(issuer, &grant.client_id);
                let status = store
                    .grant_status(
                        issuer,
                        GrantStatusKey {
                            subject: &grant.subject,
                            client: &grant.client_id,
                            unregistered_status,
                            resource: &grant.resource,
                        },
                        now,
                    )
                    .await?;
                let live_grants = usize::from(grant.live(&status.status, now).is_ok());
                return Ok(Estimate { live_grants, ..Estimate::default() });
            }
        };
        self.count(&filter).await
    }

    async fn count(&self, filter: &ConsentFilter) -> Result<Estimate, Error> {
        let (store, issuer, now) = (self.0.store(), self.0.issuer(), self.0.now);
        let (mut estimate, mut from) = (Estimate::default(), None);
        let mut remaining = MAX_RECORDS;
        loop {
            let page = store.find_consents(issuer, filter, PageRequest { from, results: AT_A_TIME }, now).await?;
            for (consent, _) in &page.consents {
                let (grants, read) = self.live_grants(consent).await?;
                estimate.live_consents += 1;
                estimate.live_grants += grants;
                remaining = remaining.saturating_sub(1 + read);
            }
            // A page without a match has read many rows, too.
            remaining = remaining.saturating_sub(AT_A_TIME);
            from = page.next;
            if from.is_none() || remaining == 0 {
                return Ok(Estimate { at_least: from.is_some(), ..estimate });
            }
        }
    }

    /// The number of live grants under a live consent, and of grants read. A disabled client may be enabled again: its
    /// grants count.
    async fn live_grants(&self, consent: &Consent) -> Result<(usize, usize), Error> {
        let now = self.0.now;
        let ids: Vec<_> = consent.grants.iter().map(|(id, _)| *id).collect();
        let grants = self.0.store().grants_of(self.0.issuer(), &ids, now).await?;
        let status = GrantStatus {
            consent: Some(consent.clone()),
            client: Some(ClientStatus::Enabled),
            counters: consent.counters,
        };
        Ok((grants.iter().filter(|grant| grant.live(&status, now).is_ok()).count(), ids.len()))
    }
}
