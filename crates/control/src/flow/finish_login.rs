//! `GET /callback/{issuer}`: the browser is back from the upstream.
//!
//! The login is claimed before the upstream's code is sent, so that it is sent once; then comes the second commit, with
//! code, consent and event together, or with the question who it was. This is one of the few use cases with two.

use std::sync::Arc;
use std::time::Duration;

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie::Cookies;
use lychgate_domain::browser::session::NewSession;
use lychgate_domain::browser::session::Person;
use lychgate_domain::consent::Decided;
use lychgate_domain::flow::{AtCallback, Authorization, LoggingIn, LoginFailure, SignedIn};
use lychgate_domain::id::Attempt;
use lychgate_domain::request;
use lychgate_domain::request::parameters::Parameters;
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream::login::{self, ReturnedLogin};
use lychgate_domain::upstream::tokens::SealedFor;
use lychgate_engine::Version;
use lychgate_store::Update;
use lychgate_store::{Commit, Versioned};

use super::Next;
use super::after_login::{Login, Question, code_issued, failed_login};
use crate::client_metadata::ClientTrust;
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::issuers::Serving;
use crate::state::Control;
use crate::upstream::{Callback, Identity, UpstreamError};

/// Whoever finds a claim waits this long for its outcome, in so many looks.
const WAIT: Duration = Duration::from_millis(100);
const LOOKS: usize = 80;

impl Control {
    pub async fn finish_login(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        attempt: Attempt,
        pairs: Vec<(String, String)>,
        cookies: Cookies,
    ) -> Result<Next, Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let serving = &control.issuer(&issuer_id, &caller).await?;
            let parameters = Parameters::new(pairs)?;
            let id = match login::returned(parameters.single("state")?, serving.keys())? {
                ReturnedLogin::Authorization(id) => id,
                ReturnedLogin::Account { id, secrets } => {
                    return control.finish_sign_in(serving, &caller, id, &secrets, &parameters, &cookies).await;
                }
            };
            let login = cookies.login(&serving.issuer, serving.keys(), id, control.clock.now())?;
            for _ in 0..LOOKS {
                let now = control.clock.now();
                let stored =
                    control.store.authorization(&serving.issuer, id, now).await?.ok_or(Refusal::LoginExpired)?;
                match stored.value.at_callback(&login, &serving.issuer.lifetimes, now)? {
                    AtCallback::Claim(approved) => {
                        control.still_offered(serving, &approved.decided, now).await?;
                        let claim = approved.claim(attempt, now);
                        match control.store.claim_login(&serving.issuer, stored.version, &claim, now).await? {
                            Commit::Done(_) => return control.log_in(serving, &caller, claim, &parameters).await,
                            Commit::Conflict => {}
                        }
                    }
                    AtCallback::Wait => tokio::time::sleep(WAIT).await,
                    AtCallback::CodeIssued(issued) => return code_issued(serving, &issued),
                    AtCallback::SignedIn(signed_in) => {
                        let person = called(serving, &signed_in, &cookies, now);
                        return control.ask(serving, &signed_in, person, false, now).await;
                    }
                    AtCallback::Failed(failed) => return Ok(failed_login(serving, &failed)),
                }
            }
            Err(Refusal::LoginInterrupted.into())
        })
        .await
    }

    /// Before the upstream's code is spent on it.
    async fn still_offered(&self, serving: &Serving, decided: &Decided, now: Timestamp) -> Result<(), Error> {
        // Somebody has approved it: its document is nobody's junk.
        let client = self.client(&serving.issuer, &decided.client_id, ClientTrust::Consented, now).await?.client;
        Ok(request::still_offered(&serving.issuer, &client, &decided.redirect_uri, &decided.resource)?)
    }

    /// The claim is ours: ask the upstream, then keep what came of it.
    async fn log_in(
        &self,
        serving: &Serving,
        caller: &Caller,
        claim: LoggingIn,
        parameters: &Parameters,
    ) -> Result<Next, Error> {
        let outcome = self.ask_upstream(serving, &claim, parameters).await.map_err(|UpstreamError { failure, cause }| {
            tracing::warn!(request.id = caller.request_id, issuer.id = %serving.issuer.id, error = format!("{cause:#}"), "the login failed at the upstream");
            failure
        });
        let mut kept = self.keep(serving, caller, &claim, &outcome).await;
        for _ in 1..LOOKS {
            // The upstream says it only once: a store that is away for a moment must not lose it.
            let Err(Error::StoreUnavailable(_)) = kept else { break };
            tokio::time::sleep(WAIT).await;
            kept = self.keep(serving, caller, &claim, &outcome).await;
        }
        let mut next = kept?;
        if let Ok(Identity { person, .. }) = &outcome {
            let (browser, keys) = (claim.approved.decided.browser, serving.keys());
            next.set_cookies.push(NewSession { person, browser }.set(
                &serving.issuer,
                keys,
                &*self.entropy,
                self.clock.now(),
            ));
        }
        Ok(next)
    }

    async fn keep(
        &self,
        serving: &Serving,
        caller: &Caller,
        claim: &LoggingIn,
        outcome: &Result<Identity, LoginFailure>,
    ) -> Result<Next, Error> {
        // What the upstream was asked may have taken seconds.
        let now = self.clock.now();
        match self.store.authorization(&serving.issuer, claim.approved.decided.id, now).await? {
            Some(Versioned { value: Authorization::LoggingIn(found), version, .. }) if found == *claim => match outcome
            {
                Ok(Identity { person, tokens }) => {
                    let id = SealedFor::Authorization(claim.approved.decided.id);
                    let sealed = tokens.seal(id, &serving.issuer, serving.keys(), &*self.entropy);
                    let signed_in = claim.clone().sign_in(person.subject.clone(), sealed, now);
                    let login = Login { signed_in, expected: version, person: person.clone() };
                    self.after_login(serving, caller, &login, Question::NotYet, now).await
                }
                Err(failure) => self.fail(serving, claim, version, *failure, now).await,
            },
            // Kept before, and nobody was told.
            Some(Versioned { value: Authorization::CodeIssued(issued), .. }) if issued.attempt == claim.attempt => {
                code_issued(serving, &issued)
            }
            Some(Versioned { value: Authorization::SignedIn(signed_in), .. }) if signed_in.attempt == claim.attempt => {
                let person = match outcome {
                    Ok(identity) => identity.person.clone(),
                    Err(_) => Person::new(signed_in.subject.clone(), None, None),
                };
                self.ask(serving, &signed_in, person, false, now).await
            }
            Some(Versioned { value: Authorization::Failed(failed), .. }) if failed.attempt == claim.attempt => {
                Ok(failed_login(serving, &failed))
            }
            _ => Err(Refusal::LoginInterrupted.into()),
        }
    }

    async fn ask_upstream(
        &self,
        serving: &Serving,
        claim: &LoggingIn,
        parameters: &Parameters,
    ) -> Result<Identity, UpstreamError> {
        let invalid = |cause: anyhow::Error| UpstreamError { failure: LoginFailure::UpstreamInvalid, cause };
        let callback = Callback::of(parameters)?;
        let secrets = serving
            .login_secrets(&claim.approved)
            .map_err(|_| invalid(anyhow::anyhow!("the key of this login is gone")))?;
        let code = serving.upstream.check(&callback, claim.at).await?;
        serving.upstream.redeem(code, &secrets, self.clock.now()).await
    }

    async fn fail(
        &self,
        serving: &Serving,
        claim: &LoggingIn,
        expected: Version,
        failure: LoginFailure,
        now: Timestamp,
    ) -> Result<Next, Error> {
        let failed = claim.clone().fail(failure, now);
        match self
            .store
            .fail_login(&serving.issuer, Update { expected: Some(expected), record: &failed, event: None }, now)
            .await?
        {
            // A conflict can only be this very batch, sent again.
            Commit::Done(_) | Commit::Conflict => Ok(failed_login(serving, &failed)),
        }
    }
}

/// Whoever signed in, by the name that the session still knows.
pub(super) fn called(serving: &Serving, signed_in: &SignedIn, cookies: &Cookies, now: Timestamp) -> Person {
    let session = cookies.session(&serving.issuer, serving.keys(), now);
    let known = session.map(|session| session.person).filter(|person| person.subject == signed_in.subject);
    known.unwrap_or_else(|| Person::new(signed_in.subject.clone(), None, None))
}
