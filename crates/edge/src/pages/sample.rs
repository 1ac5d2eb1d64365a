//! What the pages look like in the field. They are rendered whenever the process starts: a template that breaks on one of
//! them would break in front of a person.

use lychgate_api::Reason;
use lychgate_api::v1::{self, RedirectKind};

use super::{ConsentPage, ErrorPage, Page, RememberedPage, ReturnLink, SignedInPage};
use crate::failure::Cause;
use crate::wording;

impl Page for ConsentPage {
    const TEMPLATE: &'static str = "consent";

    fn samples() -> Vec<Self> {
        vec![
            consent(RedirectKind::Web, |_| {}),
            consent(RedirectKind::Loopback, |_| {}),
            consent(RedirectKind::PrivateScheme, |_| {}),
            consent(RedirectKind::Web, |page| page.changed = true),
            consent(RedirectKind::Web, |page| page.scopes.clear()),
            consent(RedirectKind::Loopback, |page| {
                page.client = Some(v1::ConsentClient { unverified: true, ..Default::default() });
            }),
            consent(RedirectKind::Web, |page| {
                page.client = Some(v1::ConsentClient { name: "Configured".to_owned(), ..Default::default() });
            }),
            consent(RedirectKind::Loopback, |page| page.client = Some(documented())),
            consent(RedirectKind::Web, |page| {
                page.client = Some(documented());
                page.redirect.as_mut().expect("a page has one").differs_from_metadata_host = true;
            }),
            consent(RedirectKind::Web, |page| page.scopes[1].optional = true),
            consent(RedirectKind::Web, |page| {
                page.person = Some(ada());
                page.scopes[1].added = true;
            }),
            consent(RedirectKind::Web, |page| page.policy = Some(policy("", false))),
            consent(RedirectKind::Web, |page| {
                page.person = Some(ada());
                page.policy = Some(policy("https://gate.example/policy", true));
            }),
        ]
    }
}

impl Page for RememberedPage {
    const TEMPLATE: &'static str = "remembered";

    fn samples() -> Vec<Self> {
        let page = |person| RememberedPage::new(consent(RedirectKind::Web, |page| page.person = Some(person)));
        [ada(), unnamed()].map(|person| page(person).expect("the samples are whole")).into()
    }
}

impl Page for SignedInPage {
    const TEMPLATE: &'static str = "signed_in";

    fn samples() -> Vec<Self> {
        let page = |kind, change: fn(&mut v1::ConsentPage)| {
            let page = SignedInPage::new(consent(kind, change), "/callback/main".to_owned(), "state".to_owned());
            page.expect("the samples are whole")
        };
        vec![
            page(RedirectKind::Web, |page| page.person = Some(ada())),
            page(RedirectKind::Loopback, |page| page.person = Some(unnamed())),
            page(RedirectKind::PrivateScheme, |page| {
                page.person = Some(ada());
                page.changed = true;
                page.scopes.clear();
            }),
            page(RedirectKind::Web, |page| {
                page.person = Some(ada());
                page.policy = Some(policy("https://gate.example/policy", false));
            }),
            page(RedirectKind::Web, |page| {
                page.person = Some(ada());
                page.policy = Some(policy("", false));
            }),
        ]
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

impl Page for ErrorPage {
    const TEMPLATE: &'static str = "error";

    fn samples() -> Vec<Self> {
        let link =
            || ReturnLink::new("https://notes.example/cb?error=access_denied".to_owned(), "notes.example".to_owned());
        vec![
            error(Reason::UpstreamUnavailable, link(), ""),
            error(Reason::RedirectUriUnregistered, None, "redirect_uri is not registered for this client"),
        ]
    }
}

fn consent(kind: RedirectKind, change: impl FnOnce(&mut v1::ConsentPage)) -> ConsentPage {
    let (uri, host) = match kind {
        RedirectKind::Loopback => ("http://127.0.0.1:33418/callback", "127.0.0.1:33418"),
        RedirectKind::PrivateScheme => ("cursor://anysphere.cursor-mcp/oauth/callback", "cursor"),
        RedirectKind::Web | RedirectKind::Unspecified => ("https://claude.ai/api/mcp/auth_callback", "claude.ai"),
    };
    let scope = |name: &str, description: &str| v1::ConsentScope {
        name: name.to_owned(),
        description: description.to_owned(),
        optional: false,
        added: false,
    };
    let mut page = v1::ConsentPage {
        ticket: "ticket".to_owned(),
        form_token: "form-token".to_owned(),
        client: Some(v1::ConsentClient {
            client_id: "client".to_owned(),
            name: "Claude".to_owned(),
            unverified: true,
            create_time: Some(timestamp(1_795_392_000)),
            metadata_host: String::new(),
        }),
        redirect: Some(v1::ConsentRedirect {
            uri: uri.to_owned(),
            host: host.to_owned(),
            kind: kind.into(),
            differs_from_metadata_host: false,
        }),
        resource: Some(v1::ConsentResource {
            uri: "https://notes.example/mcp".to_owned(),
            name: "Team Notes".to_owned(),
        }),
        scopes: vec![
            scope("notes:read", "Read all your notes"),
            scope("notes:write", "Write new notes and change the ones you have"),
        ],
        upstream_name: "Example Login".to_owned(),
        grant_lifetime_seconds: 90 * 24 * 60 * 60,
        changed: false,
        person: None,
        policy: None,
    };
    change(&mut page);
    let stylesheet = "/assets/lychgate-sample.css".to_owned();
    ConsentPage::new("Example Gate", "/consent".to_owned(), stylesheet, page).expect("the samples are whole")
}

fn documented() -> v1::ConsentClient {
    v1::ConsentClient {
        name: "Claude Code".to_owned(),
        unverified: true,
        metadata_host: "claude.ai".to_owned(),
        ..Default::default()
    }
}

fn timestamp(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}

fn error(reason: Reason, return_link: Option<ReturnLink>, description: &str) -> ErrorPage {
    let words = wording::of(Cause::Refused(reason));
    ErrorPage {
        title: words.title,
        what: words.what,
        next: words.next,
        stylesheet: "/assets/lychgate-sample.css".to_owned(),
        issuer_name: if return_link.is_some() { "Example Gate".to_owned() } else { String::new() },
        return_link,
        request_id: "Zm9vYmFyYmF6cXV4MTIzNA".to_owned(),
        reason: reason.as_str(),
        description: description.to_owned(),
    }
}
