//! Grants after they were issued.

use lychgate_domain::event::Event;
use lychgate_domain::id::GrantId;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::revocation::RevocationTarget;
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::Grant;

pub use crate::grant_status::StoredGrantStatus;
use crate::record::{Record as _, encode_event};
use crate::upstream_revocations::enqueue;
use crate::{Commit, Store, StoreError, Versioned, batch, key};
use lychgate_engine::{Expectation, Version};

impl Store {
    /// Reads a grant.
    pub async fn grant(
        &self,
        issuer: &Issuer,
        id: GrantId,
        now: Timestamp,
    ) -> Result<Option<Versioned<Grant>>, StoreError> {
        self.record(key::grant(&issuer.url, id), now).await
    }

    /// Writes a grant's next refresh generation. It conflicts with every revocation that was committed since `status` was read.
    pub async fn rotate(
        &self,
        issuer: &Issuer,
        expected: Version,
        grant: &Grant,
        status: &StoredGrantStatus,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let key = key::grant(&issuer.url, grant.id);
        let batch = batch(now).put(key, Expectation::Version(expected), grant.encode_record(), grant.idle_end);
        self.commit(status.expect_all(batch)).await
    }

    /// Ends a grant. Its record stays until its natural end, so that tokens of the grant are recognised as revoked.
    pub async fn end_grant(
        &self,
        issuer: &Issuer,
        expected: Version,
        grant: &Grant,
        event: &Event,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let key = key::grant(&issuer.url, grant.id);
        let batch = batch(now)
            .put(key, Expectation::Version(expected), grant.encode_record(), grant.idle_end)
            .event(encode_event(&issuer.url, event));
        self.commit(enqueue(batch, issuer, RevocationTarget::Grant(grant.id), event)).await
    }
}
