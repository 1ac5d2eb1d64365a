//! The page of connected apps, and the page to sign in with. For a person who has never heard of any of this.

use lychgate_api::Reason;
use lychgate_api::v1::{self, RedirectKind};
use serde::Serialize;

use super::{Date, Page, Resource, Scope, date};
use crate::failure::Failure;
use crate::issuers::Issuer;

#[derive(Debug, Serialize)]
pub(crate) struct SignInPage {
    pub(crate) title: &'static str,
    pub(crate) stylesheet: String,
    pub(crate) issuer_name: String,
    /// Where the form goes: the issuer's own `/account/sign-in`.
    pub(crate) action: String,
    pub(crate) upstream_name: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct AccountPage {
    pub(crate) title: &'static str,
    pub(crate) stylesheet: String,
    pub(crate) issuer_name: String,
    /// Where the forms go: the issuer's own `/account/revoke` and `/account/sign-out`.
    pub(crate) revoke_action: String,
    pub(crate) sign_out_action: String,
    pub(crate) upstream_name: String,
    pub(crate) apps: Vec<ConnectedApp>,
    /// To take back everything is offered to whom it spares something.
    pub(crate) several: bool,
    pub(crate) revoked: Vec<RevokedApp>,
    pub(crate) incomplete: bool,
    pub(crate) revoke_all_token: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct ConnectedApp {
    pub(crate) client: ConnectedClient,
    pub(crate) redirects: Vec<Target>,
    pub(crate) resource: Resource,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) since: Date,
    pub(crate) last_used: Option<Date>,
    pub(crate) form_token: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct RevokedApp {
    pub(crate) client: ConnectedClient,
    pub(crate) resource: Resource,
    pub(crate) revoked: Date,
}

#[derive(Debug, Serialize)]
pub(crate) struct ConnectedClient {
    /// Never empty.
    pub(crate) name: String,
    pub(crate) named: bool,
    pub(crate) unverified: bool,
    pub(crate) metadata_host: String,
    pub(crate) gone: bool,
}

/// Where access went.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) web: bool,
    pub(crate) loopback: bool,
}

const TITLE: &str = "Your connected apps";

impl SignInPage {
    pub(crate) fn new(issuer: &Issuer, stylesheet: String, page: v1::SignInPage) -> Self {
        Self {
            title: TITLE,
            stylesheet,
            issuer_name: issuer.name.clone(),
            action: format!("{}/account/sign-in", issuer.path),
            upstream_name: page.upstream_name,
        }
    }
}

impl AccountPage {
    /// A page that would leave out who has access, to what, or since when is not shown at all.
    pub(crate) fn new(issuer: &Issuer, stylesheet: String, page: v1::AccountPage) -> Result<Self, Failure> {
        let path = &issuer.path;
        Self::whole(page, stylesheet, issuer.name.clone(), path).ok_or_else(|| Failure::new(Reason::Fault))
    }

    fn whole(page: v1::AccountPage, stylesheet: String, issuer_name: String, path: &str) -> Option<Self> {
        Some(Self {
            title: TITLE,
            stylesheet,
            issuer_name,
            revoke_action: format!("{path}/account/revoke"),
            sign_out_action: format!("{path}/account/sign-out"),
            upstream_name: page.upstream_name,
            several: page.apps.len() > 1 || page.incomplete,
            apps: page.apps.into_iter().map(connected).collect::<Option<_>>()?,
            revoked: page.revoked.into_iter().map(revoked).collect::<Option<_>>()?,
            incomplete: page.incomplete,
            revoke_all_token: page.revoke_all_token,
        })
    }
}

fn connected(app: v1::ConnectedApp) -> Option<ConnectedApp> {
    Some(ConnectedApp {
        client: client(app.client?),
        redirects: app.redirects.into_iter().map(target).collect::<Option<_>>()?,
        resource: resource(app.resource?),
        scopes: app.scopes.into_iter().map(Scope::from).collect(),
        since: date(app.create_time?.seconds),
        last_used: app.last_use_time.map(|time| date(time.seconds)),
        form_token: app.form_token,
    })
}

fn revoked(app: v1::RevokedApp) -> Option<RevokedApp> {
    let revoked = date(app.revoke_time?.seconds);
    Some(RevokedApp { client: client(app.client?), resource: resource(app.resource?), revoked })
}

fn client(client: v1::ConnectedClient) -> ConnectedClient {
    let named = !client.name.is_empty();
    let name = match (named, client.removed) {
        (true, _) => client.name,
        (false, true) => "An app that is no longer registered".to_owned(),
        (false, false) if !client.metadata_host.is_empty() => format!("The app of {}", client.metadata_host),
        (false, false) => "An app without a name".to_owned(),
    };
    let v1::ConnectedClient { unverified, metadata_host, removed: gone, .. } = client;
    ConnectedClient { name, named, unverified, metadata_host, gone }
}

/// `None` for a kind that nobody here knows.
fn target(redirect: v1::ConsentRedirect) -> Option<Target> {
    let kind = RedirectKind::try_from(redirect.kind).ok().filter(|kind| *kind != RedirectKind::Unspecified)?;
    let (web, loopback) = (kind == RedirectKind::Web, kind == RedirectKind::Loopback);
    Some(Target { host: redirect.host, web, loopback })
}

fn resource(resource: v1::ConsentResource) -> Resource {
    let name = if resource.name.is_empty() { resource.uri.clone() } else { resource.name };
    Resource { uri: resource.uri, name }
}

impl Page for SignInPage {
    const TEMPLATE: &'static str = "sign_in";

    fn samples() -> Vec<Self> {
        vec![Self {
            title: TITLE,
            stylesheet: "/assets/lychgate-sample.css".to_owned(),
            issuer_name: "Example Gate".to_owned(),
            action: "/account/sign-in".to_owned(),
            upstream_name: "Example Login".to_owned(),
        }]
    }
}

impl Page for AccountPage {
    const TEMPLATE: &'static str = "account";

    fn samples() -> Vec<Self> {
        let named = |name: &str| v1::ConnectedClient { name: name.to_owned(), unverified: true, ..Default::default() };
        let configured = v1::ConnectedClient { unverified: false, ..named("Team Assistant") };
        let documented =
            v1::ConnectedClient { metadata_host: "claude.ai".to_owned(), unverified: true, ..Default::default() };
        let gone = v1::ConnectedClient { removed: true, ..named("") };
        let (web, loopback, private) = (RedirectKind::Web, RedirectKind::Loopback, RedirectKind::PrivateScheme);
        let full = vec![
            app(named("Claude"), &[(web, "claude.ai"), (loopback, "127.0.0.1")]),
            app(configured, &[(web, "assistant.example")]),
            app(documented.clone(), &[(private, "claude")]),
            v1::ConnectedApp { scopes: vec![], last_use_time: None, ..app(gone.clone(), &[]) },
            app(named(""), &[(loopback, "localhost")]),
        ];
        let revoked = [documented, gone, named("Old notes")].map(|client| v1::RevokedApp {
            client: Some(client),
            resource: Some(notes()),
            revoke_time: timestamp(1_795_300_000),
        });
        let only = vec![app(named("Claude"), &[(web, "claude.ai")])];
        [(full, revoked.to_vec(), true), (only, vec![], false), (vec![], vec![], false)].map(sample).into()
    }
}

fn sample((apps, revoked, incomplete): (Vec<v1::ConnectedApp>, Vec<v1::RevokedApp>, bool)) -> AccountPage {
    let page = v1::AccountPage {
        upstream_name: "Example Login".to_owned(),
        apps,
        revoked,
        incomplete,
        revoke_all_token: "all".to_owned(),
    };
    let page = AccountPage::whole(page, "/assets/lychgate-sample.css".to_owned(), "Example Gate".to_owned(), "");
    page.expect("the samples are whole")
}

fn app(client: v1::ConnectedClient, redirects: &[(RedirectKind, &str)]) -> v1::ConnectedApp {
    let scope = |name: &str, words: &str| v1::ConsentScope {
        name: name.to_owned(),
        description: words.to_owned(),
        ..Default::default()
    };
    let redirect = |(kind, host): &(RedirectKind, &str)| v1::ConsentRedirect {
        host: (*host).to_owned(),
        kind: (*kind).into(),
        ..Default::default()
    };
    v1::ConnectedApp {
        client: Some(client),
        redirects: redirects.iter().map(redirect).collect(),
        resource: Some(notes()),
        scopes: vec![scope("notes:read", "Read all your notes"), scope("notes:gone", "")],
        create_time: timestamp(1_793_000_000),
        last_use_time: timestamp(1_795_392_000),
        form_token: "one".to_owned(),
    }
}

fn notes() -> v1::ConsentResource {
    v1::ConsentResource { uri: "https://notes.example/mcp".to_owned(), name: "Team Notes".to_owned() }
}

#[expect(clippy::unnecessary_wraps, reason = "as messages have it")]
fn timestamp(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}
