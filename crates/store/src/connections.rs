//! Connections to people's accounts at the upstream. Logins write them together with their code
//! ([`Store::issue_code`]).

use std::time::Duration;

use lychgate_domain::event::Event;
use lychgate_domain::flow::Authorization;
use lychgate_domain::id::{Attempt, AuthorizationId, EventId};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::keys::digest;
use lychgate_domain::revocation::RevocationTarget;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::{CLOCK_SKEW, Timestamp};
use lychgate_domain::token::Grant;
use lychgate_domain::upstream::connection::{Connection, connection_id};
use lychgate_domain::upstream::tokens::{SealedFor, SealedTokens};
use lychgate_engine::{Batch, Expectation, Snapshot};

use crate::grant_status::{GrantStatusKey, StoredGrantStatus};
use crate::record::Record as _;
use crate::upstream_revocations::enqueue_as;
use crate::{Commit, Store, StoreError, Versioned, append, batch, decode, key};

/// The replacement of a connection.
#[derive(Clone, Debug)]
pub struct ConnectionUpdate<'a> {
    /// The connection that was read; `None` if there was none.
    pub read: Option<&'a Versioned<Connection>>,
    /// The connection afterwards.
    pub connection: &'a Connection,
    /// The tokens of `read`, if they are to be revoked at the upstream, and the event on which they are.
    pub superseded: Option<(&'a SealedTokens, &'a Event)>,
    /// The event of the replacement, if it has one of its own.
    pub event: Option<&'a Event>,
}

impl Store {
    /// Reads the connection of `subject`.
    pub async fn connection(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Option<Versioned<Connection>>, StoreError> {
        self.record(key::connection(&issuer.url, subject), now).await
    }

    /// Reads, in one snapshot, the records that decide whether a grant is live, and the connection of its subject.
    pub async fn grant_status_and_connection(
        &self,
        issuer: &Issuer,
        status: GrantStatusKey<'_>,
        now: Timestamp,
    ) -> Result<(StoredGrantStatus, Option<Versioned<Connection>>), StoreError> {
        let records = status.records(issuer);
        let keys = [records.as_slice(), &[key::connection(&issuer.url, status.subject)]].concat();
        let Snapshot { entries, .. } = self.read(&keys, now).await?;
        let Some((entries, [connection])) = entries.split_first_chunk::<5>() else {
            return Err(StoreError::Corrupt { kind: "snapshot" });
        };
        Ok((StoredGrantStatus::observe(&status, &records, entries)?, decode(connection.clone())?))
    }

    /// Replaces a connection that exists.
    pub async fn update_connection(
        &self,
        issuer: &Issuer,
        update: &ConnectionUpdate<'_>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        self.commit(append(put(batch(now), issuer, update, now), &issuer.url, update.event)).await
    }

    /// Moves the upstream tokens of a grant from a release without connections to the connection of its subject. `moved` is
    /// that grant without them.
    pub async fn adopt_upstream_tokens(
        &self,
        issuer: &Issuer,
        grant: &Versioned<Grant>,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let moved = grant.value.clone().without_upstream_tokens();
        let update = ConnectionUpdate { read: None, connection, superseded: None, event: None };
        let batch = put(batch(now), issuer, &update, now).put(
            key::grant(&issuer.url, moved.id),
            Expectation::Version(grant.version),
            moved.encode_record(),
            grant.expires_at,
        );
        self.commit(batch).await
    }

    /// Leaves tokens to the revocation at the upstream that the refresh `attempt` brought for a connection which has changed
    /// meanwhile. They are sealed for the connection of `subject`.
    pub async fn supersede_refreshed(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        (attempt, tokens): (Attempt, SealedTokens),
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let holder = SealedFor::Connection(connection_id(subject));
        let what = RevocationTarget::Superseded { holder, subject: subject.clone(), tokens };
        let id = EventId::new(now, &digest("refreshed tokens", &[attempt.bytes()]));
        self.commit(enqueue_as(id, now, batch(now), issuer, what)).await
    }

    /// Deletes a connection that no live grant needs.
    pub async fn delete_connection(
        &self,
        issuer: &Issuer,
        read: &Versioned<Connection>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let key = key::connection(&issuer.url, &read.value.subject);
        self.commit(batch(now).delete(key, read.version)).await
    }

    /// Reports whether a code of one of these authorizations can still be redeemed.
    pub async fn has_live_code(
        &self,
        issuer: &Issuer,
        ids: &[AuthorizationId],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        for found in self.authorizations(issuer, ids, now).await? {
            let Authorization::CodeIssued(issued) = found.value else { continue };
            if issued.fresh(&issuer.lifetimes, now).is_err() {
                continue;
            }
            let decided = &issued.approved.decided;
            let status = GrantStatusKey {
                subject: &issued.subject,
                client: &decided.client_id,
                unregistered_status: None,
                resource: &decided.resource,
            };
            if issued.is_allowed(&self.grant_status(issuer, status, now).await?.status, now) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A connection is kept this much longer than a grant of its latest login can be, so that the job that revokes the tokens of
/// unused connections finds it.
const TIME_TO_REVOKE: Duration = Duration::from_secs(86_400);

/// Adds the replacement of a connection to a batch.
pub(crate) fn put(batch: Batch, issuer: &Issuer, update: &ConnectionUpdate<'_>, now: Timestamp) -> Batch {
    let ConnectionUpdate { read, connection, superseded, event: _ } = update;
    let lifetimes = &issuer.lifetimes;
    let longest = connection.signed_in_at + lifetimes.code + lifetimes.grant + TIME_TO_REVOKE;
    let expected = read.map_or(Expectation::Absent, |read| Expectation::Version(read.version));
    let key = key::connection(&issuer.url, &connection.subject);
    let batch = batch.put(key, expected, connection.encode_record(), longest.max(now + CLOCK_SKEW));
    match superseded {
        Some((tokens, event)) => {
            let (subject, tokens) = (connection.subject.clone(), (*tokens).clone());
            let what = RevocationTarget::Superseded { holder: SealedFor::Connection(connection.id()), subject, tokens };
            // The same event may revoke grants, too.
            let id = EventId::new(event.at, &digest("superseded tokens", &[event.id.bytes()]));
            enqueue_as(id, event.at, batch, issuer, what)
        }
        None => batch,
    }
}
