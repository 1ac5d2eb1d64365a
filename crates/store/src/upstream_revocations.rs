//! Pending revocations at the upstream. The commit of a revocation enqueues one; a worker processes it afterwards, page by
//! page, and only then looks for the grants that the revocation ended.

use lychgate_domain::consent::ConsentState;
use lychgate_domain::event::Event;
use lychgate_domain::flow::Authorization;
use lychgate_domain::id::{AuthorizationId, EventId, GrantId};
use lychgate_domain::issuer::{Issuer, UpstreamRevocationMode};
use lychgate_domain::revocation::{DeferredTokens, MAX_DEFERRED, RevocationTarget, ScanPosition, UpstreamRevocation};
use lychgate_domain::subject::Subject;
use lychgate_domain::time::{CLOCK_SKEW, Timestamp};
use lychgate_domain::token::Grant;
use lychgate_domain::upstream::tokens::SealedFor;
use lychgate_domain::upstream::tokens::SealedTokens;

use crate::consents::{ConsentFilter, PageRequest};
use crate::record::Record;
use crate::{Commit, Store, StoreError, Versioned, batch, decode, key, store_error};
use lychgate_engine::{Batch, Change, Expectation, Key, KeyRange, Limit, Space};

/// Pending revocations in one page.
const PENDING: usize = 100;
/// Grants or codes in one page.
const PAGE: Limit = Limit { results: 50, rows: 1_000 };
/// Deferred tokens in one page.
const DEFERRED: usize = 50;
/// Consents in one page; each has a bounded number of grants.
const CONSENTS: Limit = Limit { results: 4, rows: 1_000 };
/// A person's consents in one page of a search for a live grant.
const LIVE_CONSENTS: usize = 50;

/// A grant, code or connection that has ended.
#[derive(Clone, Debug)]
pub struct EndedHolder {
    /// The person.
    pub subject: Subject,
    /// Upstream tokens of its own, and the record they are sealed for. Grants and codes have some only from releases without
    /// connections.
    pub tokens: Option<(SealedTokens, SealedFor)>,
}

/// One page of what a revocation ended.
#[derive(Clone, Debug)]
pub struct EndedPage {
    /// The ended holders.
    pub ended: Vec<EndedHolder>,
    /// The start of the next page; `None` at the end.
    pub next: Option<ScanPosition>,
}

/// One page of deferred tokens, by person, the oldest first.
#[derive(Clone, Debug)]
pub struct DeferredPage {
    /// The tokens.
    pub deferred: Vec<Versioned<DeferredTokens>>,
    /// The start of the next page; `None` at the end.
    pub next: Option<Vec<u8>>,
}

/// One page of pending revocations, oldest first.
#[derive(Clone, Debug)]
pub struct PendingPage {
    /// The pending revocations.
    pub pending: Vec<Versioned<UpstreamRevocation>>,
    /// The start of the next page; `None` at the end.
    pub next: Option<Vec<u8>>,
}

impl Store {
    /// Notifies of revocations that this process enqueues. Those of other processes are found by listing.
    pub fn upstream_revocation_enqueued(&self) -> tokio::sync::watch::Receiver<()> {
        self.enqueued.subscribe()
    }

    /// Lists pending revocations.
    pub async fn upstream_revocations(
        &self,
        issuer: &Issuer,
        from: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<PendingPage, StoreError> {
        let whole = KeyRange::prefix(&issuer.url.digest());
        let range = KeyRange { from: from.unwrap_or(whole.from), to: whole.to };
        let limit = Limit { results: PENDING, rows: 10 * PENDING };
        let page = self.engine.scan(Space::UpstreamRevocations, range, now, limit).await.map_err(store_error)?;
        let pending = page.entries.into_iter().filter_map(|(_, entry)| decode(Some(entry)).transpose());
        Ok(PendingPage { pending: pending.collect::<Result<_, _>>()?, next: page.next })
    }

    /// Records the progress of a pending revocation after a page.
    pub async fn advance_upstream_revocation(
        &self,
        issuer: &Issuer,
        read: &Versioned<UpstreamRevocation>,
        next: &UpstreamRevocation,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let key = key::upstream_revocation(&issuer.url, next.id);
        let batch = batch(now).put(key, Expectation::Version(read.version), next.encode_record(), read.expires_at);
        self.commit(batch).await
    }

    /// Deletes a pending revocation that is done.
    pub async fn finish_upstream_revocation(
        &self,
        issuer: &Issuer,
        read: &Versioned<UpstreamRevocation>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let key = key::upstream_revocation(&issuer.url, read.value.id);
        self.commit(batch(now).delete(key, read.version)).await
    }

    /// Finds one page of the grants and codes that the revocation ended, or the tokens that it names.
    pub async fn ended_holders(
        &self,
        issuer: &Issuer,
        revocation: &UpstreamRevocation,
        now: Timestamp,
    ) -> Result<EndedPage, StoreError> {
        let what = &revocation.what;
        match (&revocation.place, what) {
            (ScanPosition::Codes { from }, _) => self.ended_codes(issuer, revocation, from.clone(), now).await,
            (ScanPosition::Grants { .. }, RevocationTarget::Consent { grants, .. }) => {
                Ok(EndedPage { ended: self.ended_among(issuer, what, grants, now).await?, next: what.after_grants() })
            }
            (ScanPosition::Grants { .. }, RevocationTarget::Grant(id)) => {
                Ok(EndedPage { ended: self.ended_among(issuer, what, &[*id], now).await?, next: what.after_grants() })
            }
            (ScanPosition::Grants { .. }, RevocationTarget::Superseded { holder, subject, tokens }) => {
                let superseded = EndedHolder { subject: subject.clone(), tokens: Some((tokens.clone(), *holder)) };
                Ok(EndedPage { ended: vec![superseded], next: what.after_grants() })
            }
            (ScanPosition::Grants { from }, RevocationTarget::Subject { subject, .. }) => {
                let whole = KeyRange::prefix(&key::consents(&issuer.url, Some(subject)));
                let range = KeyRange { from: from.clone().unwrap_or(whole.from), to: whole.to };
                let (consents, next) =
                    self.some::<lychgate_domain::consent::Consent>(Space::Consents, range, CONSENTS, now).await?;
                let ids: Vec<_> =
                    consents.iter().flat_map(|consent| consent.grants.iter().map(|(id, _)| *id)).collect();
                let next =
                    next.map_or_else(|| what.after_grants(), |from| Some(ScanPosition::Grants { from: Some(from) }));
                Ok(EndedPage { ended: self.ended_among(issuer, what, &ids, now).await?, next })
            }
            (ScanPosition::Grants { from }, RevocationTarget::Client { .. } | RevocationTarget::Issuer { .. }) => {
                let whole = KeyRange::prefix(&issuer.url.digest());
                let range = KeyRange { from: from.clone().unwrap_or(whole.from), to: whole.to };
                let (grants, next) = self.some::<Grant>(Space::Grants, range, PAGE, now).await?;
                let next =
                    next.map_or_else(|| what.after_grants(), |from| Some(ScanPosition::Grants { from: Some(from) }));
                Ok(EndedPage { ended: ended(what, grants), next })
            }
        }
    }

    /// Deletes the upstream tokens of an ended grant once they are no longer needed.
    pub async fn forget_upstream_tokens(&self, issuer: &Issuer, id: GrantId, now: Timestamp) -> Result<(), StoreError> {
        let Some(found) = self.grant(issuer, id, now).await? else { return Ok(()) };
        let forgetful = found.value.without_upstream_tokens();
        let (key, expected) = (key::grant(&issuer.url, id), Expectation::Version(found.version));
        let batch = batch(now).put(key, expected, forgetful.encode_record(), found.expires_at);
        // After a conflict the tokens stay: another pass, if there is one, finds them; else they go with the record.
        let (Commit::Done(_) | Commit::Conflict) = self.commit(batch).await?;
        Ok(())
    }

    /// Reports whether `subject` has a live grant of any client.
    pub async fn has_live_grant(&self, issuer: &Issuer, subject: &Subject, now: Timestamp) -> Result<bool, StoreError> {
        let filter = ConsentFilter {
            subject: Some(subject.clone()),
            state: Some(ConsentState::Live),
            ..ConsentFilter::default()
        };
        let mut from = None;
        loop {
            let page = self.find_consents(issuer, &filter, PageRequest { from, results: LIVE_CONSENTS }, now).await?;
            for (consent, _) in &page.consents {
                let ids: Vec<_> = consent.grants.iter().map(|(id, _)| *id).collect();
                let grants = self.grants_of(issuer, &ids, now).await?;
                // The consent is live, so the counters are those it was approved under.
                if grants.iter().any(|grant| grant.stands_under(consent, &consent.counters, now)) {
                    return Ok(true);
                }
            }
            from = page.next;
            if from.is_none() {
                return Ok(false);
            }
        }
    }

    /// Keeps the upstream tokens of an ended holder until `expires_at`. The same tokens of the same revocation are kept
    /// once. Returns true if this displaced older tokens of the person.
    pub async fn defer_upstream_tokens(
        &self,
        issuer: &Issuer,
        deferred: &DeferredTokens,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = key::deferred_tokens(&issuer.url, deferred);
        let batch = batch(now).put(key, Expectation::Absent, deferred.encode_record(), expires_at);
        // A conflict is the same record, written before.
        let (Commit::Done(_) | Commit::Conflict) = self.commit(batch).await?;
        let mut displaced = false;
        loop {
            let all = KeyRange::prefix(&key::all_deferred_tokens(&issuer.url, Some(&deferred.subject)));
            let page = self.deferred_in(all, MAX_DEFERRED + 1, now).await?;
            match page.deferred.first() {
                Some(oldest) if page.deferred.len() > MAX_DEFERRED => {
                    let (Commit::Done(_) | Commit::Conflict) = self.finish_deferred_tokens(issuer, oldest, now).await?;
                    displaced = true;
                }
                Some(_) | None => return Ok(displaced),
            }
        }
    }

    /// Lists the deferred tokens of `subject`, or of every person.
    pub async fn deferred_tokens(
        &self,
        issuer: &Issuer,
        subject: Option<&Subject>,
        from: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<DeferredPage, StoreError> {
        let whole = KeyRange::prefix(&key::all_deferred_tokens(&issuer.url, subject));
        self.deferred_in(KeyRange { from: from.unwrap_or(whole.from), to: whole.to }, DEFERRED, now).await
    }

    /// Deletes deferred tokens that are revoked at the upstream, or of no use any more.
    pub async fn finish_deferred_tokens(
        &self,
        issuer: &Issuer,
        read: &Versioned<DeferredTokens>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let key = key::deferred_tokens(&issuer.url, &read.value);
        self.commit(batch(now).delete(key, read.version)).await
    }

    async fn deferred_in(&self, range: KeyRange, results: usize, now: Timestamp) -> Result<DeferredPage, StoreError> {
        let limit = Limit { results, rows: 10 * results };
        let page = self.engine.scan(Space::UpstreamRevocations, range, now, limit).await.map_err(store_error)?;
        let deferred = page.entries.into_iter().filter_map(|(_, entry)| decode(Some(entry)).transpose());
        Ok(DeferredPage { deferred: deferred.collect::<Result<_, _>>()?, next: page.next })
    }

    async fn ended_among(
        &self,
        issuer: &Issuer,
        what: &RevocationTarget,
        ids: &[GrantId],
        now: Timestamp,
    ) -> Result<Vec<EndedHolder>, StoreError> {
        Ok(ended(what, self.grants_of(issuer, ids, now).await?))
    }

    /// Finds codes that were issued and not redeemed. Their ids begin with the time of their ticket, so only codes that could
    /// still be redeemed at the time of the revocation are read.
    async fn ended_codes(
        &self,
        issuer: &Issuer,
        revocation: &UpstreamRevocation,
        from: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<EndedPage, StoreError> {
        let oldest = Timestamp::from_millis(
            (Timestamp::EPOCH + issuer.lifetimes.decision() + CLOCK_SKEW).until(revocation.at).as_millis() as u64,
        );
        let place = |time, rest| key::authorization(&issuer.url, AuthorizationId::new(time, &[rest; 32])).bytes;
        let whole = KeyRange { from: place(oldest, 0), to: Some(place(revocation.at + CLOCK_SKEW, u8::MAX)) };
        let range = KeyRange { from: from.unwrap_or(whole.from), to: whole.to };
        let (authorizations, next) = self.some::<Authorization>(Space::Authorizations, range, PAGE, now).await?;
        let ended = authorizations.into_iter().filter_map(|authorization| match authorization {
            Authorization::CodeIssued(issued) if revocation.what.ended_code(&issued) => {
                let sealed_for = SealedFor::Authorization(issued.approved.decided.id);
                let tokens = issued.upstream_tokens.map(|tokens| (tokens, sealed_for));
                Some(EndedHolder { subject: issued.subject, tokens })
            }
            Authorization::CodeIssued(_)
            | Authorization::Denied(_)
            | Authorization::Approved(_)
            | Authorization::LoggingIn(_)
            | Authorization::SignedIn(_)
            | Authorization::Redeemed(_)
            | Authorization::Failed(_) => None,
        });
        Ok(EndedPage { ended: ended.collect(), next: next.map(|from| ScanPosition::Codes { from: Some(from) }) })
    }

    async fn some<R: Record>(
        &self,
        space: Space,
        range: KeyRange,
        limit: Limit,
        now: Timestamp,
    ) -> Result<(Vec<R>, Option<Vec<u8>>), StoreError> {
        let page = self.engine.scan(space, range, now, limit).await.map_err(store_error)?;
        let read = |(_, entry): (Key, lychgate_engine::Entry)| {
            R::decode_record(&entry.value).ok_or(StoreError::Corrupt { kind: R::KIND })
        };
        Ok((page.entries.into_iter().map(read).collect::<Result<_, _>>()?, page.next))
    }
}

/// Those `grants` that the revocation ended.
fn ended(what: &RevocationTarget, grants: Vec<Grant>) -> Vec<EndedHolder> {
    let ended = grants.into_iter().filter(|grant| what.ended(grant));
    let holder = |grant: Grant| EndedHolder {
        tokens: grant.upstream_tokens.map(|tokens| (tokens, SealedFor::Grant(grant.id))),
        subject: grant.subject,
    };
    ended.map(holder).collect()
}

/// Adds a pending revocation at the upstream to a revocation's own batch, if the issuer revokes upstream tokens. It expires
/// after the longest grant: no token that exists now is of use then.
pub(crate) fn enqueue(batch: Batch, issuer: &Issuer, what: RevocationTarget, event: &Event) -> Batch {
    enqueue_as(event.id, event.at, batch, issuer, what)
}

/// The same, for one of several revocations of an event.
pub(crate) fn enqueue_as(id: EventId, at: Timestamp, batch: Batch, issuer: &Issuer, what: RevocationTarget) -> Batch {
    match issuer.upstream_revocation {
        UpstreamRevocationMode::Never => batch,
        UpstreamRevocationMode::WhenLastGrantEnds | UpstreamRevocationMode::PerGrant => {
            let revocation = UpstreamRevocation::new(id, what, at);
            let expires_at = at + issuer.lifetimes.grant + CLOCK_SKEW;
            let key = key::upstream_revocation(&issuer.url, id);
            batch.put(key, Expectation::Absent, revocation.encode_record(), expires_at)
        }
    }
}

/// Reports whether `batch` enqueues a revocation at the upstream.
pub(crate) fn enqueues(batch: &Batch) -> bool {
    batch.operations().iter().any(|operation| {
        operation.key.space == Space::UpstreamRevocations
            && !operation.key.bytes.starts_with(key::DEFERRED)
            && operation.expectation == Expectation::Absent
            && matches!(operation.change, Change::Put { .. })
    })
}
