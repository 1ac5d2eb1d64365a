//! Revocation at the upstream: revokes the upstream tokens of grants that were revoked here (RFC 7009).
//!
//! A revocation here leaves an [`UpstreamRevocation`] that names its target. A worker finds the ended grants later,
//! page by page, and passes each page to [`UpstreamRevocation::after`]. No request waits for it. Revoking a token twice
//! is harmless, so the worker may repeat a page.

use std::time::Duration;

use crate::consent::{Consent, Counters};
use crate::flow::CodeIssued;
use crate::id::{ClientId, EventId, GrantId};
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::token::{Grant, GrantPhase};
use crate::upstream::tokens::{SealedFor, SealedTokens};

/// The pause after the first failure; each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// After this time without success the upstream revocation is given up.
const GIVE_UP: Duration = Duration::from_secs(24 * 60 * 60);

/// The most deferred tokens of one person; a further one displaces the oldest.
pub const MAX_DEFERRED: usize = 100;

/// Upstream tokens of a grant or code that ended while the person had another live grant. Revoking them at once could
/// end that grant's tokens too, so they are revoked when the person's last grant has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeferredTokens {
    /// The event of the revocation that ended their holder.
    pub revocation: EventId,
    /// The person.
    pub subject: Subject,
    /// The holder, which they stay sealed for.
    pub sealed_for: SealedFor,
    /// The tokens, sealed again: the holder's key may be deleted before the person's last grant ends.
    pub tokens: SealedTokens,
}

/// The target of a revocation. `counter` is the value after it: grants minted under a smaller one have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationTarget {
    /// One consent, with its grants at that time (at most [`crate::consent::MAX_GRANTS`]).
    Consent {
        /// The person.
        subject: Subject,
        /// The client.
        client_id: ClientId,
        /// Canonical URI of the resource.
        resource: String,
        /// The consent's epoch before the revocation.
        epoch: u64,
        /// The grants.
        grants: Vec<GrantId>,
    },
    /// One grant.
    Grant(GrantId),
    /// Tokens that their holder has lost: a grant that was ended to make room; a connection that a login has renewed, also
    /// during a refresh.
    Superseded {
        /// The holder, which they stay sealed for.
        holder: SealedFor,
        /// The person.
        subject: Subject,
        /// The tokens.
        tokens: SealedTokens,
    },
    /// Every grant of a client.
    Client {
        /// The client.
        client_id: ClientId,
        /// The counter after the revocation.
        counter: u64,
    },
    /// Every grant of a person.
    Subject {
        /// The person.
        subject: Subject,
        /// The counter after the revocation.
        counter: u64,
    },
    /// Every grant of the issuer.
    Issuer {
        /// The counter after the revocation.
        counter: u64,
    },
}

/// A pending upstream revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamRevocation {
    /// The event of the revocation; each has one upstream revocation.
    pub id: EventId,
    /// The time of the revocation.
    pub at: Timestamp,
    /// The target.
    pub what: RevocationTarget,
    /// Where the scan goes on.
    pub place: ScanPosition,
    /// The number of complete passes before this one.
    pub passes: u32,
    /// True if a token of this pass could not be revoked.
    pub skipped_any: bool,
    /// The number of tokens revoked.
    pub revoked_count: u64,
    /// Failures since the last revoked token.
    pub failures: u32,
    /// The time of the first of them.
    pub failing_since: Option<Timestamp>,
    /// The next page is not due before this time.
    pub not_before: Timestamp,
}

/// The position of the scan: first over the grants, then over the codes that were not redeemed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanPosition {
    /// Among the grants.
    Grants {
        /// The stored key to begin at; `None` at the start.
        from: Option<Vec<u8>>,
    },
    /// Among the issued codes.
    Codes {
        /// The stored key to begin at; `None` at the start.
        from: Option<Vec<u8>>,
    },
}

/// The result of one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedPage {
    /// The number of tokens revoked.
    pub revoked_count: u64,
    /// True if a token could not be revoked.
    pub failed: bool,
    /// The start of the next page; `None` after the last one.
    pub next: Option<ScanPosition>,
}

/// The state after a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationProgress {
    /// More is to be done.
    Continue(UpstreamRevocation),
    /// Everything has been revoked.
    Done {
        /// The number of tokens revoked.
        revoked_count: u64,
    },
    /// Nothing succeeded for a day.
    GivenUp {
        /// The number of tokens revoked.
        revoked_count: u64,
    },
}

impl RevocationTarget {
    /// The target of the revocation of `consent`, as it is before.
    pub fn consent(consent: &Consent) -> Self {
        RevocationTarget::Consent {
            subject: consent.subject.clone(),
            client_id: consent.client_id.clone(),
            resource: consent.resource.clone(),
            epoch: consent.epoch,
            grants: consent.grants.iter().map(|(id, _)| *id).collect(),
        }
    }

    /// The target that an approval under `counters` would forget with the previous consent: grants that ended with
    /// their subject, which no other record leads to.
    pub fn forgotten(consent: &Consent, counters: &Counters) -> Option<Self> {
        let forgotten = consent.counters.subject != counters.subject && !consent.grants.is_empty();
        forgotten.then(|| RevocationTarget::consent(consent))
    }

    /// True if `grant` has ended with this revocation.
    pub fn ended(&self, grant: &Grant) -> bool {
        match self {
            RevocationTarget::Consent { subject, client_id, resource, epoch, grants: _ } => {
                grant.subject == *subject
                    && grant.client_id == *client_id
                    && grant.resource == *resource
                    && grant.consent_epoch <= *epoch
            }
            RevocationTarget::Grant(id) => grant.id == *id && grant.phase != GrantPhase::Live,
            RevocationTarget::Superseded { .. } => false,
            RevocationTarget::Client { client_id, counter } => {
                grant.client_id == *client_id && grant.counters.client < *counter
            }
            RevocationTarget::Subject { subject, counter } => {
                grant.subject == *subject && grant.counters.subject < *counter
            }
            RevocationTarget::Issuer { counter } => grant.counters.issuer < *counter,
        }
    }

    /// True if `issued` can never be redeemed because of this revocation.
    pub fn ended_code(&self, issued: &CodeIssued) -> bool {
        let decided = &issued.approved.decided;
        match self {
            RevocationTarget::Consent { subject, client_id, resource, epoch, grants: _ } => {
                issued.subject == *subject
                    && decided.client_id == *client_id
                    && decided.resource == *resource
                    && issued.consent_epoch <= *epoch
            }
            RevocationTarget::Grant(_) | RevocationTarget::Superseded { .. } => false,
            RevocationTarget::Client { client_id, counter } => {
                decided.client_id == *client_id && issued.counters.client < *counter
            }
            RevocationTarget::Subject { subject, counter } => {
                issued.subject == *subject && issued.counters.subject < *counter
            }
            RevocationTarget::Issuer { counter } => issued.counters.issuer < *counter,
        }
    }

    /// The position after the last page of grants.
    pub fn after_grants(&self) -> Option<ScanPosition> {
        match self {
            // The code of a grant has been redeemed.
            RevocationTarget::Grant(_) | RevocationTarget::Superseded { .. } => None,
            RevocationTarget::Consent { .. }
            | RevocationTarget::Client { .. }
            | RevocationTarget::Subject { .. }
            | RevocationTarget::Issuer { .. } => Some(ScanPosition::Codes { from: None }),
        }
    }

    /// The kind of the target, for the log.
    pub fn kind(&self) -> &'static str {
        match self {
            RevocationTarget::Consent { .. } => "consent",
            RevocationTarget::Grant(_) => "grant",
            RevocationTarget::Superseded { .. } => "superseded tokens",
            RevocationTarget::Client { .. } => "client",
            RevocationTarget::Subject { .. } => "subject",
            RevocationTarget::Issuer { .. } => "issuer",
        }
    }
}

impl UpstreamRevocation {
    /// A new upstream revocation, due at once.
    pub fn new(id: EventId, what: RevocationTarget, at: Timestamp) -> Self {
        Self {
            id,
            at,
            what,
            place: ScanPosition::Grants { from: None },
            passes: 0,
            skipped_any: false,
            revoked_count: 0,
            failures: 0,
            failing_since: None,
            not_before: at,
        }
    }

    /// The instant at which it is due, if that is later than `now`. An instant beyond the longest pause was set before a
    /// step back of the clock: the upstream revocation is then due at once.
    pub fn due_later(&self, now: Timestamp) -> Option<Timestamp> {
        (now < self.not_before && now.until(self.not_before) <= LONGEST_PAUSE).then_some(self.not_before)
    }

    /// The upstream revocation after a page. A token that could not be revoked is tried again in another pass, so that
    /// it delays no other. After a day without success it is given up.
    pub fn after(mut self, page: ScannedPage, now: Timestamp) -> RevocationProgress {
        self.revoked_count += page.revoked_count;
        if page.revoked_count > 0 {
            (self.failures, self.failing_since) = (0, None);
        }
        if page.failed {
            self.skipped_any = true;
            self.failures = self.failures.saturating_add(1);
            // After a step back of the clock the day begins again: a revocation is not given up because its age is unknown.
            let since = self.failing_since.unwrap_or(now).min(now);
            self.failing_since = Some(since);
            if !now.age_of_record(since).is_below(GIVE_UP) {
                return RevocationProgress::GivenUp { revoked_count: self.revoked_count };
            }
            self.not_before = now + pause(self.failures);
        }
        match page.next {
            Some(place) => RevocationProgress::Continue(Self { place, ..self }),
            None if self.skipped_any => RevocationProgress::Continue(Self {
                place: ScanPosition::Grants { from: None },
                passes: self.passes.saturating_add(1),
                skipped_any: false,
                ..self
            }),
            None => RevocationProgress::Done { revoked_count: self.revoked_count },
        }
    }
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{AtExchange, Authorization};
    use crate::token::EndedBy;
    use crate::token::tests::grant;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn revocation(what: RevocationTarget) -> UpstreamRevocation {
        UpstreamRevocation::new(EventId::from_bytes([1; 16]), what, NOW)
    }

    fn everything() -> UpstreamRevocation {
        revocation(RevocationTarget::Issuer { counter: 1 })
    }

    fn page(revoked_count: u64, failed: bool, next: Option<ScanPosition>) -> ScannedPage {
        ScannedPage { revoked_count, failed, next }
    }

    fn continued(next: RevocationProgress) -> UpstreamRevocation {
        match next {
            RevocationProgress::Continue(revocation) => revocation,
            other => panic!("expected more to do: {other:?}"),
        }
    }

    #[test]
    fn a_revocation_ends_exactly_the_grants_of_its_target_minted_before_it() {
        let (grant, status) = grant();
        let consent = status.consent.unwrap();
        let raised = Grant { counters: Counters { issuer: 1, client: 1, subject: 1 }, ..grant.clone() };
        let (subject, client_id) = (grant.subject.clone(), grant.client_id.clone());
        for (what, after) in [
            (RevocationTarget::Issuer { counter: 1 }, &raised),
            (RevocationTarget::Client { client_id, counter: 1 }, &raised),
            (RevocationTarget::Subject { subject, counter: 1 }, &raised),
            (RevocationTarget::consent(&consent), &Grant { consent_epoch: consent.epoch + 1, ..grant.clone() }),
        ] {
            assert!(what.ended(&grant), "{what:?}");
            assert!(!what.ended(after), "{what:?}: minted after the revocation");
        }
        let stranger = Subject::from_record("idp|bob".to_owned());
        let another = ClientId::parse("another").unwrap();
        for elsewhere in [
            Grant { subject: stranger.clone(), ..grant.clone() },
            Grant { client_id: another.clone(), ..grant.clone() },
            Grant { resource: "https://other.example".to_owned(), ..grant.clone() },
        ] {
            assert!(!RevocationTarget::consent(&consent).ended(&elsewhere), "{elsewhere:?}");
        }
        assert!(!RevocationTarget::Client { client_id: another, counter: 1 }.ended(&grant));
        assert!(!RevocationTarget::Subject { subject: stranger, counter: 1 }.ended(&grant));
        let this = RevocationTarget::Grant(grant.id);
        assert!(!this.ended(&grant), "the grant is live");
        let ended = grant.end_by(EndedBy::Client, NOW);
        assert!(this.ended(&ended) && !RevocationTarget::Grant(GrantId::from_bytes([9; 16])).ended(&ended));
    }

    #[test]
    fn an_approval_forgets_only_grants_that_ended_with_their_subject() {
        let consent = grant().1.consent.unwrap();
        let (with, _) = consent.clone().admit(GrantId::from_bytes([3; 16]), consent.expires_at, consent.created_at);
        let raised = |subject, client| Counters { subject, client, issuer: 0 };
        assert_eq!(RevocationTarget::forgotten(&with, &raised(1, 0)), Some(RevocationTarget::consent(&with)));
        assert_eq!(RevocationTarget::forgotten(&with, &raised(0, 1)), None, "grants of a client are found without it");
        assert_eq!(RevocationTarget::forgotten(&with, &with.counters), None);
        assert_eq!(RevocationTarget::forgotten(&consent, &raised(1, 0)), None, "the consent had no grant");
    }

    #[test]
    fn pages_follow_each_other_until_everything_is_revoked() {
        let codes = ScanPosition::Codes { from: None };
        let next = continued(everything().after(page(2, false, Some(codes.clone())), NOW));
        assert_eq!((next.place.clone(), next.revoked_count, next.not_before), (codes, 2, NOW), "without a pause");
        assert_eq!(next.after(page(1, false, None), NOW), RevocationProgress::Done { revoked_count: 3 });
    }

    #[test]
    fn a_failed_revocation_is_tried_again_later_in_another_pass() {
        let second = ScanPosition::Grants { from: Some(vec![1]) };
        let next = continued(everything().after(page(0, true, Some(second.clone())), NOW));
        assert_eq!((next.place.clone(), next.not_before), (second, NOW + FIRST_PAUSE));
        let again = continued(next.after(page(5, false, None), NOW));
        assert_eq!((again.place.clone(), again.passes), (ScanPosition::Grants { from: None }, 1));
        assert_eq!((again.failures, again.skipped_any), (0, false));
        assert_eq!(again.after(page(1, false, None), NOW), RevocationProgress::Done { revoked_count: 6 });
    }

    #[test]
    fn pauses_grow_to_fifteen_minutes_and_a_day_of_failures_gives_up() {
        let (mut revocation, mut now, mut tries) = (everything(), NOW, 0);
        loop {
            tries += 1;
            match revocation.after(page(0, true, None), now) {
                RevocationProgress::Continue(next) => {
                    let waited = now.until(next.not_before);
                    assert!((FIRST_PAUSE..=LONGEST_PAUSE).contains(&waited), "{waited:?}");
                    (now, revocation) = (next.not_before, next);
                }
                RevocationProgress::GivenUp { revoked_count } => {
                    assert_eq!(revoked_count, 0);
                    break;
                }
                RevocationProgress::Done { .. } => panic!("no token was revoked"),
            }
        }
        let day = NOW.until(now);
        assert!(day >= GIVE_UP && day < GIVE_UP + LONGEST_PAUSE && tries > 90, "{day:?} {tries}");
        let failing = UpstreamRevocation { failing_since: Some(NOW), failures: 9, ..everything() };
        let later = continued(failing.after(page(1, true, None), NOW + GIVE_UP));
        assert_eq!((later.failures, later.failing_since), (1, Some(NOW + GIVE_UP)), "the upstream has answered");
    }

    #[test]
    fn a_revocation_ends_the_unredeemed_codes_of_its_target() {
        let issued = crate::flow::tests::issued();
        let AtExchange::Redeem(_) = Authorization::CodeIssued(issued.clone()).at_exchange().unwrap() else {
            panic!("the code can be redeemed");
        };
        let (decided, subject) = (&issued.approved.decided, issued.subject.clone());
        let consent = |epoch| RevocationTarget::Consent {
            subject: subject.clone(),
            client_id: decided.client_id.clone(),
            resource: decided.resource.clone(),
            epoch,
            grants: Vec::new(),
        };
        let client = |counter| RevocationTarget::Client { client_id: decided.client_id.clone(), counter };
        let person = |counter| RevocationTarget::Subject { subject: subject.clone(), counter };
        for what in [consent(issued.consent_epoch), client(1), person(1), RevocationTarget::Issuer { counter: 1 }] {
            assert!(what.ended_code(&issued) && what.after_grants().is_some(), "{what:?}");
        }
        let later = CodeIssued { consent_epoch: issued.consent_epoch + 1, ..issued.clone() };
        assert!(!consent(issued.consent_epoch).ended_code(&later));
        for what in [client(0), person(0), RevocationTarget::Issuer { counter: 0 }] {
            assert!(!what.ended_code(&issued), "{what:?}: issued after the revocation");
        }
        assert_eq!(RevocationTarget::Grant(GrantId::from_bytes([1; 16])).after_grants(), None);
    }
}
