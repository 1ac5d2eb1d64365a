//! Authorizations: a decision and what becomes of it, up to the redeemed code.
//!
//! ```text
//! Approved → LoggingIn → (SignedIn →) CodeIssued → Redeemed
//!                      ↘           ↘ Failed
//! Denied, at once or in place of every state without a code; another Approved in place of an Approved
//! ```
//! The answers of a person, and what each does to the one before, are in `answer.rs`.
//!
//! Each state is a struct, and a transition consumes it, so no transition happens twice within a process. The store
//! makes that true across processes: it writes a transition only over the version that was read.

mod answer;
pub mod code;
mod exchange;
pub mod response;
mod signed_in;

use std::time::Duration;

use crate::Refusal;
use crate::browser::cookie::LoginCookie;
use crate::consent::{Decided, PresentedScreen};
use crate::flow::code::PresentedCode;
use crate::id::{Attempt, BrowserId, ClientId};
use crate::issuer::Issuer;
use crate::keys::{KeyId, Keys, Purpose};
use crate::lifetimes::Lifetimes;
use crate::subject::Subject;
use crate::time::{CLOCK_SKEW, Timestamp};
use crate::upstream::login::LoginId;
use crate::upstream::tokens::SealedTokens;

pub use answer::{Answer, AtAnswer, AtVisit};
pub use exchange::{CodeExchange, CodeIssued, CodePresentation, ExchangeVerified, Issuance, Redeemed};
pub use signed_in::{AfterLogin, SignedIn};

/// The process that made a claim older than this has died.
const CLAIM_LIFETIME: Duration = Duration::from_secs(30);

/// A stored decision in any state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// The person denied the request. Final.
    Denied(Denied),
    /// The person approved and has not returned from the upstream.
    Approved(Approved),
    /// A call is redeeming the upstream's code.
    LoggingIn(LoggingIn),
    /// The person has signed in and is being asked whether it is they.
    SignedIn(SignedIn),
    /// A code has been issued and not redeemed.
    CodeIssued(CodeIssued),
    /// The code has been redeemed. Final.
    Redeemed(Redeemed),
    /// The login failed. Final.
    Failed(Failed),
}

/// The person denied the request. Final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The request that was decided about.
    pub decided: Decided,
}

/// The person approved and has not returned from the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// The request that was decided about.
    pub decided: Decided,
    /// The key from which `state`, verifier and nonce are derived.
    pub login_key: KeyId,
    /// The screen on which the person approved.
    pub seen: PresentedScreen,
}

/// The upstream's code is being redeemed. The claim is stored before the code is sent, so that the code is sent once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingIn {
    /// The approval.
    pub approved: Approved,
    /// The attempt that made this transition.
    pub attempt: Attempt,
    /// The time of this transition.
    pub at: Timestamp,
}

/// The login failed. Final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The approval.
    pub approved: Approved,
    /// The attempt that made this transition.
    pub attempt: Attempt,
    /// The time of this transition.
    pub at: Timestamp,
    /// Why the login failed.
    pub failure: LoginFailure,
}

/// Why a login led to no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// The upstream did not answer.
    UpstreamUnavailable,
    /// The upstream's answer was invalid.
    UpstreamInvalid,
    /// The upstream refused the login, or the person cancelled it there.
    UpstreamDenied,
    /// The person in the browser answered that another person had signed in.
    NotMe,
}

impl LoginFailure {
    /// The refusal that tells of this failure.
    pub fn refusal(self) -> Refusal {
        match self {
            LoginFailure::UpstreamUnavailable => Refusal::UpstreamUnavailable,
            LoginFailure::UpstreamInvalid => Refusal::UpstreamInvalid,
            LoginFailure::UpstreamDenied => Refusal::UpstreamDenied,
            LoginFailure::NotMe => Refusal::SignedInAsAnother,
        }
    }
}

impl Authorization {
    /// The subject of this authorization, if it issued `code` to `client`. Proves nothing about the sender
    /// of the code.
    pub fn issued(&self, code: &PresentedCode, client: &ClientId, keys: &Keys) -> Option<&Subject> {
        let issued = match self {
            Authorization::CodeIssued(issued) => issued,
            Authorization::Redeemed(redeemed) => &redeemed.issued,
            Authorization::Denied(_)
            | Authorization::Approved(_)
            | Authorization::LoggingIn(_)
            | Authorization::SignedIn(_)
            | Authorization::Failed(_) => return None,
        };
        let is_theirs = issued.approved.decided.client_id == *client && issued.minted(code, keys);
        is_theirs.then_some(&issued.subject)
    }

    /// The request that was decided about.
    pub fn decided(&self) -> &Decided {
        match self {
            Authorization::Denied(denied) => &denied.decided,
            Authorization::Approved(approved) => &approved.decided,
            Authorization::LoggingIn(logging_in) => &logging_in.approved.decided,
            Authorization::SignedIn(signed_in) => &signed_in.approved.decided,
            Authorization::CodeIssued(issued) => &issued.approved.decided,
            Authorization::Redeemed(redeemed) => &redeemed.issued.approved.decided,
            Authorization::Failed(failed) => &failed.approved.decided,
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

    /// The next step when a code of this authorization is exchanged. Refuses with [`Refusal::CodeInvalid`] if it has
    /// issued none.
    pub fn at_exchange(self) -> Result<AtExchange, Refusal> {
        match self {
            Authorization::CodeIssued(issued) => Ok(AtExchange::Redeem(issued)),
            Authorization::Redeemed(redeemed) => Ok(AtExchange::Repeat(redeemed)),
            Authorization::Denied(_)
            | Authorization::Approved(_)
            | Authorization::LoggingIn(_)
            | Authorization::SignedIn(_)
            | Authorization::Failed(_) => Err(Refusal::CodeInvalid),
        }
    }

    /// The time until which the record is kept.
    pub fn expires_at(&self, lifetimes: &Lifetimes) -> Timestamp {
        let decision = self.decided().id.time() + lifetimes.decision();
        match self {
            Authorization::Denied(_)
            | Authorization::Approved(_)
            | Authorization::LoggingIn(_)
            | Authorization::SignedIn(_)
            | Authorization::Failed(_) => decision,
            Authorization::CodeIssued(issued) => decision.max(issued.at + lifetimes.code + CLOCK_SKEW),
            // Kept as long as the access token of the grant, so that a replayed code is recognised (RFC 6749 §4.1.2).
            Authorization::Redeemed(redeemed) => decision.max(redeemed.at + lifetimes.access_token + CLOCK_SKEW),
        }
    }
}

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

/// The next step of a code exchange.
#[derive(Debug, PartialEq, Eq)]
pub enum AtExchange {
    /// The code is unspent: redeem it.
    Redeem(CodeIssued),
    /// The code is spent: repeat the answer or refuse a replay ([`Redeemed::repeat`]).
    Repeat(Redeemed),
}

impl Approved {
    /// The approval of a request. `seen` is the screen that was answered.
    pub fn new(decided: Decided, seen: PresentedScreen, keys: &Keys) -> Self {
        Self { decided, login_key: keys.active(Purpose::Login).id, seen }
    }

    /// Names the login of this answer.
    pub fn login_id(&self) -> LoginId {
        LoginId { authorization: self.decided.id, answer: self.decided.answer }
    }

    /// Claims the login for one attempt; every other attempt finds the claim.
    pub fn claim(self, attempt: Attempt, at: Timestamp) -> LoggingIn {
        LoggingIn { approved: self, attempt, at }
    }
}

impl LoggingIn {
    /// The upstream has identified the person. [`SignedIn::after`] decides what follows.
    pub fn sign_in(self, subject: Subject, upstream_tokens: SealedTokens, at: Timestamp) -> SignedIn {
        SignedIn { approved: self.approved, attempt: self.attempt, at, subject, upstream_tokens }
    }

    /// Ends the login with a failure.
    pub fn fail(self, failure: LoginFailure, at: Timestamp) -> Failed {
        Failed { approved: self.approved, attempt: self.attempt, at, failure }
    }
}

/// The attempt that makes a transition, and its time.
#[derive(Clone, Copy, Debug)]
pub struct Transition {
    /// The idempotency key.
    pub attempt: Attempt,
    /// The time.
    pub at: Timestamp,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::authentication::ClientAuthenticated;
    use crate::authentication::Credentials;
    use crate::client::redirect_uri::RedirectUri;
    use crate::consent::Counters;
    use crate::consent::{Approval, Consent, DecisionPoint, GrantStatus, Present, decided};
    use crate::entropy::tests::Counting;
    use crate::issuer::tests::issuer;
    use crate::issuer::{PromptPolicy, PublishedPolicy};
    use crate::keys::tests::keys;
    use crate::request::tests::{VERIFIER, request};
    use crate::request::ticket::Ticket;
    use crate::subject::UpstreamId;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn k() -> Keys {
        keys("https://gate.example", 1)
    }

    pub(super) fn attempt(n: u8) -> Attempt {
        Attempt::from_bytes([n; 16])
    }

    fn client(id: &str) -> ClientAuthenticated {
        let mut client = issuer().clients[0].clone();
        client.id = ClientId::parse(id).unwrap();
        Credentials { client_id: Some(id.to_owned()), ..Credentials::default() }.authenticate(&client, None).unwrap()
    }

    fn approved() -> Approved {
        Approved::new(decided(), PresentedScreen::Full { presented_to: None }, &k())
    }

    pub(super) fn claimed() -> LoggingIn {
        approved().claim(attempt(2), NOW)
    }

    pub(super) fn signed_in_as_asked() -> SignedIn {
        signed_in("bob", PresentedScreen::Full { presented_to: Some(alice()) })
    }

    pub(super) fn redeemed() -> Redeemed {
        let issued = issued();
        let (code, exchange) = (presented(&issued), exchange());
        let presentation = CodePresentation { code: &code, client: &client("configured"), exchange: &exchange };
        let verified = issued.authenticate(&presentation, &issuer(), &k()).unwrap();
        issued.redeem(&verified, &k(), attempt(3), NOW)
    }

    pub(crate) fn issued() -> CodeIssued {
        let subject = Subject::new(&UpstreamId::parse("idp").unwrap(), "alice").unwrap();
        let consent = Consent::approve(
            None,
            &Approval { decided: &decided(), subject: &subject, counters: Counters::default() },
            &issuer().lifetimes,
            NOW,
        );
        signed_in("alice", PresentedScreen::Full { presented_to: None }).issue_code(&consent, &k(), attempt(2), NOW)
    }

    fn alice() -> Subject {
        Subject::new(&UpstreamId::parse("idp").unwrap(), "alice").unwrap()
    }

    fn signed_in(who: &str, seen: PresentedScreen) -> SignedIn {
        let subject = Subject::new(&UpstreamId::parse("idp").unwrap(), who).unwrap();
        let sealed = SealedTokens { key: KeyId(1), bytes: Vec::new() };
        Approved { seen, ..approved() }.claim(attempt(2), NOW).sign_in(subject, sealed, NOW)
    }

    fn denied() -> Authorization {
        Authorization::Denied(Denied { decided: decided() })
    }

    fn exchange() -> CodeExchange {
        CodeExchange {
            redirect_uri: Some("https://app.example/cb".to_owned()),
            code_verifier: Some(VERIFIER.to_owned()),
            resources: vec!["https://mcp.example/mcp".to_owned()],
        }
    }

    fn presented(issued: &CodeIssued) -> PresentedCode {
        PresentedCode::parse(issued.code(&k()).unwrap().expose()).unwrap()
    }

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
        ] {
            let told = |browsers: &[BrowserId]| authorization.unfinished_in(browsers).is_some();
            assert_eq!(told(&[other, own]), is_unfinished, "{authorization:?}");
            assert!(!told(&[other]) && !told(&[]), "{authorization:?}");
        }
    }

    /// A decision that an earlier release stored, about a redirect URI that is not accepted any more.
    ///
    /// Requirements: A10, B33.
    #[test]
    fn a_stored_decision_about_an_unacceptable_redirect_uri_leads_nowhere() {
        let issuer = issuer();
        let login = LoginCookie::new(decided().id, BrowserId::from_bytes([1; 16]), &issuer, NOW);
        for stored in ["https://GATE.example/authorize", "https://gate.example:443/", "https://app.example./cb"] {
            let decided = Decided { redirect_uri: RedirectUri::from_record(stored.to_owned()), ..decided() };
            let approved = Approved { decided, ..approved() };
            let issued = CodeIssued { approved: approved.clone(), ..issued() };
            let states = [
                Authorization::Approved(approved.clone()),
                Authorization::LoggingIn(approved.clone().claim(attempt(2), NOW)),
                Authorization::CodeIssued(issued.clone()),
                Authorization::Failed(approved.claim(attempt(2), NOW).fail(LoginFailure::UpstreamDenied, NOW)),
            ];
            for state in states {
                let id = LoginId { authorization: state.decided().id, answer: 0 };
                let refused = state.clone().at_callback(id, &login, &issuer, NOW);
                assert_eq!(refused, Err(Refusal::RedirectUriForbidden), "{stored} {state:?}");
            }
            for redirect_uri in [None, Some(stored.to_owned())] {
                let exchange = CodeExchange { redirect_uri, ..exchange() };
                let code = &presented(&issued);
                let presentation = CodePresentation { code, client: &client("configured"), exchange: &exchange };
                let refused = issued.authenticate(&presentation, &issuer, &k()).unwrap_err();
                assert_eq!(refused, Refusal::CodeInvalid, "{stored}");
            }
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

    /// Requirements: R10.
    #[test]
    fn a_code_is_redeemed_only_as_it_was_requested() {
        let issued = issued();
        let code = presented(&issued);
        let authenticate = |code: &PresentedCode, client_id: &str, asked: CodeExchange| {
            issued
                .authenticate(&CodePresentation { code, client: &client(client_id), exchange: &asked }, &issuer(), &k())
                .map(|_| ())
        };
        assert_eq!(authenticate(&code, "configured", exchange()), Ok(()));
        let without = CodeExchange { redirect_uri: None, resources: Vec::new(), ..exchange() };
        assert_eq!(authenticate(&code, "configured", without), Ok(()), "R21: OAuth 2.1 clients send no redirect_uri");
        assert_eq!(authenticate(&code, "other", exchange()), Err(Refusal::CodeInvalid));
        let elsewhere = CodeExchange { redirect_uri: Some("https://app.example/CB".to_owned()), ..exchange() };
        assert_eq!(authenticate(&code, "configured", elsewhere), Err(Refusal::RedirectUriMismatch));
        let foreign = CodeExchange { resources: vec!["https://other.example".to_owned()], ..exchange() };
        assert_eq!(authenticate(&code, "configured", foreign), Err(Refusal::ResourceUnknown));
        let unproven = CodeExchange { code_verifier: None, ..exchange() };
        assert_eq!(authenticate(&code, "configured", unproven), Err(Refusal::ParameterMissing("code_verifier")));
        let guessed = CodeExchange { code_verifier: Some("a".repeat(43)), ..exchange() };
        assert_eq!(authenticate(&code, "configured", guessed), Err(Refusal::PkceMismatch));
        let other = CodeIssued { attempt: attempt(9), ..issued.clone() };
        assert_eq!(authenticate(&presented(&other), "configured", exchange()), Err(Refusal::CodeInvalid));
    }

    #[test]
    fn what_a_code_allows_ends_with_its_consent() {
        let (issued, later) = (issued(), NOW + Duration::from_secs(1));
        let approval = Approval { decided: &decided(), subject: &alice(), counters: Counters::default() };
        let consent = Consent::approve(None, &approval, &issuer().lifetimes, NOW);
        let status = |consent: Option<Consent>, counters| GrantStatus { consent, client: None, counters };
        let allowed = |consent, counters| issued.is_allowed(&status(consent, counters), later);
        assert!(allowed(Some(consent.clone()), Counters::default()));
        assert!(!allowed(None, Counters::default()));
        let revoked = consent.clone().revoke(NOW);
        assert!(!allowed(Some(revoked.clone()), Counters::default()));
        let again = Consent::approve(Some(revoked), &approval, &issuer().lifetimes, later);
        assert!(!allowed(Some(again), Counters::default()), "a later consent is not this one");
        assert!(!allowed(Some(consent.clone()), Counters { subject: 1, ..Counters::default() }));
        assert!(!issued.is_allowed(&status(Some(consent.clone()), Counters::default()), consent.expires_at));
    }

    /// Requirements: R10.
    #[test]
    fn an_expired_code_is_refused() {
        let lifetimes = issuer().lifetimes;
        assert!(issued().fresh(&lifetimes, NOW + lifetimes.code).is_ok());
        assert_eq!(
            issued().fresh(&lifetimes, NOW + lifetimes.code + Duration::from_millis(1)),
            Err(Refusal::CodeInvalid)
        );
    }

    #[test]
    fn only_the_redeeming_attempt_gets_the_answer_again() {
        let issued = issued();
        let verified = issued
            .authenticate(
                &CodePresentation { code: &presented(&issued), client: &client("configured"), exchange: &exchange() },
                &issuer(),
                &k(),
            )
            .unwrap();
        let redeemed = issued.redeem(&verified, &k(), attempt(3), NOW);
        assert_eq!(redeemed.repeat(attempt(3)), Ok(redeemed.issuance()));
        assert_eq!(redeemed.repeat(attempt(4)), Err(Refusal::CodeReplayed));
    }

    #[test]
    fn a_record_outlives_every_ticket_login_and_code_that_refers_to_it() {
        let (entropy, issuer) = (Counting::default(), issuer());
        let lifetimes = issuer.lifetimes;
        let (ticket, _) = Ticket::issue(request(), &issuer, &k(), &entropy, Timestamp::from_seconds(1000)).unwrap();
        let browser = BrowserId::from_bytes([1; 16]);
        let id = ticket.authorization_id(&issuer, &k(), browser).unwrap();
        let last_decision = ticket.issued_at + lifetimes.ticket;
        let decided = Decided::new(
            ticket,
            &issuer,
            &issuer.clients[0],
            DecisionPoint { id, browser, attempt: attempt(1), at: last_decision },
        );
        let denied = Authorization::Denied(Denied { decided });
        assert!(denied.expires_at(&lifetimes) >= last_decision + lifetimes.login + lifetimes.code + CLOCK_SKEW);
        let mut issued = issued();
        issued.at = Timestamp::from_seconds(1_000_000);
        let end = issued.at + lifetimes.code;
        assert!(Authorization::CodeIssued(issued).expires_at(&lifetimes) > end);
    }
}
