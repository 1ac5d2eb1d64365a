//! The answer of a step to the browser: a redirect or a page, with cookies.

use lychgate_domain::browser::cookie::SetCookie;
use lychgate_domain::browser::session::Person;
use lychgate_domain::client::redirect_uri::RedirectUri;
use lychgate_domain::flow::LoginFailure;
use lychgate_domain::issuer::{PublishedPolicy, Resource};
use lychgate_domain::scope::Scopes;

use crate::clients::ResolvedClient;
use crate::ground::error::ReturnTo;

/// The answer of a step.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) step: Step,
    pub(crate) set_cookies: Vec<SetCookie>,
}

#[derive(Debug)]
pub(crate) enum Step {
    Redirect(String),
    Consent(Box<ConsentPage>),
    /// One button, for a consent that was given before.
    OneClick(Box<ConsentPage>),
    /// The person who has just signed in is asked whether it was they.
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
pub(crate) struct ConsentPage {
    pub(crate) ticket: String,
    pub(crate) form_token: String,
    pub(crate) client: ResolvedClient,
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) resource: Resource,
    pub(crate) scopes: Scopes,
    /// The scopes of a consent that the person gave this client before.
    pub(crate) allowed: Option<Scopes>,
    pub(crate) policy: Option<ShownPolicy>,
    pub(crate) upstream_name: String,
    pub(crate) grant_lifetime_seconds: u64,
    pub(crate) changed: bool,
    /// The person that the browser's session names.
    pub(crate) person: Option<Person>,
}

/// The operator's policy, as the page links it.
#[derive(Debug)]
pub(crate) struct ShownPolicy {
    pub(crate) policy: PublishedPolicy,
    /// The person's earlier consent was given under another version.
    pub(crate) is_new: bool,
}

impl Next {
    pub(crate) fn redirect(location: String) -> Self {
        Self { step: Step::Redirect(location), set_cookies: Vec::new() }
    }

    pub(crate) fn page(step: Step) -> Self {
        Self { step, set_cookies: Vec::new() }
    }
}
