//! Revocations by operators. Each is one small commit, however much it ends, with its event and a record that recognises a
//! repeated request.
//!
//! The commit does not look for grants to end. A grant that is minted concurrently expects consent, client and counters
//! unchanged: if its commit comes later, it conflicts; if it came earlier, every use of the grant finds them changed. The
//! same commit enqueues the revocation at the upstream ([`crate::upstream_revocations`]).

use std::time::Duration;

use lychgate_domain::consent::Consent;
use lychgate_domain::event::Event;
use lychgate_domain::id::{Attempt, ClientId};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::revocation::RevocationTarget;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::{CLOCK_SKEW, Timestamp};
use lychgate_domain::token::Grant;
use lychgate_domain::upstream::connection::Connection;

use crate::clients::ClientRecord;
use crate::connections::{self, ConnectionUpdate};
use crate::consents::consent_end;
pub use crate::record::OperatorRequest;
use crate::record::{Counter, Record as _, encode_event};
use crate::upstream_revocations::enqueue;
use crate::{Commit, Store, StoreError, Versioned, batch, key};
use lychgate_engine::{Batch, Expectation, Key, Version};

/// The time for which a repeated request is recognised.
pub const REQUEST_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A revocation, by what it ends.
#[derive(Clone, Copy, Debug)]
pub enum Revocation<'a> {
    /// One consent, with all its grants.
    Consent {
        /// The consent that was read.
        read: &'a Versioned<Consent>,
        /// The revoked consent.
        revoked: &'a Consent,
    },
    /// One grant.
    Grant {
        /// The version that was read.
        expected: Version,
        /// The ended grant.
        ended: &'a Grant,
    },
    /// One connection. Grants and consents stay.
    Connection {
        /// The connection that was read.
        read: &'a Versioned<Connection>,
        /// The ended connection.
        ended: &'a Connection,
    },
    /// All grants of a client.
    Client(&'a ClientId),
    /// All grants of a person.
    Subject(&'a Subject),
    /// All grants of the issuer.
    Issuer,
}

/// The input of [`Store::set_client_status`].
#[derive(Clone, Copy, Debug)]
pub struct StatusChange<'a> {
    /// The record that was read.
    pub read: Option<&'a Versioned<ClientRecord>>,
    /// The record with the new status.
    pub changed: &'a ClientRecord,
}

/// An operator's request.
#[derive(Clone, Copy, Debug)]
pub struct OperatorAction<'a> {
    /// The request's idempotency key.
    pub attempt: Attempt,
    /// The record that recognises a repetition.
    pub request: OperatorRequest,
    /// The event.
    pub event: &'a Event,
}

impl Store {
    /// Reads the request with this idempotency key, if it was carried out within [`REQUEST_LIFETIME`].
    pub async fn operator_request(
        &self,
        issuer: &Issuer,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<Option<OperatorRequest>, StoreError> {
        Ok(self.record(key::request(&issuer.url, attempt), now).await?.map(|found| found.value))
    }

    /// Carries out a revocation. Conflicts if its record has changed since it was read, or if the request was carried out
    /// before.
    pub async fn revoke(
        &self,
        issuer: &Issuer,
        what: Revocation<'_>,
        action: &OperatorAction<'_>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let (url, event, act) = (&issuer.url, action.event, request_batch(issuer, action, now));
        let (batch, target) = match what {
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
            Revocation::Connection { read, ended } => {
                let superseded = read.value.tokens.as_ref().map(|tokens| (tokens, event));
                let update = ConnectionUpdate { read: Some(read), connection: ended, superseded, event: None };
                return self.commit(connections::put(act, issuer, &update, now)).await;
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
        self.commit(enqueue(batch, issuer, target, event)).await
    }

    /// Disables or enables a client: `changed` replaces the record that was read, with the same expiry.
    pub async fn set_client_status(
        &self,
        issuer: &Issuer,
        change: StatusChange<'_>,
        action: &OperatorAction<'_>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let StatusChange { read, changed } = change;
        let unchanged = read.map_or(Expectation::Absent, |read| Expectation::Version(read.version));
        let expires_at = read.and_then(|read| read.expires_at);
        let batch = request_batch(issuer, action, now);
        self.commit(batch.put(key::client(&issuer.url, changed.id()), unchanged, changed.encode_record(), expires_at))
            .await
    }

    /// Adds the raised counter to `batch`, and returns its new value. A counter never expires: an absent one is zero, which
    /// would revive every grant it ended.
    async fn raise(&self, batch: Batch, key: Key, now: Timestamp) -> Result<(Batch, u64), StoreError> {
        let found: Option<Versioned<Counter>> = self.record(key.clone(), now).await?;
        let unchanged = found.as_ref().map_or(Expectation::Absent, |found| Expectation::Version(found.version));
        let raised = Counter(found.map_or(0, |found| found.value.0) + 1);
        Ok((batch.put(key, unchanged, raised.encode_record(), None), raised.0))
    }
}

/// A batch with the request's record and event. The record has an idempotency key of its own: after an unknown outcome it
/// tells this batch from another one with the same effect, so that no second event is written.
fn request_batch(issuer: &Issuer, action: &OperatorAction<'_>, now: Timestamp) -> Batch {
    let expires_at = now + REQUEST_LIFETIME + CLOCK_SKEW;
    batch(now)
        .put(key::request(&issuer.url, action.attempt), Expectation::Absent, action.request.encode_record(), expires_at)
        .event(encode_event(&issuer.url, action.event))
}
