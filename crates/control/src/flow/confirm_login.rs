//! `POST /callback/{issuer}`: the person's answer to "Signed in as X. Not you?".

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie::{Cookies, LoginCookie};
use lychgate_domain::browser::session;
use lychgate_domain::consent::form::{self, Displayed};
use lychgate_domain::event::EventKind;
use lychgate_domain::flow::{AtCallback, Failed, SignedIn};
use lychgate_domain::upstream::login::{self, ReturnedLogin};
use lychgate_engine::Version;
use lychgate_store::authorizations::FailedLogin;

use super::after_login::{IdentityCheck, Login, code_issued, failed_login};
use super::finish_login::session_person;
use super::{AuthorizationFlow, FormAction, about};
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::metrics::use_cases::ConsentStep;
use crate::next::Next;

/// A submitted confirmation form, and where the browser says it came from.
#[derive(Debug)]
pub(crate) struct Confirmation {
    pub(crate) state: String,
    pub(crate) form_token: String,
    pub(crate) action: Option<FormAction>,
    pub(crate) cookies: Cookies,
    pub(crate) sec_fetch_site: Option<String>,
    pub(crate) origin: Option<String>,
}

/// A confirmation whose form proved itself.
struct VerifiedConfirmation<'a> {
    cookies: &'a Cookies,
    login: LoginCookie,
    displayed: Displayed,
    is_me: bool,
}

impl AuthorizationFlow {
    pub(crate) async fn confirm_login(self, answer: Confirmation) -> Result<Next, Error> {
        self.0.state.clone().to_the_end(async move { self.confirm(&answer).await }).await
    }

    async fn confirm(&self, answer: &Confirmation) -> Result<Next, Error> {
        let (call, issuer, keys) = (&self.0, self.0.issuer(), self.0.keys());
        form::same_site(answer.sec_fetch_site.as_deref(), answer.origin.as_deref(), &issuer.url)?;
        let ReturnedLogin::Authorization(id) = login::returned(Some(&answer.state), keys)? else {
            return Err(Refusal::StateInvalid.into());
        };
        let login = self.login_cookie(id.authorization, &answer.cookies).await?;
        let displayed = form::signed_in_displayed(&answer.form_token, keys, id.authorization, login.browser())?;
        let is_me = match answer.action {
            Some(FormAction::Approve) => true,
            Some(FormAction::NotMe) => false,
            Some(FormAction::Deny | FormAction::TakeBack) | None => return Err(Refusal::DecisionMissing.into()),
        };
        let confirmed = &VerifiedConfirmation { cookies: &answer.cookies, login, displayed, is_me };
        until_committed(|| async {
            let stored = call.store().authorization(issuer, id.authorization, call.now).await?;
            let stored = stored.ok_or(Refusal::LoginExpired)?;
            let found = stored.value.at_callback(id, &confirmed.login, issuer, call.now)?;
            self.record_confirmation(confirmed, found, stored.version).await
        })
        .await
    }

    async fn record_confirmation(
        &self,
        confirmed: &VerifiedConfirmation<'_>,
        found: AtCallback,
        expected: Version,
    ) -> Result<Commit<Next>, Error> {
        let serving = &self.0.serving;
        match found {
            AtCallback::SignedIn(signed_in) if confirmed.is_me => {
                // The rules are asked at a login, and this one may be older than they are.
                let resource = &signed_in.approved.decided.resource;
                self.0.issuer().admits_still(resource, signed_in.admitted_under)?;
                let person = session_person(&self.0, &signed_in, confirmed.cookies);
                let login = Login { signed_in, expected, person };
                Ok(Commit::Done(self.after_login(&login, IdentityCheck::Answered(confirmed.displayed)).await?))
            }
            AtCallback::SignedIn(signed_in) => self.refuse_login(signed_in, expected).await,
            // The same answer again is good; "not me" after a code was issued can only take it back.
            AtCallback::CodeIssued(issued) if confirmed.is_me => Ok(Commit::Done(code_issued(serving, &issued)?)),
            AtCallback::CodeIssued(issued) => Ok(Commit::Done(self.allowed(&issued, confirmed.cookies, true).await?)),
            AtCallback::Denied(denied) => Err(self.denied_before(&denied)),
            AtCallback::Failed(failed) if confirmed.is_me => Ok(Commit::Done(failed_login(serving, &failed))),
            AtCallback::Failed(failed) => Ok(Commit::Done(self.refused_login(&failed))),
            AtCallback::Claim(_) | AtCallback::Wait => Err(Refusal::StateInvalid.into()),
        }
    }

    /// "Not you": the login fails, and the session of the person who signed in ends. The request starts over with a choice of
    /// account.
    async fn refuse_login(&self, signed_in: SignedIn, expected: Version) -> Result<Commit<Next>, Error> {
        let (call, issuer) = (&self.0, self.0.issuer());
        let event = call.event(EventKind::LoginRefused, about(&signed_in.approved.decided, &signed_in.subject));
        let failed = signed_in.refuse(call.attempt, call.now);
        let rejected = FailedLogin { expected, failed: &failed, event: Some(&event) };
        let commit = call.store().fail_login(issuer, &rejected, call.now).await?;
        if let Commit::Done(_) = commit {
            call.count(ConsentStep::Failed);
        }
        Ok(commit.with(self.refused_login(&failed)))
    }

    /// The same for every repetition of the answer.
    fn refused_login(&self, failed: &Failed) -> Next {
        let mut next = failed_login(&self.0.serving, failed);
        next.set_cookies.push(session::delete(self.0.issuer()));
        next
    }
}
