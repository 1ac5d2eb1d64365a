//! `GET /consent`: what the page says. Nothing is written.

use lychgate_domain::cookie::{self, Cookies};
use lychgate_domain::entropy::random;
use lychgate_domain::form::{self, Displayed};
use lychgate_domain::id::BrowserId;
use lychgate_domain::issuer::Resource;
use lychgate_domain::ticket::Ticket;

use super::{ConsentPage, Next, Step};
use crate::clients::ResolvedClient;
use crate::control::{Caller, Control};
use crate::documents::Standing;
use crate::error::Error;
use crate::issuers::Serving;

impl Control {
    pub async fn show(&self, caller: &Caller, issuer_id: &str, ticket: &str, cookies: &Cookies) -> Result<Next, Error> {
        let serving = &self.issuer(issuer_id, caller).await?;
        let (issuer, now) = (&*serving.issuer, self.clock.now());
        let opened = Ticket::open(ticket, issuer, serving.keys(), now)?;
        let client = self.client(issuer, &opened.request.client_id, Standing::Stranger, now).await?;
        let resource = opened.request.still_holds(issuer, &client.client)?;
        let known = cookies.browser(issuer, serving.keys());
        let browser = known.unwrap_or_else(|| BrowserId::from_bytes(random(&*self.entropy)));
        let page = consent_page(serving, ticket, &opened, client.clone(), resource, browser);
        let set_cookies = match known {
            Some(_) => Vec::new(),
            None => vec![cookie::set_browser(issuer, serving.keys(), browser)],
        };
        Ok(Next { step: Step::Consent(Box::new(page)), set_cookies })
    }
}

/// The page for a ticket in a browser, as everything is now.
pub(super) fn consent_page(
    serving: &Serving,
    text: &str,
    ticket: &Ticket,
    client: ResolvedClient,
    resource: &Resource,
    browser: BrowserId,
) -> ConsentPage {
    let displayed = Displayed::new(&serving.issuer, &client.client, &ticket.request, resource);
    ConsentPage {
        ticket: text.to_owned(),
        form_token: form::token(serving.keys(), ticket, browser, displayed),
        client,
        redirect_uri: ticket.request.redirect_uri.clone(),
        resource: resource.clone(),
        scopes: ticket.request.scopes.clone(),
        upstream_name: serving.issuer.upstream_name.clone(),
        grant_lifetime_seconds: serving.issuer.lifetimes.grant.as_secs(),
        changed: false,
    }
}
