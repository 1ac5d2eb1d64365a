//! `GET /callback/{issuer}`: the browser is back from the upstream.
//!
//! The first commit claims the login before the upstream's code is sent, so that the code is sent once. The second commit
//! stores code, consent and event together, or the question who signed in. Few use cases have two commits.

use std::time::Duration;

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie::{Cookies, LoginCookie};
use lychgate_domain::browser::session::{NewSession, Person};
use lychgate_domain::consent::Decided;
use lychgate_domain::flow::{AtCallback, Authorization, LoggingIn, LoginFailure, SignedIn};
use lychgate_domain::request;
use lychgate_domain::request::parameters::Parameters;
use lychgate_domain::upstream::callback::Callback;
use lychgate_domain::upstream::login::{self, LoginId, ReturnedLogin};
use lychgate_domain::upstream::tokens::SealedFor;
use lychgate_engine::Version;
use lychgate_store::Versioned;
use lychgate_store::authorizations::FailedLogin;

use super::AuthorizationFlow;
use super::after_login::{IdentityCheck, Login, code_issued, failed_login};
use crate::account::{Account, ReturnedSignIn};
use crate::client_metadata::ClientTrust;
use crate::clients::Clients;
use crate::ground::commit::Commit;
use crate::ground::error::Error;
use crate::limits::Redemption;
use crate::next::Next;
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
        let outcome = exchanged.map_err(|UpstreamError { failure, cause }| {
            let (request_id, cause) = (&call.caller.request_id, format!("{cause:#}"));
            tracing::warn!(request.id = request_id, issuer.id = %call.issuer().id, error = cause, "the login failed at the upstream");
            failure
        });
        // The upstream may have taken seconds.
        let mut stored = self.at_present().store_login(&claim, &outcome).await;
        for _ in 1..READS {
            // The upstream answers a code once: a store that is unavailable for a moment must not lose the answer.
            let Err(Error::StoreUnavailable(_)) = stored else { break };
            tokio::time::sleep(WAIT).await;
            stored = self.at_present().store_login(&claim, &outcome).await;
        }
        let mut next = stored?;
        if let Ok(Identity { person, .. }) = &outcome {
            let (browser, now) = (claim.approved.decided.browser, call.state.clock.now());
            let session = NewSession { person, browser };
            next.set_cookies.push(session.set(call.issuer(), call.keys(), call.entropy(), now));
        }
        Ok(next)
    }

    async fn store_login(&self, claim: &LoggingIn, outcome: &Result<Identity, LoginFailure>) -> Result<Next, Error> {
        let (call, issuer) = (&self.0, self.0.issuer());
        match call.store().authorization(issuer, claim.approved.decided.id, call.now).await? {
            Some(Versioned { value: Authorization::LoggingIn(found), version, .. }) if found == *claim => match outcome
            {
                Ok(Identity { person, tokens }) => {
                    let id = SealedFor::Authorization(claim.approved.decided.id);
                    let sealed = tokens.seal(id, issuer, call.keys(), call.entropy());
                    let signed_in = claim.clone().sign_in(person.subject.clone(), sealed, call.now);
                    let login = Login { signed_in, expected: version, person: person.clone() };
                    self.after_login(&login, IdentityCheck::NotYet).await
                }
                Err(failure) => self.fail(claim, version, *failure).await,
            },
            // Stored before; the reply was lost.
            Some(Versioned { value: Authorization::CodeIssued(issued), .. }) if issued.attempt == claim.attempt => {
                code_issued(&call.serving, &issued)
            }
            Some(Versioned { value: Authorization::SignedIn(signed_in), .. }) if signed_in.attempt == claim.attempt => {
                let person = match outcome {
                    Ok(identity) => identity.person.clone(),
                    Err(_) => Person::new(signed_in.subject.clone(), None, None),
                };
                self.ask(&signed_in, person, false).await
            }
            Some(Versioned { value: Authorization::Failed(failed), .. }) if failed.attempt == claim.attempt => {
                Ok(failed_login(&call.serving, &failed))
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

    async fn fail(&self, claim: &LoggingIn, expected: Version, failure: LoginFailure) -> Result<Next, Error> {
        let failed = claim.clone().fail(failure, self.0.now);
        let login = FailedLogin { expected, failed: &failed, event: None };
        match self.0.store().fail_login(self.0.issuer(), &login, self.0.now).await? {
            Commit::Done(_) => {}
            // This very batch, sent again, or the person's denial of the request in another tab.
            Commit::Conflict => {
                let (id, now) = (failed.approved.decided.id, self.0.now);
                match self.0.store().authorization(self.0.issuer(), id, now).await? {
                    Some(Versioned { value: Authorization::Failed(found), .. }) if found == failed => {}
                    found => return Err(self.overtaken(found)),
                }
            }
        }
        Ok(failed_login(&self.0.serving, &failed))
    }
}

/// The person who signed in, with the name that the session still knows.
pub(super) fn session_person(call: &CallContext, signed_in: &SignedIn, cookies: &Cookies) -> Person {
    let session = cookies.session(call.issuer(), call.keys(), call.now);
    let known = session.map(|session| session.person).filter(|person| person.subject == signed_in.subject);
    known.unwrap_or_else(|| Person::new(signed_in.subject.clone(), None, None))
}
