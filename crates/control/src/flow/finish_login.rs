//! `GET /callback/{issuer}`: the browser is back from the upstream.
//!
//! The first commit claims the login before the upstream's code is sent, so that the code is sent once. The second commit
//! stores code, consent and event together, or the question who signed in, or the end of the login. Few use cases have two
//! commits.

use std::time::Duration;

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie::{Cookies, LoginCookie};
use lychgate_domain::browser::session::{self, NewSession, Person};
use lychgate_domain::consent::Decided;
use lychgate_domain::event::EventKind;
use lychgate_domain::flow::{AtCallback, Authorization, Failed, LoggingIn, LoginFailure, SignedIn};
use lychgate_domain::issuer::Admitted;
use lychgate_domain::request;
use lychgate_domain::request::parameters::Parameters;
use lychgate_domain::upstream::callback::Callback;
use lychgate_domain::upstream::login::{self, LoginId, ReturnedLogin};
use lychgate_domain::upstream::tokens::{SealedFor, UpstreamTokens};
use lychgate_engine::Version;
use lychgate_store::Versioned;
use lychgate_store::authorizations::FailedLogin;

use super::after_login::{IdentityCheck, Login, code_issued, failed_login};
use super::{AuthorizationFlow, about};
use crate::account::{Account, ReturnedSignIn};
use crate::client_metadata::ClientTrust;
use crate::clients::Clients;
use crate::ground::commit::Commit;
use crate::ground::error::Error;
use crate::issuers::IssuerContext;
use crate::limits::Redemption;
use crate::metrics::use_cases::ConsentStep;
use crate::next::{Next, Step};
use crate::state::CallContext;
use crate::upstream::{AdmittedCode, Identity, UpstreamError};

/// A request that finds the login claimed reads again after this time, so many times.
const WAIT: Duration = Duration::from_millis(100);
const READS: usize = 80;

/// A browser that has come back for a login.
struct Returned<'a> {
    id: LoginId,
    login: LoginCookie,
    callback: Callback<'a>,
    cookies: &'a Cookies,
}

/// A person who has signed in and is admitted, and the upstream's tokens.
struct AdmittedLogin {
    person: Person,
    proof: Admitted,
    tokens: UpstreamTokens,
}

/// Why a login gives no code.
enum FailedOutcome {
    Upstream(LoginFailure),
    /// The entry rules do not admit this person. The upstream's tokens are dropped.
    NotAdmitted(Person),
}

/// One round's result.
enum Round {
    Answer(Next),
    /// Another request is exchanging the upstream's code: wait for its result.
    Wait,
    /// The claim conflicted.
    Again,
}

impl AuthorizationFlow {
    pub(crate) async fn finish_login(self, pairs: Vec<(String, String)>, cookies: Cookies) -> Result<Next, Error> {
        self.0.state.clone().to_the_end(async move { self.callback(Parameters::new(pairs)?, &cookies).await }).await
    }

    async fn callback(&self, parameters: Parameters, cookies: &Cookies) -> Result<Next, Error> {
        let call = &self.0;
        let id = match login::returned(parameters.single("state")?, call.keys())? {
            ReturnedLogin::Authorization(id) => id,
            ReturnedLogin::Account { id, secrets } => {
                let returned = ReturnedSignIn { id, secrets, parameters: &parameters, cookies };
                return Account((**call).clone()).finish_sign_in(returned).await;
            }
        };
        let login = self.login_cookie(id.authorization, cookies).await?;
        let returned = Returned { id, login, callback: Callback::parse(&parameters)?, cookies };
        for _ in 0..READS {
            match self.at_present().claim_or_answer(&returned).await? {
                Round::Answer(next) => return Ok(next),
                Round::Wait => tokio::time::sleep(WAIT).await,
                Round::Again => {}
            }
        }
        Err(Refusal::LoginInterrupted.into())
    }

    async fn claim_or_answer(&self, returned: &Returned<'_>) -> Result<Round, Error> {
        let Returned { id, login, callback, cookies } = returned;
        let (call, issuer) = (&self.0, self.0.issuer());
        let stored = call.store().authorization(issuer, id.authorization, call.now).await?;
        let stored = stored.ok_or(Refusal::LoginExpired)?;
        Ok(match stored.value.at_callback(*id, login, issuer, call.now)? {
            AtCallback::Denied(denied) => return Err(self.denied_before(&denied)),
            AtCallback::Claim(approved) => {
                self.check_still_offered(&approved.decided).await?;
                // Before the claim: a login that is refused here can be tried again.
                let redemption = call.admit_redemption()?;
                let claim = approved.claim(call.attempt, call.now);
                match call.store().claim_login(issuer, stored.version, &claim, call.now).await? {
                    Commit::Done(_) => Round::Answer(self.log_in(claim, callback, redemption).await?),
                    Commit::Conflict => Round::Again,
                }
            }
            AtCallback::Wait => Round::Wait,
            AtCallback::CodeIssued(issued) => Round::Answer(code_issued(&call.serving, &issued)?),
            AtCallback::SignedIn(signed_in) => {
                let person = session_person(call, &signed_in, cookies);
                Round::Answer(self.ask(&signed_in, person, false).await?)
            }
            AtCallback::Failed(failed) => Round::Answer(failed_login(&call.serving, &failed)),
        })
    }

    /// Refuses a client or resource that has changed since the approval, before the upstream's code is spent on it.
    async fn check_still_offered(&self, decided: &Decided) -> Result<(), Error> {
        // The browser has approved the client, but its person has not signed in yet.
        let client = Clients(&self.0).resolve(&decided.client_id, ClientTrust::Stranger).await?.client;
        Ok(request::still_offered(self.0.issuer(), &client, &decided.redirect_uri, &decided.resource)?)
    }

    /// The claim is ours: exchanges the upstream's code and stores the result.
    async fn log_in(&self, claim: LoggingIn, callback: &Callback<'_>, redemption: Redemption) -> Result<Next, Error> {
        let call = &self.0;
        let exchanged = self.exchange_code(&claim, callback, redemption).await;
        let exchanged = exchanged.map_err(|UpstreamError { failure, cause }| {
            let (request_id, cause) = (&call.caller.request_id, format!("{cause:#}"));
            tracing::warn!(request.id = request_id, issuer.id = %call.issuer().id, error = cause, "the login failed at the upstream");
            FailedOutcome::Upstream(failure)
        });
        let outcome = exchanged.and_then(|identity| self.ask_entry_rules(&claim, identity));
        // The upstream may have taken seconds.
        let mut stored = self.at_present().store_login(&claim, &outcome).await;
        for _ in 1..READS {
            // The upstream answers a code once: a store that is unavailable for a moment must not lose the answer.
            let Err(Error::StoreUnavailable(_)) = stored else { break };
            tokio::time::sleep(WAIT).await;
            stored = self.at_present().store_login(&claim, &outcome).await;
        }
        let mut next = stored?;
        match &outcome {
            Ok(AdmittedLogin { person, .. }) => {
                let (browser, now) = (claim.approved.decided.browser, call.state.clock.now());
                let session = NewSession { person, browser };
                next.set_cookies.push(session.set(call.issuer(), call.keys(), call.entropy(), now));
            }
            // A session from before the rule may name this person.
            Err(FailedOutcome::NotAdmitted(_)) => next.set_cookies.push(session::delete(call.issuer())),
            Err(FailedOutcome::Upstream(_)) => {}
        }
        Ok(next)
    }

    /// Asks the entry rules of the issuer and the resource, before a code, a consent or a session exists.
    fn ask_entry_rules(&self, claim: &LoggingIn, identity: Identity) -> Result<AdmittedLogin, FailedOutcome> {
        let (call, Identity { person, facts, tokens }) = (&self.0, identity);
        match call.issuer().admit(&claim.approved.decided.resource, &facts) {
            Ok(proof) => {
                let claims = call.issuer().claims_to_keep(&facts.claims, call.state.clock.now());
                Ok(AdmittedLogin { person, proof, tokens: tokens.with_claims(claims) })
            }
            Err(rule) => {
                let (request_id, rule) = (&call.caller.request_id, rule.to_string());
                tracing::info!(request.id = request_id, issuer.id = %call.issuer().id, rule, "an entry rule does not admit the person");
                Err(FailedOutcome::NotAdmitted(person))
            }
        }
    }

    async fn store_login(
        &self,
        claim: &LoggingIn,
        outcome: &Result<AdmittedLogin, FailedOutcome>,
    ) -> Result<Next, Error> {
        let (call, issuer) = (&self.0, self.0.issuer());
        match call.store().authorization(issuer, claim.approved.decided.id, call.now).await? {
            Some(Versioned { value: Authorization::LoggingIn(found), version, .. }) if found == *claim => match outcome
            {
                Ok(AdmittedLogin { person, proof, tokens }) => {
                    let id = SealedFor::Authorization(claim.approved.decided.id);
                    let sealed = tokens.seal(id, issuer, call.keys(), call.entropy());
                    let signed_in = claim.clone().sign_in(proof.clone(), sealed, call.now);
                    let login = Login { signed_in, expected: version, person: person.clone() };
                    self.after_login(&login, IdentityCheck::NotYet).await
                }
                Err(failed) => self.fail(claim, version, failed).await,
            },
            // Stored before; the reply was lost.
            Some(Versioned { value: Authorization::CodeIssued(issued), .. }) if issued.attempt == claim.attempt => {
                code_issued(&call.serving, &issued)
            }
            Some(Versioned { value: Authorization::SignedIn(signed_in), .. }) if signed_in.attempt == claim.attempt => {
                let person = match outcome {
                    Ok(login) => login.person.clone(),
                    Err(_) => Person::new(signed_in.subject.clone(), None, None),
                };
                self.ask(&signed_in, person, false).await
            }
            Some(Versioned { value: Authorization::Failed(failed), .. }) if failed.attempt == claim.attempt => {
                Ok(outcome.as_ref().err().map_or_else(
                    || failed_login(&call.serving, &failed),
                    |outcome| outcome.page(&call.serving, &failed),
                ))
            }
            found => Err(self.overtaken(found)),
        }
    }

    async fn exchange_code(
        &self,
        claim: &LoggingIn,
        callback: &Callback<'_>,
        redemption: Redemption,
    ) -> Result<Identity, UpstreamError> {
        let invalid = |cause: anyhow::Error| UpstreamError { failure: LoginFailure::UpstreamInvalid, cause };
        let serving = &self.0.serving;
        let secrets = serving
            .login_secrets(&claim.approved)
            .map_err(|_| invalid(anyhow::anyhow!("the key of this login is gone")))?;
        let code = serving.upstream.check(callback, claim.at).await?;
        let code = AdmittedCode { code, secrets: &secrets, redemption };
        serving.upstream.redeem(code, self.0.state.clock.now()).await
    }

    async fn fail(&self, claim: &LoggingIn, expected: Version, outcome: &FailedOutcome) -> Result<Next, Error> {
        let (failure, event) = match outcome {
            FailedOutcome::Upstream(failure) => (*failure, None),
            FailedOutcome::NotAdmitted(person) => {
                let about = about(&claim.approved.decided, &person.subject);
                (LoginFailure::NotAdmitted, Some(self.0.event(EventKind::EntryRefused, about)))
            }
        };
        let failed = claim.clone().fail(failure, self.0.now);
        let login = FailedLogin { expected, failed: &failed, event: event.as_ref() };
        match self.0.store().fail_login(self.0.issuer(), &login, self.0.now).await? {
            Commit::Done(_) => self.0.count(ConsentStep::Failed),
            // This very batch, sent again, or the person's denial of the request in another tab.
            Commit::Conflict => {
                let (id, now) = (failed.approved.decided.id, self.0.now);
                match self.0.store().authorization(self.0.issuer(), id, now).await? {
                    Some(Versioned { value: Authorization::Failed(found), .. }) if found == failed => {}
                    found => return Err(self.overtaken(found)),
                }
            }
        }
        Ok(outcome.page(&self.0.serving, &failed))
    }
}

impl FailedOutcome {
    /// The answer of a login that has ended in `failed`. Its page names the person who was not admitted.
    fn page(&self, serving: &IssuerContext, failed: &Failed) -> Next {
        let mut next = failed_login(serving, failed);
        if let (Step::Failure(page), FailedOutcome::NotAdmitted(person)) = (&mut next.step, self) {
            page.person = Some(person.clone());
        }
        next
    }
}

/// The person who signed in, with the name that the session still knows.
pub(super) fn session_person(call: &CallContext, signed_in: &SignedIn, cookies: &Cookies) -> Person {
    let session = cookies.session(call.issuer(), call.keys(), call.now);
    let known = session.map(|session| session.person).filter(|person| person.subject == signed_in.subject);
    known.unwrap_or_else(|| Person::new(signed_in.subject.clone(), None, None))
}
