//! `/account` and what is posted from it: what goes in, what comes out.

use lychgate_api::Reason;
use lychgate_api::v1::account_service_show_response::Page;
use lychgate_api::v1::{self, RedirectKind};

use crate::browsers::assert_page_headers;
use crate::support::{Answer, Asked, header, redirect, refusal, running};

const HOSTILE: &str = "<script>alert(1)</script>";

fn shown(page: Page) -> Answer {
    let set_cookies =
        vec![v1::SetCookie { name: "__Host-lychgate-a".to_owned(), value: "v".to_owned(), max_age_seconds: Some(900) }];
    Answer::Account(v1::AccountServiceShowResponse { page: Some(page), set_cookies })
}

fn app(name: &str) -> v1::ConnectedApp {
    v1::ConnectedApp {
        client: Some(v1::ConnectedClient { name: name.to_owned(), unverified: true, ..Default::default() }),
        redirects: vec![v1::ConsentRedirect {
            host: "app.example".to_owned(),
            kind: RedirectKind::Web.into(),
            ..Default::default()
        }],
        resource: Some(v1::ConsentResource { uri: "https://mcp.example".to_owned(), name: String::new() }),
        scopes: vec![v1::ConsentScope {
            name: "read".to_owned(),
            description: "Read notes".to_owned(),
            ..Default::default()
        }],
        create_time: Some(prost_types::Timestamp { seconds: 1_709_164_800, nanos: 0 }),
        last_use_time: None,
        form_token: "names-this-app".to_owned(),
    }
}

fn page(apps: Vec<v1::ConnectedApp>) -> v1::AccountPage {
    v1::AccountPage {
        upstream_name: "Login".to_owned(),
        apps,
        revoked: vec![],
        incomplete: false,
        revoke_all_token: "names-all".to_owned(),
    }
}

/// Requirements: B38.
#[tokio::test]
async fn the_page_says_who_has_access_to_what_and_how_to_end_it() {
    let (edge, fake) = running().await;
    fake.answer(shown(Page::AccountPage(page(vec![app("Some App"), app(HOSTILE)]))));
    let sent = "theme=dark; __Host-lychgate-a=one; __Host-lychgate-a=two";
    let response = edge.send(edge.http.get(edge.url("/t/account")).header("cookie", sent)).await;
    assert_eq!(response.status(), 200);
    let expected = "__Host-lychgate-a=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=900";
    assert_eq!(header(&response, "set-cookie"), expected);
    assert_page_headers(&response, "same-origin");
    let html = response.text().await.expect("text");
    for said in [
        "Some App",
        "app.example",
        "https://mcp.example",
        "Read notes",
        "29 February 2024",
        "Not lately",
        "nobody has checked it",
        "Gate tee",
        "action=\"/t/account/revoke\"",
        "action=\"/t/account/sign-out\"",
        "value=\"names-this-app\"",
        "value=\"names-all\"",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ] {
        assert!(html.contains(said), "{said}: {html}");
    }
    assert!(!html.contains("<script"));
    let Asked::ShowAccount(asked) = fake.asked() else { panic!("not asked for it") };
    let values: Vec<_> = asked.cookies.iter().map(|cookie| cookie.value.as_str()).collect();
    assert_eq!((asked.issuer_id.as_str(), values), ("tee", vec!["one", "two"]), "repetitions are not ours to judge");
}

#[tokio::test]
async fn who_is_not_signed_in_sees_where_to() {
    let (edge, fake) = running().await;
    fake.answer(shown(Page::SignInPage(v1::SignInPage { upstream_name: HOSTILE.to_owned() })));
    let response = edge.get("/account").await;
    assert_page_headers(&response, "same-origin");
    let html = response.text().await.expect("text");
    assert!(
        html.contains("action=\"/account/sign-in\"") && html.contains("Sign in with <bdi>&lt;script&gt;"),
        "{html}"
    );
}

#[tokio::test]
async fn all_of_them_are_offered_only_to_whom_it_spares_something() {
    for (apps, offered) in [(0, false), (1, false), (2, true)] {
        let (edge, fake) = running().await;
        fake.answer(shown(Page::AccountPage(page(vec![app("Some App"); apps]))));
        let html = edge.get("/account").await.text().await.expect("text");
        assert_eq!(html.contains("names-all"), offered, "{apps}");
    }
}

/// Requirements: B38.
#[tokio::test]
async fn a_page_that_would_leave_something_out_is_not_shown() {
    let whole = || app("Some App");
    let kind = |kind| vec![v1::ConsentRedirect { host: "h".to_owned(), kind, ..Default::default() }];
    for (what, app) in [
        ("who", v1::ConnectedApp { client: None, ..whole() }),
        ("what", v1::ConnectedApp { resource: None, ..whole() }),
        ("since when", v1::ConnectedApp { create_time: None, ..whole() }),
        ("where, of a kind that nobody knows", v1::ConnectedApp { redirects: kind(99), ..whole() }),
    ] {
        let (edge, fake) = running().await;
        fake.answer(shown(Page::AccountPage(page(vec![app]))));
        assert_eq!(edge.get("/account").await.status(), 500, "{what}");
    }
}

/// What the browser says about itself goes on exactly, and so does the form.
///
/// Requirements: B8.
#[tokio::test]
async fn a_post_goes_on_with_what_the_browser_says_about_itself() {
    for path in ["/account/sign-in", "/account/revoke", "/account/sign-out"] {
        let (edge, fake) = running().await;
        fake.step(redirect("https://gate.example/account"));
        let request = edge.http.post(edge.url(path)).header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("sec-fetch-site", "same-origin").header("origin", "null");
        let request = request.header("cookie", "__Host-lychgate-a=one").body("form_token=F");
        let response = edge.send(request).await;
        let location = header(&response, "location");
        assert_eq!((response.status().as_u16(), location), (303, "https://gate.example/account"), "{path}");
        let (issuer, site, origin) = match fake.asked() {
            Asked::SignIn(asked) => (asked.issuer_id, asked.sec_fetch_site, asked.origin),
            Asked::SignOut(asked) => (asked.issuer_id, asked.sec_fetch_site, asked.origin),
            Asked::RevokeApps(asked) => {
                assert_eq!((asked.form_token.as_str(), asked.attempt.len()), ("F", 16));
                assert_eq!(asked.cookies[0].value, "one");
                (asked.issuer_id, asked.sec_fetch_site, asked.origin)
            }
            other => panic!("{path}: {other:?}"),
        };
        let said = (issuer.as_str(), site.as_deref(), origin.as_deref());
        assert_eq!(said, ("root", Some("same-origin"), Some("null")), "{path}");
    }
}

/// Nothing is done by a link.
///
/// Requirements: B8.
#[tokio::test]
async fn only_a_post_does_anything() {
    let (edge, fake) = running().await;
    for path in ["/account/sign-in", "/account/revoke?form_token=F", "/account/sign-out"] {
        let response = edge.get(path).await;
        assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "POST"), "{path}");
    }
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn a_refusal_leads_back_to_the_page() {
    let (edge, fake) = running().await;
    let back = [("return_uri", "https://gate.example/account"), ("return_label", "your connected apps")];
    fake.refuse(refusal(Reason::AccountSessionMissing, &back));
    let response = edge.post_form("/account/revoke", "form_token=F").await;
    assert_eq!(response.status(), 403);
    let html = response.text().await.expect("text");
    assert!(html.contains("You are no longer signed in") && html.contains("https://gate.example/account"), "{html}");
}
