//! Upstreams that speak plain OAuth 2.0 with a userinfo endpoint: over real sockets, with a provider that behaves like
//! GitHub, and with hostile answers.

#![expect(clippy::expect_used, reason = "a test that panics has failed")]

mod configuration;
mod fixture;
mod provider;

#[path = "../control"]
mod control {
    #[expect(dead_code, unused_imports, reason = "shared with the other tests of the control plane")]
    pub(crate) mod support;
}

use std::time::Duration;

use lychgate_api::v1::{self, Decision};
use lychgate_control::config::{AccountPrompt, EntryConfig, TokenEndpointAuth};

use fixture::{Fixture, Outcome, failed};
use provider::{Answer, OCTOCAT, parameter};

use crate::control::support::{App, Flow, Refused as _, code_in, location, query};

fn says(body: impl Into<String>) -> Answer {
    Answer::Says(200, body.into())
}

/// Requirements: B36.
#[tokio::test]
async fn an_authorization_request_has_state_and_pkce_and_no_nonce() {
    for (fixture, scope) in [(Fixture::github().await, None), (Fixture::oauth2(None).await, Some("profile id"))] {
        let login = Flow::new(App::configured()).approve(&fixture.edge).await;
        let asked = query(&login);
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["redirect_uri"], "http://127.0.0.1:7440/callback/main");
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!((asked["code_challenge"].len(), asked["client_id"].as_str()), (43, provider::CLIENT_ID));
        assert!(!asked["state"].is_empty() && !asked.contains_key("nonce"));
        assert_eq!(asked.get("scope").map(String::as_str), scope);
        assert_eq!(asked.get("audience").map(String::as_str), scope.map(|_| "apps"), "the endpoint's own query");
    }
}

/// After "not me" a provider is asked for its list of accounts, if it is known to have one.
///
/// Requirements: B37.
#[tokio::test]
async fn a_choice_of_account_is_asked_for_as_the_provider_knows_it() {
    for (fixture, prompt) in [
        (Fixture::github().await, Some("select_account")),
        (Fixture::oauth2(None).await, None),
        (Fixture::with_account_prompt(AccountPrompt::Login).await, Some("login")),
    ] {
        let mut flow = Flow::new(App::configured());
        let page = flow.consent_page(&fixture.edge).await;
        let next = fixture.edge.decide(flow.decide(&page, Decision::NotMe)).await.expect("a good answer");
        let shown = fixture.edge.show(flow.show(&query(location(&next))["ticket"])).await.expect("a good ticket");
        let approval = flow.decide(&control::support::page(shown), Decision::Approve);
        let login = fixture.edge.decide(approval).await.expect("a good answer");
        assert_eq!(query(location(&login)).get("prompt").map(String::as_str), prompt);
        let plain = flow.decide(&page, Decision::Approve);
        let login = fixture.edge.decide(plain).await.expect("a good answer");
        assert!(!query(location(&login)).contains_key("prompt"));
    }
}

/// GitHub identifies a token's owner without any scope. Another provider's userinfo endpoint may need the configured
/// scopes.
#[tokio::test]
async fn an_account_sign_in_requests_the_least_scope() {
    let (github, other) = (Fixture::github_asked_for(&["repo"]).await, Fixture::oauth2(None).await);
    for (fixture, approval, sign_in) in [(github, "repo", None), (other, "profile id", Some("profile id"))] {
        let asked = query(&Flow::new(App::configured()).approve(&fixture.edge).await);
        assert_eq!(asked["scope"], approval);
        let (issuer_id, sec_fetch_site) = ("main".to_owned(), Some("same-origin".to_owned()));
        let request = v1::SignInRequest { issuer_id, sec_fetch_site, origin: None };
        let next = fixture.edge.sign_in(request).await.expect("a good request");
        assert_eq!(query(location(&next)).get("scope").map(String::as_str), sign_in);
        let mut flow = Flow::new(App::configured());
        flow.browser.keep(&next);
        let callback = flow.finish_login(fixture.provider.sign_in(location(&next)));
        let next = fixture.edge.finish_login(callback).await.expect("a good callback");
        assert_eq!(location(&next), "http://127.0.0.1:7440/account");
    }
}

/// Requirements: R30.
#[tokio::test]
async fn each_kind_of_provider_revokes_by_its_own_api() {
    for (fixture, how) in [
        (Fixture::github().await, "GitHub"),
        (Fixture::with_revocation(TokenEndpointAuth::Basic).await, "RFC 7009"),
        (Fixture::with_revocation(TokenEndpointAuth::Post).await, "RFC 7009"),
    ] {
        let (flow, callback) = fixture.signed_in().await;
        let next = fixture.edge.finish_login(flow.finish_login(callback)).await.expect("a good callback");
        let tokens = fixture.edge.exchange(flow.redeem(&code_in(&next))).await.expect("a good code");
        fixture.edge.revoke(flow.revoke(&tokens.access_token)).await.expect("the client revokes its own token");
        assert_eq!(fixture.provider.revoked_tokens().await, (how, "gho_true".to_owned()));
    }
}

/// What the userinfo object lacks admits no person.
///
/// Requirements: B36.
#[tokio::test]
async fn entry_rules_are_asked_of_the_userinfo_object() {
    let rules = EntryConfig {
        email_domains: Some(vec!["example.com".to_owned()]),
        subjects: Some(vec!["hub|MDQ6".to_owned()]),
        claims: Some([("teams".to_owned(), vec!["core".to_owned()])].into()),
        recheck_after_seconds: None,
    };
    let fixture = Fixture::with_entry(rules).await;
    let document = |members: &str| format!(r#"{{"node_id":"MDQ6",{members}}}"#);
    let good = r#""email":"o@example.com","email_verified":true,"teams":["docs","core"]"#;
    for (userinfo, expected) in [
        (document(good), Outcome::Code),
        (document(good).replace("MDQ6", "MDQ7"), failed("ACCOUNT_NOT_ALLOWED")),
        (document(r#""email":"o@example.com","teams":["core"]"#), failed("ACCOUNT_NOT_ALLOWED")),
        (document(r#""email":"o@example.com","email_verified":true"#), failed("ACCOUNT_NOT_ALLOWED")),
        (document(r#""email_verified":true,"teams":["core"]"#), failed("ACCOUNT_NOT_ALLOWED")),
        (document(&format!("{good},\"teams\":[\"core\"]")), failed("ACCOUNT_NOT_ALLOWED")),
        (OCTOCAT.to_owned(), failed("ACCOUNT_NOT_ALLOWED")),
    ] {
        let (flow, callback) = fixture.signed_in().await;
        fixture.provider.userinfo_answers(says(userinfo.as_str()));
        assert_eq!(fixture.return_from_login(&flow, &callback).await, expected, "{userinfo}");
    }
    let [consents, grants, events] = fixture.kept().await;
    assert_eq!((consents, grants, events), (1, 0, 7), "the consent of the first, and an event for each");
}

/// Without refresh tokens, as at GitHub, the access token of the login asks.
///
/// Requirements: B37.
#[tokio::test]
async fn a_refresh_asks_the_userinfo_object_when_claims_are_too_old() {
    let rules = EntryConfig {
        claims: Some([("teams".to_owned(), vec!["core".to_owned()])].into()),
        recheck_after_seconds: Some(60),
        ..EntryConfig::default()
    };
    let fixture = Fixture::with_entry(rules).await;
    let of_team = |team: &str| says(format!(r#"{{"node_id":"MDQ6","teams":["{team}"]}}"#));
    fixture.provider.userinfo_answers(of_team("core"));
    let (flow, callback) = fixture.signed_in().await;
    let next = fixture.edge.finish_login(flow.finish_login(callback)).await.expect("a good callback");
    let mut tokens = fixture.edge.exchange(flow.redeem(&code_in(&next))).await.expect("a good code");
    for (wait, calls) in [(0, (1, 1)), (59, (1, 1)), (1, (1, 2))] {
        fixture.env.advance(Duration::from_secs(wait));
        tokens = fixture.edge.exchange(flow.refresh(tokens.refresh_token())).await.expect("the team is admitted");
        assert_eq!(fixture.provider.calls(), calls);
    }
    fixture.env.advance(Duration::from_secs(60));
    fixture.provider.userinfo_answers(of_team("docs"));
    let refused = fixture.edge.exchange(flow.refresh(tokens.refresh_token())).await;
    assert_eq!(refused.reason(), "ACCOUNT_NO_LONGER_ALLOWED");
}

/// Requirements: B36.
#[tokio::test]
async fn people_are_identified_by_their_immutable_id() {
    let (github, oauth2) = (Fixture::github().await, Fixture::oauth2(None).await);
    assert_eq!(github.subject().await, "github|583231");
    assert_eq!(oauth2.subject().await, "hub|MDQ6");
    github.provider.userinfo_answers(says(r#"{"login":"renamed","id":583231}"#));
    assert_eq!(github.subject().await, "github|583231");
    // 2^53 and its neighbour, which are equal as doubles, and the largest 64-bit integer.
    for id in ["9007199254740992", "9007199254740993", "18446744073709551615", r#""583231""#] {
        github.provider.userinfo_answers(says(format!(r#"{{"login":"octocat","id":{id}}}"#)));
        assert_eq!(github.subject().await, format!("github|{}", id.trim_matches('"')));
    }
}

/// Requirements: B36.
#[tokio::test]
async fn nothing_depends_on_the_optional_members_of_a_token_response() {
    let fixture = Fixture::github().await;
    for token in [
        r#"{"access_token":"gho_x","token_type":"bearer"}"#,
        r#"{"access_token":"gho_x","token_type":"Bearer","expires_in":28800,"refresh_token":"ghr_x"}"#,
        r#"{"access_token":"gho_x","token_type":"BEARER","expires_in":18446744073709551615,"scope":null}"#,
        r#"{"access_token":"gho_x","token_type":"bearer","scope":"user,gist","error":null,"more":[{}]}"#,
        r#"{"access_token":"gho_x"}"#,
        r#"{"access_token":"gho_x","token_type":null,"expires_in":null,"refresh_token":null,"id_token":null}"#,
        r#"{"access_token":"gho_x","expires_in":"28800","scope":["user","gist"],"refresh_token":5,"id_token":5}"#,
        r#"{"access_token":"gho_x","expires_in":28800.5,"scope":{"user":true},"error_description":null}"#,
        r#"{"access_token":"gho_x","expires_in":-1,"expires_in":-1,"refresh_token":"","scope":5}"#,
    ] {
        fixture.provider.token_answers(says(token));
        assert_eq!(fixture.subject().await, "github|583231", "{token}");
    }
}

/// Requirements: B36.
#[tokio::test]
async fn an_invalid_token_response_gives_no_login() {
    let fixture = Fixture::github().await;
    assert_eq!(fixture.subject().await, "github|583231");
    let (invalid, unavailable) = (failed("UPSTREAM_INVALID"), failed("UPSTREAM_UNAVAILABLE"));
    let good = r#"{"access_token":"gho_x","token_type":"bearer"}"#;
    let long = "x".repeat(40_000);
    for (answer, expected) in [
        // GitHub's errors.
        (says(r#"{"error":"bad_verification_code","error_description":"It is wrong.","error_uri":"/"}"#), &invalid),
        (says(r#"{"error":"incorrect_client_credentials"}"#), &invalid),
        (says(r#"{"error":"access_denied"}"#), &Outcome::Returned("access_denied".to_owned())),
        (says(r#"{"error":"server_error"}"#), &unavailable),
        (says(r#"{"error":"\u001b[31m\nwords"}"#), &invalid),
        (says(r#"{"access_token":"gho_x","token_type":"bearer","error":"bad_verification_code"}"#), &invalid),
        (says(r#"{"access_token":"gho_x","token_type":"bearer","error":{"code":1}}"#), &invalid),
        (Answer::Says(400, r#"{"error":"invalid_grant"}"#.to_owned()), &invalid),
        (Answer::Says(401, r#"{"error":"invalid_client"}"#.to_owned()), &invalid),
        (Answer::Says(401, String::new()), &invalid),
        (Answer::Says(201, good.to_owned()), &invalid),
        (Answer::Says(500, good.to_owned()), &unavailable),
        (Answer::Says(503, String::new()), &unavailable),
        (Answer::Says(429, good.to_owned()), &unavailable),
        // No token response, or an unusable one.
        (says(""), &invalid),
        (says("null"), &invalid),
        (says(format!("[{good}]")), &invalid),
        (says("access_token=gho_x&token_type=bearer"), &invalid),
        (says(r#"{"token_type":"bearer"}"#), &invalid),
        (says(r#"{"access_token":"gho_x","token_type":5}"#), &invalid),
        (says(r#"{"access_token":"gho_x","token_type":"mac"}"#), &invalid),
        (says(r#"{"access_token":"gho_x","token_type":"DPoP"}"#), &invalid),
        (says(r#"{"access_token":"","token_type":"bearer"}"#), &invalid),
        (says(r#"{"access_token":["gho_x"],"token_type":"bearer"}"#), &invalid),
        (says(r#"{"access_token":"gho_x","access_token":"gho_y","token_type":"bearer"}"#), &invalid),
        (says(r#"{"access_token":"gho_x\r\nhost: x","token_type":"bearer"}"#), &invalid),
        (says(r#"{"access_token":"gho_x","token_type":"bearer","token_type":"bearer"}"#), &invalid),
        (Answer::Says(400, r#"{"error":"invalid_grant","error_description":5,"error_uri":null}"#.to_owned()), &invalid),
        (Answer::Says(400, r#"{"error":"temporarily_unavailable","error_description":null}"#.to_owned()), &unavailable),
        (says(format!(r#"{{"access_token":"gho_{long}","token_type":"bearer"}}"#)), &invalid),
        (Answer::Endless(good.to_owned()), &invalid),
        (Answer::Moved, &invalid),
    ] {
        fixture.refuses(&answer, &Answer::Correct, expected, (1, 0)).await;
    }
    assert_eq!(fixture.subject().await, "github|583231");
}

/// Requirements: B36.
#[tokio::test]
async fn an_invalid_userinfo_response_gives_no_login() {
    let fixture = Fixture::github().await;
    assert_eq!(fixture.subject().await, "github|583231");
    let (invalid, unavailable) = (failed("UPSTREAM_INVALID"), failed("UPSTREAM_UNAVAILABLE"));
    let mut rows = vec![
        (Answer::Says(401, OCTOCAT.to_owned()), &invalid),
        (Answer::Says(403, OCTOCAT.to_owned()), &invalid),
        (Answer::Says(404, OCTOCAT.to_owned()), &invalid),
        (Answer::Says(203, OCTOCAT.to_owned()), &invalid),
        (Answer::Says(429, OCTOCAT.to_owned()), &unavailable),
        (Answer::Says(500, OCTOCAT.to_owned()), &unavailable),
        (Answer::Says(503, String::new()), &unavailable),
        (Answer::Endless(OCTOCAT.to_owned()), &invalid),
        (Answer::Moved, &invalid),
        (says(""), &invalid),
        (says("login=octocat&id=583231"), &invalid),
        (says(format!("[{OCTOCAT}]")), &invalid),
        (says(format!("{OCTOCAT}{OCTOCAT}")), &invalid),
        (says(r#"{"login":"octocat","ID":583231,"plan":{"id":583231}}"#), &invalid),
        (says(r#"{"login":"octocat","id":583231,"id":583231}"#), &invalid),
        (says(format!(r#"{{"login":"octocat","id":"{}"}}"#, "5".repeat(300))), &invalid),
    ];
    let numbers = ["583231.0", "5.5", "1e3", "-0", "18446744073709551616"];
    let strings = [r#""""#, r#""583231\n""#, r#""583231\u0000""#, r#""\u202e583231""#];
    let others = ["null", "true", "false", "{}", r#"{"id":583231}"#, "[]", "[583231]"];
    for id in numbers.iter().chain(&strings).chain(&others) {
        rows.push((says(format!(r#"{{"login":"octocat","id":{id}}}"#)), &invalid));
    }
    for (answer, expected) in rows {
        fixture.refuses(&Answer::Correct, &answer, expected, (1, 1)).await;
    }
    assert_eq!(fixture.subject().await, "github|583231");
}

/// Exact to the byte: a provider that may send more fills our memory with parallel logins.
///
/// Requirements: B36.
#[tokio::test]
async fn an_upstream_answer_is_read_up_to_256_kib() {
    const LIMIT: usize = 256 * 1024;
    let fixture = Fixture::github().await;
    let invalid = failed("UPSTREAM_INVALID");
    let token = r#"{"access_token":"gho_x","token_type":"bearer"}"#;
    let padded = |text: &str, length: usize| says(text.to_owned() + &" ".repeat(length - text.len()));
    fixture.provider.token_answers(padded(token, LIMIT));
    fixture.provider.userinfo_answers(padded(OCTOCAT, LIMIT));
    assert_eq!(fixture.subject().await, "github|583231");
    fixture.refuses(&padded(token, LIMIT + 1), &Answer::Correct, &invalid, (1, 0)).await;
    fixture.refuses(&Answer::Correct, &padded(OCTOCAT, LIMIT + 1), &invalid, (1, 1)).await;
}

/// The limit covers the whole exchange, also of an endpoint that keeps sending.
///
/// Requirements: B36.
#[tokio::test]
async fn an_endless_answer_is_not_awaited() {
    let (silent_token, silent_userinfo) = (Fixture::github().await, Fixture::oauth2(None).await);
    let (slow_token, slow_userinfo) = (Fixture::oauth2(None).await, Fixture::github().await);
    let unavailable = failed("UPSTREAM_UNAVAILABLE");
    let token = Answer::Dripping(r#"{"access_token":"gho_x","token_type":"bearer"}"#.to_owned());
    let userinfo = Answer::Dripping(OCTOCAT.to_owned());
    let all = async {
        tokio::join!(
            silent_token.refuses(&Answer::Silence, &Answer::Correct, &unavailable, (1, 0)),
            silent_userinfo.refuses(&Answer::Correct, &Answer::Silence, &unavailable, (1, 1)),
            slow_token.refuses(&token, &Answer::Correct, &unavailable, (1, 0)),
            slow_userinfo.refuses(&Answer::Correct, &userinfo, &unavailable, (1, 1)),
        );
    };
    // Five seconds each, in parallel, with a margin for a busy machine.
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("the control plane gives up");
}

/// Requirements: B36.
#[tokio::test]
async fn a_callback_of_another_issuer_costs_no_code() {
    let (named, github) = (Fixture::oauth2(Some("https://hub.example")).await, Fixture::github().await);
    for iss in [None, Some("https://hub.example")] {
        let (flow, mut callback) = named.signed_in().await;
        callback.extend(iss.map(|iss| parameter("iss", iss)));
        assert_eq!(named.return_from_login(&flow, &callback).await, Outcome::Code, "{iss:?}");
    }
    let (calls, kept) = (named.provider.calls(), named.kept().await);
    for iss in ["https://hub.example/", "https://other.example", "null"] {
        let (flow, mut callback) = named.signed_in().await;
        callback.push(parameter("iss", iss));
        assert_eq!(named.return_from_login(&flow, &callback).await, failed("UPSTREAM_INVALID"), "{iss}");
    }
    assert_eq!((named.provider.calls(), named.kept().await), (calls, kept));
    let (flow, mut callback) = github.signed_in().await;
    callback.push(parameter("iss", "https://github.com/login/oauth"));
    assert_eq!(
        github.return_from_login(&flow, &callback).await,
        Outcome::Code,
        "no issuer is configured to compare with"
    );
}

/// Requirements: B36.
#[tokio::test]
async fn a_login_that_github_refuses_costs_no_code() {
    let fixture = Fixture::github().await;
    assert_eq!(fixture.subject().await, "github|583231");
    let (calls, kept) = (fixture.provider.calls(), fixture.kept().await);
    for (error, expected) in [
        ("access_denied", Outcome::Returned("access_denied".to_owned())),
        ("application_suspended", failed("UPSTREAM_INVALID")),
        ("redirect_uri_mismatch", failed("UPSTREAM_INVALID")),
        ("temporarily_unavailable", failed("UPSTREAM_UNAVAILABLE")),
    ] {
        let (flow, callback) = fixture.signed_in().await;
        let state = callback.iter().find(|parameter| parameter.name == "state").unwrap().clone();
        let without_code = [parameter("error", error), state];
        assert_eq!(fixture.return_from_login(&flow, &without_code).await, expected, "{error:?}");
        // A code that arrives later is not sent.
        assert_eq!(fixture.return_from_login(&flow, &callback).await, expected, "{error:?}");
    }
    let (flow, mut both) = fixture.signed_in().await;
    both.push(parameter("error", "access_denied"));
    assert_eq!(fixture.return_from_login(&flow, &both).await, Outcome::Returned("access_denied".to_owned()));
    assert_eq!((fixture.provider.calls(), fixture.kept().await), (calls, kept));
}

/// A stranger can write such a callback: it says nothing about the upstream, and the login that it names can still end
/// well.
///
/// Requirements: B36.
#[tokio::test]
async fn a_callback_that_is_no_authorization_response_is_refused_and_claims_nothing() {
    let fixture = Fixture::github().await;
    let (calls, kept) = (fixture.provider.calls(), fixture.kept().await);
    for (reason, changes) in [
        ("PARAMETER_MISSING", &[][..]),
        ("PARAMETER_MISSING", &[("code", "")]),
        ("PARAMETER_MISSING", &[("code", ""), ("error", "")]),
        ("PARAMETER_MISSING", &[("iss", "https://hub.example")]),
        ("PARAMETER_REPEATED", &[("code", "x"), ("code", "x")]),
        ("PARAMETER_REPEATED", &[("code", "x"), ("code", "")]),
        ("PARAMETER_REPEATED", &[("error", "access_denied"), ("error", "access_denied")]),
        ("PARAMETER_REPEATED", &[("code", "x"), ("iss", "a"), ("iss", "a")]),
    ] {
        let (flow, callback) = fixture.signed_in().await;
        let state = callback.iter().find(|parameter| parameter.name == "state").unwrap().clone();
        let mut strange: Vec<_> = changes.iter().map(|(name, value)| parameter(name, value)).collect();
        strange.push(state);
        let refused = fixture.edge.finish_login(flow.finish_login(strange)).await;
        assert_eq!(refused.reason(), reason, "{changes:?}");
        assert_eq!((fixture.provider.calls(), fixture.kept().await), (calls, kept), "{changes:?}");
    }
    let (flow, callback) = fixture.signed_in().await;
    let state = callback.iter().filter(|parameter| parameter.name == "state").cloned().collect();
    assert_eq!(fixture.edge.finish_login(flow.finish_login(state)).await.reason(), "PARAMETER_MISSING");
    assert_eq!(fixture.return_from_login(&flow, &callback).await, Outcome::Code, "the login was not touched");
}
