//! The page of connected apps, and the page that leads to it by signing in.

use lychgate_api::v1;
use serde::Serialize;

use super::client::{Claimed, Redirect};
use super::consent::{Person, Resource, Scope};
use super::{Incomplete, Page};
use crate::message::Message;
use crate::value::Value;

/// "Sign in to see your connected apps."
#[derive(Debug, Serialize)]
pub struct SignInPage {
    /// The target of the form: the issuer's own `/account/sign-in`.
    action: String,
    upstream_name: String,
}

/// "Your connected apps."
#[derive(Debug, Serialize)]
pub struct AccountPage {
    /// The targets of the forms: the issuer's own `/account/revoke` and `/account/sign-out`.
    revoke_action: String,
    sign_out_action: String,
    upstream_name: String,
    person: Option<Person>,
    apps: Vec<ConnectedApp>,
    /// True if the person has more than one app, listed or not; the page then offers to revoke all of them at once.
    several: bool,
    /// Removed in the last two minutes: the page confirms it.
    just_revoked: Vec<RevokedApp>,
    revoked: Vec<RevokedApp>,
    incomplete: bool,
    revoke_all_token: String,
    connection: Option<UpstreamConnection>,
}

/// The connection to the person's account at the identity provider.
#[derive(Debug, Serialize)]
struct UpstreamConnection {
    /// The sentence about its state.
    state: Message,
    /// True if it can be used, and ended.
    in_order: bool,
    /// True if it ended in the last two minutes: the page confirms it.
    just_ended: bool,
    /// The latest sign-in.
    since: Value,
    /// The scopes of the access, in the provider's names.
    scopes: Vec<Value>,
    form_token: String,
}

/// Connections of one kind. A client that is a web page registers anew at each login, and these are told apart by their dates
/// only.
#[derive(Debug, Serialize)]
struct ConnectedApp {
    #[serde(flatten)]
    identity: Identity,
    scopes: Vec<Scope>,
    connections: Vec<Connection>,
}

/// The sentences about a client.
#[derive(Debug, Serialize)]
struct Identity {
    heading: Message,
    claim: Option<Message>,
    doubt: Option<Message>,
    vouched: bool,
    removed: bool,
    /// The places that the access went to, besides the one in the heading.
    others: Vec<Message>,
    resource: Resource,
}

#[derive(Debug, Serialize)]
struct Connection {
    since: Value,
    last_used: Option<Value>,
    expires: Option<Value>,
    form_token: String,
}

#[derive(Debug, Serialize)]
struct RevokedApp {
    #[serde(flatten)]
    identity: Identity,
    revoked: Value,
}

impl SignInPage {
    /// `path` is the issuer's.
    pub fn new(path: &str, page: v1::SignInPage) -> Self {
        Self { action: format!("{path}/account/sign-in"), upstream_name: page.upstream_name }
    }
}

impl AccountPage {
    /// `path` is the issuer's. Fails if an app lacks its client, resource or date, or the connection its state or date: the page
    /// must not leave out who has access.
    pub fn new(path: &str, page: v1::AccountPage) -> Result<Self, Incomplete> {
        let several = page.apps.len() > 1 || page.incomplete;
        let mut apps: Vec<(String, ConnectedApp)> = Vec::new();
        for app in page.apps {
            let (kind, app) = connected(app)?;
            match apps.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, known)) => known.connections.extend(app.connections),
                None => apps.push((kind, app)),
            }
        }
        let (just_revoked, revoked): (Vec<_>, Vec<_>) = page.revoked.into_iter().partition(|app| app.just_now);
        Ok(Self {
            revoke_action: format!("{path}/account/revoke"),
            sign_out_action: format!("{path}/account/sign-out"),
            connection: page.connection.map(|found| connection(found, &page.upstream_name)).transpose()?,
            upstream_name: page.upstream_name,
            person: page.person.and_then(Person::new),
            several,
            apps: apps.into_iter().map(|(_, app)| app).collect(),
            just_revoked: just_revoked.into_iter().map(self::revoked).collect::<Result<_, _>>()?,
            revoked: revoked.into_iter().map(self::revoked).collect::<Result<_, _>>()?,
            incomplete: page.incomplete,
            revoke_all_token: page.revoke_all_token,
        })
    }
}

/// The app, and the kind that it shares with its twins: all that the page says about it but dates.
fn connected(app: v1::ConnectedApp) -> Result<(String, ConnectedApp), Incomplete> {
    let resource = Resource::new(app.resource.ok_or(Incomplete)?);
    let scopes: Vec<_> = app.scopes.into_iter().map(|scope| Scope::new(&resource.uri, scope)).collect();
    let minute =
        |time: Option<prost_types::Timestamp>| time.map(|time| Value::minute(time).ok_or(Incomplete)).transpose();
    let connection = Connection {
        since: minute(app.create_time)?.ok_or(Incomplete)?,
        last_used: minute(app.last_use_time)?,
        expires: app.expire_time.map(|time| Value::day(time).ok_or(Incomplete)).transpose()?,
        form_token: app.form_token,
    };
    let identity = identity(app.client.ok_or(Incomplete)?, app.redirects, resource)?;
    let kind = serde_json::to_string(&(&identity, &scopes)).map_err(|_| Incomplete)?;
    Ok((kind, ConnectedApp { identity, scopes, connections: vec![connection] }))
}

fn connection(connection: v1::UpstreamConnection, upstream: &str) -> Result<UpstreamConnection, Incomplete> {
    use v1::UpstreamConnectionState::{Ended, InOrder, SignInNeeded, Unspecified};
    let state = match v1::UpstreamConnectionState::try_from(connection.state).map_err(|_| Incomplete)? {
        Unspecified => return Err(Incomplete),
        InOrder => Message::new("account-connection-in-order").with("upstream", upstream),
        SignInNeeded => Message::new("account-connection-sign-in").with("upstream", upstream),
        Ended => {
            let time = connection.end_time.and_then(Value::minute).ok_or(Incomplete)?;
            Message::new("account-connection-ended").with("time", time)
        }
    };
    Ok(UpstreamConnection {
        state,
        in_order: connection.state() == InOrder,
        just_ended: connection.just_ended,
        since: connection.sign_in_time.and_then(Value::minute).ok_or(Incomplete)?,
        scopes: connection.scopes.into_iter().map(Value::code).collect(),
        form_token: connection.form_token,
    })
}

fn revoked(app: v1::RevokedApp) -> Result<RevokedApp, Incomplete> {
    let revoked = app.revoke_time.and_then(Value::minute).ok_or(Incomplete)?;
    let resource = Resource::new(app.resource.ok_or(Incomplete)?);
    Ok(RevokedApp { identity: identity(app.client.ok_or(Incomplete)?, Vec::new(), resource)?, revoked })
}

/// The place first, then the claimed name, as on the consent page.
fn identity(
    client: v1::ConnectedClient,
    redirects: Vec<v1::ConsentRedirect>,
    resource: Resource,
) -> Result<Identity, Incomplete> {
    let redirects = redirects.into_iter().map(Redirect::new).collect::<Result<Vec<_>, _>>()?;
    let document = match client.metadata_website {
        Some(website) => Some(Value::host(&website)),
        None if client.metadata_host.is_empty() => None,
        None => Some(Value::code(client.metadata_host)),
    };
    let claimed = Claimed::new(client.name, client.name_withheld, &client.name_doubts);
    let vouched = !client.unverified && !claimed.name.is_empty();
    let places: Vec<_> = redirects.iter().map(|redirect| redirect.sentence("receiver")).collect();
    let mut places = places.into_iter();
    let heading = match () {
        () if vouched => Message::new("app-vouched").with("name", claimed.name.as_str()),
        () => places.next().unwrap_or_else(|| match &document {
            Some(document) => Message::new("app-documented").with("document", document.clone()),
            None => Message::new("app-unknown"),
        }),
    };
    let claim = match () {
        () if client.removed => Some(Message::new("app-removed")),
        () if vouched => Some(Message::new("claim-vouched")),
        () if claimed.withheld => Some(Message::new("claim-withheld")),
        () if claimed.name.is_empty() => None,
        () => Some(match document {
            Some(document) => {
                let claim = Message::new("claim-says-document").with("document", document);
                claim.with("name", claimed.name.as_str())
            }
            None => Message::new("claim-unchecked").with("name", claimed.name.as_str()),
        }),
    };
    let doubt = redirects.first().and_then(|redirect| claimed.doubt(redirect));
    Ok(Identity { heading, claim, doubt, vouched, removed: client.removed, others: places.collect(), resource })
}

impl Page for SignInPage {
    fn title(&self) -> Message {
        Message::new("account-title")
    }
}

impl Page for AccountPage {
    fn title(&self) -> Message {
        Message::new("account-title")
    }
}
