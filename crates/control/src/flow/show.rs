//! `GET /consent`: what the page says, and how much of it. Nothing is written, but for silent clients.

use std::sync::Arc;

use lychgate_domain::browser::cookie::{self, Cookies};
use lychgate_domain::consent::form::NamedScreen;
use lychgate_domain::consent::{ConsentScreen, PresentedScreen, prompt};
use lychgate_domain::entropy::random;
use lychgate_domain::id::{Attempt, BrowserId};
use lychgate_domain::request::ticket::Ticket;

use super::visitor::View;
use super::{Next, Step};
use crate::client_metadata::ClientTrust;
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::issuers::Serving;
use crate::state::Control;

/// A browser at `/consent`.
#[derive(Debug)]
pub struct Visit {
    pub ticket: String,
    pub cookies: Cookies,
    pub sec_fetch_site: Option<String>,
    /// The person asked for everything.
    pub whole_page: bool,
}

impl Control {
    pub async fn show(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        attempt: Attempt,
        visit: Visit,
    ) -> Result<Next, Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let serving = &control.issuer(&issuer_id, &caller).await?;
            control.show_to(serving, attempt, &visit).await
        })
        .await
    }

    async fn show_to(&self, serving: &Serving, attempt: Attempt, visit: &Visit) -> Result<Next, Error> {
        let (issuer, now) = (&*serving.issuer, self.clock.now());
        let ticket = &Ticket::open(&visit.ticket, issuer, serving.keys(), now)?;
        let client = self.client(issuer, &ticket.request.client_id, ClientTrust::Stranger, now).await?;
        let resource = ticket.request.still_holds(issuer, &client.client)?;
        let returning = visit.cookies.browsers(issuer, serving.keys()).into_iter().next();
        let browser = returning.unwrap_or_else(|| BrowserId::from_bytes(random(&*self.entropy)));
        let known = self.known(serving, ticket, &client, &visit.cookies, now).await?;
        let view = View { serving, text: &visit.ticket, ticket, client, resource, browser, known, now };
        let shown = match visit.whole_page {
            true => ConsentScreen::Full,
            false => prompt::consent_screen(
                issuer,
                &ticket.request,
                view.covered().as_ref(),
                visit.sec_fetch_site.as_deref(),
            ),
        };
        let step = match (shown, &view.known) {
            (ConsentScreen::Skipped, Some(known)) => {
                let seen = PresentedScreen::Skipped { presented_to: known.person.subject.clone() };
                if let Some(next) = self.approve_unseen(&view, seen, attempt, &visit.cookies).await? {
                    return Ok(next);
                }
                Step::Consent(Box::new(view.page(NamedScreen::Full)))
            }
            (ConsentScreen::OneClick, Some(_)) => Step::Remembered(Box::new(view.page(NamedScreen::OneClick))),
            (ConsentScreen::Full, _) | (ConsentScreen::OneClick | ConsentScreen::Skipped, None) => {
                Step::Consent(Box::new(view.page(NamedScreen::Full)))
            }
        };
        let set_cookies = match returning {
            Some(_) => visit.cookies.surplus_browsers(issuer, serving.keys()),
            None => vec![cookie::set_browser(issuer, serving.keys(), browser)],
        };
        Ok(Next { step, set_cookies })
    }
}
