//! Upstreams hear in the background of what was taken back here: nothing waits for it, and what could not be told is told
//! later, by whichever process is there then.
//!
//! One task for each issuer works through what revocations left in the store, a page of each at a time, so that a wide one
//! trickles and a narrow one beside it need not wait. Each of several processes may do the same: what is told twice does
//! no harm.

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
use crate::issuers::Serving;
use crate::state::Control;
use crate::upstream::{Answer, UpstreamError};

/// So many calls at once. A revocation that ended a million grants must not look like an attack.
const AT_ONCE: usize = 2;
/// So many failures in a row, and the upstream is left alone for now.
const FAILURES_IN_A_ROW: usize = 3;
/// Pages without anything to tell that are read in one go.
const EMPTY_PAGES: usize = 20;
/// How often it is looked for what other processes left.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How soon after a failure of the store.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How often the clock is looked at while something has to wait.
const TICK: Duration = Duration::from_millis(500);

impl Control {
    /// From now on until the process ends, which waits for the calls that are under way.
    pub(crate) fn tell_upstreams(&self) {
        for issuer in self.issuers.telling() {
            self.shutdown.tasks().spawn(Teller { control: self.clone(), issuer }.run());
        }
    }
}

struct Teller {
    control: Control,
    issuer: IssuerId,
}

/// What came of one holder of tokens.
enum Outcome {
    Told,
    /// Nothing to tell: something else of the person's is live, the tokens cannot be opened, or the upstream will not have it.
    Settled,
    Later(UpstreamError),
    /// The upstream takes nothing back at all.
    Nobody,
}

/// What came of a page of them.
enum Came {
    To {
        told: u64,
        failed: bool,
    },
    /// The process ends; what was told is known by its tokens.
    Interrupted,
    Nobody,
}

impl Teller {
    async fn run(self) {
        let (shutdown, clock) = (&self.control.shutdown, &self.control.clock);
        let mut requested = pin!(shutdown.requested());
        let mut left = self.control.store.upstream_revocation_enqueued();
        while !shutdown.is_requested() {
            // What is left from here on is either seen by this look, or causes another.
            left.mark_unchanged();
            let due = match self.look().await {
                Ok(due) => due,
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(issuer.id = %self.issuer, error, "what the upstream has to be told cannot be looked at");
                    Some(clock.now() + LOOK_AGAIN)
                }
            };
            let waited = async {
                match due {
                    None => tokio::time::sleep(LOOK_EVERY).await,
                    Some(due) => {
                        while clock.now() < due {
                            tokio::time::sleep(TICK).await;
                        }
                    }
                }
            };
            tokio::select! {
                () = &mut requested => return,
                // The sender is the store, which is held here.
                _ = left.changed() => {}
                () = waited => {}
            }
        }
    }

    /// A page of everything that is due; when there is more to do, if there is.
    async fn look(&self) -> Result<Option<Timestamp>, StoreError> {
        let Control { store, clock, shutdown, .. } = &self.control;
        let (mut from, mut due) = (None, None);
        loop {
            let now = clock.now();
            let Some(serving) = self.control.issuers.at_work(&self.issuer, now).await else { return Ok(None) };
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

    /// When the next page of it is due, if there is one.
    async fn step(
        &self,
        serving: &Serving,
        read: &Versioned<UpstreamRevocation>,
    ) -> Result<Option<Timestamp>, StoreError> {
        let Control { store, clock, .. } = &self.control;
        let (issuer, mut revocation) = (&*serving.issuer, read.value.clone());
        let mut page = store.ended_tokens(issuer, &revocation, clock.now()).await?;
        for _ in 0..EMPTY_PAGES {
            match page.next {
                Some(next) if page.ended.is_empty() => revocation.place = next,
                next => {
                    page.next = next;
                    break;
                }
            }
            page = store.ended_tokens(issuer, &revocation, clock.now()).await?;
        }
        // Whoever could not be told in the round before is not the first one again: behind it wait others.
        if !page.ended.is_empty() {
            let first = revocation.round as usize % page.ended.len();
            page.ended.rotate_left(first);
        }
        let (kind, event) = (revocation.what.kind(), revocation.id);
        let after = match self.tell_all(serving, &page.ended).await? {
            Came::Interrupted => return Ok(None),
            Came::Nobody => RevocationProgress::Done { told: revocation.told },
            Came::To { told, failed } => revocation.after(ScannedPage { told, failed, next: page.next }, clock.now()),
        };
        let (due, written) = match after {
            RevocationProgress::Continue(next) => {
                (Some(next.not_before), store.advance_upstream_revocation(issuer, read, &next, clock.now()).await?)
            }
            RevocationProgress::Done { told } => {
                tracing::info!(issuer.id = %self.issuer, revoked = kind, event.id = %event, told, "the upstream knows of a revocation");
                (None, store.finish_upstream_revocation(issuer, read, clock.now()).await?)
            }
            RevocationProgress::GivenUp { told } => {
                tracing::warn!(
                    issuer.id = %self.issuer, revoked = kind, event.id = %event, told,
                    "the upstream could not be told of a revocation for a day, and is told no more of it"
                );
                (None, store.finish_upstream_revocation(issuer, read, clock.now()).await?)
            }
        };
        Ok(match written {
            Commit::Done(_) => due,
            // Another process was quicker: the record is read again.
            Commit::Conflict => Some(clock.now()),
        })
    }

    async fn tell_all(&self, serving: &Serving, holders: &[EndedTokens]) -> Result<Came, StoreError> {
        let (mut told, mut in_a_row, mut failed) = (0, 0, false);
        for some in holders.chunks(AT_ONCE) {
            if self.control.shutdown.is_requested() {
                return Ok(Came::Interrupted);
            }
            for outcome in join_all(some.iter().map(|holder| self.tell(serving, holder))).await {
                match outcome? {
                    Outcome::Told => (told, in_a_row) = (told + 1, 0),
                    Outcome::Settled => in_a_row = 0,
                    Outcome::Nobody => return Ok(Came::Nobody),
                    Outcome::Later(error) => {
                        if !failed {
                            let error = format!("{:#}", error.cause);
                            tracing::warn!(issuer.id = %self.issuer, error, "the upstream cannot be told of a revocation; it is told later");
                        }
                        (in_a_row, failed) = (in_a_row + 1, true);
                    }
                }
            }
            if in_a_row >= FAILURES_IN_A_ROW {
                break;
            }
        }
        Ok(Came::To { told, failed })
    }

    async fn tell(&self, serving: &Serving, holder: &EndedTokens) -> Result<Outcome, StoreError> {
        let (store, issuer, now) = (&self.control.store, &*serving.issuer, self.control.clock.now());
        let sealed_for = match holder.sealed_for {
            SealedFor::Grant(id) => SealedFor::Grant(id),
            SealedFor::Authorization(id) => SealedFor::Authorization(id),
        };
        // Asked as late as can be: who has come back meanwhile holds something new of the upstream's.
        let outcome = if issuer.upstream_revocation == UpstreamRevocationMode::WhenLastGrantEnds
            && store.has_live_grant(issuer, &holder.subject, now).await?
        {
            Outcome::Settled
        } else {
            match UpstreamTokens::open(&holder.tokens, sealed_for, issuer, serving.keys()) {
                Some(tokens) if tokens.are_of_use(now) => match serving.upstream.revoke(&tokens, now).await {
                    Ok(Some(Answer::Told)) => Outcome::Told,
                    Ok(Some(Answer::Refused)) => {
                        tracing::warn!(issuer.id = %self.issuer, "the upstream does not take back a token of its own");
                        Outcome::Settled
                    }
                    Ok(None) => return Ok(Outcome::Nobody),
                    Err(error) => return Ok(Outcome::Later(error)),
                },
                // Their key was compromised and is gone, or they have ended by themselves.
                Some(_) | None => Outcome::Settled,
            }
        };
        if let SealedFor::Grant(id) = holder.sealed_for {
            // The call may have taken seconds.
            store.forget_upstream_tokens(issuer, id, self.control.clock.now()).await?;
        }
        Ok(outcome)
    }
}
