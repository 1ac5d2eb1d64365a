//! Samples of every page, as they occur in practice. They are rendered whenever the process starts, so that a template that
//! breaks on one of them refuses to start.

use lychgate_api::Reason;
use lychgate_api::v1::{self, RedirectKind};

use crate::page::{
    AccountPage, AllowedPage, ConsentPage, ErrorDetails, ErrorPage, HomePage, Incomplete, OneClickPage, Page,
    RefusedPerson, SignInPage, SignedInPage,
};
use crate::return_link::ReturnLink;

/// One page with realistic values.
#[derive(Debug)]
pub struct Sample<P> {
    /// Unique for the page.
    pub name: &'static str,
    /// False for a request that names no issuer.
    pub has_issuer: bool,
    /// The page.
    pub page: P,
}

impl<P> Sample<P> {
    fn new(name: &'static str, page: P) -> Self {
        Self { name, has_issuer: true, page }
    }
}

/// A page with samples: enough to render every branch of its template.
pub trait Sampled: Page {
    /// The samples, with different names.
    fn samples() -> Vec<Sample<Self>>;
}

/// The variables of every sample, by template.
#[cfg(test)]
pub(crate) fn values() -> Vec<(&'static str, Vec<serde_json::Value>)> {
    fn of<P: Sampled>() -> (&'static str, Vec<serde_json::Value>) {
        let values = P::samples().into_iter().map(|sample| serde_json::to_value(sample.page).expect("a value"));
        (P::KIND.template(), values.collect())
    }
    vec![
        of::<ConsentPage>(),
        of::<OneClickPage>(),
        of::<SignedInPage>(),
        of::<AllowedPage>(),
        of::<SignInPage>(),
        of::<AccountPage>(),
        of::<HomePage>(),
        of::<ErrorPage>(),
    ]
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

impl Sampled for HomePage {
    fn samples() -> Vec<Sample<Self>> {
        vec![Sample::new("home", HomePage::default())]
    }
}

impl Sampled for ErrorPage {
    fn samples() -> Vec<Sample<Self>> {
        error()
    }
}

fn consent() -> Vec<Sample<ConsentPage>> {
    let (web, loopback, private) = (RedirectKind::Web, RedirectKind::Loopback, RedirectKind::PrivateScheme);
    let sample = |name, kind, change: fn(&mut v1::ConsentPage)| Sample::new(name, consent_page(kind, change));
    let mut samples = vec![
        sample("web", web, |_| {}),
        sample("loopback", loopback, |_| {}),
        sample("private-scheme", private, |_| {}),
        sample("changed", web, |page| page.changed = true),
        sample("no-scopes", web, |page| page.scopes.clear()),
        sample("upstream-tokens", web, |page| page.upstream_tokens = true),
        sample("unnamed-client", loopback, |page| change_client(page, |client| client.name.clear())),
        sample("configured-client", web, |page| {
            page.client = Some(v1::ConsentClient { name: "Team Assistant".to_owned(), ..Default::default() });
        }),
        sample("metadata-document", web, |page| page.client = Some(documented())),
        sample("metadata-document-loopback", loopback, |page| page.client = Some(documented())),
        sample("metadata-document-unnamed", private, |page| {
            page.client = Some(v1::ConsentClient { name: String::new(), ..documented() });
        }),
        sample("other-host", web, |page| {
            page.client = Some(documented());
            change_redirect(page, |redirect| {
                *redirect = v1::ConsentRedirect { differs_from_metadata_host: true, ..evil() };
            });
        }),
        sample("known-person", web, |page| page.person = Some(ada())),
        sample("unnamed-person", web, |page| page.person = Some(unnamed())),
        sample("longest", loopback, longest),
    ];
    samples.extend(names());
    samples.extend(choices());
    samples.extend(answers());
    samples
}

/// Hosts and names that try to mislead.
fn names() -> Vec<Sample<ConsentPage>> {
    let doubt = |name, doubt: v1::NameDoubt, is_withheld: bool, claimed: &str| {
        let page = consent_page(RedirectKind::Web, |page| {
            change_redirect(page, |redirect| *redirect = evil());
            change_client(page, |client| {
                client.name_doubts = vec![doubt.into()];
                client.name_withheld = is_withheld;
                client.name = if is_withheld { String::new() } else { claimed.to_owned() };
            });
        });
        Sample::new(name, page)
    };
    let punycode = || v1::Website {
        host: "xn--80ak6aa92e.com".to_owned(),
        registrable_domain: "xn--80ak6aa92e.com".to_owned(),
        unicode_host: "аррӏе.com".to_owned(),
        confusable: true,
    };
    let document = consent_page(RedirectKind::Web, |page| {
        page.client = Some(v1::ConsentClient { metadata_website: Some(punycode()), ..documented() });
        change_redirect(page, |redirect| redirect.differs_from_metadata_host = true);
    });
    let punycode = consent_page(RedirectKind::Web, |page| {
        change_redirect(page, |redirect| redirect.website = Some(punycode()));
    });
    let scheme = consent_page(RedirectKind::PrivateScheme, |page| {
        change_client(page, |client| client.name_doubts = vec![v1::NameDoubt::WellKnownElsewhere.into()]);
    });
    vec![
        doubt("name-claims-approval", v1::NameDoubt::ClaimsApproval, true, ""),
        doubt("name-instructs", v1::NameDoubt::Instructs, true, ""),
        doubt("name-confusable", v1::NameDoubt::Confusable, true, ""),
        doubt("name-hidden", v1::NameDoubt::HiddenCharacters, true, ""),
        doubt("name-well-known", v1::NameDoubt::WellKnownElsewhere, false, "ChatGPT"),
        doubt("name-address", v1::NameDoubt::Address, false, "chatgpt․com"),
        Sample::new("name-well-known-scheme", scheme),
        Sample::new("confusable-host", punycode),
        Sample::new("confusable-document", document),
    ]
}

/// Scopes to choose from.
fn choices() -> Vec<Sample<ConsentPage>> {
    let grouped = consent_page(RedirectKind::Web, |page| {
        page.scopes.iter_mut().for_each(|scope| scope.optional = true);
        page.scopes[0].read_only = true;
        page.scopes[0].tools = 1;
        page.scopes[1].tools = 12;
        page.scopes[1].starts_unticked = true;
    });
    let one = consent_page(RedirectKind::Web, |page| page.scopes[1].optional = true);
    let added = consent_page(RedirectKind::Web, |page| {
        page.person = Some(ada());
        page.scopes[1].added = true;
    });
    vec![Sample::new("optional-scope", one), Sample::new("grouped-scopes", grouped), Sample::new("added-scope", added)]
}

/// Requests that were answered before, and policies.
fn answers() -> Vec<Sample<ConsentPage>> {
    let sample = |name, change: fn(&mut v1::ConsentPage)| Sample::new(name, consent_page(RedirectKind::Web, change));
    let embedded = ConsentPage::new("/consent".to_owned(), true, message(RedirectKind::Web));
    vec![
        sample("approved-before", |page| {
            page.earlier_answer = v1::EarlierAnswer::Approved.into();
            page.scopes.iter_mut().for_each(|scope| scope.optional = true);
            (page.scopes[1].left_out, page.scopes[1].starts_unticked) = (true, true);
        }),
        sample("signing-in", |page| {
            page.earlier_answer = v1::EarlierAnswer::SigningIn.into();
            page.scopes.iter_mut().for_each(|scope| scope.optional = true);
            (page.scopes[1].left_out, page.scopes[1].starts_unticked) = (true, true);
        }),
        sample("policy", |page| page.policy = Some(policy("", false))),
        sample("changed-policy", |page| {
            page.person = Some(ada());
            page.policy = Some(policy("https://gate.example/policy", true));
        }),
        Sample::new("embedded", complete(embedded)),
    ]
}

/// Everything at its longest.
fn longest(page: &mut v1::ConsentPage) {
    change_client(page, |client| client.name = "Unbreakable".repeat(3));
    page.resource = Some(v1::ConsentResource {
        uri: format!("https://notes.example/{}", "long/".repeat(90)),
        name: "The shared notes of the whole department, with their history and all attachments".to_owned(),
    });
    page.person = Some(v1::Person { name: "Ada".repeat(20), account: format!("{}@example.com", "ada".repeat(20)) });
    page.upstream_name = "Sign-in service of the department for shared infrastructure".to_owned();
    page.scopes = (0..30).map(|n| scope(&format!("notes:scope-{n}"), &"Read something long. ".repeat(6))).collect();
}

#[expect(clippy::expect_used, reason = "both samples have a person")]
fn one_click() -> Vec<Sample<OneClickPage>> {
    let page = |person, change: fn(&mut v1::ConsentPage)| {
        let mut page = v1::ConsentPage { person: Some(person), ..message(RedirectKind::Web) };
        change(&mut page);
        OneClickPage::new("/consent".to_owned(), page).expect("the sample has a person")
    };
    vec![
        Sample::new("named", page(ada(), |_| {})),
        Sample::new("unnamed", page(unnamed(), |page| page.client = Some(documented()))),
        Sample::new(
            "configured",
            page(ada(), |page| {
                page.client = Some(v1::ConsentClient { name: "Team Assistant".to_owned(), ..Default::default() });
            }),
        ),
    ]
}

#[expect(clippy::expect_used, reason = "all samples have a person")]
fn signed_in() -> Vec<Sample<SignedInPage>> {
    let sample = |name, kind, change: fn(&mut v1::ConsentPage)| {
        let mut page = message(kind);
        change(&mut page);
        let page = SignedInPage::new("/callback/main".to_owned(), "state".to_owned(), page);
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
        app(named("Page"), &[(web, "pages.example")]),
        v1::ConnectedApp {
            create_time: Some(timestamp(1_793_100_000)),
            ..app(named("Page"), &[(web, "pages.example")])
        },
        app(v1::ConnectedClient { name_withheld: true, ..named("") }, &[(web, "evil.example")]),
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
        just_now: true,
    });
    let long_ago = revoked.clone().map(|app| v1::RevokedApp {
        revoke_time: Some(timestamp(1_795_000_000)),
        just_now: false,
        ..app
    });
    let one = vec![app(named("Claude"), &[(web, "claude.ai")])];
    let (in_order, sign_in, ended) = (
        v1::UpstreamConnectionState::InOrder,
        v1::UpstreamConnectionState::SignInNeeded,
        v1::UpstreamConnectionState::Ended,
    );
    let with = |name, connection| {
        let page = v1::AccountPage { connection: Some(connection), ..account_message(one.clone(), vec![], false) };
        Sample::new(name, complete(AccountPage::new("", page)))
    };
    let full = v1::AccountPage {
        connection: Some(connection(in_order)),
        ..account_message(full, [revoked, long_ago].concat(), true)
    };
    vec![
        Sample::new("full", complete(AccountPage::new("", full))),
        Sample::new("one-app", complete(AccountPage::new("", account_message(one.clone(), vec![], false)))),
        Sample::new("empty", complete(AccountPage::new("", account_message(vec![], vec![], false)))),
        with("connection-of-unknown-scopes", v1::UpstreamConnection { scopes: vec![], ..connection(in_order) }),
        with("connection-needs-sign-in", connection(sign_in)),
        with("connection-just-ended", v1::UpstreamConnection { just_ended: true, ..connection(ended) }),
        with("connection-ended", connection(ended)),
    ]
}

fn connection(state: v1::UpstreamConnectionState) -> v1::UpstreamConnection {
    v1::UpstreamConnection {
        state: state.into(),
        sign_in_time: Some(timestamp(1_795_000_000)),
        scopes: ["repo", "read:user", "https://api.example/auth/drive.file"].map(str::to_owned).to_vec(),
        form_token: "connection".to_owned(),
        end_time: (state == v1::UpstreamConnectionState::Ended).then(|| timestamp(1_795_390_000)),
        just_ended: false,
    }
}

/// Every reason, and every part that an error page can have.
fn error() -> Vec<Sample<ErrorPage>> {
    let details = || ErrorDetails { request_id: "Zm9vYmFyYmF6cXV4MTIzNA".to_owned(), ..Default::default() };
    let page = |reason, details| ErrorPage::new(reason, details);
    let link = ReturnLink::new("https://notes.example/cb?error=access_denied".to_owned(), "notes.example".to_owned());
    let unlabelled = ReturnLink::new("cursor:cb?error=access_denied".to_owned(), String::new());
    let form = Some(("/consent".to_owned(), "ticket".to_owned()));
    let description = "redirect_uri is not registered for this client".to_owned();
    let not_admitted = |person| {
        let refused = Some(RefusedPerson { person, upstream_name: "Example Login".to_owned() });
        let details = ErrorDetails { return_link: link.clone(), form: form.clone(), refused, ..details() };
        page(Reason::AccountNotAllowed, details)
    };
    let mut samples = vec![
        Sample::new("not-admitted", not_admitted(ada())),
        Sample::new("not-admitted-unnamed", not_admitted(unnamed())),
        Sample::new(
            "return-link",
            page(Reason::UpstreamUnavailable, ErrorDetails { return_link: link.clone(), ..details() }),
        ),
        Sample::new("unlabelled", page(Reason::UpstreamDenied, ErrorDetails { return_link: unlabelled, ..details() })),
        Sample::new("retry", page(Reason::BrowserCookieMissing, ErrorDetails { form: form.clone(), ..details() })),
        Sample::new("http", page(Reason::BrowserCookieMissing, ErrorDetails { is_http: true, ..details() })),
        Sample {
            has_issuer: false,
            ..Sample::new("no-issuer", page(Reason::RedirectUriUnregistered, ErrorDetails { description, ..details() }))
        },
    ];
    samples.extend(Reason::ALL.iter().map(|reason| Sample::new(reason.as_str(), page(*reason, details()))));
    samples
}

fn consent_page(kind: RedirectKind, change: impl FnOnce(&mut v1::ConsentPage)) -> ConsentPage {
    let mut page = message(kind);
    change(&mut page);
    complete(ConsentPage::new("/consent".to_owned(), false, page))
}

#[expect(clippy::expect_used, reason = "the samples have a client, a redirect and a resource")]
fn complete<P>(page: Result<P, Incomplete>) -> P {
    page.expect("the sample is complete")
}

fn change_client(page: &mut v1::ConsentPage, change: impl FnOnce(&mut v1::ConsentClient)) {
    change(page.client.get_or_insert_default());
}

fn change_redirect(page: &mut v1::ConsentPage, change: impl FnOnce(&mut v1::ConsentRedirect)) {
    change(page.redirect.get_or_insert_default());
}

/// A request of a self-registered client.
fn message(kind: RedirectKind) -> v1::ConsentPage {
    v1::ConsentPage {
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
        ..Default::default()
    }
}

/// A host that begins like a well-known one.
fn evil() -> v1::ConsentRedirect {
    v1::ConsentRedirect {
        uri: "https://claude.ai.evil-login.example/cb".to_owned(),
        host: "claude.ai.evil-login.example".to_owned(),
        kind: RedirectKind::Web.into(),
        website: Some(website("claude.ai.evil-login.example", "evil-login.example")),
        ..Default::default()
    }
}

fn website(host: &str, domain: &str) -> v1::Website {
    v1::Website { host: host.to_owned(), registrable_domain: domain.to_owned(), ..Default::default() }
}

fn account_message(apps: Vec<v1::ConnectedApp>, revoked: Vec<v1::RevokedApp>, incomplete: bool) -> v1::AccountPage {
    v1::AccountPage {
        upstream_name: "Example Login".to_owned(),
        apps,
        revoked,
        incomplete,
        revoke_all_token: "all".to_owned(),
        person: Some(ada()),
        connection: None,
    }
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
        expire_time: Some(timestamp(1_800_000_000)),
        form_token: "one".to_owned(),
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
        website: (kind == RedirectKind::Web).then(|| website(host, host)),
        ..Default::default()
    }
}

fn documented() -> v1::ConsentClient {
    v1::ConsentClient {
        name: "Claude Code".to_owned(),
        unverified: true,
        metadata_host: "claude.ai".to_owned(),
        metadata_website: Some(website("claude.ai", "claude.ai")),
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
