//! The browser's way through an authorization. Each step answers with what the browser does next; no step knows the
//! others.

mod after_login;
mod begin;
mod confirm_login;
mod decide;
mod finish_login;
mod show;
mod visitor;

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie::{Cookies, SetCookie};
use lychgate_domain::browser::session::Person;
use lychgate_domain::client::redirect_uri::RedirectUri;
use lychgate_domain::consent::Decided;
use lychgate_domain::flow::{Approved, LoginFailure, response};
use lychgate_domain::issuer::{IssuerUrl, PublishedPolicy, Resource};
use lychgate_domain::keys::Purpose;
use lychgate_domain::scope::Scopes;
use lychgate_domain::upstream::login::LoginSecrets;

use crate::clients::ResolvedClient;
use crate::ground::error::{Error, ReturnTo};
use crate::issuers::Serving;

pub use confirm_login::Confirmation;
pub use show::Visit;

/// What the browser does next.
#[derive(Debug)]
pub struct Next {
    pub step: Step,
    pub set_cookies: Vec<SetCookie>,
}

#[derive(Debug)]
pub enum Step {
    Redirect(String),
    Consent(Box<ConsentPage>),
    /// One button, for what was allowed before.
    Remembered(Box<ConsentPage>),
    /// The question to whoever has just signed in.
    SignedIn {
        state: String,
        page: Box<ConsentPage>,
    },
    /// A failure that is on record.
    Failure {
        failure: LoginFailure,
        return_to: ReturnTo,
    },
}

/// Everything the consent page says.
#[derive(Debug)]
pub struct ConsentPage {
    pub ticket: String,
    pub form_token: String,
    pub client: ResolvedClient,
    pub redirect_uri: RedirectUri,
    pub resource: Resource,
    pub scopes: Scopes,
    /// What the person allowed this client before, if they did.
    pub allowed: Option<Scopes>,
    pub policy: Option<ShownPolicy>,
    pub upstream_name: String,
    pub grant_lifetime_seconds: u64,
    pub changed: bool,
    /// Who seems to be there.
    pub person: Option<Person>,
}

/// What an operator tells people besides.
#[derive(Debug)]
pub struct ShownPolicy {
    pub policy: PublishedPolicy,
    /// They allowed this client something before, under another one.
    pub is_new: bool,
}

/// The buttons there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressed {
    Approve,
    Deny,
    /// "Not you?"
    NotMe,
}

/// The person's answer, and where it came from.
#[derive(Debug)]
pub struct Answer {
    pub ticket: String,
    pub form_token: String,
    pub decision: Option<Pressed>,
    /// Of the page's optional scopes.
    pub chosen_scopes: Vec<String>,
    pub cookies: Cookies,
    pub sec_fetch_site: Option<String>,
    pub origin: Option<String>,
}

impl Next {
    fn redirect(location: String) -> Self {
        Self { step: Step::Redirect(location), set_cookies: Vec::new() }
    }
}

impl Serving {
    /// A page of ours, for a link.
    fn consent_url(&self, ticket: &str) -> String {
        format!("{}/consent?ticket={ticket}", self.issuer.url.as_str())
    }

    /// What the upstream is asked with.
    fn login_secrets(&self, approved: &Approved) -> Result<LoginSecrets, Error> {
        let key = self.keys().find(Purpose::Login, approved.login_key).ok_or(Refusal::LoginExpired)?;
        Ok(LoginSecrets::derive(key, approved.decided.id))
    }
}

/// A link back to the client that tells it what happened.
fn error_link(decided: &Decided, refusal: &Refusal, issuer: &IssuerUrl) -> ReturnTo {
    ReturnTo {
        uri: response::error(&decided.redirect_uri, refusal, decided.state.as_deref(), issuer),
        label: decided.redirect_uri.target(),
    }
}
