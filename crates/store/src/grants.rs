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
    pub async fn rotate(&self, issuer: &Issuer, rotation: &Rotation<'_>, now: Timestamp) -> Result<Commit, StoreError> {
        let Rotation { expected, grant, status } = rotation;
        let key = key::grant(&issuer.url, grant.id);
        let batch = batch(now).put(key, Expectation::Version(*expected), grant.encode_record(), grant.idle_end);
        self.commit(status.expect_all(batch)).await
    }

    /// Ends a grant. Its record stays until its natural end, so that tokens of the grant are recognised as revoked.
    pub async fn end_grant(&self, issuer: &Issuer, end: &GrantEnd<'_>, now: Timestamp) -> Result<Commit, StoreError> {
        let GrantEnd { expected, ended, event } = end;
        let key = key::grant(&issuer.url, ended.id);
        let batch = batch(now)
            .put(key, Expectation::Version(*expected), ended.encode_record(), ended.idle_end)
            .event(encode_event(&issuer.url, event));
        self.commit(enqueue(batch, issuer, RevocationTarget::Grant(ended.id), event)).await
    }
}

/// The input of [`Store::rotate`].
#[derive(Clone, Copy, Debug)]
pub struct Rotation<'a> {
    /// The grant's version that was read.
    pub expected: Version,
    /// The grant with its next generation.
    pub grant: &'a Grant,
    /// The records that the rotation was based on.
    pub status: &'a StoredGrantStatus,
}

/// The input of [`Store::end_grant`].
#[derive(Clone, Copy, Debug)]
pub struct GrantEnd<'a> {
    /// The grant's version that was read.
    pub expected: Version,
    /// The ended grant.
    pub ended: &'a Grant,
    /// The end, for the log.
    pub event: &'a Event,
}
