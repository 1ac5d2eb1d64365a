//! The upstream revocation worker: revokes, at the upstream, the tokens of grants that ended here. Revocations never
//! wait for it; failed requests are retried, by any process.
//!
//! One task per issuer works through the pending revocations in the store, one page of each at a time, so that a wide
//! revocation does not delay a narrow one. Several processes may do the same work: revoking twice is harmless.
//!
//! A person's tokens are in their connection, which ends with the person's last grant. Where tokens are revoked only with a
//! person's last grant, tokens that are replaced before it, and those of grants from releases without connections, are
//! deferred: a record keeps them, and the worker revokes them before the connection's own. For last grants that end by
//! themselves, it also looks through the deferred tokens and the connections, one page a minute.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::join_all;
use lychgate_domain::id::{EventId, IssuerId};
use lychgate_domain::issuer::UpstreamRevocationMode;
use lychgate_domain::revocation::{DeferredTokens, MAX_DEFERRED, RevocationProgress, ScannedPage, UpstreamRevocation};
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream::connection::Connection;
use lychgate_domain::upstream::tokens::{SealedFor, SealedTokens, UpstreamTokens};
use lychgate_store::upstream_revocations::EndedHolder;
use lychgate_store::{StoreError, Versioned};

use super::interval::Interval;
use crate::ground::commit::Commit;
use crate::issuers::IssuerContext;
use crate::state::State;
use crate::upstream::{RevocationReply, UpstreamError};

/// Parallel requests: a revocation that ended a million grants must not look like an attack.
const PARALLEL_REQUESTS: usize = 2;
/// The number of successive failures after which the upstream is left alone for now.
const MAX_FAILURES: usize = 3;
/// The number of empty pages that are skipped in one step.
const MAX_EMPTY_PAGES: usize = 20;
/// The interval at which other processes' pending revocations are noticed, and a page of deferred tokens and of connections
/// is looked at.
const POLL_INTERVAL: Duration = Duration::from_secs(60);
/// The connections of one look: revocations that are due wait for it.
const CONNECTIONS_IN_A_LOOK: usize = 50;
/// The delay before connections are looked at again after the upstream did not revoke a token.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(15 * 60);
/// The delay after a failure of the store.
const RETRY_DELAY: Duration = Duration::from_secs(5);
/// The interval at which the clock is read while a revocation waits for its time.
const TICK: Duration = Duration::from_millis(500);

/// Starts a worker for each issuer whose upstream tokens are revoked. Shutdown waits for the calls under way.
pub(crate) fn start(state: &State) {
    for issuer in state.issuers.with_upstream_revocation() {
        state.shutdown.tasks().spawn(Worker { state: state.clone(), issuer }.run());
    }
}

struct Worker {
    state: State,
    issuer: IssuerId,
}

/// Sealed tokens of a person, and the record they are sealed for.
struct HeldTokens<'a> {
    subject: &'a Subject,
    tokens: &'a SealedTokens,
    sealed_for: SealedFor,
}

/// The outcome for one holder of tokens.
enum RevocationOutcome {
    Revoked,
    /// There is nothing to revoke, or not now: the person has another live grant, for which the tokens are deferred, the
    /// tokens do not open, or the upstream refuses.
    Skipped,
    Later(UpstreamError),
    /// The upstream has no revocation endpoint.
    Unsupported,
}

/// The outcome for the deferred tokens and the connection of one person.
enum ReleaseOutcome {
    /// All of them are revoked, or of no use any more.
    Released(u64),
    Later(u64, UpstreamError),
    Unsupported,
    Interrupted,
}

/// The revocation that a page of holders belongs to.
#[derive(Clone, Copy)]
struct Ending {
    revocation: EventId,
    /// Deferred tokens are kept as long as the record of the revocation would be.
    expires_at: Option<Timestamp>,
}

/// The outcome for a page of holders.
enum BatchOutcome {
    Advanced {
        revoked: u64,
        failed: bool,
    },
    /// The process ends; revoked tokens are recorded one by one.
    Interrupted,
    Unsupported,
}

impl Worker {
    async fn run(self) {
        let (shutdown, clock) = (&self.state.shutdown, &self.state.clock);
        let mut requested = pin!(shutdown.requested());
        let mut left = self.state.store.upstream_revocation_enqueued();
        let (mut deferred_from, mut looks) = (None, Interval::new(POLL_INTERVAL));
        let (mut connections_from, mut connection_looks) = (None, Interval::new(POLL_INTERVAL));
        while !shutdown.is_requested() {
            // A revocation stored from here on is either seen by this round or wakes the worker again.
            left.mark_unchanged();
            let mut due = self.process_due().await.unwrap_or_else(|error| {
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::warn!(issuer.id = %self.issuer, error, "cannot read pending upstream revocations");
                Some(clock.now() + RETRY_DELAY)
            });
            if looks.is_due(clock.now()) {
                deferred_from = self.look_at_deferred(deferred_from).await.unwrap_or_else(|error| {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(issuer.id = %self.issuer, error, "cannot read deferred upstream tokens");
                    None
                });
                looks.done(clock.now());
            }
            if connection_looks.is_due(clock.now()) {
                let pause;
                (connections_from, pause) = self.look_at_connections(connections_from).await.unwrap_or_else(|error| {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(issuer.id = %self.issuer, error, "cannot read connections");
                    (None, POLL_INTERVAL)
                });
                connection_looks = Interval::since(clock.now(), pause);
            }
            due = [due, looks.next(), connection_looks.next()].into_iter().flatten().min();
            let began = clock.now();
            let waited = tokio::time::timeout(POLL_INTERVAL, async {
                while due.is_some_and(|due| !Interval::since(began, began.until(due)).is_due(clock.now())) {
                    tokio::time::sleep(TICK).await;
                }
            });
            tokio::select! {
                () = &mut requested => return,
                // The sender is the store, which outlives this task.
                _ = left.changed() => {}
                _ = waited => {}
            }
        }
    }

    /// Processes one page of each due revocation; returns when the next is due, if any.
    async fn process_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let State { store, clock, shutdown, .. } = &self.state;
        let (mut from, mut due) = (None, None);
        loop {
            let now = clock.now();
            let Some(serving) = self.state.issuers.for_job(&self.issuer, now).await else { return Ok(None) };
            let page = store.upstream_revocations(&serving.issuer, from, now).await?;
            for read in page.pending {
                if shutdown.is_requested() {
                    return Ok(None);
                }
                let next = match read.value.due_later(clock.now()) {
                    Some(later) => Some(later),
                    None => self.step(&serving, &read).await?,
                };
                due = [due, next].into_iter().flatten().min();
            }
            from = page.next;
            if from.is_none() {
                return Ok(due);
            }
        }
    }

    /// Processes one page of a revocation; returns when its next page is due, if any.
    async fn step(
        &self,
        serving: &IssuerContext,
        read: &Versioned<UpstreamRevocation>,
    ) -> Result<Option<Timestamp>, StoreError> {
        let State { store, clock, .. } = &self.state;
        let (issuer, mut revocation) = (&*serving.issuer, read.value.clone());
        let mut page = store.ended_holders(issuer, &revocation, clock.now()).await?;
        for _ in 0..MAX_EMPTY_PAGES {
            match page.next {
                Some(next) if page.ended.is_empty() => revocation.place = next,
                next => {
                    page.next = next;
                    break;
                }
            }
            page = store.ended_holders(issuer, &revocation, clock.now()).await?;
        }
        // Rotates the page so that a holder that failed in the previous pass does not block those behind it.
        if !page.ended.is_empty() {
            let first = revocation.passes as usize % page.ended.len();
            page.ended.rotate_left(first);
        }
        let (kind, event) = (revocation.what.kind(), revocation.id);
        let ending = Ending { revocation: revocation.id, expires_at: read.expires_at };
        let after = match self.revoke_page(serving, &page.ended, ending).await? {
            BatchOutcome::Interrupted => return Ok(None),
            BatchOutcome::Unsupported => RevocationProgress::Done { revoked_count: revocation.revoked_count },
            BatchOutcome::Advanced { revoked, failed } => {
                revocation.after(ScannedPage { revoked_count: revoked, failed, next: page.next }, clock.now())
            }
        };
        let (due, written) = match after {
            RevocationProgress::Continue(next) => {
                (Some(next.not_before), store.advance_upstream_revocation(issuer, read, &next, clock.now()).await?)
            }
            RevocationProgress::Done { revoked_count } => {
                tracing::info!(issuer.id = %self.issuer, revoked = kind, event.id = %event, tokens = revoked_count, "upstream revocation finished");
                (None, store.finish_upstream_revocation(issuer, read, clock.now()).await?)
            }
            RevocationProgress::GivenUp { revoked_count } => {
                tracing::warn!(
                    issuer.id = %self.issuer, revoked = kind, event.id = %event, tokens = revoked_count,
                    "upstream revocation abandoned after a day of failures"
                );
                (None, store.finish_upstream_revocation(issuer, read, clock.now()).await?)
            }
        };
        Ok(match written {
            Commit::Done(_) => due,
            // Another process advanced it: read it again.
            Commit::Conflict => Some(clock.now()),
        })
    }

    async fn revoke_page(
        &self,
        serving: &IssuerContext,
        holders: &[EndedHolder],
        ending: Ending,
    ) -> Result<BatchOutcome, StoreError> {
        let (mut revoked, mut in_a_row, mut failed) = (0, 0, false);
        let mut later = |error: &UpstreamError| {
            if !std::mem::replace(&mut failed, true) {
                let error = format!("{:#}", error.cause);
                tracing::warn!(issuer.id = %self.issuer, error, "upstream revocation failed; it will be retried");
            }
        };
        // Deferred tokens go first: the connection of the last grant leads to them until they are revoked.
        let mut unreleased = BTreeSet::new();
        for subject in holders.iter().map(|holder| &holder.subject).collect::<BTreeSet<_>>() {
            match self.release_of(serving, subject).await? {
                ReleaseOutcome::Released(count) => (revoked, in_a_row) = (revoked + count, 0),
                ReleaseOutcome::Later(count, error) => {
                    later(&error);
                    unreleased.insert(subject);
                    (revoked, in_a_row) = (revoked + count, in_a_row + 1);
                }
                ReleaseOutcome::Unsupported => return Ok(BatchOutcome::Unsupported),
                ReleaseOutcome::Interrupted => return Ok(BatchOutcome::Interrupted),
            }
            if in_a_row >= MAX_FAILURES {
                return Ok(BatchOutcome::Advanced { revoked, failed: true });
            }
        }
        let held = holders.iter().filter(|holder| !unreleased.contains(&holder.subject)).filter_map(|holder| {
            let (tokens, sealed_for) = holder.tokens.as_ref()?;
            Some(HeldTokens { subject: &holder.subject, tokens, sealed_for: *sealed_for })
        });
        for some in held.collect::<Vec<_>>().chunks(PARALLEL_REQUESTS) {
            if self.state.shutdown.is_requested() {
                return Ok(BatchOutcome::Interrupted);
            }
            for outcome in join_all(some.iter().map(|holder| self.revoke(serving, holder, ending))).await {
                match outcome? {
                    RevocationOutcome::Revoked => (revoked, in_a_row) = (revoked + 1, 0),
                    RevocationOutcome::Skipped => in_a_row = 0,
                    RevocationOutcome::Unsupported => return Ok(BatchOutcome::Unsupported),
                    RevocationOutcome::Later(error) => {
                        later(&error);
                        in_a_row += 1;
                    }
                }
            }
            if in_a_row >= MAX_FAILURES {
                break;
            }
        }
        Ok(BatchOutcome::Advanced { revoked, failed })
    }

    async fn revoke(
        &self,
        serving: &IssuerContext,
        holder: &HeldTokens<'_>,
        ending: Ending,
    ) -> Result<RevocationOutcome, StoreError> {
        let (store, issuer, now) = (&self.state.store, &*serving.issuer, self.state.clock.now());
        let sealed_for = holder.sealed_for;
        // `None` if the tokens' key was compromised and deleted, or the tokens have expired.
        let tokens = UpstreamTokens::open(holder.tokens, sealed_for, issuer, serving.keys());
        let outcome = match tokens.filter(|tokens| tokens.are_of_use(now)) {
            None => RevocationOutcome::Skipped,
            // Checked as late as possible: a person who has returned meanwhile holds new upstream tokens.
            Some(tokens) if self.defer(serving, holder, &tokens, ending).await? => RevocationOutcome::Skipped,
            Some(tokens) => match serving.upstream.revoke(&tokens, now).await {
                Ok(Some(RevocationReply::Revoked)) => RevocationOutcome::Revoked,
                Ok(Some(RevocationReply::Refused)) => {
                    self.warn_of_refusal();
                    RevocationOutcome::Skipped
                }
                Ok(None) => return Ok(RevocationOutcome::Unsupported),
                Err(error) => return Ok(RevocationOutcome::Later(error)),
            },
        };
        if let SealedFor::Grant(id) = holder.sealed_for {
            // The request may have taken seconds.
            store.forget_upstream_tokens(issuer, id, self.state.clock.now()).await?;
        }
        Ok(outcome)
    }

    /// Keeps the tokens for the end of the person's last grant. False if no other grant is live, so that they are to be
    /// revoked now.
    async fn defer(
        &self,
        serving: &IssuerContext,
        holder: &HeldTokens<'_>,
        tokens: &UpstreamTokens,
        ending: Ending,
    ) -> Result<bool, StoreError> {
        let (State { store, clock, entropy, .. }, issuer) = (&self.state, &*serving.issuer);
        if !self.must_wait(serving, holder.subject).await? {
            return Ok(false);
        }
        let deferred = DeferredTokens {
            revocation: ending.revocation,
            subject: holder.subject.clone(),
            sealed_for: holder.sealed_for,
            tokens: tokens.seal(holder.sealed_for, issuer, serving.keys(), &**entropy),
        };
        if store.defer_upstream_tokens(issuer, &deferred, ending.expires_at, clock.now()).await? {
            tracing::warn!(issuer.id = %self.issuer, kept = MAX_DEFERRED, "a person's oldest deferred upstream tokens are dropped unrevoked");
        }
        // If the last grant ended meanwhile, its revocation may have looked for deferred tokens before these were there.
        if self.must_wait(serving, holder.subject).await? {
            return Ok(true);
        }
        match self.release(serving, holder.subject).await? {
            ReleaseOutcome::Released(_) | ReleaseOutcome::Interrupted | ReleaseOutcome::Unsupported => Ok(true),
            // They stay deferred, and are looked at again.
            ReleaseOutcome::Later(_, error) => {
                let error = format!("{:#}", error.cause);
                tracing::warn!(issuer.id = %self.issuer, error, "upstream revocation failed; it will be retried");
                Ok(true)
            }
        }
    }

    /// True if revoking a token of `subject` at the upstream could end the tokens that a live grant of theirs needs. A
    /// connection that has ended or was rejected has no token that could be ended.
    async fn must_wait(&self, serving: &IssuerContext, subject: &Subject) -> Result<bool, StoreError> {
        if serving.issuer.upstream_revocation != UpstreamRevocationMode::WhenLastGrantEnds {
            return Ok(false);
        }
        let connection = self.state.store.connection(&serving.issuer, subject, self.state.clock.now()).await?;
        match connection.map(|read| read.value) {
            Some(connection) if !connection.is_live() => Ok(false),
            connection => self.is_needed(serving, subject, connection.as_ref()).await,
        }
    }

    /// True if the person has a live grant, or a code that can be redeemed.
    async fn is_needed(
        &self,
        serving: &IssuerContext,
        subject: &Subject,
        connection: Option<&Connection>,
    ) -> Result<bool, StoreError> {
        let (store, issuer, now) = (&self.state.store, &*serving.issuer, self.state.clock.now());
        let logins = connection.map(|connection| connection.logins.as_slice()).unwrap_or_default();
        // Codes first: a code that is redeemed in between has become a grant, and is seen as one.
        Ok(store.has_live_code(issuer, logins, now).await? || store.has_live_grant(issuer, subject, now).await?)
    }

    /// Revokes the deferred tokens of `subject`, unless they must wait, and then ends the connection, unless it is needed.
    async fn release_of(&self, serving: &IssuerContext, subject: &Subject) -> Result<ReleaseOutcome, StoreError> {
        let released = match self.must_wait(serving, subject).await? {
            true => 0,
            false => match self.release(serving, subject).await? {
                ReleaseOutcome::Released(released) => released,
                other => return Ok(other),
            },
        };
        Ok(match self.end_connection(serving, subject).await? {
            ReleaseOutcome::Released(ended) => ReleaseOutcome::Released(released + ended),
            ReleaseOutcome::Later(_, error) => ReleaseOutcome::Later(released, error),
            other => other,
        })
    }

    /// Revokes the tokens of the person's connection and deletes it, unless a live grant or code needs it.
    async fn end_connection(&self, serving: &IssuerContext, subject: &Subject) -> Result<ReleaseOutcome, StoreError> {
        let (State { store, clock, .. }, issuer) = (&self.state, &*serving.issuer);
        let Some(read) = store.connection(issuer, subject, clock.now()).await? else {
            return Ok(ReleaseOutcome::Released(0));
        };
        if self.is_needed(serving, subject, Some(&read.value)).await? {
            return Ok(ReleaseOutcome::Released(0));
        }
        let tokens = read.value.open_tokens(issuer, serving.keys());
        let mut revoked = 0;
        if let Some(tokens) = tokens.filter(|tokens| tokens.are_of_use(clock.now())) {
            match serving.upstream.revoke(&tokens, clock.now()).await {
                Ok(Some(RevocationReply::Revoked)) => revoked = 1,
                Ok(Some(RevocationReply::Refused)) => self.warn_of_refusal(),
                Ok(None) => return Ok(ReleaseOutcome::Unsupported),
                Err(error) => return Ok(ReleaseOutcome::Later(0, error)),
            }
        }
        // After a conflict it is another one: the person has signed in meanwhile, or another process has deleted it.
        match store.delete_connection(issuer, &read, clock.now()).await? {
            Commit::Done(_) => self.state.metrics.connection(&issuer.id, Some(&read.value), None),
            Commit::Conflict => {}
        }
        Ok(ReleaseOutcome::Released(revoked))
    }

    /// Looks at some connections and ends those of persons whose last grant has expired. Returns the position at which the next
    /// look begins, and the pause before it.
    async fn look_at_connections(&self, from: Option<Vec<u8>>) -> Result<(Option<Vec<u8>>, Duration), StoreError> {
        let State { store, clock, shutdown, .. } = &self.state;
        let serving = self.state.issuers.for_job(&self.issuer, clock.now()).await;
        let Some(serving) = serving else { return Ok((None, POLL_INTERVAL)) };
        let page = store.connections(&serving.issuer, from.clone(), clock.now()).await?;
        let mut unseen = page.items.iter();
        for (_, connection) in unseen.by_ref().take(CONNECTIONS_IN_A_LOOK) {
            if shutdown.is_requested() {
                return Ok((None, POLL_INTERVAL));
            }
            match self.end_connection(&serving, &connection.subject).await? {
                ReleaseOutcome::Released(0) => {}
                ReleaseOutcome::Released(tokens) => {
                    tracing::info!(issuer.id = %self.issuer, tokens, "upstream tokens of an unused connection revoked");
                }
                ReleaseOutcome::Later(_, error) => {
                    let error = format!("{:#}", error.cause);
                    tracing::warn!(issuer.id = %self.issuer, error, "upstream revocation failed; it will be retried");
                    return Ok((from, PAUSE_AFTER_FAILURE));
                }
                ReleaseOutcome::Unsupported | ReleaseOutcome::Interrupted => return Ok((None, PAUSE_AFTER_FAILURE)),
            }
        }
        Ok((unseen.next().map(|(position, _)| position.clone()).or(page.next), POLL_INTERVAL))
    }

    async fn release(&self, serving: &IssuerContext, subject: &Subject) -> Result<ReleaseOutcome, StoreError> {
        let (State { store, clock, .. }, issuer) = (&self.state, &*serving.issuer);
        let (mut released, mut from) = (0, None);
        loop {
            let page = store.deferred_tokens(issuer, Some(subject), from, clock.now()).await?;
            for read in &page.deferred {
                if self.state.shutdown.is_requested() {
                    return Ok(ReleaseOutcome::Interrupted);
                }
                let DeferredTokens { sealed_for, tokens, .. } = &read.value;
                let tokens = UpstreamTokens::open(tokens, *sealed_for, issuer, serving.keys());
                if let Some(tokens) = tokens.filter(|tokens| tokens.are_of_use(clock.now())) {
                    match serving.upstream.revoke(&tokens, clock.now()).await {
                        Ok(Some(RevocationReply::Revoked)) => released += 1,
                        Ok(Some(RevocationReply::Refused)) => self.warn_of_refusal(),
                        Ok(None) => return Ok(ReleaseOutcome::Unsupported),
                        Err(error) => return Ok(ReleaseOutcome::Later(released, error)),
                    }
                }
                // After a conflict another process has deleted it.
                let (Commit::Done(_) | Commit::Conflict) =
                    store.finish_deferred_tokens(issuer, read, clock.now()).await?;
            }
            from = page.next;
            if from.is_none() {
                return Ok(ReleaseOutcome::Released(released));
            }
        }
    }

    /// Looks at one page of all deferred tokens, for persons whose last grant ended by itself. Returns where the next
    /// look begins.
    async fn look_at_deferred(&self, from: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, StoreError> {
        let State { store, clock, .. } = &self.state;
        let Some(serving) = self.state.issuers.for_job(&self.issuer, clock.now()).await else { return Ok(None) };
        let page = store.deferred_tokens(&serving.issuer, None, from.clone(), clock.now()).await?;
        for subject in page.deferred.iter().map(|read| &read.value.subject).collect::<BTreeSet<_>>() {
            match self.release_of(&serving, subject).await? {
                ReleaseOutcome::Released(0) => {}
                ReleaseOutcome::Released(tokens) => {
                    tracing::info!(issuer.id = %self.issuer, tokens, "deferred upstream tokens revoked");
                }
                ReleaseOutcome::Later(_, error) => {
                    let error = format!("{:#}", error.cause);
                    tracing::warn!(issuer.id = %self.issuer, error, "upstream revocation failed; it will be retried");
                    return Ok(from);
                }
                ReleaseOutcome::Unsupported | ReleaseOutcome::Interrupted => return Ok(None),
            }
        }
        Ok(page.next)
    }

    fn warn_of_refusal(&self) {
        tracing::warn!(issuer.id = %self.issuer, "the upstream refuses to revoke a token");
    }
}
