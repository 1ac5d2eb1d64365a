//! Consents, by themselves. What an approval makes of one is written with its code ([`crate::authorizations`]).

use lychgate_domain::consent::Consent;
use lychgate_domain::event::Event;
use lychgate_domain::id::ClientId;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::{CLOCK_SKEW, Timestamp};

use crate::engine::{Expectation, Revision, Version};
use crate::record::{Record as _, encode_event};
use crate::{Store, StoreError, Versioned, batch, key};

impl Store {
    pub async fn consent(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        client: &ClientId,
        resource: &str,
        now: Timestamp,
    ) -> Result<Option<Versioned<Consent>>, StoreError> {
        self.record(key::consent(&issuer.url, subject, client, resource), now).await
    }

    /// Takes a consent back, in one small commit however many grants there are. Whatever is minted beside it expects the
    /// consent unchanged, and conflicts if it comes later; if it came before, it bears an epoch that no longer counts.
    pub async fn revoke_consent(
        &self,
        issuer: &Issuer,
        read_at: Version,
        revoked: &Consent,
        event: &Event,
        now: Timestamp,
    ) -> Result<Revision, StoreError> {
        let key = key::consent(&issuer.url, &revoked.subject, &revoked.client_id, &revoked.resource);
        let batch = batch(now)
            .put(key, Expectation::Version(read_at), revoked.encode_record(), consent_end(revoked))
            .event(encode_event(&issuer.url, event));
        self.commit(batch).await
    }
}

/// A consent's record outlives the consent itself and every grant under it: it guards by being there.
pub(crate) fn consent_end(consent: &Consent) -> Timestamp {
    consent.grants.iter().map(|(_, end)| *end).fold(consent.expires_at, Timestamp::max) + CLOCK_SKEW
}
