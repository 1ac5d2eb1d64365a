//! Authorizations. Each transition is one batch that expects the version that was read.

use lychgate_domain::client::Client;
use lychgate_domain::consent::Consent;
use lychgate_domain::event::{Event, EventKind};
use lychgate_domain::flow::{Authorization, CodeIssued, Failed, LoggingIn, Redeemed, SignedIn};
use lychgate_domain::id::{AuthorizationId, GrantId};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::revocation::RevocationTarget;
use lychgate_domain::time::{CLOCK_SKEW, Timestamp};
use lychgate_domain::token::Grant;
use lychgate_domain::upstream::tokens::SealedFor;

use crate::connections::{self, ConnectionUpdate};
use crate::consents::consent_end;
use crate::grant_status::StoredGrantStatus;
use crate::record::{Record as _, encode_event};
use crate::upstream_revocations::enqueue;
use crate::{Commit, Store, StoreError, Versioned, append, batch, decode, key};
use lychgate_engine::{Batch, Expectation, Version};

impl Store {
    /// Reads those authorizations of `ids` that exist, in one snapshot.
    pub async fn authorizations(
        &self,
        issuer: &Issuer,
        ids: &[AuthorizationId],
        now: Timestamp,
    ) -> Result<Vec<Versioned<Authorization>>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<_> = ids.iter().map(|id| key::authorization(&issuer.url, *id)).collect();
        let entries = self.read(&keys, now).await?.entries;
        entries.into_iter().filter_map(|entry| decode(entry).transpose()).collect()
    }

    /// Reads an authorization.
    pub async fn authorization(
        &self,
        issuer: &Issuer,
        id: AuthorizationId,
        now: Timestamp,
    ) -> Result<Option<Versioned<Authorization>>, StoreError> {
        self.record(key::authorization(&issuer.url, id), now).await
    }

    /// Records a decision over the one that was read, or where there was none. Conflicts if that has changed, if the
    /// displayed client has changed, or if the browser has decided under another of its ids.
    pub async fn decide(
        &self,
        issuer: &Issuer,
        decision: &NewDecision<'_>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let expected = decision.replaces.map_or(Expectation::Absent, Expectation::Version);
        let mut batch = put(batch(now), issuer, decision.authorization, expected);
        for id in decision.absent.iter().filter(|id| **id != decision.authorization.decided().id) {
            batch = batch.expect(key::authorization(&issuer.url, *id), Expectation::Absent);
        }
        if let Some(client) = decision.client {
            batch = batch.expect(key::client(&issuer.url, &client.value.id), Expectation::Version(client.version));
        }
        self.commit(append(batch, &issuer.url, decision.event)).await
    }

    /// Claims a login, so that the upstream's code is exchanged once.
    pub async fn claim_login(
        &self,
        issuer: &Issuer,
        expected: Version,
        claim: &LoggingIn,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let claim = Authorization::LoggingIn(claim.clone());
        self.commit(put(batch(now), issuer, &claim, Expectation::Version(expected))).await
    }

    /// Records that the person signed in and has to confirm before a code is issued.
    pub async fn record_signed_in(
        &self,
        issuer: &Issuer,
        login: &QuestionedLogin<'_>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let next = Authorization::SignedIn(login.signed_in.clone());
        let batch = put(batch(now), issuer, &next, Expectation::Version(login.expected));
        self.commit(append(batch, &issuer.url, Some(login.event))).await
    }

    /// Records that a login failed. There is an event if a person had signed in: they rejected the login ("not me"), or were not
    /// admitted.
    pub async fn fail_login(
        &self,
        issuer: &Issuer,
        login: &FailedLogin<'_>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let next = Authorization::Failed(login.failed.clone());
        let batch = put(batch(now), issuer, &next, Expectation::Version(login.expected));
        self.commit(append(batch, &issuer.url, login.event)).await
    }

    /// Finishes a login: writes the code, the subject's new consent, their connection and the events in one batch.
    pub async fn issue_code(
        &self,
        issuer: &Issuer,
        expected: Version,
        login: &FinishedLogin<'_>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let FinishedLogin { issued, consent, status, event, connection } = login;
        let issued = Authorization::CodeIssued((*issued).clone());
        let batch = put(batch(now), issuer, &issued, Expectation::Version(expected))
            .put(status.consent.key.clone(), status.consent.unchanged(), consent.encode_record(), consent_end(consent))
            .event(encode_event(&issuer.url, event));
        let batch = append(connections::put(batch, issuer, connection, now), &issuer.url, connection.event);
        let existing = status.status.consent.as_ref();
        let forgotten = existing.and_then(|existing| RevocationTarget::forgotten(existing, &status.status.counters));
        let batch = match forgotten {
            Some(forgotten) => enqueue(batch, issuer, forgotten, event),
            None => batch,
        };
        self.commit(status.client.expect(status.expect_counters(batch))).await
    }

    /// Redeems a code: marks the authorization as redeemed and creates the grant in one batch.
    pub async fn redeem(
        &self,
        issuer: &Issuer,
        expected: Version,
        redemption: &Redemption<'_>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let Redemption { redeemed, grant, consent, leaving, status, events } = redemption;
        let redeemed = Authorization::Redeemed((*redeemed).clone());
        let mut batch = put(batch(now), issuer, &redeemed, Expectation::Version(expected))
            .put(key::grant(&issuer.url, grant.id), Expectation::Absent, grant.encode_record(), grant.idle_end)
            .put(status.consent.key.clone(), status.consent.unchanged(), consent.encode_record(), consent_end(consent));
        batch = status.expect_counters(batch);
        batch = extend_client_expiry(batch, issuer, grant, status, now);
        let mut superseded = self.kept(issuer, leaving, now).await?;
        for found in &superseded {
            batch = batch.delete(key::grant(&issuer.url, found.value.id), found.version);
        }
        for event in *events {
            batch = batch.event(encode_event(&issuer.url, event));
            let EventKind::GrantSuperseded { grant_id } = event.kind else { continue };
            let left = superseded.iter_mut().find(|found| found.value.id == grant_id);
            if let Some(found) = left
                && let Some(tokens) = found.value.upstream_tokens.take()
            {
                let (holder, subject) = (SealedFor::Grant(grant_id), found.value.subject.clone());
                batch = enqueue(batch, issuer, RevocationTarget::Superseded { holder, subject, tokens }, event);
            }
        }
        self.commit(batch).await
    }

    /// Reads those grants of `ids` that still exist.
    async fn kept(
        &self,
        issuer: &Issuer,
        ids: &[GrantId],
        now: Timestamp,
    ) -> Result<Vec<Versioned<Grant>>, StoreError> {
        let keys: Vec<_> = ids.iter().map(|id| key::grant(&issuer.url, *id)).collect();
        let entries = self.read(&keys, now).await?.entries;
        entries.into_iter().filter_map(|entry| decode(entry).transpose()).collect()
    }
}

/// A decision about a consent page.
#[derive(Clone, Copy, Debug)]
pub struct NewDecision<'a> {
    /// The approval or denial.
    pub authorization: &'a Authorization,
    /// The version of the answer that this one replaces; `None` if there was none.
    pub replaces: Option<Version>,
    /// The ids of the same ticket under the browser's other ids, none of which is decided.
    pub absent: &'a [AuthorizationId],
    /// The registered client that the page displayed.
    pub client: Option<&'a Versioned<Client>>,
    /// A denial by a known person, for the log.
    pub event: Option<&'a Event>,
}

/// The input of [`Store::record_signed_in`].
#[derive(Clone, Copy, Debug)]
pub struct QuestionedLogin<'a> {
    /// The version of the authorization that was read.
    pub expected: Version,
    /// The authorization's next state.
    pub signed_in: &'a SignedIn,
    /// The question, for the log.
    pub event: &'a Event,
}

/// The input of [`Store::fail_login`].
#[derive(Clone, Copy, Debug)]
pub struct FailedLogin<'a> {
    /// The version of the authorization that was read.
    pub expected: Version,
    /// The authorization's next state.
    pub failed: &'a Failed,
    /// The person's rejection of the login, or the refusal to admit them, for the log.
    pub event: Option<&'a Event>,
}

/// The input of [`Store::issue_code`].
#[derive(Debug)]
pub struct FinishedLogin<'a> {
    /// The authorization's next state.
    pub issued: &'a CodeIssued,
    /// The consent that the approval leads to.
    pub consent: &'a Consent,
    /// The records that the decision was based on.
    pub status: &'a StoredGrantStatus,
    /// The approval, for the log.
    pub event: &'a Event,
    /// The subject's connection, which gets the upstream's tokens.
    pub connection: ConnectionUpdate<'a>,
}

/// The input of [`Store::redeem`].
#[derive(Debug)]
pub struct Redemption<'a> {
    /// The authorization's next state.
    pub redeemed: &'a Redeemed,
    /// The new grant.
    pub grant: &'a Grant,
    /// The consent with the new grant in its list.
    pub consent: &'a Consent,
    /// Grants that are deleted because the consent has too many.
    pub leaving: &'a [GrantId],
    /// The records that the redemption was based on.
    pub status: &'a StoredGrantStatus,
    /// The new grant and the superseded ones, for the log.
    pub events: &'a [Event],
}

fn put(batch: Batch, issuer: &Issuer, authorization: &Authorization, expectation: Expectation) -> Batch {
    let key = key::authorization(&issuer.url, authorization.decided().id);
    batch.put(key, expectation, authorization.encode_record(), authorization.expires_at(&issuer.lifetimes))
}

/// Extends the client's expiry past the grant's end. The record is written only if it would expire earlier: otherwise every
/// redemption of a client's users would conflict with every other.
fn extend_client_expiry(
    batch: Batch,
    issuer: &Issuer,
    grant: &Grant,
    status: &StoredGrantStatus,
    now: Timestamp,
) -> Batch {
    let client = &status.client;
    match &client.entry {
        Some(entry) if entry.expires_at.is_some_and(|expires_at| expires_at < grant.end + CLOCK_SKEW) => {
            let used = now + issuer.lifetimes.used_registration.max(issuer.lifetimes.grant * 2);
            batch.put(client.key.clone(), client.unchanged(), entry.value.clone(), used + CLOCK_SKEW)
        }
        _ => client.expect(batch),
    }
}
