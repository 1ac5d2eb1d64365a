//! The answer that a browser has given to a ticket: how it is found, and where each answer leads.

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie::{Cookies, LoginCookie};
use lychgate_domain::consent::form::{self, TakeBack};
use lychgate_domain::flow::{Approved, Authorization, CodeIssued, Denied, response};
use lychgate_domain::id::AuthorizationId;
use lychgate_domain::keys::Purpose;
use lychgate_domain::request::ticket::{Ticket, WantedAccount};
use lychgate_domain::request::{self, AuthorizationRequest};
use lychgate_store::authorizations::NewDecision;
use lychgate_store::{GrantStatusKey, Versioned};

use super::AuthorizationFlow;
use crate::account::{self, KnownAs};
use crate::client_metadata::ClientTrust;
use crate::clients::Clients;
use crate::ground::error::{Error, ReturnTo};
use crate::next::{AllowedPage, Next, Standing, Step};

/// A ticket's ids under each of the browser's ids, and the answer that the browser has given under one of them.
pub(super) struct BrowserAnswer {
    pub(super) ids: Vec<AuthorizationId>,
    pub(super) stored: Option<Versioned<Authorization>>,
}

impl BrowserAnswer {
    pub(super) fn authorization(&self) -> Option<&Authorization> {
        self.stored.as_ref().map(|stored| &stored.value)
    }

    /// The decision `next` in place of this answer.
    pub(super) fn decision<'a>(&'a self, next: &'a Authorization) -> NewDecision<'a> {
        let replaces = self.stored.as_ref().map(|stored| stored.version);
        let absent: &[_] = if replaces.is_some() { &[] } else { &self.ids };
        NewDecision { authorization: next, replaces, absent, client: None, event: None }
    }
}

impl AuthorizationFlow {
    /// This browser's answer to the ticket. A browser without a cookie of ours has given none, and costs no read.
    pub(super) async fn browser_answer(&self, ticket: &Ticket, cookies: &Cookies) -> Result<BrowserAnswer, Error> {
        let (call, issuer) = (&self.0, self.0.issuer());
        let browsers = cookies.browsers(issuer, call.keys()).into_iter();
        let ids = browsers.map(|browser| ticket.authorization_id(issuer, call.keys(), browser));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let mut found = call.store().authorizations(issuer, &ids, call.now).await?;
        // One, unless two first answers raced under different ids of the browser: then a denial counts, else the latest.
        found.sort_by_key(|found| (matches!(found.value, Authorization::Denied(_)), found.value.decided().at));
        Ok(BrowserAnswer { ids, stored: found.pop() })
    }

    /// The redirect of an approval of `ticket`: the same whenever the same answer is sent again.
    pub(super) async fn to_upstream(
        &self,
        approved: &Approved,
        ticket: &Ticket,
        cookies: &Cookies,
    ) -> Result<Next, Error> {
        let (issuer, keys, decided) = (self.0.issuer(), self.0.keys(), &approved.decided);
        let login = LoginCookie::new(decided.id, decided.browser, issuer, decided.at);
        let mut set_cookies = vec![login.set(issuer, keys.active(Purpose::Cookie))];
        set_cookies.extend(cookies.surplus_logins(issuer, decided.id));
        Ok(Next { step: Step::Redirect(self.login_url(approved, ticket.account()).await?), set_cookies })
    }

    /// The redirect of a denial: the client hears of it, and nothing else of this request.
    pub(super) fn to_client(&self, denied: &Denied) -> Next {
        Next::redirect(self.denial(denied).uri)
    }

    /// The refusal of every later step of a denied request. It leads to the client with the response that it has had.
    pub(super) fn denied_before(&self, denied: &Denied) -> Error {
        let ReturnTo { uri, label } = self.denial(denied);
        Error::from(Refusal::AlreadyDecided).returning(uri, label)
    }

    /// The error of a refused step; of a denied request it leads to the client.
    pub(super) fn refused(&self, refusal: Refusal, stored: Option<&Authorization>) -> Error {
        match (refusal, stored) {
            (Refusal::AlreadyDecided, Some(Authorization::Denied(denied))) => self.denied_before(denied),
            (refusal, _) => refusal.into(),
        }
    }

    fn denial(&self, Denied { decided }: &Denied) -> ReturnTo {
        ReturnTo {
            uri: response::denied(&decided.redirect_uri, decided.state.as_deref(), &self.0.issuer().url),
            label: decided.redirect_uri.target(),
        }
    }

    /// The error of a person who comes too late. If the client is still to be answered at the redirect URI, as every step
    /// demands, the page has a link back to it. An unavailable client is no reason to say anything else.
    pub(super) async fn too_late(&self, refusal: Refusal, request: &AuthorizationRequest) -> Error {
        let (call, issuer, uri) = (&self.0, self.0.issuer(), &request.redirect_uri);
        let resolved = Clients(call).resolve(&request.client_id, ClientTrust::Stranger).await;
        let is_answered =
            resolved.is_ok_and(|resolved| request::still_registered(issuer, &resolved.client, uri).is_ok());
        let link = is_answered.then(|| response::too_late(uri, &refusal, request.state.as_deref(), &issuer.url));
        match link {
            Some(link) => Error::from(refusal).returning(link, uri.target()),
            None => refusal.into(),
        }
    }

    /// The cookie of a login. If the browser has lost it, or comes after its time, the error leads back to the client.
    pub(super) async fn login_cookie(&self, id: AuthorizationId, cookies: &Cookies) -> Result<LoginCookie, Error> {
        let (call, issuer) = (&self.0, self.0.issuer());
        let refusal = match cookies.login(issuer, call.keys(), id, call.now) {
            Ok(login) => return Ok(login),
            Err(refusal) => refusal,
        };
        let browsers = cookies.browsers(issuer, call.keys());
        // A stranger costs no read.
        if browsers.is_empty() {
            return Err(refusal.into());
        }
        let stored = call.store().authorization(issuer, id, call.now).await?;
        Err(match stored.as_ref().and_then(|stored| stored.value.unfinished_in(&browsers)) {
            Some(decided) => self.too_late(refusal, &decided.request()).await,
            None => refusal.into(),
        })
    }

    /// The page of what `issued` has allowed. The button that takes it back needs the session of the person who allowed
    /// it, in the browser that was given the code.
    pub(super) async fn allowed(
        &self,
        issued: &CodeIssued,
        cookies: &Cookies,
        is_too_late: bool,
    ) -> Result<Next, Error> {
        let (call, issuer, decided) = (&self.0, self.0.issuer(), &issued.approved.decided);
        let (subject, client, resource) = (&issued.subject, &decided.client_id, &decided.resource);
        let key = GrantStatusKey { subject, client, unregistered_status: None, resource };
        let status = call.store().grant_status(issuer, key, call.now).await?;
        let session = cookies.session(issuer, call.keys(), call.now);
        let standing = match session {
            _ if !issued.is_allowed(&status.status, call.now) => Standing::Ended,
            Some(session) if session.person.subject == issued.subject => {
                let what = TakeBack { authorization: decided.id, consent_epoch: issued.consent_epoch };
                Standing::Revocable(form::take_back_token(call.keys(), decided.browser, what))
            }
            Some(_) | None => Standing::OtherSession,
        };
        let known_as = account::known_as(call, client, decided.client_name.as_ref()).await?;
        let (client_name, is_configured, metadata_url) = match known_as {
            KnownAs::Configured { name } => (name, true, None),
            KnownAs::Registered { name } => (name, false, None),
            KnownAs::Document { url, name } => (name, false, Some(url)),
            KnownAs::Gone => (None, false, None),
        };
        let page = AllowedPage {
            client_id: client.clone(),
            client_name,
            is_configured,
            metadata_url,
            redirect_uri: decided.redirect_uri.clone(),
            resource_uri: resource.clone(),
            resource_name: issuer.resource_by_uri(resource).map(|resource| resource.name.clone()),
            scopes: account::described(issuer, resource, decided.scopes.iter()),
            allowed_at: issued.at,
            standing,
            is_too_late,
            return_to: self.denial(&Denied { decided: decided.clone() }),
        };
        Ok(Next::page(Step::Allowed(Box::new(page))))
    }

    /// The upstream's URL for the login of an approval.
    async fn login_url(&self, approved: &Approved, account: WantedAccount) -> Result<String, Error> {
        let serving = &self.0.serving;
        let secrets = serving.login_secrets(approved)?;
        serving.upstream.login_url(&secrets, account, self.0.now).await.map_err(|error| {
            let cause = format!("{:#}", error.cause);
            tracing::warn!(issuer.id = %serving.issuer.id, error = cause, "cannot ask the upstream");
            error.failure.refusal().into()
        })
    }
}
