//! `POST /consent`: the decision, made once and final. What the page displayed must still be true.

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie::{Cookies, LoginCookie};
use lychgate_domain::browser::session;
use lychgate_domain::consent::form::{self, Displayed, NamedScreen};
use lychgate_domain::consent::{Decided, Decision, DecisionPoint, PresentedScreen};
use lychgate_domain::event::{Event, EventKind};
use lychgate_domain::flow::{Approved, Authorization, Confirmed, response};
use lychgate_domain::id::{AuthorizationId, BrowserId};
use lychgate_domain::issuer::Resource;
use lychgate_domain::keys::Purpose;
use lychgate_domain::request::ticket::Ticket;
use lychgate_store::authorizations::NewDecision;

use super::view::{View, known};
use super::{AuthorizationFlow, ConsentAnswer, FormAction, about};
use crate::client_metadata::ClientTrust;
use crate::clients::Clients;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::next::{Next, Step};

/// A decision whose form proved itself: it was displayed to this browser for this ticket.
struct SubmittedDecision<'a> {
    answer: &'a ConsentAnswer,
    ticket: Ticket,
    browser: BrowserId,
    displayed: Displayed,
    decision: Decision,
    id: AuthorizationId,
}

impl AuthorizationFlow {
    pub(crate) async fn decide(self, answer: ConsentAnswer) -> Result<Next, Error> {
        self.0.state.clone().to_the_end(async move { self.decide_once(&answer).await }).await
    }

    async fn decide_once(&self, answer: &ConsentAnswer) -> Result<Next, Error> {
        let (call, issuer, keys) = (&self.0, self.0.issuer(), self.0.keys());
        form::same_site(answer.sec_fetch_site.as_deref(), answer.origin.as_deref(), &issuer.url)?;
        let ticket = Ticket::open(&answer.ticket, issuer, keys, call.now)?;
        let again = |refusal| self.back_to_page(answer, refusal);
        let browsers = answer.cookies.form_browsers(issuer, keys).map_err(again)?;
        let (browser, displayed) = form::displayed(&answer.form_token, keys, &ticket, &browsers).map_err(again)?;
        let decision = match answer.action.ok_or_else(|| again(Refusal::DecisionMissing))? {
            FormAction::Approve => Decision::Approve,
            FormAction::Deny => Decision::Deny,
            FormAction::NotMe => {
                let step = Step::Redirect(call.serving.consent_url(&answer.ticket));
                return Ok(Next { step, set_cookies: vec![session::delete(issuer)] });
            }
        };
        let id = ticket.authorization_id(issuer, keys, browser)?;
        let submitted = SubmittedDecision { answer, ticket, browser, displayed, decision, id };
        until_committed(|| self.record_decision(&submitted)).await
    }

    async fn record_decision(&self, submitted: &SubmittedDecision<'_>) -> Result<Commit<Next>, Error> {
        let (call, issuer) = (&self.0, self.0.issuer());
        let SubmittedDecision { answer, ticket, browser, displayed, decision, id } = submitted;
        if let Some(stored) = self.decision_in(ticket, &answer.cookies).await? {
            return Ok(Commit::Done(self.decided(&stored, *decision, &answer.cookies).await?));
        }
        let client = Clients(call).resolve(&ticket.request.client_id, ClientTrust::Stranger).await?;
        let resource = ticket.request.still_holds(issuer, &client.client)?;
        let known = known(call, ticket, &client, &answer.cookies).await?;
        let (text, browser) = (&*answer.ticket, *browser);
        let view = View { call, text, ticket, client: client.clone(), resource, browser, known };
        let Some(seen) = view.seen(*displayed) else {
            let mut page = view.page(NamedScreen::Full);
            page.changed = true;
            return Ok(Commit::Done(Next::page(Step::Consent(Box::new(page)))));
        };
        let point = DecisionPoint { id: *id, browser, attempt: call.attempt, at: call.now };
        let mut decided = Decided::new(ticket.clone(), issuer, &client.client, point);
        self.apply_choice(&mut decided, submitted, &seen, resource)?;
        let denied = self.denial_event(&decided, *decision, &seen);
        let authorization = Authorization::decide(decided, *decision, seen, call.keys());
        // Before anything is stored: if the upstream is unavailable, the person can press the button again.
        let next = self.decided(&authorization, *decision, &answer.cookies).await?;
        let record = client.record.as_ref();
        let new = NewDecision { authorization: &authorization, client: record, event: denied.as_ref() };
        let commit = call.store().decide(issuer, &new, call.now).await?;
        Ok(commit.with(next))
    }

    /// RFC 6749 §3.3: the person may grant less than was requested, and the token says so (E3). The page with one button
    /// has nothing to untick.
    fn apply_choice(
        &self,
        decided: &mut Decided,
        submitted: &SubmittedDecision<'_>,
        seen: &PresentedScreen,
        resource: &Resource,
    ) -> Result<(), Error> {
        if submitted.decision == Decision::Approve && matches!(seen, PresentedScreen::Full { .. }) {
            let answer = submitted.answer;
            let approved = resource.approved_scopes(&decided.requested_scopes, &answer.chosen_scopes);
            decided.scopes = approved.map_err(|refusal| self.back_to_page(answer, refusal))?;
        }
        Ok(())
    }

    /// A denial is an event only if the page named the person. A stranger leaves no event behind.
    fn denial_event(&self, decided: &Decided, decision: Decision, seen: &PresentedScreen) -> Option<Event> {
        match (decision, seen.presented_to()) {
            (Decision::Deny, Some(subject)) => {
                let kind = EventKind::ConsentDenied { requested: decided.requested_scopes.to_string() };
                Some(self.0.event(kind, about(decided, subject)))
            }
            (Decision::Deny, None) | (Decision::Approve, _) => None,
        }
    }

    /// Approves for a person who need not be asked; `None` if something has changed meanwhile. In one browser one ticket
    /// is one decision, however often it is opened.
    pub(super) async fn approve_unseen(
        &self,
        view: &View<'_>,
        seen: PresentedScreen,
        cookies: &Cookies,
    ) -> Result<Option<Next>, Error> {
        let View { ticket, client, browser, .. } = view;
        let (call, issuer, decision) = (&self.0, self.0.issuer(), Decision::Approve);
        let authorization = match self.decision_in(ticket, cookies).await? {
            Some(stored) => stored,
            None => {
                let id = ticket.authorization_id(issuer, call.keys(), *browser)?;
                let point = DecisionPoint { id, browser: *browser, attempt: call.attempt, at: call.now };
                let decided = Decided::new((*ticket).clone(), issuer, &client.client, point);
                let authorization = Authorization::decide(decided, decision, seen, call.keys());
                if let Authorization::Approved(approved) = &authorization {
                    self.login_url(approved).await?;
                }
                let record = client.record.as_ref();
                let new = NewDecision { authorization: &authorization, client: record, event: None };
                match call.store().decide(issuer, &new, call.now).await? {
                    Commit::Done(_) => authorization,
                    Commit::Conflict => return Ok(None),
                }
            }
        };
        Ok(Some(self.decided(&authorization, decision, cookies).await?))
    }

    /// The decision that this browser has made about the ticket, under any of the browser's ids.
    async fn decision_in(&self, ticket: &Ticket, cookies: &Cookies) -> Result<Option<Authorization>, Error> {
        let (call, issuer) = (&self.0, self.0.issuer());
        for browser in cookies.browsers(issuer, call.keys()) {
            let id = ticket.authorization_id(issuer, call.keys(), browser)?;
            if let Some(stored) = call.store().authorization(issuer, id, call.now).await? {
                return Ok(Some(stored.value));
            }
        }
        Ok(None)
    }

    /// The answer to a decision on record: the same whenever the decision is sent again.
    async fn decided(
        &self,
        authorization: &Authorization,
        decision: Decision,
        cookies: &Cookies,
    ) -> Result<Next, Error> {
        let (issuer, keys) = (self.0.issuer(), self.0.keys());
        match authorization.confirm(decision)? {
            Confirmed::Denied(denied) => {
                let decided = &denied.decided;
                Ok(Next::redirect(response::denied(&decided.redirect_uri, decided.state.as_deref(), &issuer.url)))
            }
            Confirmed::Approved(approved) => {
                let decided = &approved.decided;
                let login = LoginCookie::new(decided.id, decided.browser, issuer, decided.at);
                let mut set_cookies = vec![login.set(issuer, keys.active(Purpose::Cookie))];
                set_cookies.extend(cookies.surplus_logins(issuer, decided.id));
                Ok(Next { step: Step::Redirect(self.login_url(approved).await?), set_cookies })
            }
        }
    }

    async fn login_url(&self, approved: &Approved) -> Result<String, Error> {
        let serving = &self.0.serving;
        let secrets = serving.login_secrets(approved)?;
        serving.upstream.login_url(&secrets, self.0.now).await.map_err(|error| {
            let cause = format!("{:#}", error.cause);
            tracing::warn!(issuer.id = %serving.issuer.id, error = cause, "cannot ask the upstream");
            error.failure.refusal().into()
        })
    }

    fn back_to_page(&self, answer: &ConsentAnswer, refusal: Refusal) -> Error {
        Error::from(refusal).returning(self.0.serving.consent_url(&answer.ticket), self.0.issuer().name.clone())
    }
}
