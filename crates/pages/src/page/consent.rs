//! The consent page, and the values that it shares with its two variants.

use lychgate_api::v1::{self, EarlierAnswer};
use serde::Serialize;

use super::client::Asker;
use super::link;
use super::{Incomplete, Page};
use crate::message::Message;
use crate::value::Value;

/// "claude.ai wants to use Team Notes as you."
#[derive(Debug, Serialize)]
pub struct ConsentPage {
    #[serde(flatten)]
    pub(super) view: ConsentView,
    /// "Did you just come from there?"
    question: Message,
    groups: Vec<ScopeGroup>,
    /// True if a scope can be unticked.
    has_choice: bool,
    /// Links that tick only the scopes that change nothing, or all; absent if they would do the same.
    presets: Option<Message>,
    /// What the person comes to next: the upstream, or the app.
    next: Message,
    /// True if the person approved before and has not signed in: this answer replaces that one.
    approved: bool,
    /// True if the person approved before and the login has begun: what was chosen is fixed.
    signing_in: bool,
    /// True in a browser that an app shows in itself.
    embedded: bool,
}

/// The values that the consent page and its two variants share.
#[derive(Debug, Serialize)]
pub(super) struct ConsentView {
    /// The target of the form: the issuer's own `/consent`.
    pub(super) action: String,
    pub(super) ticket: String,
    pub(super) form_token: String,
    /// The first sentence.
    pub(super) lead: Message,
    pub(super) asker: Asker,
    pub(super) resource: Resource,
    pub(super) scopes: Vec<Scope>,
    pub(super) upstream_name: String,
    /// "Team Notes gets access to your account at GitHub." Absent if it gets none.
    pub(super) upstream_tokens: Option<Message>,
    pub(super) lifetime: Value,
    pub(super) changed: bool,
    pub(super) person: Option<Person>,
    pub(super) policy: Option<Policy>,
}

/// A protected resource.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Resource {
    pub(super) uri: String,
    pub(super) name: Value,
}

/// Scopes under one heading.
#[derive(Debug, Serialize)]
struct ScopeGroup {
    /// Absent if all scopes are in one group.
    heading: Option<Message>,
    scopes: Vec<Scope>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Scope {
    pub(super) name: String,
    pub(super) description: Value,
    /// True if the person can untick it.
    optional: bool,
    /// True if the person could untick it, left it ticked, and can no longer change that.
    fixed: bool,
    ticked: bool,
    /// True if the person's earlier answer left it out.
    #[serde(skip)]
    left_out: bool,
    /// True if the person has not allowed this scope before.
    added: bool,
    pub(super) read_only: bool,
    /// "unlocks 4 tools"
    tools: Option<Message>,
}

/// The person who seems to be signed in.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Person {
    /// May be empty.
    name: String,
    /// An address or an id.
    account: String,
    /// The name, or the account if there is no name.
    pub(super) display_name: String,
}

/// A policy of the operator's that the person agrees to.
#[derive(Debug, Serialize)]
pub(super) struct Policy {
    version: String,
    /// Absent if the policy is published nowhere.
    link: Option<Value>,
    /// True if the person last agreed to another version.
    changed: bool,
}

impl ConsentView {
    pub(super) fn new(action: String, page: v1::ConsentPage) -> Result<Self, Incomplete> {
        let asker = Asker::new(page.client.ok_or(Incomplete)?, page.redirect.ok_or(Incomplete)?)?;
        let resource = Resource::new(page.resource.ok_or(Incomplete)?);
        let lead = asker.lead("lead").with("resource", resource.name.clone());
        let upstream_tokens = page.upstream_tokens.then(|| {
            let message = Message::new("upstream-tokens").with("resource", resource.name.clone());
            message.with("upstream", page.upstream_name.as_str())
        });
        Ok(Self {
            upstream_tokens,
            action,
            ticket: page.ticket,
            form_token: page.form_token,
            lead,
            asker,
            scopes: page.scopes.into_iter().map(|scope| Scope::new(&resource.uri, scope)).collect(),
            resource,
            upstream_name: page.upstream_name,
            lifetime: Value::duration(page.grant_lifetime_seconds),
            changed: page.changed,
            person: page.person.and_then(Person::new),
            policy: page.policy.map(Policy::new),
        })
    }
}

impl ConsentPage {
    /// Fails if the client, the redirect or the resource is missing: a person must not decide without them.
    ///
    /// `action` is the issuer's own `/consent`; `embedded` is true in a browser that an app shows in itself.
    pub fn new(action: String, embedded: bool, page: v1::ConsentPage) -> Result<Self, Incomplete> {
        let earlier = EarlierAnswer::try_from(page.earlier_answer).map_err(|_| Incomplete)?;
        let mut view = ConsentView::new(action, page)?;
        let (approved, signing_in) = (earlier == EarlierAnswer::Approved, earlier == EarlierAnswer::SigningIn);
        if signing_in {
            view.scopes.retain(|scope| !scope.left_out);
            view.scopes.iter_mut().for_each(Scope::fix);
        }
        let optional = || view.scopes.iter().filter(|scope| scope.optional);
        let offers_presets =
            optional().any(|scope| !scope.read_only) && view.scopes.iter().any(|scope| scope.read_only);
        let preset = |name: &str, text| {
            let uri = link::full_page(&view.action, &view.ticket, &[("choose", name)]);
            Value::link(uri, Message::new(text))
        };
        let presets = || {
            let message = Message::new("presets").with("read_only", preset("read_only", "preset-read-only"));
            message.with("everything", preset("everything", "preset-everything"))
        };
        let next = if view.person.is_some() { "next-known" } else { "next-sign-in" };
        Ok(Self {
            question: view.asker.sentence("question"),
            groups: groups(&view.scopes),
            has_choice: optional().next().is_some(),
            presets: offers_presets.then(presets),
            next: Message::new(next).with("upstream", view.upstream_name.as_str()),
            approved,
            signing_in,
            embedded,
            view,
        })
    }
}

/// The scopes that change nothing and the others apart, if the operator marked some.
fn groups(scopes: &[Scope]) -> Vec<ScopeGroup> {
    let (reading, changing): (Vec<_>, Vec<_>) = scopes.iter().cloned().partition(|scope| scope.read_only);
    if reading.is_empty() {
        return vec![ScopeGroup { heading: None, scopes: changing }];
    }
    [("group-changing", changing), ("group-reading", reading)]
        .into_iter()
        .filter(|(_, scopes)| !scopes.is_empty())
        .map(|(heading, scopes)| ScopeGroup { heading: Some(Message::new(heading)), scopes })
        .collect()
}

impl Resource {
    pub(super) fn new(resource: v1::ConsentResource) -> Self {
        Self { name: Value::resource(&resource.uri, &resource.name), uri: resource.uri }
    }
}

impl Scope {
    pub(super) fn new(resource: &str, scope: v1::ConsentScope) -> Self {
        Self {
            description: Value::scope(resource, &scope.name, &scope.description),
            name: scope.name,
            optional: scope.optional,
            fixed: false,
            ticked: !scope.starts_unticked,
            left_out: scope.left_out,
            added: scope.added,
            read_only: scope.read_only,
            tools: (scope.tools > 0).then(|| Message::new("tools").with("count", scope.tools)),
        }
    }

    /// What the person chose stays, and can no longer be changed.
    fn fix(&mut self) {
        self.fixed = self.optional;
        self.optional = false;
    }
}

impl Person {
    /// `None` without an account: people choose their names themselves.
    pub(super) fn new(person: v1::Person) -> Option<Self> {
        let v1::Person { name, account } = person;
        let display_name = if name.is_empty() { account.clone() } else { name.clone() };
        (!account.is_empty()).then_some(Self { name, account, display_name })
    }
}

impl Policy {
    fn new(policy: v1::ConsentPolicy) -> Self {
        // Only an https URI becomes a link.
        let link = policy.uri.starts_with("https://").then(|| Value::Link {
            uri: policy.uri,
            text: Message::new("policy-version").with("version", policy.version.as_str()),
            beside: true,
        });
        Self { version: policy.version, link, changed: policy.changed }
    }
}

impl Page for ConsentPage {
    fn title(&self) -> Message {
        self.view.lead.clone()
    }

    fn resource(&self) -> Option<&str> {
        Some(&self.view.resource.uri)
    }
}
