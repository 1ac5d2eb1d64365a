//! `POST /consent`: the decision, once and for good. What was displayed must still be true.

use std::sync::Arc;

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie::{Cookies, LoginCookie};
use lychgate_domain::browser::session;
use lychgate_domain::consent::DecisionPoint;
use lychgate_domain::consent::form::{self, NamedScreen};
use lychgate_domain::consent::{Decided, Decision, PresentedScreen};
use lychgate_domain::event::{Event, EventKind};
use lychgate_domain::flow::{Approved, Authorization, Confirmed, response};
use lychgate_domain::id::Attempt;
use lychgate_domain::keys::Purpose;
use lychgate_domain::request::ticket::Ticket;
use lychgate_domain::time::Timestamp;
use lychgate_store::authorizations::NewDecision;

use super::after_login::about;
use super::visitor::View;
use super::{Answer, Next, Pressed, Step};
use crate::client_metadata::ClientTrust;
use crate::ground::caller::Caller;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::issuers::Serving;
use crate::state::Control;

impl Control {
    pub async fn decide(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        attempt: Attempt,
        answer: Answer,
    ) -> Result<Next, Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let serving = &control.issuer(&issuer_id, &caller).await?;
            control.decide_once(serving, &caller, attempt, &answer, control.clock.now()).await
        })
        .await
    }

    async fn decide_once(
        &self,
        serving: &Serving,
        caller: &Caller,
        attempt: Attempt,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<Next, Error> {
        let (issuer, keys) = (&*serving.issuer, serving.keys());
        form::same_site(answer.sec_fetch_site.as_deref(), answer.origin.as_deref(), &issuer.url)?;
        let ticket = Ticket::open(&answer.ticket, issuer, keys, now)?;
        let again = |refusal| Error::from(refusal).returning(serving.consent_url(&answer.ticket), issuer.name.clone());
        let browsers = answer.cookies.form_browsers(issuer, keys).map_err(again)?;
        let (browser, displayed) = form::displayed(&answer.form_token, keys, &ticket, &browsers).map_err(again)?;
        let decision = match answer.decision.ok_or_else(|| again(Refusal::DecisionMissing))? {
            Pressed::Approve => Decision::Approve,
            Pressed::Deny => Decision::Deny,
            Pressed::NotMe => {
                let step = Step::Redirect(serving.consent_url(&answer.ticket));
                return Ok(Next { step, set_cookies: vec![session::delete(issuer)] });
            }
        };
        let id = ticket.authorization_id(issuer, keys, browser)?;
        until_committed(|| async {
            if let Some(stored) = self.decision_in(serving, &ticket, &answer.cookies, now).await? {
                return Ok(Commit::Done(self.decided(serving, &stored, decision, &answer.cookies, now).await?));
            }
            let client = self.client(issuer, &ticket.request.client_id, ClientTrust::Stranger, now).await?;
            let resource = ticket.request.still_holds(issuer, &client.client)?;
            let known = self.known(serving, &ticket, &client, &answer.cookies, now).await?;
            let text = &*answer.ticket;
            let view = View { serving, text, ticket: &ticket, client: client.clone(), resource, browser, known, now };
            let Some(seen) = view.seen(displayed) else {
                let mut page = view.page(NamedScreen::Full);
                page.changed = true;
                return Ok(Commit::Done(Next { step: Step::Consent(Box::new(page)), set_cookies: Vec::new() }));
            };
            let mut decided =
                Decided::new(ticket.clone(), issuer, &client.client, DecisionPoint { id, browser, attempt, at: now });
            // On the page with one button there is nothing to untick.
            if decision == Decision::Approve && matches!(seen, PresentedScreen::Full { .. }) {
                // RFC 6749 §3.3: less than was asked, and the token says so (E3).
                let asked = &decided.requested_scopes;
                decided.scopes = resource.approved_scopes(asked, &answer.chosen_scopes).map_err(again)?;
            }
            // Whom the page named; who else it was, nobody knows, and no rows are kept of strangers.
            let denied = match (decision, seen.presented_to()) {
                (Decision::Deny, Some(subject)) => {
                    let kind = EventKind::ConsentDenied { requested: decided.requested_scopes.to_string() };
                    let about = about(&decided, subject);
                    Some(Event::new(kind, about, &caller.for_events(issuer), attempt, now))
                }
                (Decision::Deny, None) | (Decision::Approve, _) => None,
            };
            let authorization = Authorization::decide(decided, decision, seen, keys);
            // Before anything is kept: if the upstream is away, the person can press the button again.
            let next = self.decided(serving, &authorization, decision, &answer.cookies, now).await?;
            let record = client.record.as_ref();
            Ok(self
                .store
                .decide(
                    issuer,
                    &NewDecision { authorization: &authorization, client: record, event: denied.as_ref() },
                    now,
                )
                .await?
                .with(next))
        })
        .await
    }

    /// The approval of somebody who is not asked; `None` if something has changed meanwhile. In the same browser the same
    /// ticket is the same decision, however often it is opened.
    pub(super) async fn approve_unseen(
        &self,
        view: &View<'_>,
        seen: PresentedScreen,
        attempt: Attempt,
        cookies: &Cookies,
    ) -> Result<Option<Next>, Error> {
        let View { serving, ticket, client, browser, now, .. } = view;
        let (issuer, keys, decision) = (&*serving.issuer, serving.keys(), Decision::Approve);
        let authorization = match self.decision_in(serving, ticket, cookies, *now).await? {
            Some(stored) => stored,
            None => {
                let id = ticket.authorization_id(issuer, keys, *browser)?;
                let decided = Decided::new(
                    (*ticket).clone(),
                    issuer,
                    &client.client,
                    DecisionPoint { id, browser: *browser, attempt, at: *now },
                );
                let authorization = Authorization::decide(decided, decision, seen, keys);
                if let Authorization::Approved(approved) = &authorization {
                    self.login_url(serving, approved, *now).await?;
                }
                match self
                    .store
                    .decide(
                        issuer,
                        &NewDecision { authorization: &authorization, client: client.record.as_ref(), event: None },
                        *now,
                    )
                    .await?
                {
                    Commit::Done(_) => authorization,
                    Commit::Conflict => return Ok(None),
                }
            }
        };
        Ok(Some(self.decided(serving, &authorization, decision, cookies, *now).await?))
    }

    /// What the browser has decided about the ticket, under any of its ids.
    async fn decision_in(
        &self,
        serving: &Serving,
        ticket: &Ticket,
        cookies: &Cookies,
        now: Timestamp,
    ) -> Result<Option<Authorization>, Error> {
        let (issuer, keys) = (&*serving.issuer, serving.keys());
        for browser in cookies.browsers(issuer, keys) {
            let id = ticket.authorization_id(issuer, keys, browser)?;
            if let Some(stored) = self.store.authorization(issuer, id, now).await? {
                return Ok(Some(stored.value));
            }
        }
        Ok(None)
    }

    /// The answer to a decision that stands: the same whenever it is given again.
    async fn decided(
        &self,
        serving: &Serving,
        authorization: &Authorization,
        decision: Decision,
        cookies: &Cookies,
        now: Timestamp,
    ) -> Result<Next, Error> {
        let issuer = &serving.issuer;
        match authorization.confirm(decision)? {
            Confirmed::Denied(denied) => {
                let decided = &denied.decided;
                Ok(Next::redirect(response::denied(&decided.redirect_uri, decided.state.as_deref(), &issuer.url)))
            }
            Confirmed::Approved(approved) => {
                let decided = &approved.decided;
                let login = LoginCookie::new(decided.id, decided.browser, issuer, decided.at);
                let mut set_cookies = vec![login.set(issuer, serving.keys().active(Purpose::Cookie))];
                set_cookies.extend(cookies.surplus_logins(issuer, decided.id));
                Ok(Next { step: Step::Redirect(self.login_url(serving, approved, now).await?), set_cookies })
            }
        }
    }

    async fn login_url(&self, serving: &Serving, approved: &Approved, now: Timestamp) -> Result<String, Error> {
        let secrets = serving.login_secrets(approved)?;
        serving.upstream.login_url(&secrets, now).await.map_err(|error| {
            tracing::warn!(issuer.id = %serving.issuer.id, error = format!("{:#}", error.cause), "the upstream cannot be asked");
            error.failure.refusal().into()
        })
    }
}
