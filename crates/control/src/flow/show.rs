//! `GET /consent`: the consent page, and how much of it. Nothing is written, except for clients that need no question.

use lychgate_domain::browser::cookie::{self, Cookies};
use lychgate_domain::consent::boxes::Preset;
use lychgate_domain::consent::form::NamedScreen;
use lychgate_domain::consent::prompt::{Start, consent_screen, screen_again};
use lychgate_domain::consent::{ConsentScreen, PresentedScreen};
use lychgate_domain::entropy::random;
use lychgate_domain::flow::{Approved, AtVisit, Authorization};
use lychgate_domain::id::BrowserId;
use lychgate_domain::request::ticket::Ticket;

use super::AuthorizationFlow;
use super::after_login::failure_page;
use super::view::{View, earlier, known};
use crate::client_metadata::ClientTrust;
use crate::clients::Clients;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::metrics::use_cases::ConsentStep;
use crate::next::{Next, Step};

/// A browser at `/consent`.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) ticket: String,
    pub(crate) cookies: Cookies,
    pub(crate) sec_fetch_site: Option<String>,
    pub(crate) sec_purpose: Option<String>,
    /// The person asked for the full screen.
    pub(crate) full_screen: bool,
    /// The person asked to have these boxes ticked.
    pub(crate) preset: Option<Preset>,
}

impl AuthorizationFlow {
    pub(crate) async fn show(self, visit: Visit) -> Result<Next, Error> {
        let state = self.0.state.clone();
        state.to_the_end(async move { until_committed(|| self.show_to(&visit)).await }).await
    }

    async fn show_to(&self, visit: &Visit) -> Result<Commit<Next>, Error> {
        let (call, issuer, keys) = (&self.0, self.0.issuer(), self.0.keys());
        let ticket = &Ticket::open(&visit.ticket, issuer, keys)?;
        let before = self.browser_answer(ticket, &visit.cookies).await?;
        let stored = before.authorization();
        let approved = match Authorization::at_visit(stored).map_err(|refusal| self.refused(refusal, stored))? {
            AtVisit::Form => None,
            AtVisit::Approved(approved) | AtVisit::SigningIn(approved) => Some(approved),
            AtVisit::Allowed(issued) => return Ok(Commit::Done(self.allowed(issued, &visit.cookies, false).await?)),
            AtVisit::Failed(failed) => return Ok(Commit::Done(failure_page(&call.serving, failed))),
        };
        if let Err(refusal) = ticket.in_time(issuer, call.now) {
            return Err(self.too_late(refusal, &ticket.request).await);
        }
        let client = Clients(call).resolve(&ticket.request.client_id, ClientTrust::Stranger).await?;
        let resource = ticket.request.still_holds(issuer, &client.client)?;
        let returning = visit.cookies.browsers(issuer, keys).into_iter().next();
        let browser = returning.unwrap_or_else(|| BrowserId::from_bytes(random(call.entropy())));
        let known = known(call, ticket, &client, &visit.cookies).await?;
        let (text, earlier) = (&*visit.ticket, earlier(stored));
        let preset = visit.preset.and_then(|preset| preset.followed(visit.sec_fetch_site.as_deref()));
        let view = View { call, text, ticket, client, resource, browser, known, earlier, preset };
        let step = match (view.screen(visit, approved), &view.known, approved) {
            (ConsentScreen::Skipped, Some(_), Some(approved)) => {
                return Ok(Commit::Done(self.to_upstream(approved, ticket, &visit.cookies).await?));
            }
            (ConsentScreen::Skipped, Some(known), None) => {
                let seen = PresentedScreen::Skipped { presented_to: known.person.subject.clone() };
                return self.approve_unseen(&view, seen, &before, &visit.cookies).await;
            }
            (ConsentScreen::OneClick, Some(_), _) => Step::OneClick(Box::new(view.page(NamedScreen::OneClick))),
            (ConsentScreen::Full, _, _) | (ConsentScreen::OneClick | ConsentScreen::Skipped, None, _) => {
                Step::Consent(Box::new(view.page(NamedScreen::Full)))
            }
        };
        call.count(ConsentStep::Shown);
        let set_cookies = match returning {
            Some(_) => visit.cookies.surplus_browsers(issuer, keys),
            None => vec![cookie::set_browser(issuer, keys, browser)],
        };
        Ok(Commit::Done(Next { step, set_cookies }))
    }
}

impl View<'_> {
    /// How much of the page this visit needs. `approved` is the answer that the browser gave before.
    fn screen(&self, visit: &Visit, approved: Option<&Approved>) -> ConsentScreen {
        if visit.full_screen {
            return ConsentScreen::Full;
        }
        let Visit { sec_fetch_site, sec_purpose, .. } = visit;
        let start = Start { sec_fetch_site: sec_fetch_site.as_deref(), sec_purpose: sec_purpose.as_deref() };
        let screen = consent_screen(self.call.issuer(), &self.ticket.request, self.covered().as_ref(), start);
        approved.map_or(screen, |approved| screen_again(screen, approved.seen.screen()))
    }
}
