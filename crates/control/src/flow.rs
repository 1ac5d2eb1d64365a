//! A browser's way through an authorization. Each step answers with what the browser does next; no step calls another.

mod after_login;
mod answered;
mod begin;
mod confirm_login;
mod decide;
mod finish_login;
mod show;
mod take_back;
mod view;

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie::Cookies;
use lychgate_domain::consent::Decided;
use lychgate_domain::event::EventTarget;
use lychgate_domain::flow::{Approved, response};
use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::keys::Purpose;
use lychgate_domain::subject::Subject;
use lychgate_domain::upstream::login::LoginSecrets;

use crate::ground::error::{Error, ReturnTo, reason};
use crate::issuers::IssuerContext;
use crate::state::CommandContext;

pub(crate) use begin::begin;
pub(crate) use confirm_login::Confirmation;
pub(crate) use show::Visit;

/// The steps of an authorization that may write: consent page, decision, callback, confirmation.
pub(crate) struct AuthorizationFlow(pub(crate) CommandContext);

/// The buttons of the forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormAction {
    Approve,
    Deny,
    /// "Not you?"
    NotMe,
    /// On the page of a finished request.
    TakeBack,
}

/// A submitted consent form, and where the browser says it came from.
#[derive(Debug)]
pub(crate) struct ConsentAnswer {
    pub(crate) ticket: String,
    pub(crate) form_token: String,
    pub(crate) action: Option<FormAction>,
    /// The page's optional scopes that are ticked.
    pub(crate) chosen_scopes: Vec<String>,
    pub(crate) cookies: Cookies,
    pub(crate) sec_fetch_site: Option<String>,
    pub(crate) origin: Option<String>,
}

impl AuthorizationFlow {
    /// The same step at the present time, after it has waited for something.
    fn at_present(&self) -> Self {
        Self(self.0.at_present())
    }
}

impl IssuerContext {
    /// The URL of the consent page of a ticket.
    fn consent_url(&self, ticket: &str) -> String {
        format!("{}/consent?ticket={ticket}", self.issuer.url.as_str())
    }

    /// `state`, `nonce` and PKCE verifier of the login at the upstream.
    fn login_secrets(&self, approved: &Approved) -> Result<LoginSecrets, Error> {
        let key = self.keys().find(Purpose::Login, approved.login_key).ok_or(Refusal::LoginExpired)?;
        Ok(LoginSecrets::derive(key, approved.login_id()))
    }
}

/// A link back to the client that carries the error (RFC 6749 §4.1.2.1).
fn error_link(decided: &Decided, refusal: &Refusal, issuer: &IssuerUrl) -> ReturnTo {
    let error = (reason(refusal).oauth_error(), refusal);
    ReturnTo {
        uri: response::error(&decided.redirect_uri, error, decided.state.as_deref(), issuer),
        label: decided.redirect_uri.target(),
    }
}

fn about(decided: &Decided, subject: &Subject) -> EventTarget {
    EventTarget {
        subject: subject.clone(),
        client_id: decided.client_id.clone(),
        resource: decided.resource.clone(),
        authorization_id: Some(decided.id),
    }
}
