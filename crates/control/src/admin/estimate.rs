//! How much a revocation would end, before it is made. It changes nothing, and is no promise: others go on meanwhile.

use lychgate_domain::Refusal;
use lychgate_domain::client::ClientStatus;
use lychgate_domain::consent::{Consent, ConsentState, GrantStatus};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::time::Timestamp;
use lychgate_store::GrantStatusKey;
use lychgate_store::consents::ConsentFilter;
use lychgate_store::consents::PageRequest;

use super::changes::Target;
use crate::clients::unregistered_status;
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::state::Control;

/// Records that are looked at before it is left at "at least".
const MAX_RECORDS: usize = 10_000;

/// Consents whose grants are counted at a time.
const AT_A_TIME: usize = 100;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    pub live_consents: usize,
    pub live_grants: usize,
    /// There is more that was not looked at.
    pub at_least: bool,
}

impl Control {
    pub async fn estimate(&self, caller: &Caller, issuer_id: &str, target: &Target) -> Result<Estimate, Error> {
        let (issuer, now) = (self.issuers.issuer(issuer_id, &caller.principal)?, self.clock.now());
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
            Target::Grant(id) => {
                let grant = self.store.grant(issuer, *id, now).await?.ok_or(Refusal::RecordUnknown("grant"))?.value;
                let unregistered_status = unregistered_status(issuer, &grant.client_id);
                let standing = self
                    .store
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
                let live_grants = usize::from(grant.live(&standing.status, now).is_ok());
                return Ok(Estimate { live_grants, ..Estimate::default() });
            }
        };
        self.count(issuer, &filter, now).await
    }

    async fn count(&self, issuer: &Issuer, filter: &ConsentFilter, now: Timestamp) -> Result<Estimate, Error> {
        let (mut estimate, mut from) = (Estimate::default(), None);
        let mut left = MAX_RECORDS;
        loop {
            let page = self.store.find_consents(issuer, filter, PageRequest { from, results: AT_A_TIME }, now).await?;
            for (consent, _) in &page.consents {
                let (grants, looked_at) = self.live_grants(issuer, consent, now).await?;
                estimate.live_consents += 1;
                estimate.live_grants += grants;
                left = left.saturating_sub(1 + looked_at);
            }
            // A page without any has looked at many rows for nothing.
            left = left.saturating_sub(AT_A_TIME);
            from = page.next;
            if from.is_none() || left == 0 {
                return Ok(Estimate { at_least: from.is_some(), ..estimate });
            }
        }
    }

    /// How many grants live under a consent that stands, and how many were looked at. A client that is disabled may be
    /// enabled again: its grants count.
    async fn live_grants(&self, issuer: &Issuer, consent: &Consent, now: Timestamp) -> Result<(usize, usize), Error> {
        let ids: Vec<_> = consent.grants.iter().map(|(id, _)| *id).collect();
        let grants = self.store.grants_of(issuer, &ids, now).await?;
        let standing = GrantStatus {
            consent: Some(consent.clone()),
            client: Some(ClientStatus::Enabled),
            counters: consent.counters,
        };
        Ok((grants.iter().filter(|grant| grant.live(&standing, now).is_ok()).count(), ids.len()))
    }
}
