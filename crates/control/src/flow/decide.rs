//! `POST /consent`: the person's answer. The last one counts until its login is claimed, and a denial is final. What the
//! page displayed must still be true, except for the denial of a request that was approved.

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie::Cookies;
use lychgate_domain::browser::session;
use lychgate_domain::capacity::Growth;
use lychgate_domain::consent::form::{self, Displayed, NamedScreen};
use lychgate_domain::consent::{Decided, DecisionPoint, PresentedScreen};
use lychgate_domain::event::{Event, EventKind};
use lychgate_domain::flow::{Answer, Approved, AtAnswer, Authorization, Denied};
use lychgate_domain::request::ticket::Ticket;
use lychgate_store::authorizations::NewDecision;

use super::after_login::failed_login;
use super::answered::BrowserAnswer;
use super::view::{View, earlier, known};
use super::{AuthorizationFlow, ConsentAnswer, FormAction, about};
use crate::client_metadata::ClientTrust;
use crate::clients::Clients;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::metrics::use_cases::ConsentStep;
use crate::next::{Next, Step};

/// An answer whose form proved itself: it was displayed to this browser for this ticket.
struct SubmittedAnswer<'a> {
    answer: &'a ConsentAnswer,
    ticket: Ticket,
    displayed: Displayed,
    decision: Decision,
    point: DecisionPoint,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Decision {
    Approve,
    Deny,
}

impl AuthorizationFlow {
    pub(crate) async fn decide(self, answer: ConsentAnswer) -> Result<Next, Error> {
        self.0.state.clone().to_the_end(async move { self.decide_once(&answer).await }).await
    }

    async fn decide_once(&self, answer: &ConsentAnswer) -> Result<Next, Error> {
        let (call, issuer, keys) = (&self.0, self.0.issuer(), self.0.keys());
        form::same_site(answer.sec_fetch_site.as_deref(), answer.origin.as_deref(), &issuer.url)?;
        if answer.action == Some(FormAction::TakeBack) {
            return self.take_back(answer).await;
        }
        let ticket = Ticket::open(&answer.ticket, issuer, keys)?;
        if answer.action != Some(FormAction::Deny)
            && let Err(refusal) = ticket.in_time(issuer, call.now)
        {
            return Err(self.too_late(refusal, &ticket.request).await);
        }
        let again = |refusal| self.back_to_page(answer, refusal);
        let browsers = answer.cookies.form_browsers(issuer, keys).map_err(again)?;
        let (browser, displayed) = form::displayed(&answer.form_token, keys, &ticket, &browsers).map_err(again)?;
        let decision = match answer.action {
            Some(FormAction::Approve) => Decision::Approve,
            Some(FormAction::Deny) => Decision::Deny,
            Some(FormAction::NotMe) => {
                let ticket = ticket.for_another_account(issuer, keys)?;
                let step = Step::Redirect(call.serving.consent_url(&ticket));
                return Ok(Next { step, set_cookies: vec![session::delete(issuer)] });
            }
            Some(FormAction::TakeBack) | None => return Err(again(Refusal::DecisionMissing)),
        };
        let id = ticket.authorization_id(issuer, keys, browser)?;
        let point = DecisionPoint { id, browser, attempt: call.attempt, at: call.now };
        let submitted = SubmittedAnswer { answer, ticket, displayed, decision, point };
        until_committed(|| self.answer_once(&submitted)).await
    }

    /// Decides on the browser's answer that is stored. The commit expects it unchanged, so of two answers, or an answer and
    /// a callback, one comes first.
    async fn answer_once(&self, submitted: &SubmittedAnswer<'_>) -> Result<Commit<Next>, Error> {
        let SubmittedAnswer { answer, ticket, displayed, decision, point } = submitted;
        let (cookies, before) = (&answer.cookies, self.browser_answer(ticket, &answer.cookies).await?);
        let stored = before.authorization();
        // A request that was approved can be denied as long as its login can lead to a code.
        if stored.is_none()
            && let Err(refusal) = ticket.in_time(self.0.issuer(), self.0.now)
        {
            return Err(self.too_late(refusal, &ticket.request).await);
        }
        let is_settled = stored.is_some_and(|stored| match decision {
            Decision::Deny => true,
            Decision::Approve => stored.is_settled_for(point.attempt),
        });
        let view = match self.view(submitted, stored).await {
            Ok(view) => Some(view),
            // The client or the resource may be gone since: the answer on record needs no look at them.
            Err(Error::Refused(_)) if is_settled => None,
            Err(error) => return Err(error),
        };
        let seen = view.as_ref().and_then(|view| view.seen(*displayed));
        let answered = match self.answer_of(submitted, view.as_ref(), seen.clone(), stored) {
            // Nothing was left ticked.
            Err(Error::Refused(_)) if is_settled => Answer::Outdated(point.attempt),
            answered => answered?,
        };
        let outcome = answered.outcome(stored).map_err(|refusal| self.refused(refusal, stored))?;
        Ok(match (outcome, view) {
            (AtAnswer::Record(next), view) => {
                let event = self.denial_event(&next, seen.as_ref());
                let client = view.as_ref().and_then(|view| view.client.record.as_ref());
                let new = NewDecision { client, event: event.as_ref(), ..before.decision(&next) };
                self.record(&new, ticket, cookies).await?
            }
            (AtAnswer::AskAgain, Some(view)) => {
                let mut page = view.page(NamedScreen::Full);
                page.changed = true;
                self.0.count(ConsentStep::Shown);
                Commit::Done(Next::page(Step::Consent(Box::new(page))))
            }
            (AtAnswer::AskAgain, None) => return Err(self.back_to_page(answer, Refusal::FormTokenInvalid)),
            (AtAnswer::ToUpstream(approved), _) => Commit::Done(self.to_upstream(approved, ticket, cookies).await?),
            (AtAnswer::ToClient(denied), _) => Commit::Done(self.to_client(denied)),
            (AtAnswer::Allowed(issued), _) => Commit::Done(self.allowed(issued, cookies, true).await?),
            (AtAnswer::Failed(failed), _) => Commit::Done(failed_login(&self.0.serving, failed)),
        })
    }

    /// The page of the ticket as it would be shown now.
    async fn view<'a>(
        &'a self,
        submitted: &'a SubmittedAnswer<'_>,
        stored: Option<&Authorization>,
    ) -> Result<View<'a>, Error> {
        let (call, SubmittedAnswer { answer, ticket, point, .. }) = (&self.0, submitted);
        let client = Clients(call).resolve(&ticket.request.client_id, ClientTrust::Stranger).await?;
        let resource = ticket.request.still_holds(call.issuer(), &client.client)?;
        let known = known(call, ticket, &client, &answer.cookies).await?;
        let (text, browser, earlier) = (&*answer.ticket, point.browser, earlier(stored));
        Ok(View { call, text, ticket, client, resource, browser, known, earlier, preset: None })
    }

    /// `seen` is the screen that was answered; `None` if it no longer says what is true.
    fn answer_of(
        &self,
        submitted: &SubmittedAnswer<'_>,
        view: Option<&View<'_>>,
        seen: Option<PresentedScreen>,
        stored: Option<&Authorization>,
    ) -> Result<Answer, Error> {
        let SubmittedAnswer { answer, ticket, decision, point, .. } = submitted;
        let now = view.map(|view| Decided::new(ticket.clone(), self.0.issuer(), &view.client.client, *point));
        match decision {
            Decision::Deny => {
                let again = |stored: &Authorization| Decided {
                    attempt: point.attempt,
                    at: point.at,
                    ..stored.decided().clone()
                };
                // Of a request that was not approved, nothing is at stake: the person may look again.
                let decided = stored.map(again).or(now.filter(|_| seen.is_some()));
                Ok(decided.map_or(Answer::Outdated(point.attempt), |decided| Answer::Deny(Box::new(decided))))
            }
            Decision::Approve => {
                let (Some(view), Some(seen), Some(mut decided)) = (view, seen, now) else {
                    return Ok(Answer::Outdated(point.attempt));
                };
                // RFC 6749 §3.3: the person may grant less than was requested, and the token says so (E3). The page with
                // one button has nothing to untick.
                if matches!(seen, PresentedScreen::Full { .. }) {
                    let approved = view.resource.approved_scopes(&decided.requested_scopes, &answer.chosen_scopes);
                    decided.scopes = approved.map_err(|refusal| self.back_to_page(answer, refusal))?;
                }
                Ok(Answer::Approve(Box::new(Approved::new(decided, seen, self.0.keys()))))
            }
        }
    }

    /// A denial is an event only if the page named the person. A stranger leaves no event behind.
    fn denial_event(&self, next: &Authorization, seen: Option<&PresentedScreen>) -> Option<Event> {
        match next {
            Authorization::Denied(Denied { decided }) => {
                let kind = EventKind::ConsentDenied { requested: decided.requested_scopes.to_string() };
                Some(self.0.event(kind, about(decided, seen?.presented_to()?)))
            }
            Authorization::Approved(_)
            | Authorization::LoggingIn(_)
            | Authorization::SignedIn(_)
            | Authorization::CodeIssued(_)
            | Authorization::Redeemed(_)
            | Authorization::Failed(_) => None,
        }
    }

    /// Approves for a person who need not be asked. In one browser one ticket is one decision, however often it is opened.
    pub(super) async fn approve_unseen(
        &self,
        view: &View<'_>,
        seen: PresentedScreen,
        before: &BrowserAnswer,
        cookies: &Cookies,
    ) -> Result<Commit<Next>, Error> {
        let View { ticket, client, browser, .. } = view;
        let (call, issuer) = (&self.0, self.0.issuer());
        let id = ticket.authorization_id(issuer, call.keys(), *browser)?;
        let point = DecisionPoint { id, browser: *browser, attempt: call.attempt, at: call.now };
        let decided = Decided::new((*ticket).clone(), issuer, &client.client, point);
        let next = Authorization::Approved(Approved::new(decided, seen, call.keys()));
        let new = NewDecision { client: client.record.as_ref(), ..before.decision(&next) };
        self.record(&new, ticket, cookies).await
    }

    /// Stores an answer, which leads to the upstream or to the client.
    async fn record(&self, new: &NewDecision<'_>, ticket: &Ticket, cookies: &Cookies) -> Result<Commit<Next>, Error> {
        let (call, issuer) = (&self.0, self.0.issuer());
        let (next, step) = match new.authorization {
            // Before anything is stored: if the upstream is unavailable, the person can press the button again.
            Authorization::Approved(approved) => {
                call.admit(Growth::Authorization).await?;
                (self.to_upstream(approved, ticket, cookies).await?, ConsentStep::Approved)
            }
            Authorization::Denied(denied) => (self.to_client(denied), ConsentStep::Denied),
            Authorization::LoggingIn(_)
            | Authorization::SignedIn(_)
            | Authorization::CodeIssued(_)
            | Authorization::Redeemed(_)
            | Authorization::Failed(_) => return Err(Refusal::LoginInterrupted.into()),
        };
        let commit = call.store().decide(issuer, new, call.now).await?;
        if let Commit::Done(_) = commit {
            call.count(step);
        }
        Ok(commit.with(next))
    }

    fn back_to_page(&self, answer: &ConsentAnswer, refusal: Refusal) -> Error {
        Error::from(refusal).returning(self.0.serving.consent_url(&answer.ticket), self.0.issuer().name.clone())
    }
}
