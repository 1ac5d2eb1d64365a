//! `/account` and its forms.

use lychgate_api::Reason;
use lychgate_api::v1::account_service_show_response::Page;
use lychgate_api::v1::{self, RedirectKind};

use crate::browsers::assert_page_headers;
use crate::support::{Answer, Message, header, redirect, refusal, running};

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
        expire_time: None,
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
        ..Default::default()
    }
}

/// Requirements: B38.
#[tokio::test]
async fn account_page_names_each_app_its_access_and_how_to_revoke_it() {
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
        "Not used lately",
        "Nobody has checked that.",
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
    let Message::ShowAccount(message) = fake.only_message() else { panic!("not a call for the account page") };
    let values: Vec<_> = message.cookies.iter().map(|cookie| cookie.value.as_str()).collect();
    assert_eq!((message.issuer_id.as_str(), values), ("tee", vec!["one", "two"]), "repetitions are passed on");
}

#[tokio::test]
async fn without_a_session_the_page_leads_to_the_sign_in() {
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
async fn account_page_names_the_connection_and_how_to_end_it() {
    use v1::UpstreamConnectionState::{InOrder, SignInNeeded};
    let connection = |state: v1::UpstreamConnectionState| v1::UpstreamConnection {
        state: state.into(),
        sign_in_time: Some(prost_types::Timestamp { seconds: 1_709_164_800, nanos: 0 }),
        scopes: vec!["repo".to_owned(), HOSTILE.to_owned()],
        form_token: "names-the-connection".to_owned(),
        ..Default::default()
    };
    for (state, said, is_offered) in [
        (InOrder, &["29 February 2024", "repo", "&lt;script&gt;alert(1)&lt;/script&gt;", "Disconnect"][..], true),
        (SignInNeeded, &["no longer accepts this access"], false),
    ] {
        let (edge, fake) = running().await;
        let page = v1::AccountPage { connection: Some(connection(state)), ..page(vec![app("Some App")]) };
        fake.answer(shown(Page::AccountPage(page)));
        let html = edge.get("/t/account").await.text().await.expect("text");
        for said in said.iter().chain(&["What this service may do at <bdi>Login</bdi> for you"]) {
            assert!(html.contains(said), "{said}: {html}");
        }
        assert!(!html.contains("<script"));
        assert_eq!(html.contains("value=\"names-the-connection\""), is_offered);
    }
}

#[tokio::test]
async fn revoking_all_apps_is_offered_only_for_several_apps() {
    for (apps, offered) in [(0, false), (1, false), (2, true)] {
        let (edge, fake) = running().await;
        fake.answer(shown(Page::AccountPage(page(vec![app("Some App"); apps]))));
        let html = edge.get("/account").await.text().await.expect("text");
        assert_eq!(html.contains("names-all"), offered, "{apps}");
    }
}

/// Requirements: B38.
#[tokio::test]
async fn incomplete_account_page_is_not_shown() {
    let whole = || app("Some App");
    let kind = |kind| vec![v1::ConsentRedirect { host: "h".to_owned(), kind, ..Default::default() }];
    for (what, app) in [
        ("who", v1::ConnectedApp { client: None, ..whole() }),
        ("what", v1::ConnectedApp { resource: None, ..whole() }),
        ("since when", v1::ConnectedApp { create_time: None, ..whole() }),
        ("where, of an unknown kind", v1::ConnectedApp { redirects: kind(99), ..whole() }),
    ] {
        let (edge, fake) = running().await;
        fake.answer(shown(Page::AccountPage(page(vec![app]))));
        assert_eq!(edge.get("/account").await.status(), 500, "{what}");
    }
    let (edge, fake) = running().await;
    let connection = Some(v1::UpstreamConnection { state: 99, ..Default::default() });
    fake.answer(shown(Page::AccountPage(v1::AccountPage { connection, ..page(vec![whole()]) })));
    assert_eq!(edge.get("/account").await.status(), 500, "a connection in an unknown state");
}

/// The headers by which a browser describes a request are passed on exactly, and so is the form.
///
/// Requirements: B8.
#[tokio::test]
async fn account_forms_are_passed_on_with_origin_and_sec_fetch_site() {
    for path in ["/account/sign-in", "/account/revoke", "/account/sign-out"] {
        let (edge, fake) = running().await;
        fake.step(redirect("https://gate.example/account"));
        let request = edge.http.post(edge.url(path)).header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("sec-fetch-site", "same-origin").header("origin", "null");
        let request = request.header("cookie", "__Host-lychgate-a=one").body("form_token=F");
        let response = edge.send(request).await;
        let location = header(&response, "location");
        assert_eq!((response.status().as_u16(), location), (303, "https://gate.example/account"), "{path}");
        let (issuer, site, origin) = match fake.only_message() {
            Message::SignIn(message) => (message.issuer_id, message.sec_fetch_site, message.origin),
            Message::SignOut(message) => (message.issuer_id, message.sec_fetch_site, message.origin),
            Message::RevokeApps(message) => {
                assert_eq!((message.form_token.as_str(), message.attempt.len()), ("F", 16));
                assert_eq!(message.cookies[0].value, "one");
                (message.issuer_id, message.sec_fetch_site, message.origin)
            }
            other => panic!("{path}: {other:?}"),
        };
        let said = (issuer.as_str(), site.as_deref(), origin.as_deref());
        assert_eq!(said, ("root", Some("same-origin"), Some("null")), "{path}");
    }
}

/// A link must not change anything.
///
/// Requirements: B8.
#[tokio::test]
async fn account_actions_require_post() {
    let (edge, fake) = running().await;
    for path in ["/account/sign-in", "/account/revoke?form_token=F", "/account/sign-out"] {
        let response = edge.get(path).await;
        assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "POST"), "{path}");
    }
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn refusal_links_back_to_the_account_page() {
    let (edge, fake) = running().await;
    let back = [("return_uri", "https://gate.example/account"), ("return_label", "your connected apps")];
    fake.refuse(refusal(Reason::AccountSessionMissing, &back));
    let response = edge.post_form("/account/revoke", "form_token=F").await;
    assert_eq!(response.status(), 403);
    let html = response.text().await.expect("text");
    assert!(html.contains("You are no longer signed in") && html.contains("https://gate.example/account"), "{html}");
}
