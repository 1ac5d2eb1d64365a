//! What operators take back or stop: whatever it ends, one small commit, with its event and the record by which a
//! repetition of the request is known.
//!
//! Nothing that a revocation ends is looked for here. Whatever is minted beside it expects consent, client and counters
//! unchanged, and conflicts if it comes later; if it came before, every use of it finds them changed. What the upstream has
//! to hear of it is left in the same commit, by name ([`crate::upstream_revocations`]).

use std::time::Duration;

use lychgate_domain::consent::Consent;
use lychgate_domain::event::Event;
use lychgate_domain::id::{Attempt, ClientId};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::revocation::RevocationTarget;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::{CLOCK_SKEW, Timestamp};
use lychgate_domain::token::Grant;

use crate::clients::ClientRecord;
use crate::consents::consent_end;
pub use crate::record::OperatorRequest;
use crate::record::{Counter, Record as _, encode_event};
use crate::upstream_revocations::enqueue;
use crate::{Commit, Store, StoreError, Versioned, batch, key};
use lychgate_engine::{Batch, Expectation, Key, Version};

/// How long a request is known again.
pub const REQUEST_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// What is taken back.
#[derive(Clone, Copy, Debug)]
pub enum Revocation<'a> {
    Consent {
        read: &'a Versioned<Consent>,
        revoked: &'a Consent,
    },
    Grant {
        expected: Version,
        ended: &'a Grant,
    },
    /// Everything that was given to it.
    Client(&'a ClientId),
    /// Everything that was allowed by them.
    Subject(&'a Subject),
    /// Everything of the issuer.
    Issuer,
}

/// On whose account it is done.
#[derive(Clone, Copy, Debug)]
pub struct OperatorAction<'a> {
    /// Names the request: another one has another attempt.
    pub attempt: Attempt,
    pub request: OperatorRequest,
    pub event: &'a Event,
}

impl Store {
    /// The request, if it was done within [`REQUEST_LIFETIME`].
    pub async fn operator_request(
        &self,
        issuer: &Issuer,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<Option<OperatorRequest>, StoreError> {
        Ok(self.record(key::request(&issuer.url, attempt), now).await?.map(|found| found.value))
    }

    /// `Conflict` if what it is about has changed since it was read, or the request was done before.
    pub async fn revoke(
        &self,
        issuer: &Issuer,
        what: Revocation<'_>,
        act: &OperatorAction<'_>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let (url, event, act) = (&issuer.url, act.event, account(issuer, act, now));
        let (batch, taken_back) = match what {
            Revocation::Consent { read, revoked } => {
                let key = key::consent(url, &revoked.subject, &revoked.client_id, &revoked.resource);
                let expected = Expectation::Version(read.version);
                let batch = act.put(key, expected, revoked.encode_record(), consent_end(revoked));
                (batch, RevocationTarget::consent(&read.value))
            }
            Revocation::Grant { expected, ended } => {
                let key = key::grant(url, ended.id);
                let batch = act.put(key, Expectation::Version(expected), ended.encode_record(), ended.idle_end);
                (batch, RevocationTarget::Grant(ended.id))
            }
            Revocation::Client(id) => {
                let (batch, counter) = self.raise(act, key::client_counter(url, id), now).await?;
                (batch, RevocationTarget::Client { client_id: id.clone(), counter })
            }
            Revocation::Subject(subject) => {
                let (batch, counter) = self.raise(act, key::subject_counter(url, subject), now).await?;
                (batch, RevocationTarget::Subject { subject: subject.clone(), counter })
            }
            Revocation::Issuer => {
                let (batch, counter) = self.raise(act, key::issuer_counter(url), now).await?;
                (batch, RevocationTarget::Issuer { counter })
            }
        };
        self.commit(enqueue(batch, issuer, taken_back, event)).await
    }

    /// Disables or enables a client: `changed` takes the place of what was read, and lives as long.
    pub async fn set_client_status(
        &self,
        issuer: &Issuer,
        read: Option<&Versioned<ClientRecord>>,
        changed: &ClientRecord,
        act: &OperatorAction<'_>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let unchanged = read.map_or(Expectation::Absent, |read| Expectation::Version(read.version));
        let expires_at = read.and_then(|read| read.expires_at);
        let batch = account(issuer, act, now);
        self.commit(batch.put(key::client(&issuer.url, changed.id()), unchanged, changed.encode_record(), expires_at))
            .await
    }

    /// A counter never expires: gone, it would be zero again, and everything it ended alive. With what it is raised to.
    async fn raise(&self, batch: Batch, key: Key, now: Timestamp) -> Result<(Batch, u64), StoreError> {
        let found: Option<Versioned<Counter>> = self.record(key.clone(), now).await?;
        let unchanged = found.as_ref().map_or(Expectation::Absent, |found| Expectation::Version(found.version));
        let raised = Counter(found.map_or(0, |found| found.value.0) + 1);
        Ok((batch.put(key, unchanged, raised.encode_record(), None), raised.0))
    }
}

/// The request's record stands in the batch with an attempt that nobody else has: after an outcome that was unknown, it
/// tells this batch from one that left the same behind, and no second event is written.
fn account(issuer: &Issuer, act: &OperatorAction<'_>, now: Timestamp) -> Batch {
    let expires_at = now + REQUEST_LIFETIME + CLOCK_SKEW;
    batch(now)
        .put(key::request(&issuer.url, act.attempt), Expectation::Absent, act.request.encode_record(), expires_at)
        .event(encode_event(&issuer.url, act.event))
}
