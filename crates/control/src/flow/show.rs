//! `GET /consent`: the consent page, and how much of it. Nothing is written, except for clients that need no question.

use lychgate_domain::browser::cookie::{self, Cookies};
use lychgate_domain::consent::form::NamedScreen;
use lychgate_domain::consent::{ConsentScreen, PresentedScreen, prompt};
use lychgate_domain::entropy::random;
use lychgate_domain::id::BrowserId;
use lychgate_domain::request::ticket::Ticket;

use super::AuthorizationFlow;
use super::view::{View, known};
use crate::client_metadata::ClientTrust;
use crate::clients::Clients;
use crate::ground::error::Error;
use crate::next::{Next, Step};

/// A browser at `/consent`.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) ticket: String,
    pub(crate) cookies: Cookies,
    pub(crate) sec_fetch_site: Option<String>,
    /// The person asked for the full screen.
    pub(crate) full_screen: bool,
}

impl AuthorizationFlow {
    pub(crate) async fn show(self, visit: Visit) -> Result<Next, Error> {
        self.0.state.clone().to_the_end(async move { self.show_to(&visit).await }).await
    }

    async fn show_to(&self, visit: &Visit) -> Result<Next, Error> {
        let (call, issuer, keys) = (&self.0, self.0.issuer(), self.0.keys());
        let ticket = &Ticket::open(&visit.ticket, issuer, keys, call.now)?;
        let client = Clients(call).resolve(&ticket.request.client_id, ClientTrust::Stranger).await?;
        let resource = ticket.request.still_holds(issuer, &client.client)?;
        let returning = visit.cookies.browsers(issuer, keys).into_iter().next();
        let browser = returning.unwrap_or_else(|| BrowserId::from_bytes(random(call.entropy())));
        let known = known(call, ticket, &client, &visit.cookies).await?;
        let view = View { call, text: &visit.ticket, ticket, client, resource, browser, known };
        let site = visit.sec_fetch_site.as_deref();
        let screen = match visit.full_screen {
            true => ConsentScreen::Full,
            false => prompt::consent_screen(issuer, &ticket.request, view.covered().as_ref(), site),
        };
        let step = match (screen, &view.known) {
            (ConsentScreen::Skipped, Some(known)) => {
                let seen = PresentedScreen::Skipped { presented_to: known.person.subject.clone() };
                if let Some(next) = self.approve_unseen(&view, seen, &visit.cookies).await? {
                    return Ok(next);
                }
                Step::Consent(Box::new(view.page(NamedScreen::Full)))
            }
            (ConsentScreen::OneClick, Some(_)) => Step::OneClick(Box::new(view.page(NamedScreen::OneClick))),
            (ConsentScreen::Full, _) | (ConsentScreen::OneClick | ConsentScreen::Skipped, None) => {
                Step::Consent(Box::new(view.page(NamedScreen::Full)))
            }
        };
        let set_cookies = match returning {
            Some(_) => visit.cookies.surplus_browsers(issuer, keys),
            None => vec![cookie::set_browser(issuer, keys, browser)],
        };
        Ok(Next { step, set_cookies })
    }
}
