//! The session user, as far as the browser's session names one, and what the consent pages say to them. Nothing is written.

use lychgate_domain::browser::cookie::Cookies;
use lychgate_domain::browser::session::Person;
use lychgate_domain::consent::boxes::{self, Preset};
use lychgate_domain::consent::form::{self, Displayed, NamedScreen};
use lychgate_domain::consent::{Consent, Counters, Covered, Present, PresentedScreen};
use lychgate_domain::flow::{AtVisit, Authorization};
use lychgate_domain::id::BrowserId;
use lychgate_domain::issuer::Resource;
use lychgate_domain::request::ticket::Ticket;
use lychgate_domain::scope::Scopes;
use lychgate_store::GrantStatusKey;

use crate::clients::ResolvedClient;
use crate::ground::error::Error;
use crate::next::{ConsentPage, EarlierApproval, ShownPolicy};
use crate::state::CallContext;

/// A ticket in a browser, with client, resource and consent as they are now.
pub(super) struct View<'a> {
    pub(super) call: &'a CallContext,
    pub(super) text: &'a str,
    pub(super) ticket: &'a Ticket,
    pub(super) client: ResolvedClient,
    pub(super) resource: &'a Resource,
    pub(super) browser: BrowserId,
    pub(super) known: Option<SessionUser>,
    pub(super) earlier: Option<EarlierApproval>,
    /// Boxes that a link of the page ticks.
    pub(super) preset: Option<Preset>,
}

/// The approval that the page shows, if the browser has approved the ticket before and no code was issued.
pub(super) fn earlier(stored: Option<&Authorization>) -> Option<EarlierApproval> {
    let (approved, is_signing_in) = match Authorization::at_visit(stored) {
        Ok(AtVisit::Approved(approved)) => (approved, false),
        Ok(AtVisit::SigningIn(approved)) => (approved, true),
        Ok(AtVisit::Form | AtVisit::Allowed(_) | AtVisit::Failed(_)) | Err(_) => return None,
    };
    Some(EarlierApproval { scopes: approved.decided.scopes.clone(), is_signing_in })
}

/// The person that the session names, and their consent to the client.
pub(super) struct SessionUser {
    pub(super) person: Person,
    consent: Option<Consent>,
    counters: Counters,
}

/// The session user. The store is read only if there is one: the request of a stranger costs no read.
pub(super) async fn known(
    call: &CallContext,
    ticket: &Ticket,
    client: &ResolvedClient,
    cookies: &Cookies,
) -> Result<Option<SessionUser>, Error> {
    let (issuer, request) = (call.issuer(), &ticket.request);
    let Some(session) = cookies.session(issuer, call.keys(), call.now) else { return Ok(None) };
    let (subject, id) = (&session.person.subject, &request.client_id);
    let unregistered_status = client.unregistered_status();
    let status = call
        .store()
        .grant_status(
            issuer,
            GrantStatusKey { subject, client: id, unregistered_status, resource: &request.resource },
            call.now,
        )
        .await?;
    let (consent, counters) = (status.status.consent, status.status.counters);
    Ok(Some(SessionUser { person: session.person, consent, counters }))
}

impl View<'_> {
    /// The session user's consent, if it covers everything that is requested.
    pub(super) fn covered(&self) -> Option<Covered<'_>> {
        let SessionUser { consent, counters, .. } = self.known.as_ref()?;
        let (issuer, client, counters, now) = (self.call.issuer(), &self.client.client, *counters, self.call.now);
        consent.as_ref()?.covers(&self.ticket.request, &Present { issuer, client, counters, now })
    }

    /// The screen that a form was submitted from; `None` if that screen no longer says what is true. A page that named no
    /// person is as good as one that did: a question after the login adds nothing to what the page said.
    pub(super) fn seen(&self, displayed: Displayed) -> Option<PresentedScreen> {
        let anonymous = self.displayed();
        if displayed == anonymous {
            return Some(PresentedScreen::Full { presented_to: None });
        }
        let subject = &self.known.as_ref()?.person.subject;
        if displayed == anonymous.to(subject, NamedScreen::Full) {
            return Some(PresentedScreen::Full { presented_to: Some(subject.clone()) });
        }
        // A consent that was revoked or changed while the button was on the screen is not renewed by it.
        let is_covered = displayed == anonymous.to(subject, NamedScreen::OneClick) && self.covered().is_some();
        is_covered.then(|| PresentedScreen::OneClick { presented_to: subject.clone() })
    }

    pub(super) fn page(self, page: NamedScreen) -> ConsentPage {
        let (issuer, request) = (self.call.issuer(), &self.ticket.request);
        let displayed = match &self.known {
            Some(known) => self.displayed().to(&known.person.subject, page),
            None => self.displayed(),
        };
        let allowed = self.known.as_ref().and_then(|known| {
            let consent = known.consent.as_ref()?;
            consent.stands(&self.client.client, known.counters, self.call.now).then_some(consent)
        });
        let policy = issuer.published_policy.as_ref().map(|policy| ShownPolicy {
            policy: policy.clone(),
            is_new: allowed.is_some_and(|consent| !issuer.is_under_policy(consent.policy_version.as_deref())),
        });
        let unticked = match page {
            NamedScreen::Full => {
                let earlier = self.earlier.as_ref().map(|earlier| &earlier.scopes);
                boxes::unticked(issuer, self.resource, &request.scopes, earlier, self.preset)
            }
            // It has no boxes.
            NamedScreen::OneClick => Scopes::default(),
        };
        ConsentPage {
            unticked,
            ticket: self.text.to_owned(),
            form_token: form::token(self.call.keys(), self.ticket, self.browser, displayed),
            redirect_uri: request.redirect_uri.clone(),
            resource: self.resource.clone(),
            scopes: request.scopes.clone(),
            allowed: allowed.map(|consent| consent.scopes.clone()),
            policy,
            upstream_name: issuer.upstream_name.clone(),
            grant_lifetime_seconds: issuer.lifetimes.grant.as_secs(),
            changed: false,
            earlier: self.earlier,
            person: self.known.map(|known| known.person),
            client: self.client,
        }
    }

    fn displayed(&self) -> Displayed {
        Displayed::new(self.call.issuer(), &self.client.client, &self.ticket.request, self.resource)
    }
}
