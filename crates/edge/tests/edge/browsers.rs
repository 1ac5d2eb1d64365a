//! `/authorize`, `/consent` and `/callback`: calls, responses, and the headers of every page.

use lychgate_api::Reason;
use lychgate_api::v1::{self, Decision, ScopePreset, next::Step};

use crate::support::{Answer, Message, TOKEN, TestEdge, consent_page, header, redirect, refusal, running};

fn parameters(expected: &[(&str, &str)]) -> Vec<v1::Parameter> {
    let parameter =
        |(name, value): &(&str, &str)| v1::Parameter { name: (*name).to_owned(), value: (*value).to_owned() };
    expected.iter().map(parameter).collect()
}

fn cookie(name: &str, value: &str) -> v1::Cookie {
    v1::Cookie { name: name.to_owned(), value: value.to_owned() }
}

/// Every parameter is passed on, decoded, with repetitions.
///
/// Requirements: R7, R11.
#[tokio::test]
async fn authorize_passes_on_the_whole_query() {
    let (edge, fake) = running().await;
    fake.step(redirect("https://gate.example/t/consent?ticket=x"));
    let response = edge.get("/t/authorize?client_id=a&state=%22%E2%9C%93+x%22&state=2&empty=&resource=r").await;
    assert_eq!(response.status(), 303);
    assert_eq!(header(&response, "location"), "https://gate.example/t/consent?ticket=x");
    assert_eq!(header(&response, "referrer-policy"), "no-referrer");
    assert_eq!(header(&response, "cache-control"), "no-store");
    let expected = [("client_id", "a"), ("state", "\"✓ x\""), ("state", "2"), ("empty", ""), ("resource", "r")];
    let parameters = parameters(&expected);
    assert_eq!(fake.only_message(), Message::Begin(v1::BeginRequest { issuer_id: "tee".to_owned(), parameters }));
}

#[tokio::test]
async fn authorize_accepts_a_form() {
    let (edge, fake) = running().await;
    fake.step(redirect("https://gate.example/consent?ticket=x"));
    assert_eq!(edge.post_form("/authorize?ignored=1", "client_id=a").await.status(), 303);
    let parameters = parameters(&[("client_id", "a")]);
    assert_eq!(fake.only_message(), Message::Begin(v1::BeginRequest { issuer_id: "root".to_owned(), parameters }));
}

#[tokio::test]
async fn queries_that_cannot_be_decoded_exactly_are_refused() {
    let (edge, fake) = running().await;
    assert_eq!(edge.get("/authorize?state=%ff").await.status(), 400);
    assert_eq!(edge.get("/consent?ticket=a&ticket=b").await.status(), 400);
    assert_eq!(edge.get(&format!("/authorize?{}", "a=1&".repeat(65))).await.status(), 400);
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn calls_carry_token_deadline_and_request_id() {
    let (edge, fake) = running().await;
    fake.step(redirect("https://gate.example/consent?ticket=x"));
    let request = edge.http.get(edge.url("/authorize")).header("x-request-id", "chosen-by-a-stranger");
    let response = edge.send(request).await;
    let call = fake.calls().remove(0);
    assert_eq!(call.authorization, format!("Bearer {TOKEN}"));
    assert!(call.has_deadline);
    assert_eq!(call.request_id, header(&response, "x-request-id"));
    assert_ne!(call.request_id, "chosen-by-a-stranger");
    assert_eq!(call.request_id.len(), 22);
}

#[tokio::test]
async fn consent_page_is_shown_and_only_our_cookies_are_passed_on() {
    let (edge, fake) = running().await;
    let set_cookies =
        vec![v1::SetCookie { name: "__Host-lychgate-b".to_owned(), value: "fresh".to_owned(), max_age_seconds: None }];
    fake.answer(Answer::Next(v1::Next { step: Some(Step::ConsentPage(consent_page())), set_cookies }));
    let sent = "theme=dark; __Host-lychgate-b=one; __Host-lychgate-b=two; __Host-other=x";
    let response = edge.send(edge.http.get(edge.url("/t/consent?ticket=T")).header("cookie", sent)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "set-cookie"), "__Host-lychgate-b=fresh; Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_page_headers(&response, "same-origin");
    let html = response.text().await.expect("text");
    assert!(
        html.contains("Some App") && html.contains("action=\"/t/consent\"") && html.contains("value=\"the-ticket\"")
    );
    let cookies = vec![cookie("__Host-lychgate-b", "one"), cookie("__Host-lychgate-b", "two")];
    let Message::Show(show) = fake.only_message() else { panic!("not a page") };
    assert_eq!((show.issuer_id.as_str(), show.ticket.as_str(), show.cookies), ("tee", "T", cookies));
    assert_eq!((show.sec_fetch_site, show.sec_purpose, show.scope_preset), (None, None, 0));
    assert_eq!((show.attempt.len(), show.full_screen), (16, false));
}

/// The control plane shortens the page by these headers, so they must arrive exactly as sent.
///
/// Requirements: B31.
#[tokio::test]
async fn sec_fetch_site_and_sec_purpose_are_passed_on_exactly_as_sent() {
    for (sent, arrived) in [
        (vec!["none"], "none"),
        (vec!["cross-site"], "cross-site"),
        (vec!["cross-site", "none"], "cross-site, none"),
        (vec![""], ""),
    ] {
        let (edge, fake) = running().await;
        fake.step(Step::ConsentPage(consent_page()));
        let mut request = edge.http.get(edge.url("/consent?ticket=T&whole_page=1"));
        for site in sent {
            request = request.header("sec-fetch-site", site).header("sec-purpose", site);
        }
        edge.send(request).await;
        let Message::Show(show) = fake.only_message() else { panic!("not a page") };
        assert_eq!((show.sec_fetch_site.as_deref(), show.full_screen), (Some(arrived), true));
        assert_eq!(show.sec_purpose.as_deref(), Some(arrived));
    }
}

/// Requirements: B31.
#[tokio::test]
async fn one_click_page_names_person_and_client_and_links_to_the_full_page() {
    let (edge, fake) = running().await;
    let person = Some(v1::Person { name: "Ada <b>".to_owned(), account: "ada@example.com".to_owned() });
    let page = Some(v1::ConsentPage { person: person.clone(), ..consent_page() });
    fake.step(Step::OneClickPage(v1::OneClickPage { page }));
    let response = edge.get("/t/consent?ticket=T").await;
    assert_page_headers(&response, "same-origin");
    let html = response.text().await.expect("text");
    for text in [
        "Continue as <bdi>Ada &lt;b&gt;</bdi>",
        "Some App",
        "ada@example.com",
        "value=\"approve\"",
        "value=\"not_me\"",
        "href=\"/t/consent?ticket&#x3D;the-ticket&amp;whole_page&#x3D;1\"",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    fake.step(Step::OneClickPage(v1::OneClickPage { page: Some(consent_page()) }));
    assert_eq!(edge.get("/t/consent?ticket=T").await.status(), 500, "a page without a person");
}

/// Requirements: B37.
#[tokio::test]
async fn signed_in_page_asks_and_its_answer_is_passed_on() {
    let (edge, fake) = running().await;
    let person = Some(v1::Person { name: String::new(), account: "583231".to_owned() });
    let page = Some(v1::ConsentPage { person, ticket: String::new(), ..consent_page() });
    fake.step(Step::SignedInPage(v1::SignedInPage { state: "the-state".to_owned(), page }));
    let response = edge.get("/callback/tee?code=x&state=s").await;
    assert_page_headers(&response, "same-origin");
    let html = response.text().await.expect("text");
    for text in ["action=\"/callback/tee\"", "value=\"the-state\"", "583231", "value=\"not_me\"", "value=\"approve\""] {
        assert!(html.contains(text), "{text}: {html}");
    }

    let (edge, fake) = running().await;
    fake.step(redirect("https://app.example/cb?code=c"));
    let request = edge.http.post(edge.url("/callback/tee")).header("sec-fetch-site", "same-origin");
    let request = request.header("content-type", "application/x-www-form-urlencoded").header("origin", "null");
    let request = request.header("cookie", "__Host-lychgate-b=one").body("state=S&form_token=F&decision=not_me");
    assert_eq!(edge.send(request).await.status(), 303);
    let Message::ConfirmLogin(answer) = fake.only_message() else { panic!("not an answer") };
    assert_eq!((answer.issuer_id.as_str(), answer.state.as_str(), answer.form_token.as_str()), ("tee", "S", "F"));
    assert_eq!((answer.decision(), answer.attempt.len()), (Decision::NotMe, 16));
    assert_eq!((answer.sec_fetch_site.as_deref(), answer.origin.as_deref()), (Some("same-origin"), Some("null")));
    assert_eq!(answer.cookies, [cookie("__Host-lychgate-b", "one")]);
}

/// Requirements: B37.
#[tokio::test]
async fn consent_page_names_the_person_and_marks_new_scopes() {
    let (edge, fake) = running().await;
    let person = Some(v1::Person { name: "Ada".to_owned(), account: "ada@example.com".to_owned() });
    let mut page = v1::ConsentPage { person, ..consent_page() };
    page.scopes = vec![v1::ConsentScope { name: "write".to_owned(), added: true, ..Default::default() }];
    fake.step(Step::ConsentPage(page));
    let html = edge.get("/consent?ticket=T").await.text().await.expect("text");
    for text in ["As <strong><bdi>Ada</bdi></strong>", "ada@example.com", "Use another account", ">new</strong>"] {
        assert!(html.contains(text), "{text}: {html}");
    }
}

#[tokio::test]
async fn decision_is_passed_on_with_origin_and_sec_fetch_site() {
    let (edge, fake) = running().await;
    let set_cookies = vec![
        v1::SetCookie { name: "__Host-lychgate-s".to_owned(), value: "v".to_owned(), max_age_seconds: Some(600) },
        v1::SetCookie { name: "__Host-lychgate-o".to_owned(), value: String::new(), max_age_seconds: Some(0) },
    ];
    fake.answer(Answer::Next(v1::Next { step: Some(redirect("https://login.example/?state=s")), set_cookies }));
    let request = edge.http.post(edge.url("/consent")).header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("sec-fetch-site", "same-origin").header("origin", "null");
    let request = request.header("cookie", "__Host-lychgate-b=one").body("ticket=T&form_token=F&decision=approve");
    let response = edge.send(request).await;
    assert_eq!((response.status().as_u16(), header(&response, "referrer-policy")), (303, "no-referrer"));
    let lines: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(
        lines,
        [
            "__Host-lychgate-s=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600",
            "__Host-lychgate-o=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
        ]
    );
    let Message::Decide(decide) = fake.only_message() else { panic!("not a decision") };
    assert_eq!((decide.issuer_id.as_str(), decide.ticket.as_str(), decide.form_token.as_str()), ("root", "T", "F"));
    assert_eq!((decide.decision(), decide.attempt.len()), (Decision::Approve, 16));
    assert_eq!((decide.sec_fetch_site.as_deref(), decide.origin.as_deref()), (Some("same-origin"), Some("null")));
    assert_eq!(decide.cookies, [cookie("__Host-lychgate-b", "one")]);
}

#[tokio::test]
async fn only_the_words_of_the_buttons_are_decisions() {
    let words = [
        ("decision=deny", Decision::Deny),
        ("decision=not_me", Decision::NotMe),
        ("decision=approve", Decision::Approve),
        ("decision=take_back", Decision::TakeBack),
        ("decision=APPROVE", Decision::Unspecified),
        ("decision=", Decision::Unspecified),
        ("", Decision::Unspecified),
    ];
    for (form, expected) in words {
        let (edge, fake) = running().await;
        fake.refuse(refusal(Reason::DecisionMissing, &[]));
        edge.post_form("/consent", form).await;
        let Message::Decide(decide) = fake.only_message() else { panic!("not a decision") };
        assert_eq!(decide.decision(), expected, "{form}");
        assert_eq!((decide.sec_fetch_site, decide.origin), (None, None));
    }
}

/// The ticked scopes are passed on, and there may be several.
///
/// Requirements: E3.
#[tokio::test]
async fn chosen_scopes_are_passed_on() {
    let (edge, fake) = running().await;
    fake.step(redirect("https://idp.example/"));
    edge.post_form("/consent", "ticket=T&form_token=F&decision=approve&chosen_scope=a&chosen_scope=b").await;
    let Message::Decide(message) = fake.only_message() else { panic!("not a decision") };
    assert_eq!(message.chosen_scopes, ["a", "b"]);
}

#[tokio::test]
async fn decision_must_be_a_small_form_without_repetitions() {
    let (edge, fake) = running().await;
    assert_eq!(edge.post_form("/consent", "decision=deny&decision=approve").await.status(), 400);
    assert_eq!(edge.post_form("/consent", &"x".repeat(65 * 1024)).await.status(), 400);
    let text = edge.http.post(edge.url("/consent")).header("content-type", "text/plain").body("decision=approve");
    assert_eq!(edge.send(text).await.status(), 400);
    let cookies = edge.http.get(edge.url("/consent")).header("cookie", "x".repeat(17 * 1024));
    assert_eq!(edge.send(cookies).await.status(), 400);
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn changed_client_leads_to_the_consent_page_again() {
    let (edge, fake) = running().await;
    fake.step(Step::ConsentPage(v1::ConsentPage { changed: true, ..consent_page() }));
    let response = edge.post_form("/consent", "ticket=T&form_token=F&decision=approve").await;
    assert_eq!(response.status(), 200);
    assert!(response.text().await.expect("text").contains("Please look again"));
}

/// Requirements: B8.
#[tokio::test]
async fn page_of_a_finished_request_is_a_conflict_only_for_an_answer() {
    for (too_late, status) in [(true, 409), (false, 200)] {
        let (edge, fake) = running().await;
        let consent = consent_page();
        fake.step(Step::AllowedPage(v1::AllowedPage {
            client: consent.client,
            redirect: consent.redirect,
            resource: consent.resource,
            scopes: consent.scopes,
            allow_time: Some(prost_types::Timestamp::default()),
            too_late,
            standing: Some(v1::allowed_page::Standing::FormToken("the-form-token".to_owned())),
            return_uri: "https://app.example/cb?error=access_denied".to_owned(),
            return_label: "app.example".to_owned(),
        }));
        let response = edge.post_form("/t/consent", "ticket=T&form_token=F&decision=deny").await;
        assert_eq!(response.status(), status);
        assert_page_headers(&response, "same-origin");
        let html = response.text().await.expect("text");
        for text in ["Some App", "Read notes", "value=\"the-form-token\"", "action=\"/t/consent\"", "\"/t/account\""] {
            assert!(html.contains(text), "{text}: {html}");
        }
        assert!(html.contains("href=\"https://app.example/cb?error&#x3D;access_denied\""), "{html}");
    }
    let (edge, fake) = running().await;
    fake.step(Step::AllowedPage(v1::AllowedPage::default()));
    assert_eq!(edge.get("/t/consent?ticket=T").await.status(), 500, "a page that does not say what was allowed");
}

#[tokio::test]
async fn callback_passes_on_query_and_cookies() {
    let (edge, fake) = running().await;
    fake.step(redirect("https://app.example/cb?code=c"));
    let request =
        edge.http.get(edge.url("/callback/tee?code=x&state=s&state=t")).header("cookie", "__Host-lychgate-s=v");
    let response = edge.send(request).await;
    assert_eq!((response.status().as_u16(), header(&response, "location")), (303, "https://app.example/cb?code=c"));
    let Message::FinishLogin(finish) = fake.only_message() else { panic!("not a callback") };
    assert_eq!((finish.issuer_id.as_str(), finish.attempt.len()), ("tee", 16));
    assert_eq!(finish.parameters, parameters(&[("code", "x"), ("state", "s"), ("state", "t")]));
    assert_eq!(finish.cookies, [cookie("__Host-lychgate-s", "v")]);
}

#[tokio::test]
async fn recorded_failure_is_a_page_with_return_link_and_cookies() {
    let (edge, fake) = running().await;
    let page = v1::FailurePage {
        reason: Reason::UpstreamDenied.as_str().to_owned(),
        return_uri: "https://app.example/cb?error=access_denied&iss=x".to_owned(),
        return_label: "Some <App>".to_owned(),
        ..Default::default()
    };
    let set_cookies =
        vec![v1::SetCookie { name: "__Host-lychgate-s".to_owned(), value: String::new(), max_age_seconds: Some(0) }];
    fake.answer(Answer::Next(v1::Next { step: Some(Step::FailurePage(page)), set_cookies }));
    let response = edge.get("/callback/root?error=access_denied&state=s").await;
    assert_eq!(response.status(), 403);
    assert!(header(&response, "set-cookie").starts_with("__Host-lychgate-s=; Path=/"));
    assert_page_headers(&response, "no-referrer");
    let html = response.text().await.expect("text");
    assert!(html.contains("href=\"https://app.example/cb?error&#x3D;access_denied&amp;iss&#x3D;x\""), "{html}");
    assert!(html.contains("Return to <bdi dir=\"ltr\">Some &lt;App&gt;</bdi>"));
}

#[tokio::test]
async fn the_page_of_a_person_who_was_not_admitted_names_the_account_and_leads_on() {
    let (edge, fake) = running().await;
    let page = v1::FailurePage {
        reason: Reason::AccountNotAllowed.as_str().to_owned(),
        return_uri: "https://app.example/cb?error=access_denied&iss=x".to_owned(),
        return_label: "app.example".to_owned(),
        person: Some(v1::Person { name: "<b>Ada".to_owned(), account: "ada@elsewhere.example".to_owned() }),
        upstream_name: "The Login".to_owned(),
        another_account_ticket: "a-ticket".to_owned(),
    };
    for (page, names_the_account) in [(page.clone(), true), (v1::FailurePage { person: None, ..page }, false)] {
        fake.answer(Answer::Next(v1::Next { step: Some(Step::FailurePage(page)), set_cookies: Vec::new() }));
        let response = edge.get("/callback/tee?code=x&state=s").await;
        assert_eq!(response.status(), 403);
        assert_page_headers(&response, "no-referrer");
        let html = response.text().await.expect("text");
        for text in ["&lt;b&gt;Ada", "ada@elsewhere.example", "The Login"] {
            assert_eq!(html.contains(text), names_the_account, "{text}: {html}");
        }
        assert!(
            html.contains("href=\"/t/consent?ticket&#x3D;a-ticket&amp;whole_page&#x3D;1\">Use another account<"),
            "{html}"
        );
        assert!(html.contains("href=\"https://app.example/cb?error&#x3D;access_denied&amp;iss&#x3D;x\""), "{html}");
        assert!(html.contains("ACCOUNT_NOT_ALLOWED"), "{html}");
    }
}

#[tokio::test]
async fn answer_without_a_next_step_is_a_fault() {
    let (edge, fake) = running().await;
    fake.answer(Answer::Next(v1::Next { step: None, set_cookies: vec![] }));
    assert_eq!(edge.get("/authorize").await.status(), 500);
}

/// Pages of handlers, of the router and of refusals.
///
/// Requirements: B9, R22.
#[tokio::test]
async fn every_page_has_the_security_headers() {
    let (edge, fake) = running().await;
    for path in ["/nowhere", "/nope/authorize", "/authorize?state=%ff", "/callback/nope"] {
        assert_page_headers(&edge.get(path).await, "no-referrer");
    }
    assert_page_headers(&edge.send(edge.http.put(edge.url("/authorize"))).await, "no-referrer");
    fake.refuse(refusal(Reason::TicketExpired, &[]));
    assert_page_headers(&edge.get("/consent?ticket=x").await, "no-referrer");
}

/// RFC 6797 §7.2: not over plain http.
#[tokio::test]
async fn strict_transport_security_is_sent_for_https_issuers_only() {
    let (edge, _) = crate::support::running_with(&[("a", "https://a.example/a"), ("b", "http://localhost:1/b")]).await;
    assert_eq!(header(&edge.get("/a/jwks.json").await, "strict-transport-security"), "max-age=31536000");
    assert_eq!(header(&edge.get("/b/jwks.json").await, "strict-transport-security"), "");
}

pub(crate) fn assert_page_headers(response: &reqwest::Response, referrer_policy: &str) {
    let expected = [
        ("content-type", "text/html; charset=utf-8"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", referrer_policy),
        ("cache-control", "no-store"),
    ];
    for (name, value) in expected {
        assert_eq!(header(response, name), value, "{}", response.url());
    }
    assert!(!header(response, "permissions-policy").is_empty() && !header(response, "x-request-id").is_empty());
    assert!(header(response, "access-control-allow-origin").is_empty(), "R8");
}

/// Error pages have the issuer's name and the request id, and no text of the gRPC status.
#[tokio::test]
async fn error_page_names_issuer_and_request_id() {
    let (edge, fake): (TestEdge, _) = running().await;
    fake.refuse(refusal(Reason::ClientUnknown, &[("description", "no client <x>"), ("oauth_error", "invalid_client")]));
    let response = edge.get("/t/authorize?client_id=x").await;
    assert_eq!(response.status(), 400, "401 is for the API");
    let id = header(&response, "x-request-id").to_owned();
    let html = response.text().await.expect("text");
    for text in ["Gate tee", &id, "CLIENT_UNKNOWN", "no client &lt;x&gt;", "This app is not known here"] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(!html.contains("not for the world"), "a status's message is for logs");
}

/// Without its cookie an answer is refused, and the page offers the same question again: the ticket is still good.
#[tokio::test]
async fn answer_without_its_cookie_can_be_given_again() {
    let (edge, fake) = running().await;
    fake.refuse(refusal(Reason::BrowserCookieMissing, &[]));
    let response = edge.post_form("/t/consent", "ticket=T%261&form_token=F&decision=approve").await;
    assert_eq!(response.status(), 403);
    let html = response.text().await.expect("text");
    assert!(html.contains("href=\"/t/consent?ticket&#x3D;T%261&amp;whole_page&#x3D;1\""), "{html}");
    assert!(!html.contains("Safari"), "this issuer is at an https address");
}

#[tokio::test]
async fn only_the_words_of_the_links_are_presets() {
    let words = [
        ("&choose=read_only", ScopePreset::ReadOnly),
        ("&choose=everything", ScopePreset::Everything),
        ("&choose=EVERYTHING", ScopePreset::Unspecified),
        ("&choose=", ScopePreset::Unspecified),
        ("", ScopePreset::Unspecified),
    ];
    for (query, expected) in words {
        let (edge, fake) = running().await;
        fake.step(Step::ConsentPage(consent_page()));
        assert_eq!(edge.get(&format!("/consent?ticket=T{query}")).await.status(), 200);
        let Message::Show(show) = fake.only_message() else { panic!("not a page") };
        assert_eq!(show.scope_preset(), expected, "{query}");
    }
}
