//! Authorizations: a decision and what becomes of it, up to the redeemed code.
//!
//! ```text
//! Approved → LoggingIn → (SignedIn →) CodeIssued → Redeemed
//!                      ↘           ↘ Failed
//! Denied, at once or in place of every state without a code; another Approved in place of an Approved
//! ```
//! The states up to the upstream's answer are in `logging_in.rs`, the check of who signed in is in `signed_in.rs`, and the
//! code is in `exchange.rs`. The answers of a person, and what each does to the one before, are in `answer.rs`; the next step
//! when the browser returns from the upstream is in `callback.rs`.
//!
//! Each state is a struct, and a transition consumes it, so no transition happens twice within a process. The store
//! makes that true across processes: it writes a transition only over the version that was read.

mod answer;
mod callback;
pub mod code;
mod exchange;
mod logging_in;
pub mod response;
mod signed_in;

use crate::consent::Decided;
use crate::id::Attempt;
use crate::lifetimes::Lifetimes;
use crate::time::{CLOCK_SKEW, Timestamp};

pub use answer::{Answer, AtAnswer, AtVisit};
pub use callback::AtCallback;
pub use exchange::{AtExchange, CodeExchange, CodeIssued, CodePresentation, ExchangeVerified, Issuance, Redeemed};
pub use logging_in::{Approved, Failed, LoggingIn, LoginFailure};
pub use signed_in::{AfterLogin, SignedIn};

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

impl Authorization {
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
    use crate::Refusal;
    use crate::authentication::{ClientAuthenticated, Credentials};
    use crate::browser::cookie::LoginCookie;
    use crate::client::redirect_uri::RedirectUri;
    use crate::consent::{Approval, Consent, Counters, DecisionPoint, PresentedScreen, decided};
    use crate::entropy::tests::Counting;
    use crate::flow::code::PresentedCode;
    use crate::id::{BrowserId, ClientId};
    use crate::issuer::EntryFacts;
    use crate::issuer::tests::issuer;
    use crate::keys::tests::keys;
    use crate::keys::{KeyId, Keys};
    use crate::request::tests::{VERIFIER, request};
    use crate::request::ticket::Ticket;
    use crate::subject::{Subject, UpstreamId};
    use crate::upstream::login::LoginId;
    use crate::upstream::tokens::SealedTokens;

    pub(super) const NOW: Timestamp = Timestamp::EPOCH;

    pub(super) fn k() -> Keys {
        keys("https://gate.example", 1)
    }

    pub(super) fn attempt(n: u8) -> Attempt {
        Attempt::from_bytes([n; 16])
    }

    pub(super) fn client(id: &str) -> ClientAuthenticated {
        let mut client = issuer().clients[0].clone();
        client.id = ClientId::parse(id).unwrap();
        Credentials { client_id: Some(id.to_owned()), ..Credentials::default() }.authenticate(&client, None).unwrap()
    }

    pub(super) fn approved() -> Approved {
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

    pub(super) fn alice() -> Subject {
        Subject::new(&UpstreamId::parse("idp").unwrap(), "alice").unwrap()
    }

    pub(super) fn signed_in(who: &str, seen: PresentedScreen) -> SignedIn {
        let subject = Subject::new(&UpstreamId::parse("idp").unwrap(), who).unwrap();
        let sealed = SealedTokens { key: KeyId(1), bytes: Vec::new() };
        let person = issuer().admit(&decided().resource, &EntryFacts::new(subject)).unwrap();
        Approved { seen, ..approved() }.claim(attempt(2), NOW).sign_in(person, sealed, NOW)
    }

    pub(super) fn denied() -> Authorization {
        Authorization::Denied(Denied { decided: decided() })
    }

    pub(super) fn exchange() -> CodeExchange {
        CodeExchange {
            redirect_uri: Some("https://app.example/cb".to_owned()),
            code_verifier: Some(VERIFIER.to_owned()),
            resources: vec!["https://mcp.example/mcp".to_owned()],
        }
    }

    pub(super) fn presented(issued: &CodeIssued) -> PresentedCode {
        PresentedCode::parse(issued.code(&k()).unwrap().expose()).unwrap()
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
