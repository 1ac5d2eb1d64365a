use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use lychgate_api::Reason;
use lychgate_api::v1::{self, RedirectKind};

use super::samples::Sampled as _;
use super::templates::BUILT_IN;
use super::*;
use crate::failure::{Failure, ReturnLink};

/// All samples of a page, by their names.
fn samples(kind: PageKind) -> BTreeMap<&'static str, String> {
    let pages = Pages::load(None).expect("the built-in templates load");
    let rendered = kind.render_samples(&pages).into_iter();
    rendered.map(|sample| (sample.name, sample.html.expect("every sample renders"))).collect()
}

/// The layout is the only template that is no page's, and the style sheet the only other file.
#[test]
fn every_template_belongs_to_one_page_and_every_page_has_one() {
    let files: BTreeSet<_> =
        BUILT_IN.files().map(|file| file.path().to_str().expect("a plain name").to_owned()).collect();
    let templates = PageKind::ALL.iter().map(|kind| format!("{}.hbs", kind.template()));
    let expected: BTreeSet<_> = templates.chain(["layout.hbs", "lychgate.css"].map(str::to_owned)).collect();
    assert_eq!(files, expected);
    assert_eq!(expected.len(), PageKind::ALL.len() + 2, "no two pages share a template");
    assert_eq!(BUILT_IN.dirs().count(), 0, "templates have no folders");
}

#[test]
fn every_page_has_samples_with_different_names() {
    let pages = Pages::load(None).expect("the built-in templates load");
    for kind in PageKind::ALL {
        let named = samples(*kind).len();
        assert!(named > 0, "{kind:?} has no sample");
        assert_eq!(named, kind.render_samples(&pages).len(), "{kind:?}");
    }
}

/// Set `LYCHGATE_RENDER_SAMPLES` to a directory to look at them in a browser.
#[test]
fn every_sample_renders() {
    let directory = std::env::var_os("LYCHGATE_RENDER_SAMPLES");
    for kind in PageKind::ALL {
        let template = kind.template();
        for (name, page) in samples(*kind) {
            assert!(page.starts_with("<!doctype html>") && page.contains("<html lang=\"en\">"), "{template} {name}");
            // The page's content security policy forbids scripts and inline styles.
            for tag in page.split('<').filter_map(|rest| rest.split('>').next()) {
                assert!(
                    !tag.starts_with("script") && !tag.contains(" on") && !tag.contains(" style="),
                    "{template} {name}: {tag}"
                );
            }
            assert_eq!(page.matches("<h1>").count(), 1, "{template} {name}");
            if let Some(directory) = &directory {
                save(Path::new(directory), &format!("{template}-{name}.html"), &page);
            }
        }
    }
}

fn save(directory: &Path, file: &str, page: &str) {
    let pages = Pages::load(None).expect("the built-in templates load");
    fs::create_dir_all(directory.join("assets")).expect("a directory");
    fs::write(directory.join(pages.stylesheet().trim_start_matches('/')), pages.css()).expect("a style sheet");
    fs::write(directory.join(file), page.replace("\"/assets/", "\"assets/")).expect("a page");
}

/// Which app asks, for what, where the access goes, and what happens next.
///
/// Requirements: A18, A19, B5, B6, B7, R23.
#[test]
fn consent_page_names_client_resource_redirect_and_consequences() {
    let pages = samples(PageKind::Consent);
    let web = &pages["web"];
    for text in [
        "<title>Allow Claude to use Team Notes?</title>",
        "Claude",
        "Team Notes",
        "https://notes.example/mcp",
        "Read all your notes",
        "notes:write",
        "claude.ai",
        "https://claude.ai/api/mcp/auth_callback",
        "nobody has checked it",
        "23 November 2026",
        "Example Login",
        "90 days",
        "Nothing is shared. The app is told that you declined",
    ] {
        assert!(web.contains(text), "{text}");
    }
    assert!(!web.contains("this computer"));
    assert!(pages["loopback"].contains("A program on this computer") && pages["loopback"].contains("127.0.0.1:33418"));
    assert!(pages["private-scheme"].contains("An app on this device"));
    assert!(pages["private-scheme"].contains("cursor://anysphere.cursor-mcp"));
    assert!(pages["changed"].contains("Please look again") && !web.contains("Please look again"));
    assert!(pages["unnamed-client"].contains("An app without a name"));
    assert!(!pages["configured-client"].contains("nobody has checked"), "an operator configured it");
    let documented = &pages["metadata-document"];
    assert!(documented.contains("claude.ai") && documented.contains("says that this is its app"), "D11");
    let warning = "This is not the website that says the app is its own";
    assert!(pages["other-host"].contains(warning) && !documented.contains(warning), "D18");
    let boxes = |page: &str| page.matches(r#"<input type="checkbox""#).count();
    assert_eq!((boxes(&pages["optional-scope"]), boxes(web)), (1, 0), "E3");
    assert!(pages["optional-scope"].contains(r#"name="chosen_scope" value="notes:write" form="decide" checked"#));
}

#[test]
fn consent_form_has_two_buttons_and_deny_comes_first() {
    let page = &samples(PageKind::Consent)["web"];
    assert!(page.contains(r#"<form method="post" action="/consent" id="decide""#));
    assert!(page.contains(r#"<input type="hidden" name="ticket" value="ticket">"#));
    assert!(page.contains(r#"<input type="hidden" name="form_token" value="form-token">"#));
    let deny = page.find(r#"name="decision" value="deny""#).expect("a button");
    let approve = page.find(r#"name="decision" value="approve""#).expect("a button");
    assert!(deny < approve && page.matches("<button").count() == 2 && !page.contains("autofocus"));
}

/// Values from clients cannot affect the page around them by HTML, quotes or writing direction.
///
/// Requirements: B5.
#[test]
fn html_in_any_field_is_shown_as_text() {
    let payload = "\"'><script>alert(1)</script>&amp;\u{202e}`=--><!--{{title}}";
    let text = || payload.to_owned();
    let page = v1::ConsentPage {
        ticket: text(),
        form_token: text(),
        client: Some(v1::ConsentClient {
            client_id: text(),
            name: text(),
            unverified: true,
            create_time: None,
            metadata_host: text(),
            ..Default::default()
        }),
        redirect: Some(v1::ConsentRedirect {
            uri: text(),
            host: text(),
            kind: RedirectKind::Web.into(),
            differs_from_metadata_host: true,
            ..Default::default()
        }),
        resource: Some(v1::ConsentResource { uri: text(), name: text() }),
        scopes: vec![v1::ConsentScope {
            name: text(),
            description: text(),
            optional: true,
            added: true,
            ..Default::default()
        }],
        upstream_name: text(),
        grant_lifetime_seconds: 1,
        changed: true,
        policy: Some(v1::ConsentPolicy { version: text(), uri: format!("https://{payload}"), changed: true }),
        person: Some(v1::Person { name: text(), account: text() }),
        earlier_answer: v1::EarlierAnswer::Approved.into(),
    };
    let allowed = allowed_as(&page, payload);
    let page = || ConsentPage::new(text(), page.clone()).expect("a page");
    let (one_click, signed_in) = (OneClickPage::new(page()), SignedInPage::new(page(), text(), text()));
    let pages = Pages::load(None).expect("the built-in templates load");
    let link = ReturnLink::new(format!("https://a.example/?{payload}"), text());
    let error = ErrorPage::new(&Failure::new(Reason::Fault).describe(payload).with_return_link(link), text());
    for html in [
        pages.render(payload, &page()),
        pages.render(payload, &one_click.expect("a page")),
        pages.render(payload, &signed_in.expect("a page")),
        pages.render(payload, &AllowedPage::new(payload, allowed).expect("a page")),
        pages.render(payload, &error),
    ] {
        let html = html.expect("a page");
        assert!(!html.contains("<script") && !html.contains("<!--") && !html.contains("-->"), "{html}");
        assert!(html.contains("&lt;script&gt;"), "the text is shown");
        assert!(html.contains("{{title}}"), "nothing is rendered twice");
        for line in html.lines().filter(|line| line.contains('\u{202e}')) {
            let contained =
                line.contains("<bdi") || line.contains("=\"") || line.contains("<title>") || line.contains("<code>");
            assert!(contained, "writing direction reaches beyond: {line}");
        }
    }
}

/// A finished request with the values of `page`, and `text` everywhere else.
fn allowed_as(page: &v1::ConsentPage, text: &str) -> v1::AllowedPage {
    v1::AllowedPage {
        client: page.client.clone(),
        redirect: page.redirect.clone(),
        resource: page.resource.clone(),
        scopes: page.scopes.clone(),
        allow_time: Some(prost_types::Timestamp::default()),
        too_late: true,
        standing: Some(v1::allowed_page::Standing::FormToken(text.to_owned())),
        return_uri: format!("https://a.example/?{text}"),
        return_label: text.to_owned(),
    }
}

#[test]
fn incomplete_allowed_page_is_not_shown() {
    let whole = || {
        let page = v1::ConsentPage {
            client: Some(v1::ConsentClient::default()),
            redirect: Some(v1::ConsentRedirect {
                uri: "u".to_owned(),
                host: "h".to_owned(),
                kind: 1,
                ..Default::default()
            }),
            resource: Some(v1::ConsentResource::default()),
            ..Default::default()
        };
        allowed_as(&page, "x")
    };
    let shown = |page| AllowedPage::new("", page).is_ok();
    assert!(shown(whole()));
    assert!(!shown(v1::AllowedPage { client: None, ..whole() }));
    assert!(!shown(v1::AllowedPage { redirect: None, ..whole() }));
    assert!(!shown(v1::AllowedPage { resource: None, ..whole() }));
    assert!(!shown(v1::AllowedPage { allow_time: None, ..whole() }));
    assert!(!shown(v1::AllowedPage { standing: None, ..whole() }), "it does not say whether it stands");
}

#[test]
fn incomplete_consent_page_is_not_shown() {
    let whole = || v1::ConsentPage {
        client: Some(v1::ConsentClient::default()),
        redirect: Some(v1::ConsentRedirect {
            uri: "u".to_owned(),
            host: "h".to_owned(),
            kind: 1,
            ..Default::default()
        }),
        resource: Some(v1::ConsentResource::default()),
        ..Default::default()
    };
    let shown = |page| ConsentPage::new(String::new(), page).is_ok();
    assert!(shown(whole()));
    assert!(!shown(v1::ConsentPage { client: None, ..whole() }));
    assert!(!shown(v1::ConsentPage { redirect: None, ..whole() }));
    assert!(!shown(v1::ConsentPage { resource: None, ..whole() }));
    assert!(!shown(v1::ConsentPage { earlier_answer: 99, ..whole() }), "an answer of a later version");
    for kind in [0, 99] {
        let redirect = Some(v1::ConsentRedirect {
            uri: "u".to_owned(),
            host: "h".to_owned(),
            kind,
            ..Default::default()
        });
        assert!(!shown(v1::ConsentPage { redirect, ..whole() }), "an unknown kind has no warning");
    }
}

/// Boxes show the earlier answer, and Enter on a box presses no button that has an effect.
///
/// Requirements: B8, E3.
#[test]
fn the_page_of_a_decided_request_shows_the_decision() {
    let pages = samples(PageKind::Consent);
    let ticked = |page: &str| page.matches(" checked autocomplete=\"off\">").count();
    let boxes = |page: &str| page.matches("type=\"checkbox\"").count();
    let (fresh, approved, signing_in) = (&pages["optional-scope"], &pages["approved-before"], &pages["signing-in"]);
    assert_eq!((boxes(fresh), ticked(fresh)), (1, 1));
    assert_eq!((boxes(approved), ticked(approved)), (2, 1));
    assert!(approved.contains("your last answer counts") && !fresh.contains("your last answer counts"));
    let says_nothing_happened = |page: &str| page.contains("nothing happens until you approve");
    assert!(says_nothing_happened(fresh) && !says_nothing_happened(approved) && !says_nothing_happened(signing_in));
    assert_eq!(boxes(signing_in), 0);
    assert!(signing_in.contains("<input type=\"hidden\" name=\"chosen_scope\" value=\"notes:read\" form=\"decide\">"));
    assert!(!signing_in.contains("notes:write") && signing_in.contains("your sign-in is being finished"));
    for page in pages.values().filter(|page| boxes(page) > 0) {
        let first = page.split("<button ").nth(1).and_then(|rest| rest.split('>').next()).expect("a button");
        assert_eq!(first, "type=\"submit\" form=\"decide\" formmethod=\"dialog\" hidden");
    }
}

/// The approved scopes, the way back to the app, and a button only for the person who allowed it.
///
/// Requirements: B8, B38.
#[test]
fn the_page_of_a_finished_request_says_what_was_allowed() {
    let pages = samples(PageKind::Allowed);
    let has_button = |name: &str| pages[name].contains("value=\"take_back\"");
    for name in ["revocable", "too-late"] {
        assert!(has_button(name) && pages[name].contains("value=\"token\""), "{name}");
        for text in ["Read all your notes", "Claude", "Team Notes", "23 November 2026", "class=\"return\""] {
            assert!(pages[name].contains(text), "{name}: {text}");
        }
    }
    assert!(pages["too-late"].contains("came too late") && !pages["revocable"].contains("came too late"));
    assert!(!has_button("other-session") && pages["other-session"].contains("href=\"/account\""));
    assert!(!pages["other-session"].contains("javascript:"));
    assert!(!has_button("ended") && pages["ended"].contains("nothing left to take back"));
}

#[test]
fn policy_is_named_and_linked_only_if_it_is_published() {
    let pages = Pages::load(None).expect("pages");
    let shown = |uri: &str, changed| {
        let policy = v1::ConsentPolicy { version: "2026-11".to_owned(), uri: uri.to_owned(), changed };
        let page = v1::ConsentPage {
            client: Some(v1::ConsentClient::default()),
            redirect: Some(v1::ConsentRedirect {
                uri: "u".to_owned(),
                host: "h".to_owned(),
                kind: 1,
                ..Default::default()
            }),
            resource: Some(v1::ConsentResource::default()),
            policy: Some(policy),
            ..Default::default()
        };
        let page = ConsentPage::new(String::new(), page).expect("a page");
        pages.render("Gate", &page).expect("a page")
    };
    for (uri, changed, links, says) in [
        ("https://gate.example/policy", false, true, false),
        ("https://gate.example/policy", true, true, true),
        ("", false, false, false),
        ("javascript:alert(1)", false, false, false),
    ] {
        let page = shown(uri, changed);
        assert!(page.contains("2026-11"), "{page}");
        assert_eq!(page.contains("<a href=\""), links, "{uri}");
        assert_eq!(page.contains("The policy has changed"), says, "{uri}");
        assert!(!page.contains("javascript:"), "{page}");
    }
}

#[test]
fn files_are_overridden_one_by_one() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("lychgate.css"), "body{}").expect("a file");
    fs::write(directory.path().join("error.hbs"), "<!doctype html><p>override: {{title}} {{request_id}}")
        .expect("a file");
    let pages = Pages::load(Some(directory.path())).expect("the overrides load");
    assert_eq!(pages.css(), "body{}");
    assert_ne!(pages.stylesheet(), Pages::load(None).expect("pages").stylesheet());
    let error = ErrorPage::new(&Failure::new(Reason::Fault), String::new());
    assert!(pages.render("", &error).expect("a page").contains("override: "));
    let consent = ConsentPage::samples().swap_remove(0).page;
    assert!(pages.render("", &consent).expect("a page").contains("What happens next"));
}

/// A page that lacks a warning, because its template names a variable that no page has, must not reach a person.
#[test]
fn broken_override_refuses_to_start_and_is_named() {
    let broken = [
        ("consent.hbs", "{{#if changed}}", "consent"),
        ("consent.hbs", "{{no_such_thing}}", "consent.hbs"),
        ("layout.hbs", "{{client.nonsense}}{{> @partial-block}}", "layout"),
        ("consent.hbs", "{{#if no_such_thing}}warning{{/if}}", "no_such_thing"),
        ("consent.hbs", "{{#if redirect.web}}{{#if redirect.elsewhere}}warning{{/if}}{{/if}}", "redirect.elsewhere"),
        ("consent.hbs", "{{#unless redirect.elsewhere}}fine{{/unless}}", "redirect.elsewhere"),
        ("consent.hbs", "{{#if changed}}{{else if redirect.elsewhere}}warning{{/if}}", "redirect.elsewhere"),
        ("consent.hbs", "{{#if policy.nonsense}}warning{{/if}}", "policy.nonsense"),
        ("account.hbs", "{{#each apps}}{{#if client.gone}}removed{{/if}}{{/each}}", "client.gone"),
        ("consnet.hbs", "", "consnet.hbs"),
    ];
    for (file, text, named) in broken {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join(file), text).expect("a file");
        let error = Pages::load(Some(directory.path())).expect_err("a refusal").to_string();
        assert!(error.contains("templates_dir") && error.contains(named), "{error}");
    }
    assert!(Pages::load(Some(Path::new("/does/not/exist"))).is_err());
}

#[test]
fn condition_may_ask_for_a_part_of_a_value_that_is_absent() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = "{{#if policy.changed}}changed{{else}}same{{/if}} {{#unless person.name}}unnamed{{/unless}}";
    fs::write(directory.path().join("consent.hbs"), text).expect("a file");
    let pages = Pages::load(Some(directory.path())).expect("the override loads");
    let consent = ConsentPage::samples().swap_remove(0).page;
    assert_eq!(pages.render("", &consent).expect("a page"), "same unnamed");
}
