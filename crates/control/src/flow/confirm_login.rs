//! `POST /callback/{issuer}`: whoever was asked "Signed in as X. Not you?" has answered.

use std::sync::Arc;

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie::Cookies;
use lychgate_domain::browser::session;
use lychgate_domain::consent::form;
use lychgate_domain::event::{Event, EventKind};
use lychgate_domain::flow::AtCallback;
use lychgate_domain::id::Attempt;
use lychgate_domain::upstream::login::{self, ReturnedLogin};
use lychgate_store::Update;

use super::after_login::{Login, Question, about, code_issued, failed_login};
use super::finish_login::called;
use super::{Next, Pressed};
use crate::ground::caller::Caller;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::issuers::Serving;
use crate::state::Control;

/// The answer, and where it came from.
#[derive(Debug)]
pub struct Confirmation {
    pub state: String,
    pub form_token: String,
    pub decision: Option<Pressed>,
    pub cookies: Cookies,
    pub sec_fetch_site: Option<String>,
    pub origin: Option<String>,
}

impl Control {
    pub async fn confirm_login(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        attempt: Attempt,
        answer: Confirmation,
    ) -> Result<Next, Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let serving = &control.issuer(&issuer_id, &caller).await?;
            control.confirm(serving, &caller, attempt, &answer).await
        })
        .await
    }

    async fn confirm(
        &self,
        serving: &Serving,
        caller: &Caller,
        attempt: Attempt,
        answer: &Confirmation,
    ) -> Result<Next, Error> {
        let (issuer, keys, now) = (&*serving.issuer, serving.keys(), self.clock.now());
        form::same_site(answer.sec_fetch_site.as_deref(), answer.origin.as_deref(), &issuer.url)?;
        let ReturnedLogin::Authorization(id) = login::returned(Some(&answer.state), keys)? else {
            return Err(Refusal::StateInvalid.into());
        };
        let cookie = answer.cookies.login(issuer, keys, id, now)?;
        let displayed = form::signed_in_displayed(&answer.form_token, keys, id, cookie.browser())?;
        let is_me = match answer.decision {
            Some(Pressed::Approve) => true,
            Some(Pressed::NotMe) => false,
            Some(Pressed::Deny) | None => return Err(Refusal::DecisionMissing.into()),
        };
        until_committed(|| async {
            let stored = self.store.authorization(issuer, id, now).await?.ok_or(Refusal::LoginExpired)?;
            match stored.value.at_callback(&cookie, &issuer.lifetimes, now)? {
                AtCallback::SignedIn(signed_in) if is_me => {
                    let person = called(serving, &signed_in, &answer.cookies, now);
                    let login = Login { signed_in, expected: stored.version, person };
                    let question = Question::Answered { displayed, attempt };
                    Ok(Commit::Done(self.after_login(serving, caller, &login, question, now).await?))
                }
                AtCallback::SignedIn(signed_in) => {
                    let about = about(&signed_in.approved.decided, &signed_in.subject);
                    let event = Event::new(EventKind::LoginRefused, about, &caller.for_events(issuer), attempt, now);
                    let failed = signed_in.refuse(attempt, now);
                    let commit = self
                        .store
                        .fail_login(
                            issuer,
                            Update { expected: Some(stored.version), record: &failed, event: Some(&event) },
                            now,
                        )
                        .await?;
                    Ok(commit.map(|_| {
                        let mut next = failed_login(serving, &failed);
                        next.set_cookies.push(session::delete(issuer));
                        next
                    }))
                }
                // Answers are final, like decisions: the same one again is good.
                AtCallback::CodeIssued(issued) if is_me => Ok(Commit::Done(code_issued(serving, &issued)?)),
                AtCallback::CodeIssued(_) => Err(Refusal::AlreadyDecided.into()),
                AtCallback::Failed(failed) => Ok(Commit::Done(failed_login(serving, &failed))),
                AtCallback::Claim(_) | AtCallback::Wait => Err(Refusal::StateInvalid.into()),
            }
        })
        .await
    }
}
