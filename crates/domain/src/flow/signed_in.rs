//! Between the upstream's answer and the code: whether whoever signed in is whom the approval was meant for.

use super::{Approved, CodeIssued, Failed, LoginFailure};
use crate::consent::{Consent, Counters, Covered, PresentedScreen};
use crate::id::Attempt;
use crate::issuer::Issuer;
use crate::keys::{Keys, Purpose};
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::upstream::tokens::SealedTokens;

/// Somebody has signed in upstream, and there is no code yet. Kept only while they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    pub approved: Approved,
    pub attempt: Attempt,
    pub at: Timestamp,
    pub subject: Subject,
    pub upstream_tokens: SealedTokens,
}

/// What a login comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterLogin<'a> {
    /// A code, and the consent is renewed.
    Approve,
    /// A code under the consent there is. It does not grow older by being used, nor younger: its end is counted from the
    /// last time that somebody saw it all.
    Keep(&'a Consent),
    /// A page that says who has signed in, and everything that was asked for.
    Ask,
}

impl SignedIn {
    /// `covered` is by the consent of whoever signed in, as it stands now: what was taken back while they were away is
    /// not given back by a button that did not say what it was about.
    pub fn after<'a>(&self, issuer: &Issuer, covered: Option<Covered<'a>>) -> AfterLogin<'a> {
        if issuer.prompt.confirm_subject {
            return AfterLogin::Ask;
        }
        // There is a new policy since the page: nobody has agreed to it by a page that did not name it.
        if !issuer.is_under_policy(self.approved.decided.policy_version.as_deref()) {
            return AfterLogin::Ask;
        }
        match &self.approved.seen {
            // Nobody was named on the page, so nobody else can have been meant.
            PresentedScreen::Full { presented_to: None } => AfterLogin::Approve,
            PresentedScreen::Full { presented_to: Some(expected) } if *expected == self.subject => AfterLogin::Approve,
            PresentedScreen::OneClick { presented_to } | PresentedScreen::Skipped { presented_to }
                if *presented_to == self.subject =>
            {
                covered.map_or(AfterLogin::Ask, |covered| AfterLogin::Keep(covered.by()))
            }
            // The second person at one browser must not hand out their account with the first one's yes (OAuth 2.1 §7.3).
            PresentedScreen::Full { .. } | PresentedScreen::OneClick { .. } | PresentedScreen::Skipped { .. } => {
                AfterLogin::Ask
            }
        }
    }

    /// `consent` is what this login makes of the subject's consent; both are written together.
    pub fn issue_code(
        self,
        consent: &Consent,
        counters: Counters,
        keys: &Keys,
        attempt: Attempt,
        at: Timestamp,
    ) -> CodeIssued {
        CodeIssued {
            approved: self.approved,
            attempt,
            at,
            code_key: keys.active(Purpose::Code).id,
            subject: self.subject,
            consent_epoch: consent.epoch,
            counters,
            upstream_tokens: self.upstream_tokens,
        }
    }

    /// They were asked, and it is not them.
    pub fn refuse(self, attempt: Attempt, at: Timestamp) -> Failed {
        Failed { approved: self.approved, attempt, at, failure: LoginFailure::NotMe }
    }
}
