//! The callback: the next step when the browser returns from the upstream.

use std::time::Duration;

use super::{Approved, Authorization, CodeIssued, Denied, Failed, SignedIn};
use crate::Refusal;
use crate::browser::cookie::LoginCookie;
use crate::consent::Decided;
use crate::id::BrowserId;
use crate::issuer::Issuer;
use crate::time::Timestamp;
use crate::upstream::login::LoginId;

/// The process that made a claim older than this has died.
const CLAIM_LIFETIME: Duration = Duration::from_secs(30);

/// The next step of a callback.
#[derive(Debug, PartialEq, Eq)]
pub enum AtCallback {
    /// The person has denied the request after all. Final, also for a login that began before.
    Denied(Denied),
    /// No call has claimed the login: claim it.
    Claim(Approved),
    /// Another request is exchanging the upstream code; wait for its result.
    Wait,
    /// A person has signed in and is being asked whether it is they.
    SignedIn(SignedIn),
    /// A code has been issued and not redeemed.
    CodeIssued(CodeIssued),
    /// The login failed. Final.
    Failed(Failed),
}

impl Authorization {
    /// The next step when the browser returns from the upstream with the `state` of the login `id`.
    ///
    /// Refuses with [`Refusal::BrowserMismatch`], [`Refusal::RedirectUriForbidden`], [`Refusal::LoginReplaced`],
    /// [`Refusal::LoginInterrupted`] or [`Refusal::AlreadyFinished`].
    pub fn at_callback(
        self,
        id: LoginId,
        login: &LoginCookie,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Result<AtCallback, Refusal> {
        // In another person's browser, the attacker would obtain that person's login (CVE-2026-27124).
        if self.decided().browser != login.browser() {
            return Err(Refusal::BrowserMismatch);
        }
        issuer.may_answer_at(&self.decided().redirect_uri)?;
        match self {
            Authorization::Denied(denied) => Ok(AtCallback::Denied(denied)),
            // The person approved something else since, perhaps less.
            other if other.decided().answer != id.answer => Err(Refusal::LoginReplaced),
            Authorization::Approved(approved) => Ok(AtCallback::Claim(approved)),
            Authorization::LoggingIn(claim) if now.age_of_record(claim.at).is_below(CLAIM_LIFETIME) => {
                Ok(AtCallback::Wait)
            }
            Authorization::LoggingIn(_) => Err(Refusal::LoginInterrupted),
            Authorization::SignedIn(signed_in) => Ok(AtCallback::SignedIn(signed_in)),
            Authorization::CodeIssued(issued) if issued.fresh(&issuer.lifetimes, now).is_ok() => {
                Ok(AtCallback::CodeIssued(issued))
            }
            Authorization::CodeIssued(_) | Authorization::Redeemed(_) => Err(Refusal::AlreadyFinished),
            Authorization::Failed(failed) => Ok(AtCallback::Failed(failed)),
        }
    }

    /// The approved request, if its login has no outcome yet and one of `browsers` approved it: a browser that can no longer
    /// finish the login may be told which client waits for it. `None` in any other browser.
    pub fn unfinished_in(&self, browsers: &[BrowserId]) -> Option<&Decided> {
        match self {
            Authorization::Approved(_) | Authorization::LoggingIn(_) | Authorization::SignedIn(_) => {
                Some(self.decided()).filter(|decided| browsers.contains(&decided.browser))
            }
            Authorization::Denied(_)
            | Authorization::CodeIssued(_)
            | Authorization::Redeemed(_)
            | Authorization::Failed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::{PresentedScreen, decided};
    use crate::flow::tests::{
        NOW, alice, approved, attempt, claimed, denied, issued, redeemed, signed_in, signed_in_as_asked,
    };
    use crate::flow::{LoginFailure, Redeemed};
    use crate::issuer::tests::issuer;

    /// In every state, the `state` of another answer's login leads to nothing.
    ///
    /// Requirements: B8, B19.
    #[test]
    fn the_login_of_a_replaced_answer_leads_to_nothing() {
        let (issuer, second) = (issuer(), Decided { attempt: attempt(9), ..decided() }.after(&decided()));
        let approved = Approved { decided: second, ..approved() };
        let claim = approved.clone().claim(attempt(2), NOW);
        for authorization in [
            Authorization::Approved(approved.clone()),
            Authorization::LoggingIn(claim.clone()),
            Authorization::SignedIn(SignedIn { approved: approved.clone(), ..signed_in_as_asked() }),
            Authorization::CodeIssued(CodeIssued { approved: approved.clone(), ..issued() }),
            Authorization::Redeemed(Redeemed { issued: CodeIssued { approved, ..issued() }, ..redeemed() }),
            Authorization::Failed(claim.fail(LoginFailure::UpstreamInvalid, NOW)),
        ] {
            let login = LoginCookie::new(decided().id, decided().browser, &issuer, NOW);
            for (answer, is_current) in [(0, false), (1, true), (2, false)] {
                let id = LoginId { authorization: decided().id, answer };
                let found = authorization.clone().at_callback(id, &login, &issuer, NOW);
                assert_eq!(found != Err(Refusal::LoginReplaced), is_current, "{answer}: {authorization:?}");
            }
        }
    }

    /// Requirements: B8, B19.
    #[test]
    fn only_an_unfinished_login_is_told_about_and_only_to_its_browser() {
        let [own, other] = [1, 2].map(|n| BrowserId::from_bytes([n; 16]));
        for (authorization, is_unfinished) in [
            (denied(), false),
            (Authorization::Approved(approved()), true),
            (Authorization::LoggingIn(claimed()), true),
            (Authorization::SignedIn(signed_in_as_asked()), true),
            (Authorization::CodeIssued(issued()), false),
            (Authorization::Redeemed(redeemed()), false),
            (Authorization::Failed(claimed().fail(LoginFailure::NotMe, NOW)), false),
            (Authorization::Failed(claimed().fail(LoginFailure::NotAdmitted, NOW)), false),
        ] {
            let told = |browsers: &[BrowserId]| authorization.unfinished_in(browsers).is_some();
            assert_eq!(told(&[other, own]), is_unfinished, "{authorization:?}");
            assert!(!told(&[other]) && !told(&[]), "{authorization:?}");
        }
    }

    /// Requirements: B20.
    #[test]
    fn the_next_step_of_a_callback_depends_on_the_state_and_the_browser() {
        let issuer = issuer();
        let at_callback = |authorization: Authorization, browser: u8, now: Timestamp| {
            let login = LoginCookie::new(decided().id, BrowserId::from_bytes([browser; 16]), &issuer, NOW);
            let id = LoginId { authorization: decided().id, answer: 0 };
            authorization.at_callback(id, &login, &issuer, now)
        };
        let later = NOW + CLAIM_LIFETIME;
        let claimed = || Authorization::LoggingIn(approved().claim(attempt(2), NOW));
        assert_eq!(at_callback(Authorization::Approved(approved()), 1, NOW), Ok(AtCallback::Claim(approved())));
        assert_eq!(at_callback(Authorization::Approved(approved()), 2, NOW), Err(Refusal::BrowserMismatch));
        assert_eq!(at_callback(claimed(), 1, NOW), Ok(AtCallback::Wait));
        assert_eq!(at_callback(claimed(), 1, later), Err(Refusal::LoginInterrupted));
        assert_eq!(at_callback(Authorization::CodeIssued(issued()), 1, NOW), Ok(AtCallback::CodeIssued(issued())));
        let stale = NOW + issuer.lifetimes.code + Duration::from_millis(1);
        assert_eq!(at_callback(Authorization::CodeIssued(issued()), 1, stale), Err(Refusal::AlreadyFinished));
        let Authorization::Denied(denied) = denied() else { panic!("denied") };
        assert_eq!(at_callback(Authorization::Denied(denied.clone()), 1, NOW), Ok(AtCallback::Denied(denied.clone())));
        assert_eq!(at_callback(Authorization::Denied(denied), 2, NOW), Err(Refusal::BrowserMismatch));
        let asked = signed_in("bob", PresentedScreen::Full { presented_to: Some(alice()) });
        let found = at_callback(Authorization::SignedIn(asked.clone()), 1, NOW);
        assert_eq!(found, Ok(AtCallback::SignedIn(asked.clone())));
        assert_eq!(at_callback(Authorization::SignedIn(asked), 2, NOW), Err(Refusal::BrowserMismatch));
    }
}
