use std::fs;
use std::path::Path;

use super::*;

fn rendered<P: Page>() -> Vec<String> {
    let pages = Pages::load(None).expect("the built-in templates load");
    P::samples().iter().map(|sample| pages.render(sample).expect("every sample renders")).collect()
}

/// Set `LYCHGATE_RENDER_SAMPLES` to a directory to look at them in a browser.
#[test]
fn every_sample_renders() {
    let all = [
        ("consent", rendered::<ConsentPage>()),
        ("remembered", rendered::<RememberedPage>()),
        ("signed_in", rendered::<SignedInPage>()),
        ("error", rendered::<ErrorPage>()),
        ("account", rendered::<AccountPage>()),
        ("sign-in", rendered::<SignInPage>()),
    ];
    for (name, pages) in &all {
        for page in pages {
            assert!(page.starts_with("<!doctype html>") && page.contains("<html lang=\"en\">"), "{name}");
            // What the page's own policy would refuse to run or apply.
            for tag in page.split('<').filter_map(|rest| rest.split('>').next()) {
                assert!(
                    !tag.starts_with("script") && !tag.contains(" on") && !tag.contains(" style="),
                    "{name}: {tag}"
                );
            }
            assert_eq!(page.matches("<h1>").count(), 1, "{name}");
        }
    }
    if let Some(directory) = std::env::var_os("LYCHGATE_RENDER_SAMPLES") {
        let directory = Path::new(&directory);
        fs::create_dir_all(directory.join("assets")).expect("a directory");
        fs::write(directory.join("assets/lychgate-sample.css"), Pages::load(None).expect("pages").css()).expect("css");
        for (name, pages) in all {
            for (number, page) in pages.into_iter().enumerate() {
                let page = page.replace("\"/assets/", "\"assets/");
                fs::write(directory.join(format!("{name}-{number}.html")), page).expect("a page");
            }
        }
    }
}

/// Who asks, for what, where does it go.
///
/// Requirements: A18, A19, B5, B6, B7, R23.
#[test]
fn the_consent_page_answers_the_four_questions() {
    let pages = rendered::<ConsentPage>();
    let web = &pages[0];
    for text in [
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
    assert!(pages[1].contains("A program on this computer") && pages[1].contains("127.0.0.1:33418"));
    assert!(pages[2].contains("An app on this device") && pages[2].contains("cursor://anysphere.cursor-mcp"));
    assert!(pages[3].contains("Please look again") && !web.contains("Please look again"));
    assert!(pages[5].contains("An app without a name"));
    assert!(!pages[6].contains("nobody has checked"), "an operator configured it");
    assert!(pages[7].contains("claude.ai") && pages[7].contains("says that this is its app"), "D11");
    let elsewhere = "This is not the website that says the app is its own";
    assert!(pages[8].contains(elsewhere) && !pages[7].contains(elsewhere), "D18");
    let boxes = |page: &str| page.matches(r#"<input type="checkbox""#).count();
    assert_eq!((boxes(&pages[9]), boxes(web)), (1, 0), "E3");
    assert!(pages[9].contains(r#"name="chosen_scope" value="notes:write" form="decide" checked"#));
}

#[test]
fn the_form_has_two_answers_and_deny_is_the_first() {
    let page = &rendered::<ConsentPage>()[0];
    assert!(page.contains(r#"<form method="post" action="/consent" id="decide""#));
    assert!(page.contains(r#"<input type="hidden" name="ticket" value="ticket">"#));
    assert!(page.contains(r#"<input type="hidden" name="form_token" value="form-token">"#));
    let deny = page.find(r#"name="decision" value="deny""#).expect("a button");
    let approve = page.find(r#"name="decision" value="approve""#).expect("a button");
    assert!(deny < approve && page.matches("<button").count() == 2 && !page.contains("autofocus"));
}

/// The strings of strangers, with what HTML, quotes and writing direction could do to the page around them.
///
/// Requirements: B5.
#[test]
fn payloads_stay_text_in_every_field() {
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
        }),
        redirect: Some(v1::ConsentRedirect {
            uri: text(),
            host: text(),
            kind: RedirectKind::Web.into(),
            differs_from_metadata_host: true,
        }),
        resource: Some(v1::ConsentResource { uri: text(), name: text() }),
        scopes: vec![v1::ConsentScope { name: text(), description: text(), optional: true, added: true }],
        upstream_name: text(),
        grant_lifetime_seconds: 1,
        changed: true,
        policy: Some(v1::ConsentPolicy { version: text(), uri: format!("https://{payload}"), changed: true }),
        person: Some(v1::Person { name: text(), account: text() }),
    };
    let page = || ConsentPage::new(payload, text(), text(), page.clone()).expect("a page");
    let (remembered, signed_in) = (RememberedPage::new(page()), SignedInPage::new(page(), text(), text()));
    let pages = Pages::load(None).expect("the built-in templates load");
    let mut error = ErrorPage::samples().swap_remove(0);
    error.issuer_name = text();
    error.description = text();
    error.request_id = text();
    error.return_link = ReturnLink::new(format!("https://a.example/?{payload}"), text());
    for html in [
        pages.render(&page()),
        pages.render(&remembered.expect("a page")),
        pages.render(&signed_in.expect("a page")),
        pages.render(&error),
    ] {
        let html = html.expect("a page");
        assert!(!html.contains("<script") && !html.contains("<!--") && !html.contains("-->"), "{html}");
        assert!(html.contains("&lt;script&gt;"), "the text is there, as text");
        assert!(html.contains("{{title}}"), "nothing is rendered twice");
        for line in html.lines().filter(|line| line.contains('\u{202e}')) {
            let contained =
                line.contains("<bdi") || line.contains("=\"") || line.contains("<title>") || line.contains("<code>");
            assert!(contained, "writing direction reaches beyond: {line}");
        }
    }
}

#[test]
fn a_page_that_would_leave_something_out_is_not_shown() {
    let whole = || v1::ConsentPage {
        client: Some(v1::ConsentClient::default()),
        redirect: Some(v1::ConsentRedirect {
            uri: "u".to_owned(),
            host: "h".to_owned(),
            kind: 1,
            differs_from_metadata_host: false,
        }),
        resource: Some(v1::ConsentResource::default()),
        ..Default::default()
    };
    let shown = |page| ConsentPage::new("", String::new(), String::new(), page).is_ok();
    assert!(shown(whole()));
    assert!(!shown(v1::ConsentPage { client: None, ..whole() }));
    assert!(!shown(v1::ConsentPage { redirect: None, ..whole() }));
    assert!(!shown(v1::ConsentPage { resource: None, ..whole() }));
    for kind in [0, 99] {
        let redirect = Some(v1::ConsentRedirect {
            uri: "u".to_owned(),
            host: "h".to_owned(),
            kind,
            differs_from_metadata_host: false,
        });
        assert!(!shown(v1::ConsentPage { redirect, ..whole() }), "a kind nobody knows has no warning");
    }
}

#[test]
fn links_back_never_run_anything() {
    let link = |uri: &str| ReturnLink::new(uri.to_owned(), String::new());
    for uri in [
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc",
        "/relative",
        "",
    ] {
        assert!(link(uri).is_none(), "{uri}");
    }
    assert_eq!(link("https://a.example/cb?error=x").expect("a link").label, "a.example");
    assert_eq!(link("cursor://x/cb").expect("a link").label, "x");
}

#[test]
fn a_policy_is_named_and_linked_only_where_it_can_be_read() {
    let pages = Pages::load(None).expect("pages");
    let shown = |uri: &str, changed| {
        let policy = v1::ConsentPolicy { version: "2026-11".to_owned(), uri: uri.to_owned(), changed };
        let page = v1::ConsentPage {
            client: Some(v1::ConsentClient::default()),
            redirect: Some(v1::ConsentRedirect {
                uri: "u".to_owned(),
                host: "h".to_owned(),
                kind: 1,
                differs_from_metadata_host: false,
            }),
            resource: Some(v1::ConsentResource::default()),
            policy: Some(policy),
            ..Default::default()
        };
        let page = ConsentPage::new("Gate", String::new(), String::new(), page).unwrap_or_else(|_| panic!("a page"));
        pages.render(&page).expect("a page")
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
fn lifetimes_are_words() {
    let expected = [
        (0, "1 minute"),
        (60, "1 minute"),
        (61, "2 minutes"),
        (3_600, "60 minutes"),
        (3_601, "2 hours"),
        (86_400, "24 hours"),
        (86_401, "2 days"),
        (90 * 86_400, "90 days"),
    ];
    for (seconds, words) in expected {
        assert_eq!(lifetime(seconds), words);
    }
}

#[test]
fn dates_are_right_around_their_edges() {
    let expected = [
        (0, "1970-01-01"),
        (86_399, "1970-01-01"),
        (-1, "1969-12-31"),
        (951_782_400, "2000-02-29"),
        (1_709_164_800, "2024-02-29"),
        (1_709_251_200, "2024-03-01"),
        (1_735_689_599, "2024-12-31"),
    ];
    for (seconds, day) in expected {
        assert_eq!(date(seconds).machine, day);
    }
    assert_eq!(date(1_795_392_000).human, "23 November 2026");
}

#[test]
fn files_are_overridden_one_by_one() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("lychgate.css"), "body{}").expect("a file");
    fs::write(directory.path().join("error.hbs"), "<!doctype html><p>ours: {{title}} {{request_id}}").expect("a file");
    let pages = Pages::load(Some(directory.path())).expect("the overrides load");
    assert_eq!(pages.css(), "body{}");
    assert_ne!(pages.stylesheet(), Pages::load(None).expect("pages").stylesheet());
    assert!(pages.render(&ErrorPage::samples()[0]).expect("a page").contains("ours: "));
    assert!(pages.render(&ConsentPage::samples()[0]).expect("a page").contains("What happens next"));
}

#[test]
fn a_broken_override_refuses_to_start_and_is_named() {
    let broken = [
        ("consent.hbs", "{{#if changed}}", "consent"),
        ("consent.hbs", "{{no_such_thing}}", "consent.hbs"),
        ("layout.hbs", "{{client.nonsense}}{{> @partial-block}}", "layout"),
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
