//! `GET /callback/{issuer}`: the browser is back from the upstream.
//!
//! The login is claimed before the upstream's code is sent, so that it is sent once; then comes the second commit, with
//! code, consent and event together. This is one of the few use cases with two.

use std::time::Duration;

use lychgate_domain::authorization::{AtCallback, Authorization, CodeIssued, Decided, Failed, LoggingIn, LoginFailure};
use lychgate_domain::consent::Consent;
use lychgate_domain::cookie::{self, Cookies};
use lychgate_domain::event::{About, Event, EventKind};
use lychgate_domain::id::Attempt;
use lychgate_domain::parameters::Parameters;
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream_tokens::SealedFor;
use lychgate_domain::{Refusal, login, request, response};
use lychgate_store::authorizations::FinishedLogin;
use lychgate_store::engine::Version;
use lychgate_store::{StoreError, Versioned};

use super::{Next, Step, error_link};
use crate::control::{Caller, Control, MAX_ROUNDS, contended};
use crate::documents::Standing;
use crate::error::Error;
use crate::issuers::Serving;
use crate::upstream::{Callback, Identity, UpstreamError};

/// Whoever finds a claim waits this long for its outcome, in so many looks.
const WAIT: Duration = Duration::from_millis(100);
const LOOKS: usize = 80;

impl Control {
    pub async fn finish_login(
        &self,
        caller: Caller,
        issuer_id: String,
        attempt: Attempt,
        pairs: Vec<(String, String)>,
        cookies: Cookies,
    ) -> Result<Next, Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let serving = &control.issuer(&issuer_id, &caller).await?;
            let parameters = Parameters::new(pairs)?;
            let id = login::authorization_id(parameters.single("state")?, serving.keys())?;
            let login = cookies.login(&serving.issuer, serving.keys(), id, control.clock.now())?;
            for _ in 0..LOOKS {
                let now = control.clock.now();
                let stored =
                    control.store.authorization(&serving.issuer, id, now).await?.ok_or(Refusal::LoginExpired)?;
                match stored.value.at_callback(&login, &serving.issuer.lifetimes, now)? {
                    AtCallback::Claim(approved) => {
                        control.still_offered(serving, &approved.decided, now).await?;
                        let claim = approved.claim(attempt, now);
                        match control.store.claim_login(&serving.issuer, stored.version, &claim, now).await {
                            Ok(()) => return control.log_in(serving, &caller, claim, &parameters).await,
                            Err(StoreError::Conflict) => {}
                            Err(error) => return Err(error.into()),
                        }
                    }
                    AtCallback::Wait => tokio::time::sleep(WAIT).await,
                    AtCallback::CodeIssued(issued) => return code_issued(serving, &issued),
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
        let client = self.client(&serving.issuer, &decided.client_id, Standing::Consented, now).await?.client;
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
        for _ in 1..LOOKS {
            match self.keep(serving, caller, &claim, &outcome).await {
                // The upstream says it only once: a store that is away for a moment must not lose it.
                Err(Error::StoreUnavailable(_)) => tokio::time::sleep(WAIT).await,
                result => return result,
            }
        }
        self.keep(serving, caller, &claim, &outcome).await
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
                Ok(identity) => self.issue_code(serving, caller, claim, version, identity, now).await,
                Err(failure) => self.fail(serving, claim, version, *failure, now).await,
            },
            // Kept before, and nobody was told.
            Some(Versioned { value: Authorization::CodeIssued(issued), .. }) if issued.attempt == claim.attempt => {
                code_issued(serving, &issued)
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
        let single = |name| parameters.single(name).map_err(|refusal| invalid(refusal.into()));
        let callback = Callback { code: single("code")?, error: single("error")?, iss: single("iss")? };
        let secrets = serving
            .login_secrets(&claim.approved)
            .map_err(|_| invalid(anyhow::anyhow!("the key of this login is gone")))?;
        let code = serving.upstream.check(&callback, claim.at).await?;
        serving.upstream.redeem(code, &secrets, self.clock.now()).await
    }

    async fn issue_code(
        &self,
        serving: &Serving,
        caller: &Caller,
        claim: &LoggingIn,
        read_at: Version,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<Next, Error> {
        let (issuer, decided) = (&*serving.issuer, claim.approved.decided.clone());
        let Identity { subject, tokens } = identity;
        let sealed = tokens.seal(SealedFor::Authorization(decided.id), issuer, serving.keys(), &*self.entropy);
        for _ in 0..MAX_ROUNDS {
            let client = self.client(issuer, &decided.client_id, Standing::Consented, now).await?;
            let (id, elsewhere) = (&decided.client_id, client.elsewhere());
            let standing = self.store.standing(issuer, subject, id, elsewhere, &decided.resource, now).await?;
            // What was approved minutes ago must still be what the client is, or the code would go elsewhere (B33). A
            // registration counts as it is in the snapshot that the commit expects.
            let client = match client.record {
                Some(_) => standing.registered.as_ref().ok_or(Refusal::ClientUnknown)?,
                None => &client.client,
            };
            request::still_registered(issuer, client, &decided.redirect_uri)?;
            let consent =
                Consent::approve(standing.standing.consent.clone(), &decided, subject, &issuer.lifetimes, now);
            let issued = claim.clone().issue_code(
                subject.clone(),
                &consent,
                standing.standing.counters,
                sealed.clone(),
                serving.keys(),
                now,
            );
            let about = About {
                subject: subject.clone(),
                client_id: decided.client_id.clone(),
                resource: decided.resource.clone(),
                authorization_id: Some(decided.id),
            };
            let kind = EventKind::ConsentApproved { scopes: decided.scopes.to_string() };
            let event = Event::new(kind, about, &caller.for_events(), claim.attempt, 0, now);
            let login = FinishedLogin { issued: &issued, consent: &consent, standing: &standing, event: &event };
            match self.store.issue_code(issuer, read_at, &login, now).await {
                Ok(()) => return code_issued(serving, &issued),
                Err(StoreError::Conflict) => {
                    // Ours after all, if the first commit's outcome was unknown.
                    if let Some(Versioned { value: Authorization::CodeIssued(issued), .. }) =
                        self.store.authorization(issuer, decided.id, now).await?
                    {
                        return code_issued(serving, &issued);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(contended())
    }

    async fn fail(
        &self,
        serving: &Serving,
        claim: &LoggingIn,
        read_at: Version,
        failure: LoginFailure,
        now: Timestamp,
    ) -> Result<Next, Error> {
        let failed = claim.clone().fail(failure, now);
        match self.store.fail_login(&serving.issuer, read_at, &failed, now).await {
            // A conflict can only be this very batch, sent again.
            Ok(()) | Err(StoreError::Conflict) => Ok(failed_login(serving, &failed)),
            Err(error) => Err(error.into()),
        }
    }
}

/// The answer of a finished login: the same for everybody who still has its cookie.
fn code_issued(serving: &Serving, issued: &CodeIssued) -> Result<Next, Error> {
    let code = issued.code(serving.keys()).ok_or(Refusal::AlreadyFinished)?;
    let decided = &issued.approved.decided;
    let location = response::success(&decided.redirect_uri, &code, decided.state.as_deref(), &serving.issuer.url);
    Ok(Next { step: Step::Redirect(location), set_cookies: vec![cookie::delete_login(&serving.issuer, decided.id)] })
}

/// A person who cancelled goes back to the client at once; what went wrong by itself is said first.
fn failed_login(serving: &Serving, failed: &Failed) -> Next {
    let decided = &failed.approved.decided;
    let link = error_link(decided, &failed.failure.refusal(), &serving.issuer.url);
    let step = match failed.failure {
        LoginFailure::UpstreamDenied => Step::Redirect(link.uri),
        failure @ (LoginFailure::UpstreamUnavailable | LoginFailure::UpstreamInvalid) => {
            Step::Failure { failure, return_to: link }
        }
    };
    Next { step, set_cookies: vec![cookie::delete_login(&serving.issuer, decided.id)] }
}
