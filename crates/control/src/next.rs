//! The answer of a step to the browser: a redirect or a page, with cookies.

use lychgate_domain::browser::cookie::SetCookie;
use lychgate_domain::browser::session::Person;
use lychgate_domain::client::metadata_url::MetadataUrl;
use lychgate_domain::client::redirect_uri::RedirectUri;
use lychgate_domain::flow::LoginFailure;
use lychgate_domain::id::ClientId;
use lychgate_domain::issuer::{PublishedPolicy, Resource};
use lychgate_domain::scope::{Scope, Scopes};
use lychgate_domain::time::Timestamp;

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
    /// The page of what a finished request has allowed.
    Allowed(Box<AllowedPage>),
    /// A failure that is on record.
    Failure(Box<FailurePage>),
}

/// Everything that the page of a failed login says.
#[derive(Debug)]
pub(crate) struct FailurePage {
    pub(crate) failure: LoginFailure,
    pub(crate) return_to: ReturnTo,
    /// The person who was not admitted. `None` when the page is opened again: the record does not hold the person.
    pub(crate) person: Option<Person>,
    pub(crate) upstream_name: String,
    /// Starts the request over, with another account.
    pub(crate) another_account_ticket: Option<String>,
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
    /// The optional scopes with a box that starts unticked.
    pub(crate) unticked: Scopes,
    /// The scopes of a consent that the person gave this client before.
    pub(crate) allowed: Option<Scopes>,
    pub(crate) policy: Option<ShownPolicy>,
    pub(crate) upstream_name: String,
    pub(crate) grant_lifetime_seconds: u64,
    pub(crate) changed: bool,
    /// The person that the browser's session names.
    pub(crate) person: Option<Person>,
    /// The approval that this browser gave before.
    pub(crate) earlier: Option<EarlierApproval>,
}

/// An approval on record, as the page that is opened again shows it.
#[derive(Clone, Debug)]
pub(crate) struct EarlierApproval {
    /// The scopes that were approved.
    pub(crate) scopes: Scopes,
    /// Its login has begun: it cannot be changed any more, only denied.
    pub(crate) is_signing_in: bool,
}

/// Everything that the page of a finished request says.
#[derive(Debug)]
pub(crate) struct AllowedPage {
    pub(crate) client_id: ClientId,
    /// The name that an operator or the client itself gave.
    pub(crate) client_name: Option<String>,
    pub(crate) is_configured: bool,
    pub(crate) metadata_url: Option<MetadataUrl>,
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) resource_uri: String,
    pub(crate) resource_name: Option<String>,
    /// Each with its description, unless it is no longer configured.
    pub(crate) scopes: Vec<(Scope, Option<String>)>,
    pub(crate) allowed_at: Timestamp,
    pub(crate) standing: Standing,
    /// The person gave another answer just now, which was not recorded.
    pub(crate) is_too_late: bool,
    pub(crate) return_to: ReturnTo,
}

/// Tells if the page of a finished request can revoke its consent.
#[derive(Debug)]
pub(crate) enum Standing {
    /// With this form token.
    Revocable(String),
    /// The browser's session is not of the person who allowed it.
    OtherSession,
    /// It was revoked, or has expired.
    Ended,
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
