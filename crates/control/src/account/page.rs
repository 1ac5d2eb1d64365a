//! The page of connected apps, read from the person's consents and connection.

use std::cmp::Reverse;

use lychgate_domain::account::{self, AccountRevocation, AccountSession, ConnectionNotice, RecentRevocation};
use lychgate_domain::browser::cookie::SetCookie;
use lychgate_domain::browser::session::Person;
use lychgate_domain::client::metadata_url::MetadataUrl;
use lychgate_domain::client::redirect_uri::RedirectUri;
use lychgate_domain::consent::{Consent, ConsentState};
use lychgate_domain::id::ClientId;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::registration::document;
use lychgate_domain::scope::{Scope, Scopes};
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_store::GrantStatusKey;
use lychgate_store::account::AccessTimes;

use crate::ground::error::Error;
use crate::state::CallContext;

/// Pages of a hundred consents that are read for one account page, and how many consents it lists, at most.
const MAX_READS: usize = 10;
const MAX_LISTED: usize = 200;
/// As many as one read may ask for.
const CONSENTS_AT_ONCE: usize = 100;

/// The screens of `/account`.
#[derive(Debug)]
pub(crate) enum AccountScreen {
    SignIn { upstream_name: String },
    Apps { page: Box<AppsPage>, session: SetCookie },
}

/// A person's connected apps.
#[derive(Debug)]
pub(crate) struct AppsPage {
    pub(crate) upstream_name: String,
    pub(crate) person: Person,
    /// The latest approval first.
    pub(crate) apps: Vec<ConnectedApp>,
    /// Apps that the person revoked lately, and when; the latest first.
    pub(crate) revoked: Vec<(App, RecentRevocation)>,
    pub(crate) incomplete: bool,
    pub(crate) revoke_all_token: String,
    /// `None` if the page says nothing of a connection.
    pub(crate) connection: Option<ConnectedUpstream>,
}

/// The person's connection to their account at the upstream.
#[derive(Debug)]
pub(crate) struct ConnectedUpstream {
    pub(crate) notice: ConnectionNotice,
    /// The latest login.
    pub(crate) since: Timestamp,
    /// The scopes of the upstream's token. Empty if they are not known.
    pub(crate) scopes: Scopes,
    /// Ends the connection.
    pub(crate) form_token: String,
}

/// A client's access to a resource.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) client_id: ClientId,
    pub(crate) client: KnownAs,
    /// The redirect URIs that received a code.
    pub(crate) redirect_uris: Vec<RedirectUri>,
    pub(crate) resource_uri: String,
    /// `None` if the resource is no longer configured.
    pub(crate) resource_name: Option<String>,
}

#[derive(Debug)]
pub(crate) struct ConnectedApp {
    pub(crate) app: App,
    /// Each with its description, unless it is no longer configured.
    pub(crate) scopes: Vec<(Scope, Option<String>)>,
    pub(crate) since: Timestamp,
    pub(crate) times: AccessTimes,
    pub(crate) form_token: String,
}

/// How a client is known without asking its host.
#[derive(Debug)]
pub(crate) enum KnownAs {
    Configured {
        name: Option<String>,
    },
    Registered {
        name: Option<String>,
    },
    /// With the name that the document said at the latest approval: it may say another by now.
    Document {
        url: MetadataUrl,
        name: Option<String>,
    },
    Gone,
}

impl KnownAs {
    /// The URL of the client's document, if it has one.
    pub(crate) fn document(&self) -> Option<&MetadataUrl> {
        match self {
            KnownAs::Document { url, .. } => Some(url),
            KnownAs::Configured { .. } | KnownAs::Registered { .. } | KnownAs::Gone => None,
        }
    }
}

pub(super) async fn apps_page(call: &CallContext, session: &AccountSession) -> Result<AppsPage, Error> {
    let (issuer, now) = (call.issuer(), call.now);
    let (consents, mut incomplete) = all_consents(call, session.subject()).await?;
    let revoked = consents.iter().filter_map(|consent| Some((account::revoked_lately(consent, now)?, consent)));
    let mut revoked: Vec<_> = revoked.map(|(at, consent)| (at, consent.clone())).collect();
    let mut live = live_consents(call, consents).await?;
    incomplete |= live.len() > MAX_LISTED || revoked.len() > MAX_LISTED;
    live.sort_by_key(|consent| Reverse(consent.approved_at));
    live.truncate(MAX_LISTED);
    revoked.sort_by_key(|(at, _)| Reverse(*at));
    revoked.truncate(MAX_LISTED);
    let times = call.store().access_times(issuer, &live, now).await?;
    let mut page = AppsPage {
        upstream_name: issuer.upstream_name.clone(),
        person: session.person().clone(),
        apps: Vec::with_capacity(live.len()),
        revoked: Vec::with_capacity(revoked.len()),
        incomplete,
        revoke_all_token: session.form_token(&AccountRevocation::All, call.keys(), call.entropy()),
        connection: connection(call, session).await?,
    };
    for (consent, times) in live.into_iter().zip(times) {
        let app = app(call, &consent).await?;
        let revocation = AccountRevocation::One { client_id: consent.client_id, resource: consent.resource };
        page.apps.push(ConnectedApp {
            scopes: described(issuer, &app.resource_uri, consent.scopes.iter()),
            app,
            since: consent.created_at,
            times,
            form_token: session.form_token(&revocation, call.keys(), call.entropy()),
        });
    }
    for (at, consent) in revoked {
        page.revoked.push((app(call, &consent).await?, at));
    }
    Ok(page)
}

async fn connection(call: &CallContext, session: &AccountSession) -> Result<Option<ConnectedUpstream>, Error> {
    let Some(read) = call.store().connection(call.issuer(), session.subject(), call.now).await? else {
        return Ok(None);
    };
    let tokens = read.value.open_tokens(call.issuer(), call.keys());
    let notice = account::connection_notice(&read.value, tokens.as_ref(), call.issuer(), call.now);
    Ok(notice.map(|notice| ConnectedUpstream {
        notice,
        since: read.value.signed_in_at,
        scopes: tokens.map(|tokens| tokens.scope_set()).unwrap_or_default(),
        form_token: session.form_token(&AccountRevocation::Connection, call.keys(), call.entropy()),
    }))
}

/// The live ones among `consents`. An operator may have revoked some, with all others of their client or subject.
pub(super) async fn live_consents(call: &CallContext, consents: Vec<Consent>) -> Result<Vec<Consent>, Error> {
    let mut live = Vec::new();
    for consents in consents.chunks(CONSENTS_AT_ONCE) {
        let of: Vec<_> = consents
            .iter()
            .map(|Consent { subject, client_id: client, resource, .. }| GrantStatusKey {
                subject,
                client,
                unregistered_status: None,
                resource,
            })
            .collect();
        let (statuses, _) = call.store().grant_statuses(call.issuer(), &of, call.now).await?;
        for (consent, stored) in consents.iter().zip(statuses) {
            if consent.state(&stored?.status.counters, call.now) == ConsentState::Live {
                live.push(consent.clone());
            }
        }
    }
    Ok(live)
}

/// The person's consents, and whether there are more.
async fn all_consents(call: &CallContext, subject: &Subject) -> Result<(Vec<Consent>, bool), Error> {
    let (mut consents, mut from) = (Vec::new(), None);
    for _ in 0..MAX_READS {
        let page = call.store().consents_of(call.issuer(), subject, from, call.now).await?;
        consents.extend(page.consents);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    Ok((consents, from.is_some()))
}

async fn app(call: &CallContext, consent: &Consent) -> Result<App, Error> {
    let resource = call.issuer().resource_by_uri(&consent.resource);
    Ok(App {
        client_id: consent.client_id.clone(),
        client: known_as(call, &consent.client_id, consent.client_name.as_ref()).await?,
        redirect_uris: consent.redirect_uris.iter().cloned().map(RedirectUri::from_record).collect(),
        resource_uri: consent.resource.clone(),
        resource_name: resource.map(|resource| resource.name.clone()),
    })
}

/// How the client is known. Its host is not asked: a client with a metadata document has the name `approved`, which the
/// person decided by.
pub(crate) async fn known_as(call: &CallContext, id: &ClientId, approved: Option<&String>) -> Result<KnownAs, Error> {
    if let Some(client) = call.issuer().configured_client(id) {
        return Ok(KnownAs::Configured { name: client.name.clone() });
    }
    if document::is_url(id) {
        let Ok(url) = MetadataUrl::parse(id.as_str()) else { return Ok(KnownAs::Gone) };
        return Ok(KnownAs::Document { url, name: approved.cloned() });
    }
    let client = call.store().client(call.issuer(), id, call.now).await?;
    Ok(client.map_or(KnownAs::Gone, |client| KnownAs::Registered { name: client.value.name }))
}

/// The scopes with their descriptions.
pub(crate) fn described<'a>(
    issuer: &Issuer,
    resource: &str,
    scopes: impl Iterator<Item = &'a Scope>,
) -> Vec<(Scope, Option<String>)> {
    let definitions = issuer.resource_by_uri(resource).map(|resource| resource.scopes.as_slice()).unwrap_or_default();
    let description = |scope: &Scope| {
        let definition = definitions.iter().find(|definition| definition.scope == *scope);
        definition.map(|definition| definition.description.clone())
    };
    scopes.map(|scope| (scope.clone(), description(scope))).collect()
}
