//! The upstream revocation worker: revokes, at the upstream, the tokens of grants that ended here. Revocations never
//! wait for it; failed requests are retried, by any process.
//!
//! One task per issuer works through the pending revocations in the store, one page of each at a time, so that a wide
//! revocation does not delay a narrow one. Several processes may do the same work: revoking twice is harmless.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::join_all;
use lychgate_domain::id::IssuerId;
use lychgate_domain::issuer::UpstreamRevocationMode;
use lychgate_domain::revocation::{RevocationProgress, ScannedPage, UpstreamRevocation};
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream::tokens::{SealedFor, UpstreamTokens};
use lychgate_store::upstream_revocations::EndedTokens;
use lychgate_store::{StoreError, Versioned};

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
/// The interval at which other processes' pending revocations are noticed.
const POLL_INTERVAL: Duration = Duration::from_secs(60);
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

/// The outcome for one holder of tokens.
enum RevocationOutcome {
    Revoked,
    /// There is nothing to revoke, or not now: the person has another live grant, the tokens do not open, or the
    /// upstream refuses.
    Skipped,
    Later(UpstreamError),
    /// The upstream has no revocation endpoint.
    Unsupported,
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
        while !shutdown.is_requested() {
            // A revocation stored from here on is either seen by this round or wakes the worker again.
            left.mark_unchanged();
            let due = match self.process_due().await {
                Ok(due) => due,
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(issuer.id = %self.issuer, error, "cannot read pending upstream revocations");
                    Some(clock.now() + RETRY_DELAY)
                }
            };
            let waited = async {
                match due {
                    None => tokio::time::sleep(POLL_INTERVAL).await,
                    Some(due) => {
                        while clock.now() < due {
                            tokio::time::sleep(TICK).await;
                        }
                    }
                }
            };
            tokio::select! {
                () = &mut requested => return,
                // The sender is the store, which outlives this task.
                _ = left.changed() => {}
                () = waited => {}
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
                let next = match read.value.not_before {
                    later if later > clock.now() => Some(later),
                    _ => self.step(&serving, &read).await?,
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
        let mut page = store.ended_tokens(issuer, &revocation, clock.now()).await?;
        for _ in 0..MAX_EMPTY_PAGES {
            match page.next {
                Some(next) if page.ended.is_empty() => revocation.place = next,
                next => {
                    page.next = next;
                    break;
                }
            }
            page = store.ended_tokens(issuer, &revocation, clock.now()).await?;
        }
        // Rotates the page so that a holder that failed in the previous pass does not block those behind it.
        if !page.ended.is_empty() {
            let first = revocation.passes as usize % page.ended.len();
            page.ended.rotate_left(first);
        }
        let (kind, event) = (revocation.what.kind(), revocation.id);
        let after = match self.revoke_page(serving, &page.ended).await? {
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

    async fn revoke_page(&self, serving: &IssuerContext, holders: &[EndedTokens]) -> Result<BatchOutcome, StoreError> {
        let (mut revoked, mut in_a_row, mut failed) = (0, 0, false);
        for some in holders.chunks(PARALLEL_REQUESTS) {
            if self.state.shutdown.is_requested() {
                return Ok(BatchOutcome::Interrupted);
            }
            for outcome in join_all(some.iter().map(|holder| self.revoke(serving, holder))).await {
                match outcome? {
                    RevocationOutcome::Revoked => (revoked, in_a_row) = (revoked + 1, 0),
                    RevocationOutcome::Skipped => in_a_row = 0,
                    RevocationOutcome::Unsupported => return Ok(BatchOutcome::Unsupported),
                    RevocationOutcome::Later(error) => {
                        if !failed {
                            let error = format!("{:#}", error.cause);
                            tracing::warn!(issuer.id = %self.issuer, error, "upstream revocation failed; it will be retried");
                        }
                        (in_a_row, failed) = (in_a_row + 1, true);
                    }
                }
            }
            if in_a_row >= MAX_FAILURES {
                break;
            }
        }
        Ok(BatchOutcome::Advanced { revoked, failed })
    }

    async fn revoke(&self, serving: &IssuerContext, holder: &EndedTokens) -> Result<RevocationOutcome, StoreError> {
        let (store, issuer, now) = (&self.state.store, &*serving.issuer, self.state.clock.now());
        let sealed_for = holder.sealed_for;
        // Checked as late as possible: a person who has returned meanwhile holds new upstream tokens.
        let outcome = if issuer.upstream_revocation == UpstreamRevocationMode::WhenLastGrantEnds
            && store.has_live_grant(issuer, &holder.subject, now).await?
        {
            RevocationOutcome::Skipped
        } else {
            match UpstreamTokens::open(&holder.tokens, sealed_for, issuer, serving.keys()) {
                Some(tokens) if tokens.are_of_use(now) => match serving.upstream.revoke(&tokens, now).await {
                    Ok(Some(RevocationReply::Revoked)) => RevocationOutcome::Revoked,
                    Ok(Some(RevocationReply::Refused)) => {
                        tracing::warn!(issuer.id = %self.issuer, "the upstream refuses to revoke a token");
                        RevocationOutcome::Skipped
                    }
                    Ok(None) => return Ok(RevocationOutcome::Unsupported),
                    Err(error) => return Ok(RevocationOutcome::Later(error)),
                },
                // The tokens' key was compromised and deleted, or the tokens have expired.
                Some(_) | None => RevocationOutcome::Skipped,
            }
        };
        if let SealedFor::Grant(id) = holder.sealed_for {
            // The request may have taken seconds.
            store.forget_upstream_tokens(issuer, id, self.state.clock.now()).await?;
        }
        Ok(outcome)
    }
}
