//! Samples of every page, as they occur in practice. They are rendered whenever the process starts, so that a template that
//! breaks on one of them refuses to start.

use lychgate_api::Reason;
use lychgate_api::v1::{self, RedirectKind};

use super::{AccountPage, AllowedPage, ConsentPage, ErrorPage, OneClickPage, Page, SignInPage, SignedInPage};
use crate::failure::{Failure, ReturnLink};

/// One page with realistic values.
#[derive(Debug)]
pub(crate) struct Sample<P> {
    pub(super) name: &'static str,
    pub(super) issuer_name: &'static str,
    pub(super) page: P,
}

impl<P> Sample<P> {
    fn new(name: &'static str, page: P) -> Self {
        Self { name, issuer_name: "Example Gate", page }
    }
}

/// A page with samples: enough to render every branch of its template.
pub(super) trait Sampled: Page {
    fn samples() -> Vec<Sample<Self>>;
}

impl Sampled for ConsentPage {
    fn samples() -> Vec<Sample<Self>> {
        consent()
    }
}

impl Sampled for OneClickPage {
    fn samples() -> Vec<Sample<Self>> {
        one_click()
    }
}

impl Sampled for SignedInPage {
    fn samples() -> Vec<Sample<Self>> {
        signed_in()
    }
}

impl Sampled for AllowedPage {
    fn samples() -> Vec<Sample<Self>> {
        allowed()
    }
}

impl Sampled for SignInPage {
    fn samples() -> Vec<Sample<Self>> {
        sign_in()
    }
}

impl Sampled for AccountPage {
    fn samples() -> Vec<Sample<Self>> {
        account()
    }
}

impl Sampled for ErrorPage {
    fn samples() -> Vec<Sample<Self>> {
        error()
    }
}

fn consent() -> Vec<Sample<ConsentPage>> {
    let (web, loopback) = (RedirectKind::Web, RedirectKind::Loopback);
    let sample = |name, kind, change: fn(&mut v1::ConsentPage)| Sample::new(name, consent_page(kind, change));
    vec![
        sample("web", web, |_| {}),
        sample("loopback", loopback, |_| {}),
        sample("private-scheme", RedirectKind::PrivateScheme, |_| {}),
        sample("changed", web, |page| page.changed = true),
        sample("no-scopes", web, |page| page.scopes.clear()),
        sample("unnamed-client", loopback, |page| {
            page.client = Some(v1::ConsentClient { unverified: true, ..Default::default() });
        }),
        sample("configured-client", web, |page| {
            page.client = Some(v1::ConsentClient { name: "Configured".to_owned(), ..Default::default() });
        }),
        sample("metadata-document", loopback, |page| page.client = Some(documented())),
        sample("other-host", web, |page| {
            page.client = Some(documented());
            page.redirect = page
                .redirect
                .take()
                .map(|redirect| v1::ConsentRedirect { differs_from_metadata_host: true, ..redirect });
        }),
        sample("optional-scope", web, |page| page.scopes[1].optional = true),
        sample("approved-before", web, |page| {
            page.earlier_answer = v1::EarlierAnswer::Approved.into();
            page.scopes.iter_mut().for_each(|scope| scope.optional = true);
            page.scopes[1].left_out = true;
        }),
        sample("signing-in", web, |page| {
            page.earlier_answer = v1::EarlierAnswer::SigningIn.into();
            page.scopes.iter_mut().for_each(|scope| scope.optional = true);
            page.scopes[1].left_out = true;
        }),
        sample("added-scope", web, |page| {
            page.person = Some(ada());
            page.scopes[1].added = true;
        }),
        sample("policy", web, |page| page.policy = Some(policy("", false))),
        sample("changed-policy", web, |page| {
            page.person = Some(ada());
            page.policy = Some(policy("https://gate.example/policy", true));
        }),
    ]
}

#[expect(clippy::expect_used, reason = "both samples have a person")]
fn one_click() -> Vec<Sample<OneClickPage>> {
    let page = |person| OneClickPage::new(consent_page(RedirectKind::Web, |page| page.person = Some(person)));
    let page = |person| page(person).expect("the sample has a person");
    vec![Sample::new("named", page(ada())), Sample::new("unnamed", page(unnamed()))]
}

#[expect(clippy::expect_used, reason = "all samples have a person")]
fn signed_in() -> Vec<Sample<SignedInPage>> {
    let sample = |name, kind, change: fn(&mut v1::ConsentPage)| {
        let page = SignedInPage::new(consent_page(kind, change), "/callback/main".to_owned(), "state".to_owned());
        Sample::new(name, page.expect("the sample has a person"))
    };
    vec![
        sample("named", RedirectKind::Web, |page| page.person = Some(ada())),
        sample("unnamed", RedirectKind::Loopback, |page| page.person = Some(unnamed())),
        sample("changed", RedirectKind::PrivateScheme, |page| {
            page.person = Some(ada());
            page.changed = true;
            page.scopes.clear();
        }),
        sample("linked-policy", RedirectKind::Web, |page| {
            page.person = Some(ada());
            page.policy = Some(policy("https://gate.example/policy", false));
        }),
        sample("policy", RedirectKind::Web, |page| {
            page.person = Some(ada());
            page.policy = Some(policy("", false));
        }),
    ]
}

#[expect(clippy::expect_used, reason = "the samples have a client, a redirect and a resource")]
fn allowed() -> Vec<Sample<AllowedPage>> {
    let client = |name: &str| v1::ConsentClient { name: name.to_owned(), unverified: true, ..Default::default() };
    let revocable = || v1::allowed_page::Standing::FormToken("token".to_owned());
    let sample = |name, kind, standing, change: fn(&mut v1::AllowedPage)| {
        let mut page = v1::AllowedPage {
            client: Some(client("Claude")),
            redirect: Some(redirect(kind)),
            resource: Some(notes()),
            scopes: vec![scope("notes:read", "Read all your notes"), scope("notes:gone", "")],
            allow_time: Some(timestamp(1_795_392_000)),
            too_late: false,
            standing: Some(standing),
            return_uri: "https://claude.ai/api/mcp/auth_callback?error=access_denied".to_owned(),
            return_label: "claude.ai".to_owned(),
        };
        change(&mut page);
        Sample::new(name, AllowedPage::new("", page).expect("the sample is complete"))
    };
    let (web, loopback) = (RedirectKind::Web, RedirectKind::Loopback);
    vec![
        sample("revocable", web, revocable(), |_| {}),
        sample("too-late", loopback, revocable(), |page| page.too_late = true),
        sample("other-session", RedirectKind::PrivateScheme, v1::allowed_page::Standing::OtherSession(true), |page| {
            page.client = Some(documented());
            page.return_uri = "javascript:alert(1)".to_owned();
        }),
        sample("ended", web, v1::allowed_page::Standing::Ended(true), |page| {
            page.client = Some(v1::ConsentClient::default());
            page.scopes.clear();
        }),
    ]
}

fn sign_in() -> Vec<Sample<SignInPage>> {
    let page = v1::SignInPage { upstream_name: "Example Login".to_owned() };
    vec![Sample::new("sign-in", SignInPage::new("", page))]
}

fn account() -> Vec<Sample<AccountPage>> {
    let named = |name: &str| v1::ConnectedClient { name: name.to_owned(), unverified: true, ..Default::default() };
    let configured = v1::ConnectedClient { unverified: false, ..named("Team Assistant") };
    let documented =
        v1::ConnectedClient { metadata_host: "claude.ai".to_owned(), unverified: true, ..Default::default() };
    let removed = v1::ConnectedClient { removed: true, ..named("") };
    let (web, loopback, private) = (RedirectKind::Web, RedirectKind::Loopback, RedirectKind::PrivateScheme);
    let full = vec![
        app(named("Claude"), &[(web, "claude.ai"), (loopback, "127.0.0.1")]),
        app(configured, &[(web, "assistant.example")]),
        app(documented.clone(), &[(private, "claude")]),
        app(v1::ConnectedClient { name: "Claude Code".to_owned(), ..documented.clone() }, &[(loopback, "localhost")]),
        v1::ConnectedApp { scopes: vec![], last_use_time: None, ..app(removed.clone(), &[]) },
        app(named(""), &[(loopback, "localhost")]),
    ];
    let revoked = [documented, removed, named("Old notes")].map(|client| v1::RevokedApp {
        client: Some(client),
        resource: Some(notes()),
        revoke_time: Some(timestamp(1_795_300_000)),
    });
    let one = vec![app(named("Claude"), &[(web, "claude.ai")])];
    vec![
        Sample::new("full", account_page(full, revoked.to_vec(), true)),
        Sample::new("one-app", account_page(one, vec![], false)),
        Sample::new("empty", account_page(vec![], vec![], false)),
    ]
}

fn error() -> Vec<Sample<ErrorPage>> {
    let page = |failure| ErrorPage::new(&failure, "Zm9vYmFyYmF6cXV4MTIzNA".to_owned());
    let link = ReturnLink::new("https://notes.example/cb?error=access_denied".to_owned(), "notes.example".to_owned());
    let unavailable = Failure::new(Reason::UpstreamUnavailable).with_return_link(link);
    let unregistered =
        Failure::new(Reason::RedirectUriUnregistered).describe("redirect_uri is not registered for this client");
    vec![
        Sample::new("return-link", page(unavailable)),
        Sample { issuer_name: "", ..Sample::new("no-issuer", page(unregistered)) },
    ]
}

#[expect(clippy::expect_used, reason = "the samples have a client, a redirect and a resource")]
fn consent_page(kind: RedirectKind, change: impl FnOnce(&mut v1::ConsentPage)) -> ConsentPage {
    let mut page = v1::ConsentPage {
        ticket: "ticket".to_owned(),
        form_token: "form-token".to_owned(),
        client: Some(v1::ConsentClient {
            client_id: "client".to_owned(),
            name: "Claude".to_owned(),
            unverified: true,
            create_time: Some(timestamp(1_795_392_000)),
            ..Default::default()
        }),
        redirect: Some(redirect(kind)),
        resource: Some(notes()),
        scopes: vec![
            scope("notes:read", "Read all your notes"),
            scope("notes:write", "Write new notes and change the ones you have"),
        ],
        upstream_name: "Example Login".to_owned(),
        grant_lifetime_seconds: 90 * 24 * 60 * 60,
        changed: false,
        person: None,
        policy: None,
        earlier_answer: v1::EarlierAnswer::Unspecified.into(),
    };
    change(&mut page);
    ConsentPage::new("/consent".to_owned(), page).expect("the sample is complete")
}

#[expect(clippy::expect_used, reason = "the samples' apps have a client, a resource and dates")]
fn account_page(apps: Vec<v1::ConnectedApp>, revoked: Vec<v1::RevokedApp>, incomplete: bool) -> AccountPage {
    let page = v1::AccountPage {
        upstream_name: "Example Login".to_owned(),
        apps,
        revoked,
        incomplete,
        revoke_all_token: "all".to_owned(),
        ..Default::default()
    };
    AccountPage::new("", page).expect("the sample is complete")
}

fn app(client: v1::ConnectedClient, redirects: &[(RedirectKind, &str)]) -> v1::ConnectedApp {
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
        create_time: Some(timestamp(1_793_000_000)),
        last_use_time: Some(timestamp(1_795_392_000)),
        form_token: "one".to_owned(),
        ..Default::default()
    }
}

fn redirect(kind: RedirectKind) -> v1::ConsentRedirect {
    let (uri, host) = match kind {
        RedirectKind::Loopback => ("http://127.0.0.1:33418/callback", "127.0.0.1:33418"),
        RedirectKind::PrivateScheme => ("cursor://anysphere.cursor-mcp/oauth/callback", "cursor"),
        RedirectKind::Web | RedirectKind::Unspecified => ("https://claude.ai/api/mcp/auth_callback", "claude.ai"),
    };
    v1::ConsentRedirect {
        uri: uri.to_owned(),
        host: host.to_owned(),
        kind: kind.into(),
        ..Default::default()
    }
}

fn documented() -> v1::ConsentClient {
    v1::ConsentClient {
        name: "Claude Code".to_owned(),
        unverified: true,
        metadata_host: "claude.ai".to_owned(),
        ..Default::default()
    }
}

fn policy(uri: &str, changed: bool) -> v1::ConsentPolicy {
    v1::ConsentPolicy { version: "2026-11".to_owned(), uri: uri.to_owned(), changed }
}

fn ada() -> v1::Person {
    v1::Person { name: "Ada Lovelace".to_owned(), account: "ada@example.com".to_owned() }
}

fn unnamed() -> v1::Person {
    v1::Person { name: String::new(), account: "583231".to_owned() }
}

fn scope(name: &str, description: &str) -> v1::ConsentScope {
    v1::ConsentScope { name: name.to_owned(), description: description.to_owned(), ..Default::default() }
}

fn notes() -> v1::ConsentResource {
    v1::ConsentResource { uri: "https://notes.example/mcp".to_owned(), name: "Team Notes".to_owned() }
}

fn timestamp(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}
