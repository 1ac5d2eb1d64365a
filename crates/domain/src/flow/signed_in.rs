//! Between the upstream's answer and the code: checks that the person who signed in is the one who approved.

use super::{Approved, CodeIssued, Failed, LoggingIn, LoginFailure};
use crate::consent::{Consent, Covered, PresentedScreen};
use crate::id::Attempt;
use crate::issuer::{Admitted, Issuer, RulesDigest};
use crate::keys::{Keys, Purpose};
use crate::request::AuthorizationRequest;
use crate::request::ticket::Ticket;
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::upstream::tokens::SealedTokens;

/// A person has signed in upstream, and no code exists yet. Stored only while the person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The approval.
    pub approved: Approved,
    /// The attempt that made this transition.
    pub attempt: Attempt,
    /// The time of this transition.
    pub at: Timestamp,
    /// The person.
    pub subject: Subject,
    /// The upstream's tokens, sealed for this record.
    pub upstream_tokens: SealedTokens,
    /// The entry rules that admitted the person; `None` if there was no rule.
    pub admitted_under: Option<RulesDigest>,
}

/// The step after a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterLogin<'a> {
    /// Issue a code and renew the consent.
    Approve,
    /// Issue a code under the existing consent. Its end stays: it counts from the last time a person saw the full page.
    Keep(&'a Consent),
    /// Show a page with the person who signed in and the full request.
    Ask,
}

impl LoggingIn {
    /// The upstream has identified the person, and the entry rules admit them. [`SignedIn::after`] decides what follows.
    pub fn sign_in(self, person: Admitted, upstream_tokens: SealedTokens, at: Timestamp) -> SignedIn {
        let (subject, admitted_under) = person.into_parts();
        SignedIn { approved: self.approved, attempt: self.attempt, at, subject, upstream_tokens, admitted_under }
    }
}

impl SignedIn {
    /// Decides what follows. `covered` is by the present consent of the person who signed in: a one-click approval does
    /// not restore a consent that was revoked in the meantime, since its page did not list what it covers.
    pub fn after<'a>(&self, issuer: &Issuer, covered: Option<Covered<'a>>) -> AfterLogin<'a> {
        if issuer.prompt.confirm_subject {
            return AfterLogin::Ask;
        }
        // The policy has changed since the page was shown, which did not name the new one.
        if !issuer.is_under_policy(self.approved.decided.policy_version.as_deref()) {
            return AfterLogin::Ask;
        }
        match &self.approved.seen {
            // The page named no person, so it meant no other one.
            PresentedScreen::Full { presented_to: None } => AfterLogin::Approve,
            PresentedScreen::Full { presented_to: Some(expected) } if *expected == self.subject => AfterLogin::Approve,
            PresentedScreen::OneClick { presented_to } | PresentedScreen::Skipped { presented_to }
                if *presented_to == self.subject =>
            {
                covered.map_or(AfterLogin::Ask, |covered| AfterLogin::Keep(covered.by()))
            }
            // A second person at the browser must not give away their account by the first one's approval (OAuth 2.1
            // §7.3).
            PresentedScreen::Full { .. } | PresentedScreen::OneClick { .. } | PresentedScreen::Skipped { .. } => {
                AfterLogin::Ask
            }
        }
    }

    /// Issues a code. `consent` is the subject's consent after this login, and the upstream's tokens go to the subject's
    /// connection; all three are written in one commit.
    pub fn issue_code(self, consent: &Consent, keys: &Keys, attempt: Attempt, at: Timestamp) -> CodeIssued {
        CodeIssued {
            approved: self.approved,
            attempt,
            at,
            code_key: keys.active(Purpose::Code).id,
            subject: self.subject,
            consent_epoch: consent.epoch,
            counters: consent.counters,
            upstream_tokens: None,
        }
    }

    /// The person answered that it is not they.
    pub fn refuse(self, attempt: Attempt, at: Timestamp) -> Failed {
        Failed { approved: self.approved, attempt, at, failure: LoginFailure::NotMe }
    }
}

impl Failed {
    /// The ticket by which the request starts over, if the login failed because of the person who had signed in: the same
    /// request of the same client, with a choice of account at the upstream. `None` for other failures, which a person
    /// cannot mend by choosing, and if scopes that were configured since make the ticket too large.
    ///
    /// It is a function of this record, which stays as it is: `state`, cookie and form of the failed login give no code.
    pub fn start_over(&self, issuer: &Issuer, keys: &Keys) -> Option<String> {
        let decided = &self.approved.decided;
        match self.failure {
            LoginFailure::UpstreamUnavailable | LoginFailure::UpstreamInvalid | LoginFailure::UpstreamDenied => None,
            LoginFailure::NotMe | LoginFailure::NotAdmitted => {
                let request = AuthorizationRequest { scopes: decided.requested_scopes.clone(), ..decided.request() };
                Ticket::start_over(decided.id, self.at, request, issuer, keys).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::{Approval, Counters, Decided, Present, decided};
    use crate::flow::tests::{NOW, alice, signed_in};
    use crate::issuer::tests::issuer;
    use crate::issuer::{PromptPolicy, PublishedPolicy};

    /// Requirements: B37.
    #[test]
    fn an_unexpected_person_or_a_changed_request_is_asked_again() {
        let (client, lifetimes, none) = (issuer().clients[0].clone(), issuer().lifetimes, Counters::default());
        let same = Decided { metadata_digest: client.metadata_digest(), ..decided() };
        let consent =
            Consent::approve(None, &Approval { decided: &same, subject: &alice(), counters: none }, &lifetimes, NOW);
        let request = same.request();
        let covered =
            consent.covers(&request, &Present { issuer: &issuer(), client: &client, counters: none, now: NOW });
        let page = |presented_to| PresentedScreen::Full { presented_to };
        let at_ease = issuer();
        let strict = Issuer { prompt: PromptPolicy { confirm_subject: true, ..PromptPolicy::default() }, ..issuer() };
        let policy = PublishedPolicy { version: "2".to_owned(), uri: None };
        let renewed = Issuer { published_policy: Some(policy), ..issuer() };
        for (who, seen, issuer, covered, expected) in [
            ("alice", page(None), &at_ease, None, AfterLogin::Approve),
            ("alice", page(Some(alice())), &at_ease, None, AfterLogin::Approve),
            ("bob", page(Some(alice())), &at_ease, None, AfterLogin::Ask),
            ("alice", page(None), &strict, None, AfterLogin::Ask),
            (
                "alice",
                PresentedScreen::OneClick { presented_to: alice() },
                &at_ease,
                covered,
                AfterLogin::Keep(&consent),
            ),
            (
                "alice",
                PresentedScreen::Skipped { presented_to: alice() },
                &at_ease,
                covered,
                AfterLogin::Keep(&consent),
            ),
            ("alice", PresentedScreen::OneClick { presented_to: alice() }, &at_ease, None, AfterLogin::Ask),
            ("alice", PresentedScreen::Skipped { presented_to: alice() }, &at_ease, None, AfterLogin::Ask),
            ("bob", PresentedScreen::OneClick { presented_to: alice() }, &at_ease, None, AfterLogin::Ask),
            ("alice", PresentedScreen::OneClick { presented_to: alice() }, &strict, covered, AfterLogin::Ask),
            ("alice", page(None), &renewed, None, AfterLogin::Ask),
            ("alice", PresentedScreen::Skipped { presented_to: alice() }, &renewed, covered, AfterLogin::Ask),
        ] {
            assert_eq!(signed_in(who, seen.clone()).after(issuer, covered), expected, "{who} {seen:?}");
        }
    }
}
