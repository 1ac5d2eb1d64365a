//! Consents: reading, finding and revoking. An approval writes them together with its code ([`crate::authorizations`]).

use std::collections::HashSet;

use lychgate_domain::consent::{Consent, ConsentState, Counters};
use lychgate_domain::event::Event;
use lychgate_domain::id::ClientId;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::revocation::RevocationTarget;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::{CLOCK_SKEW, Timestamp};

use crate::record::{Counter, Record as _, encode_event};
use crate::upstream_revocations::enqueue;
use crate::{Commit, Store, StoreError, Versioned, batch, decode, key, store_error};
use lychgate_engine::{Entry, Expectation, KeyRange, Limit, Revision, Space};

impl Store {
    /// Reads a consent.
    pub async fn consent(
        &self,
        issuer: &Issuer,
        key: ConsentKey<'_>,
        now: Timestamp,
    ) -> Result<Option<Versioned<Consent>>, StoreError> {
        self.record(key::consent(&issuer.url, key.subject, key.client, key.resource), now).await
    }

    /// Revokes a consent in one small commit, however many grants it has. A grant that is minted concurrently expects the
    /// consent unchanged: if its commit comes later, it conflicts; if it came earlier, the grant's epoch is out of date.
    pub async fn revoke_consent(
        &self,
        issuer: &Issuer,
        revocation: &ConsentRevocation<'_>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let ConsentRevocation { read, revoked, event } = revocation;
        let key = key::consent(&issuer.url, &revoked.subject, &revoked.client_id, &revoked.resource);
        let batch = batch(now)
            .put(key, Expectation::Version(read.version), revoked.encode_record(), consent_end(revoked))
            .event(encode_event(&issuer.url, event));
        self.commit(enqueue(batch, issuer, RevocationTarget::consent(&read.value), event)).await
    }
}

/// Names a consent.
#[derive(Clone, Copy, Debug)]
pub struct ConsentKey<'a> {
    /// The person who consented.
    pub subject: &'a Subject,
    /// The client that was allowed.
    pub client: &'a ClientId,
    /// The resource.
    pub resource: &'a str,
}

/// The input of [`Store::revoke_consent`].
#[derive(Clone, Copy, Debug)]
pub struct ConsentRevocation<'a> {
    /// The consent that was read.
    pub read: &'a Versioned<Consent>,
    /// The revoked consent.
    pub revoked: &'a Consent,
    /// The revocation, for the log.
    pub event: &'a Event,
}

/// The largest number of rows that one page examines.
const ROWS: usize = 2000;

/// Selects consents. `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct ConsentFilter {
    /// The person who consented.
    pub subject: Option<Subject>,
    /// The client that was allowed.
    pub client_id: Option<ClientId>,
    /// The resource.
    pub resource: Option<String>,
    /// A set that the resource belongs to.
    pub resources: Option<HashSet<String>>,
    /// The current state.
    pub state: Option<ConsentState>,
}

impl ConsentFilter {
    /// Reports whether a consent within the scanned range may not match.
    fn is_selective(&self) -> bool {
        let Self { subject: _, client_id, resource, resources, state } = self;
        client_id.is_some() || resource.is_some() || resources.is_some() || state.is_some()
    }

    fn meets(&self, consent: &Consent) -> bool {
        self.subject.as_ref().is_none_or(|subject| *subject == consent.subject)
            && self.client_id.as_ref().is_none_or(|client_id| *client_id == consent.client_id)
            && self.resource.as_ref().is_none_or(|resource| *resource == consent.resource)
            && self.resources.as_ref().is_none_or(|resources| resources.contains(&consent.resource))
    }
}

/// Selects one page of a list.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// The previous page's `next`; `None` for the first page.
    pub from: Option<Vec<u8>>,
    /// The largest number of results.
    pub results: usize,
}

/// One page of matching consents, in the order of their keys.
#[derive(Clone, Debug)]
pub struct ConsentPage {
    /// The consents, each with its current state.
    pub consents: Vec<(Consent, ConsentState)>,
    /// The start of the next page; `None` at the end. A page may be empty without being the last.
    pub next: Option<Vec<u8>>,
    /// The revision that was read.
    pub revision: Revision,
}

impl Store {
    /// Finds at most `page.results` matching consents, from `page.from` on: the previous page's `next`. A consent that is
    /// unchanged throughout appears on exactly one page. There is no index by client or resource: a page examines up to
    /// [`ROWS`] rows and returns the position it reached.
    pub async fn find_consents(
        &self,
        issuer: &Issuer,
        filter: &ConsentFilter,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<ConsentPage, StoreError> {
        let PageRequest { from, results } = page;
        let whole = KeyRange::prefix(&key::consents(&issuer.url, filter.subject.as_ref()));
        let range = KeyRange { from: from.unwrap_or(whole.from), to: whole.to };
        let limit = Limit { results: if filter.is_selective() { ROWS } else { results }, rows: ROWS };
        let page = self.engine.scan(Space::Consents, range, now, limit).await.map_err(store_error)?;
        let mut met = Vec::new();
        for (key, entry) in page.entries {
            let consent = Consent::decode_record(&entry.value).ok_or(StoreError::Corrupt { kind: Consent::KIND })?;
            if filter.meets(&consent) {
                met.push((key, consent));
            }
        }
        let counters = self.counters(issuer, met.iter().map(|(_, consent)| consent), now).await?;
        let with_state = met.into_iter().zip(counters).map(|((key, consent), counters)| {
            let state = consent.state(&counters, now);
            (key, consent, state)
        });
        let mut found = with_state.filter(|(_, _, state)| filter.state.is_none_or(|asked| asked == *state));
        let consents = found.by_ref().take(results).map(|(_, consent, state)| (consent, state)).collect();
        let next = found.next().map(|(key, ..)| key.bytes).or(page.next);
        Ok(ConsentPage { consents, next, revision: page.revision })
    }

    /// Reads the current revocation counters of each of `consents`.
    async fn counters(
        &self,
        issuer: &Issuer,
        consents: impl Iterator<Item = &Consent>,
        now: Timestamp,
    ) -> Result<Vec<Counters>, StoreError> {
        let (url, mut keys) = (&issuer.url, vec![key::issuer_counter(&issuer.url)]);
        for consent in consents {
            keys.push(key::client_counter(url, &consent.client_id));
            keys.push(key::subject_counter(url, &consent.subject));
        }
        let entries = self.read(&keys, now).await?.entries;
        let value = |entry: Option<Entry>| Ok(decode::<Counter>(entry)?.map_or(0, |counter| counter.value.0));
        let values = entries.into_iter().map(value).collect::<Result<Vec<u64>, StoreError>>()?;
        let Some((issuer, pairs)) = values.split_first() else { return Ok(Vec::new()) };
        let counters = |pair: &[u64; 2]| Counters { issuer: *issuer, client: pair[0], subject: pair[1] };
        Ok(pairs.as_chunks().0.iter().map(counters).collect())
    }
}

/// The expiry of a consent's record. It outlives the consent and every grant under it, which it guards by its presence.
pub(crate) fn consent_end(consent: &Consent) -> Timestamp {
    consent.grants.iter().map(|(_, end)| *end).fold(consent.expires_at, Timestamp::max) + CLOCK_SKEW
}
