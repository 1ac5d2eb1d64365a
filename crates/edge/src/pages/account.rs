//! The page of connected apps, and the page that leads to it by signing in.

use lychgate_api::Reason;
use lychgate_api::v1::{self, RedirectKind};
use serde::Serialize;

use super::Page;
use super::consent::{Resource, Scope};
use super::day::Day;
use crate::failure::Failure;
use crate::messages;

#[derive(Debug, Serialize)]
pub(crate) struct SignInPage {
    /// The target of the form: the issuer's own `/account/sign-in`.
    action: String,
    upstream_name: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct AccountPage {
    /// The targets of the forms: the issuer's own `/account/revoke` and `/account/sign-out`.
    revoke_action: String,
    sign_out_action: String,
    upstream_name: String,
    apps: Vec<ConnectedApp>,
    /// True if the person has more than one app, listed or not; the page then offers to revoke all of them at once.
    several: bool,
    revoked: Vec<RevokedApp>,
    incomplete: bool,
    revoke_all_token: String,
}

#[derive(Debug, Serialize)]
pub(super) struct ConnectedApp {
    client: ConnectedClient,
    redirects: Vec<Target>,
    resource: Resource,
    scopes: Vec<Scope>,
    since: Day,
    last_used: Option<Day>,
    form_token: String,
}

#[derive(Debug, Serialize)]
pub(super) struct RevokedApp {
    client: ConnectedClient,
    resource: Resource,
    revoked: Day,
}

#[derive(Debug, Serialize)]
pub(super) struct ConnectedClient {
    /// Never empty.
    name: String,
    named: bool,
    unverified: bool,
    metadata_host: String,
    removed: bool,
}

/// The kind of place where an app's access went.
#[derive(Debug, Serialize)]
pub(super) struct Target {
    host: String,
    web: bool,
    loopback: bool,
}

impl SignInPage {
    /// `path` is the issuer's.
    pub(crate) fn new(path: &str, page: v1::SignInPage) -> Self {
        Self { action: format!("{path}/account/sign-in"), upstream_name: page.upstream_name }
    }
}

impl AccountPage {
    /// `path` is the issuer's. Fails if an app lacks its client, resource or date: the page must not leave out who has access.
    pub(crate) fn new(path: &str, page: v1::AccountPage) -> Result<Self, Failure> {
        let fault = || Failure::new(Reason::Fault);
        Ok(Self {
            revoke_action: format!("{path}/account/revoke"),
            sign_out_action: format!("{path}/account/sign-out"),
            upstream_name: page.upstream_name,
            several: page.apps.len() > 1 || page.incomplete,
            apps: page.apps.into_iter().map(connected).collect::<Option<_>>().ok_or_else(fault)?,
            revoked: page.revoked.into_iter().map(revoked).collect::<Option<_>>().ok_or_else(fault)?,
            incomplete: page.incomplete,
            revoke_all_token: page.revoke_all_token,
        })
    }
}

fn connected(app: v1::ConnectedApp) -> Option<ConnectedApp> {
    Some(ConnectedApp {
        client: client(app.client?),
        redirects: app.redirects.into_iter().map(target).collect::<Option<_>>()?,
        resource: app.resource?.into(),
        scopes: app.scopes.into_iter().map(Scope::from).collect(),
        since: Day::of(app.create_time?)?,
        last_used: match app.last_use_time {
            Some(time) => Some(Day::of(time)?),
            None => None,
        },
        form_token: app.form_token,
    })
}

fn revoked(app: v1::RevokedApp) -> Option<RevokedApp> {
    let revoked = Day::of(app.revoke_time?)?;
    Some(RevokedApp { client: client(app.client?), resource: app.resource?.into(), revoked })
}

fn client(client: v1::ConnectedClient) -> ConnectedClient {
    let named = !client.name.is_empty();
    let name = match (named, client.removed) {
        (true, _) => client.name,
        (false, true) => messages::UNREGISTERED_APP.to_owned(),
        (false, false) if !client.metadata_host.is_empty() => messages::app_of(&client.metadata_host),
        (false, false) => messages::UNNAMED_APP.to_owned(),
    };
    let v1::ConnectedClient { unverified, metadata_host, removed, .. } = client;
    ConnectedClient { name, named, unverified, metadata_host, removed }
}

/// `None` for an unknown kind of redirect.
fn target(redirect: v1::ConsentRedirect) -> Option<Target> {
    let kind = RedirectKind::try_from(redirect.kind).ok().filter(|kind| *kind != RedirectKind::Unspecified)?;
    let (web, loopback) = (kind == RedirectKind::Web, kind == RedirectKind::Loopback);
    Some(Target { host: redirect.host, web, loopback })
}

impl Page for SignInPage {
    fn title(&self) -> String {
        messages::CONNECTED_APPS_TITLE.to_owned()
    }
}

impl Page for AccountPage {
    fn title(&self) -> String {
        messages::CONNECTED_APPS_TITLE.to_owned()
    }
}
