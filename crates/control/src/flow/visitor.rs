//! Who sits at the browser, as far as is known, and what the consent pages say to them. Nothing is written.

use lychgate_domain::browser::cookie::Cookies;
use lychgate_domain::browser::session::Person;
use lychgate_domain::consent::Present;
use lychgate_domain::consent::form::{self, Displayed, NamedScreen};
use lychgate_domain::consent::{Consent, Counters, Covered, PresentedScreen};
use lychgate_domain::id::BrowserId;
use lychgate_domain::issuer::Resource;
use lychgate_domain::request::ticket::Ticket;
use lychgate_domain::time::Timestamp;
use lychgate_store::GrantStatusKey;

use super::{ConsentPage, ShownPolicy};
use crate::clients::ResolvedClient;
use crate::ground::error::Error;
use crate::issuers::Serving;
use crate::state::Control;

/// A ticket in a browser, as everything is now.
pub(super) struct View<'a> {
    pub(super) serving: &'a Serving,
    pub(super) text: &'a str,
    pub(super) ticket: &'a Ticket,
    pub(super) client: ResolvedClient,
    pub(super) resource: &'a Resource,
    pub(super) browser: BrowserId,
    pub(super) known: Option<Known>,
    pub(super) now: Timestamp,
}

/// Whom the session names, and what stands of theirs.
pub(super) struct Known {
    pub(super) person: Person,
    consent: Option<Consent>,
    counters: Counters,
}

impl Control {
    /// The store is asked only about people it knows: a stranger's request costs no read.
    pub(super) async fn known(
        &self,
        serving: &Serving,
        ticket: &Ticket,
        client: &ResolvedClient,
        cookies: &Cookies,
        now: Timestamp,
    ) -> Result<Option<Known>, Error> {
        let (issuer, request) = (&*serving.issuer, &ticket.request);
        let Some(session) = cookies.session(issuer, serving.keys(), now) else { return Ok(None) };
        let (subject, id) = (&session.person.subject, &request.client_id);
        let standing = self
            .store
            .grant_status(
                issuer,
                GrantStatusKey {
                    subject,
                    client: id,
                    unregistered_status: client.unregistered_status(),
                    resource: &request.resource,
                },
                now,
            )
            .await?;
        let (consent, counters) = (standing.status.consent, standing.status.counters);
        Ok(Some(Known { person: session.person, consent, counters }))
    }
}

impl View<'_> {
    /// That the person who seems to be there allowed all of it before.
    pub(super) fn covered(&self) -> Option<Covered<'_>> {
        let Known { consent, counters, .. } = self.known.as_ref()?;
        consent.as_ref()?.covers(
            &self.ticket.request,
            &Present { issuer: &self.serving.issuer, client: &self.client.client, counters: *counters, now: self.now },
        )
    }

    /// What an answer was given to; `None` if that is not what is true now. A page that named nobody is as good as one
    /// that does: whoever signs in is then asked about nothing that the page did not say.
    pub(super) fn seen(&self, displayed: Displayed) -> Option<PresentedScreen> {
        let anonymous = self.displayed();
        if displayed == anonymous {
            return Some(PresentedScreen::Full { presented_to: None });
        }
        let subject = &self.known.as_ref()?.person.subject;
        if displayed == anonymous.to(subject, NamedScreen::Full) {
            return Some(PresentedScreen::Full { presented_to: Some(subject.clone()) });
        }
        // What was taken back, or has changed, while the button was on the screen is not allowed by it.
        let is_covered = displayed == anonymous.to(subject, NamedScreen::OneClick) && self.covered().is_some();
        is_covered.then(|| PresentedScreen::OneClick { presented_to: subject.clone() })
    }

    pub(super) fn page(self, page: NamedScreen) -> ConsentPage {
        let (issuer, request) = (&self.serving.issuer, &self.ticket.request);
        let displayed = match &self.known {
            Some(known) => self.displayed().to(&known.person.subject, page),
            None => self.displayed(),
        };
        let allowed = self.known.as_ref().and_then(|known| {
            let consent = known.consent.as_ref()?;
            consent.stands(&self.client.client, known.counters, self.now).then_some(consent)
        });
        let policy = issuer.published_policy.as_ref().map(|policy| ShownPolicy {
            policy: policy.clone(),
            is_new: allowed.is_some_and(|consent| !issuer.is_under_policy(consent.policy_version.as_deref())),
        });
        ConsentPage {
            ticket: self.text.to_owned(),
            form_token: form::token(self.serving.keys(), self.ticket, self.browser, displayed),
            redirect_uri: request.redirect_uri.clone(),
            resource: self.resource.clone(),
            scopes: request.scopes.clone(),
            allowed: allowed.map(|consent| consent.scopes.clone()),
            policy,
            upstream_name: issuer.upstream_name.clone(),
            grant_lifetime_seconds: issuer.lifetimes.grant.as_secs(),
            changed: false,
            person: self.known.map(|known| known.person),
            client: self.client,
        }
    }

    fn displayed(&self) -> Displayed {
        Displayed::new(&self.serving.issuer, &self.client.client, &self.ticket.request, self.resource)
    }
}
