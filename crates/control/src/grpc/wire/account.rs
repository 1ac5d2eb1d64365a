//! Conversion of the page of connected apps.

use lychgate_api::v1;
use lychgate_api::v1::account_service_show_response::Page;
use lychgate_domain::account::ConnectionNotice;
use lychgate_domain::client::claimed_name::Receiver;

use super::name::{self, ClientName};
use super::{consent_redirect, person, set_cookie};
use crate::account::{AccountScreen, App, AppsPage, ConnectedApp, ConnectedUpstream, KnownAs};
use crate::ground::protobuf_time::timestamp;

pub(crate) fn shown(screen: AccountScreen) -> v1::AccountServiceShowResponse {
    match screen {
        AccountScreen::SignIn { upstream_name } => {
            let page = Page::SignInPage(v1::SignInPage { upstream_name });
            v1::AccountServiceShowResponse { page: Some(page), set_cookies: Vec::new() }
        }
        AccountScreen::Apps { page, session } => v1::AccountServiceShowResponse {
            page: Some(Page::AccountPage(account_page(*page))),
            set_cookies: vec![set_cookie(session)],
        },
    }
}

fn account_page(page: AppsPage) -> v1::AccountPage {
    let revoked = page.revoked.into_iter().map(|(app, revocation)| v1::RevokedApp {
        client: Some(client(&app)),
        resource: Some(resource(app)),
        revoke_time: Some(timestamp(revocation.at)),
        just_now: revocation.just_now,
    });
    v1::AccountPage {
        upstream_name: page.upstream_name,
        apps: page.apps.into_iter().map(connected_app).collect(),
        revoked: revoked.collect(),
        incomplete: page.incomplete,
        revoke_all_token: page.revoke_all_token,
        person: Some(person(page.person)),
        connection: page.connection.map(upstream_connection),
    }
}

fn upstream_connection(connected: ConnectedUpstream) -> v1::UpstreamConnection {
    let (state, ended) = match connected.notice {
        ConnectionNotice::InOrder => (v1::UpstreamConnectionState::InOrder, None),
        ConnectionNotice::SignInNeeded => (v1::UpstreamConnectionState::SignInNeeded, None),
        ConnectionNotice::Ended(ended) => (v1::UpstreamConnectionState::Ended, Some(ended)),
    };
    v1::UpstreamConnection {
        state: state.into(),
        sign_in_time: Some(timestamp(connected.since)),
        scopes: connected.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        form_token: connected.form_token,
        end_time: ended.map(|ended| timestamp(ended.at)),
        just_ended: ended.is_some_and(|ended| ended.just_now),
    }
}

fn connected_app(connected: ConnectedApp) -> v1::ConnectedApp {
    let client = client(&connected.app);
    let mut redirects: Vec<v1::ConsentRedirect> = Vec::new();
    for uri in &connected.app.redirect_uris {
        let redirect = consent_redirect(uri, connected.app.client.document());
        if !redirects.iter().any(|known| (&known.host, known.kind) == (&redirect.host, redirect.kind)) {
            redirects.push(redirect);
        }
    }
    let scopes = connected.scopes.into_iter().map(|(scope, description)| v1::ConsentScope {
        name: scope.as_str().to_owned(),
        description: description.unwrap_or_default(),
        ..Default::default()
    });
    v1::ConnectedApp {
        client: Some(client),
        redirects,
        resource: Some(resource(connected.app)),
        scopes: scopes.collect(),
        create_time: Some(timestamp(connected.since)),
        last_use_time: connected.times.last_use.map(timestamp),
        form_token: connected.form_token,
        expire_time: connected.times.end.map(timestamp),
    }
}

fn client(app: &App) -> v1::ConnectedClient {
    let document = app.client.document();
    let receiver = Receiver { redirect_uris: &app.redirect_uris, document };
    let ClientName { name, name_doubts, name_withheld } = match &app.client {
        KnownAs::Configured { name } => name::vouched(name.as_deref()),
        KnownAs::Registered { name } | KnownAs::Document { name, .. } => name::claimed(name.as_deref(), &receiver),
        KnownAs::Gone => ClientName::default(),
    };
    v1::ConnectedClient {
        client_id: app.client_id.as_str().to_owned(),
        name,
        unverified: !matches!(app.client, KnownAs::Configured { .. }),
        metadata_host: name::metadata_host(document),
        removed: matches!(app.client, KnownAs::Gone),
        metadata_website: name::metadata_website(document),
        name_doubts,
        name_withheld,
    }
}

fn resource(app: App) -> v1::ConsentResource {
    v1::ConsentResource { uri: app.resource_uri, name: app.resource_name.unwrap_or_default() }
}
