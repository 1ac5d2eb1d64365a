//! The consent page, and the two pages that are a variant of it.

use lychgate_api::Reason;
use lychgate_api::v1::{self, EarlierAnswer, RedirectKind};
use serde::Serialize;

use super::Page;
use super::day::Day;
use crate::failure::Failure;
use crate::messages;

/// "May this app use that with your account?"
#[derive(Debug, Serialize)]
pub(crate) struct ConsentPage {
    /// The target of the form: the issuer's own `/consent`.
    pub(super) action: String,
    pub(super) ticket: String,
    pub(super) form_token: String,
    pub(super) client: Client,
    pub(super) redirect: Redirect,
    pub(super) resource: Resource,
    pub(super) scopes: Vec<Scope>,
    /// True if a scope can be unticked.
    pub(super) has_choice: bool,
    pub(super) upstream_name: String,
    /// In words: "90 days".
    pub(super) lifetime: String,
    pub(super) changed: bool,
    /// True if the person approved before and has not signed in: this answer replaces that one.
    pub(super) approved: bool,
    /// True if the person approved before and the login has begun: what was chosen is fixed.
    pub(super) signing_in: bool,
    pub(super) person: Option<Person>,
    pub(super) policy: Option<Policy>,
}

/// One button, for a person who allowed the same before.
#[derive(Debug, Serialize)]
pub(crate) struct OneClickPage {
    #[serde(flatten)]
    consent: ConsentPage,
    /// The person's name, or the account if there is no name.
    display_name: String,
    /// The address of the full consent page.
    full_page_uri: String,
}

/// "Signed in as X. Not you?"
#[derive(Debug, Serialize)]
pub(crate) struct SignedInPage {
    #[serde(flatten)]
    consent: ConsentPage,
    /// The person's name, or the account if there is no name.
    display_name: String,
    state: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Client {
    /// Never empty: a client without a name gets a substitute.
    name: String,
    named: bool,
    unverified: bool,
    /// Empty for clients without a metadata document.
    metadata_host: String,
    registered_on: Option<Day>,
}

#[derive(Debug, Serialize)]
pub(super) struct Redirect {
    uri: String,
    host: String,
    web: bool,
    loopback: bool,
    private_scheme: bool,
    /// True if the host is not the one of the client's metadata document.
    differs_from_metadata_host: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Resource {
    uri: String,
    /// Never empty: without a name it is the URI.
    name: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Scope {
    name: String,
    /// Never empty: without a description it is the name.
    description: String,
    /// True if the person can untick it.
    optional: bool,
    /// True if the person could untick it, left it ticked, and can no longer change that.
    fixed: bool,
    /// True if the person's earlier answer left it out.
    left_out: bool,
    /// True if the person has not allowed this scope before.
    added: bool,
}

/// The person who seems to be signed in.
#[derive(Debug, Serialize)]
pub(super) struct Person {
    /// May be empty.
    name: String,
    /// An address or an id.
    account: String,
}

/// A policy of the operator's that the person agrees to.
#[derive(Debug, Serialize)]
pub(super) struct Policy {
    version: String,
    /// Empty if the policy is published nowhere.
    uri: String,
    /// True if the person last agreed to another version.
    changed: bool,
}

impl ConsentPage {
    /// Fails if the client, the redirect or the resource is missing: a person must not decide without them.
    pub(crate) fn new(action: String, page: v1::ConsentPage) -> Result<Self, Failure> {
        let fault = || Failure::new(Reason::Fault);
        let earlier = EarlierAnswer::try_from(page.earlier_answer).map_err(|_| fault())?;
        let signing_in = earlier == EarlierAnswer::SigningIn;
        let scopes = page.scopes.into_iter().filter(|scope| !(signing_in && scope.left_out)).map(|scope| Scope {
            optional: scope.optional && !signing_in,
            fixed: scope.optional && signing_in,
            ..Scope::from(scope)
        });
        let scopes: Vec<_> = scopes.collect();
        Ok(Self {
            action,
            ticket: page.ticket,
            form_token: page.form_token,
            client: page.client.and_then(Client::new).ok_or_else(fault)?,
            redirect: page.redirect.and_then(Redirect::new).ok_or_else(fault)?,
            resource: page.resource.map(Resource::from).ok_or_else(fault)?,
            has_choice: scopes.iter().any(|scope| scope.optional),
            scopes,
            upstream_name: page.upstream_name,
            lifetime: messages::duration(page.grant_lifetime_seconds),
            changed: page.changed,
            approved: earlier == EarlierAnswer::Approved,
            signing_in,
            person: page.person.map(|person| Person { name: person.name, account: person.account }),
            policy: page.policy.map(Policy::from),
        })
    }

    /// Fails if the page does not name a person.
    fn display_name(&self) -> Result<String, Failure> {
        let person = self.person.as_ref().filter(|person| !person.account.is_empty());
        let person = person.ok_or_else(|| Failure::new(Reason::Fault))?;
        Ok(if person.name.is_empty() { person.account.clone() } else { person.name.clone() })
    }
}

impl OneClickPage {
    /// Fails without a person: the button must say which person it acts for.
    pub(crate) fn new(consent: ConsentPage) -> Result<Self, Failure> {
        let display_name = consent.display_name()?;
        let ticket: String = url::form_urlencoded::byte_serialize(consent.ticket.as_bytes()).collect();
        let full_page_uri = format!("{}?ticket={ticket}&whole_page=1", consent.action);
        Ok(Self { consent, display_name, full_page_uri })
    }
}

impl SignedInPage {
    /// Fails without a person.
    pub(crate) fn new(consent: ConsentPage, action: String, state: String) -> Result<Self, Failure> {
        let display_name = consent.display_name()?;
        Ok(Self { consent: ConsentPage { action, ..consent }, display_name, state })
    }
}

impl Client {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn new(client: v1::ConsentClient) -> Option<Self> {
        let named = !client.name.is_empty();
        Some(Self {
            name: if named { client.name } else { messages::UNNAMED_APP.to_owned() },
            named,
            unverified: client.unverified,
            metadata_host: client.metadata_host,
            registered_on: match client.create_time {
                Some(time) => Some(Day::of(time)?),
                None => None,
            },
        })
    }
}

impl Redirect {
    /// `None` for an unknown kind, which would have no warning.
    pub(super) fn new(redirect: v1::ConsentRedirect) -> Option<Self> {
        let kind = RedirectKind::try_from(redirect.kind).ok().filter(|kind| *kind != RedirectKind::Unspecified)?;
        let is_complete = !redirect.host.is_empty() && !redirect.uri.is_empty();
        is_complete.then_some(Self {
            uri: redirect.uri,
            host: redirect.host,
            web: kind == RedirectKind::Web,
            loopback: kind == RedirectKind::Loopback,
            private_scheme: kind == RedirectKind::PrivateScheme,
            differs_from_metadata_host: redirect.differs_from_metadata_host,
        })
    }
}

impl From<v1::ConsentResource> for Resource {
    fn from(resource: v1::ConsentResource) -> Self {
        let name = if resource.name.is_empty() { resource.uri.clone() } else { resource.name };
        Self { uri: resource.uri, name }
    }
}

impl From<v1::ConsentScope> for Scope {
    fn from(scope: v1::ConsentScope) -> Self {
        let description = if scope.description.is_empty() { scope.name.clone() } else { scope.description };
        let v1::ConsentScope { name, optional, added, left_out, .. } = scope;
        Self { name, description, optional, fixed: false, left_out, added }
    }
}

impl From<v1::ConsentPolicy> for Policy {
    fn from(policy: v1::ConsentPolicy) -> Self {
        // Only an https URI becomes a link.
        let uri = if policy.uri.starts_with("https://") { policy.uri } else { String::new() };
        Self { version: policy.version, uri, changed: policy.changed }
    }
}

impl Page for ConsentPage {
    fn title(&self) -> String {
        messages::consent_title(&self.client.name, &self.resource.name)
    }
}

impl Page for OneClickPage {
    fn title(&self) -> String {
        messages::continue_title(&self.consent.client.name)
    }
}

impl Page for SignedInPage {
    fn title(&self) -> String {
        messages::signed_in_title(&self.display_name)
    }
}
