//! Entry rules: a person who is not admitted gets a page, and no code, consent, session or grant comes of the login. Another
//! account of the same request may.

use std::collections::BTreeMap;
use std::time::Duration;

use lychgate_api::error_metadata;
use lychgate_api::v1::{self, Decision, next::Step};
use lychgate_control::config::{EntryConfig, PromptConfig, PromptMode};
use lychgate_domain::event::Event;
use lychgate_engine::Space;
use lychgate_engine_suite::fault::Fault;
use lychgate_store::Store;
use serde_json::{Value, json};

use crate::account::AccountUser;
use crate::answers::{confirmation, confirming};
use crate::support::{
    App, ControlPlane, Environment, Flow, ISSUER, ISSUER_URL, RefreshBehavior, Refused as _, UserinfoBehavior, again,
    attempt, code_in, location, page, query,
};

const SESSION: &str = "__Host-lychgate-session-";

fn only(people: &[&str]) -> Option<EntryConfig> {
    let subjects = people.iter().map(|person| format!("idp|{person}")).collect();
    Some(EntryConfig { subjects: Some(subjects), ..EntryConfig::default() })
}

async fn start(entry: Option<EntryConfig>, prompt: PromptConfig) -> (Environment, ControlPlane) {
    let mut env = Environment::new().await;
    env.issuer().entry = entry;
    env.issuer().prompt = prompt;
    let control = env.start().await;
    (env, control)
}

#[track_caller]
fn failure_page(next: v1::Next) -> v1::FailurePage {
    match next.step {
        Some(Step::FailurePage(page)) => page,
        other => panic!("expected the page of a failed login: {other:?}"),
    }
}

/// The events about people: name and subject.
async fn events(env: &Environment) -> Vec<String> {
    let store = Store::open(env.engine.open(), env.now()).await.unwrap();
    let first = store.oldest_event(env.now()).await.unwrap();
    let events = store.events(first, Duration::ZERO, 100).await.unwrap().events.into_iter();
    let summary = |event: Event| Some(format!("{} {}", event.kind.name(), event.about?.subject));
    events.filter_map(|logged| summary(logged.event)).collect()
}

/// Nothing that a code could come from is stored.
async fn assert_nothing_given(env: &Environment) {
    for space in [Space::Consents, Space::Grants] {
        assert!(env.entries(space).await.is_empty(), "{}", space.name());
    }
}

/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_not_admitted_gets_a_page_and_nothing_else() {
    let (env, control) = start(only(&["alice"]), PromptConfig::default()).await;
    let edge = control.edge();
    let mut flow = Flow { person: "bob".to_owned(), ..Flow::new(App::configured()) };
    let callback = flow.sign_in(&edge, &env.idp).await;
    let next = edge.finish_login(callback.clone()).await.unwrap();
    let cookies = next.set_cookies.clone();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    assert!(cookies.iter().all(|cookie| cookie.max_age_seconds == Some(0)), "no session, and no login: {cookies:?}");
    assert!(cookies.iter().any(|cookie| cookie.name.starts_with(SESSION)));

    let shown = failure_page(next);
    assert_eq!((shown.reason.as_str(), shown.upstream_name.as_str()), ("ACCOUNT_NOT_ALLOWED", "The Login"));
    let person = shown.person.clone().unwrap();
    assert_eq!((person.name.as_str(), person.account.as_str()), ("BOB", "bob"));
    let (back, link) = (query(&shown.return_uri), shown.return_uri.split('?').next());
    assert_eq!(link, Some("https://app.example/cb"));
    assert_eq!((back["error"].as_str(), back["state"].as_str()), ("access_denied", flow.state.as_str()));
    assert_eq!((back["iss"].as_str(), back.contains_key("code")), (ISSUER_URL, false));
    assert_eq!(events(&env).await, ["entry.refused idp|bob"]);
    assert_nothing_given(&env).await;

    // Every repetition leads to the same end: the record does not hold the person.
    let without_person = v1::FailurePage { person: None, ..shown };
    let counts = (env.record_counts().await, env.idp.calls());
    for repeated in [callback.clone(), again(&callback)] {
        assert_eq!(failure_page(edge.finish_login(repeated).await.unwrap()), without_person);
    }
    assert_eq!((env.record_counts().await, env.idp.calls()), counts, "nothing is written or asked");
}

/// The link to another account leads to the same request. No answer to the old page leads to a code.
///
/// Requirements: B4, B19, B37.
#[tokio::test(flavor = "multi_thread")]
async fn another_account_may_answer_the_same_request() {
    let (env, control) = start(only(&["alice"]), PromptConfig::default()).await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let first = flow.consent_page(&edge).await;
    let next = edge.decide(flow.decide(&first, Decision::Approve)).await.unwrap();
    flow.browser.keep(&next);
    let callback = flow.finish_login(env.idp.sign_in(location(&next), "bob"));
    let next = edge.finish_login(callback).await.unwrap();
    flow.browser.keep(&next);
    let refused = failure_page(next);

    let next = edge.show(flow.show(&refused.another_account_ticket)).await.unwrap();
    flow.browser.keep(&next);
    let anew = page(next);
    assert_eq!((&anew.client, &anew.redirect), (&first.client, &first.redirect));
    assert_eq!((&anew.resource, &anew.scopes), (&first.resource, &first.scopes));
    assert_eq!((&anew.person, anew.earlier_answer()), (&None, v1::EarlierAnswer::Unspecified));

    // The old page and its form lead to the failure, and to this same page.
    let without_person = v1::FailurePage { person: None, ..refused };
    assert_eq!(failure_page(edge.show(flow.show(&first.ticket)).await.unwrap()), without_person);
    for decision in [Decision::Approve, Decision::Deny] {
        assert_eq!(failure_page(edge.decide(flow.decide(&first, decision)).await.unwrap()), without_person);
    }
    assert_nothing_given(&env).await;

    let next = edge.decide(flow.decide(&anew, Decision::Approve)).await.unwrap();
    flow.browser.keep(&next);
    assert_eq!(query(location(&next))["prompt"], "select_account");
    let callback = flow.finish_login(env.idp.sign_in(location(&next), "alice"));
    let next = edge.finish_login(callback).await.unwrap();
    flow.browser.keep(&next);
    assert_eq!(query(location(&next))["state"], flow.state);
    edge.exchange(flow.redeem(&code_in(&next))).await.expect("the same PKCE challenge");
    let expected = ["entry.refused idp|bob", "consent.approved idp|alice", "grant.issued idp|alice"];
    assert_eq!(events(&env).await, expected);
}

/// Each kind of rule, with claims of the ID token.
///
/// Requirements: B36.
#[tokio::test(flavor = "multi_thread")]
async fn rules_are_asked_of_the_claims_in_the_id_token() {
    let rules = EntryConfig {
        email_domains: Some(vec!["example.com".to_owned()]),
        subjects: None,
        claims: Some([("groups".to_owned(), vec!["staff".to_owned()])].into()),
        ..EntryConfig::default()
    };
    let (env, control) = start(Some(rules), PromptConfig::default()).await;
    let edge = control.edge();
    let good = json!({ "email": "alice@Example.com", "email_verified": true, "groups": ["guests", "staff"] });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    for (claims, is_admitted) in [
        (good.clone(), true),
        (with("groups", json!("staff")), true),
        (with("groups", json!("Staff")), false),
        (with("groups", json!([["staff"]])), false),
        (with("groups", json!(null)), false),
        (with("email_verified", json!(false)), false),
        (with("email_verified", json!(null)), false),
        (with("email_verified", json!([true])), false),
        (with("email", json!("alice@sub.example.com")), false),
        (with("email", json!("alice@ex\u{430}mple.com")), false),
        (with("email", json!(["alice@example.com"])), false),
        (json!({}), false),
    ] {
        env.idp.claim(&claims);
        let mut flow = Flow::new(App::configured());
        let callback = flow.sign_in(&edge, &env.idp).await;
        let next = edge.finish_login(callback).await.unwrap();
        match next.step {
            Some(Step::Redirect(_)) => assert!(is_admitted && !code_in(&next).is_empty(), "{claims}"),
            _ => assert!(!is_admitted && failure_page(next).reason == "ACCOUNT_NOT_ALLOWED", "{claims}"),
        }
    }
}

/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_of_a_resource_counts_for_that_resource_only() {
    let mut env = Environment::new().await;
    env.issuer().resources[0].entry = only(&["alice"]);
    let control = env.start().await;
    let edge = control.edge();
    for (resource, is_admitted) in [("https://mcp.example/mcp", false), ("https://other.example/mcp", true)] {
        let mut flow = Flow { person: "bob".to_owned(), ..Flow::new(App::configured()) };
        let mut begin = flow.begin();
        begin.parameters.retain(|parameter| parameter.name != "resource");
        begin.parameters.push(v1::Parameter { name: "resource".to_owned(), value: resource.to_owned() });
        let next = edge.begin(begin).await.unwrap();
        let ticket = query(location(&next))["ticket"].clone();
        let next = edge.show(flow.show(&ticket)).await.unwrap();
        flow.browser.keep(&next);
        let next = edge.decide(flow.decide(&page(next), Decision::Approve)).await.unwrap();
        let callback = flow.log_in(&next, &env.idp);
        let next = edge.finish_login(callback).await.unwrap();
        let is_code = matches!(&next.step, Some(Step::Redirect(redirect)) if redirect.location.contains("code="));
        assert_eq!(is_code, is_admitted, "{resource}");
    }
}

/// A session and a consent from before the rule give no code: every code needs a login, and every login asks.
///
/// Requirements: B31, B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_and_a_consent_from_before_the_rule_give_no_code() {
    let silent =
        || PromptConfig { mode: PromptMode::Silent, silent_clients: vec!["app".to_owned()], ..PromptConfig::default() };
    let remember = || PromptConfig { mode: PromptMode::Remember, ..PromptConfig::default() };
    for prompt in [PromptConfig::default(), remember(), silent()] {
        let (mut env, control) = start(None, prompt.clone()).await;
        let mut flow = Flow::new(App::configured());
        let tokens = flow.tokens(&control.edge(), &env.idp).await;
        control.stop().await;
        env.issuer().entry = only(&["bob"]);
        let control = env.start().await;
        let edge = control.edge();
        let before = events(&env).await.len();

        let next = edge.show(flow.show(&flow.ticket(&edge).await)).await.unwrap();
        let to_upstream = match next.step.clone().unwrap() {
            Step::Redirect(_) => next,
            Step::ConsentPage(page) | Step::OneClickPage(v1::OneClickPage { page: Some(page) }) => {
                assert_eq!(page.person.as_ref().unwrap().account, "alice", "the session still names the person");
                edge.decide(flow.decide(&page, Decision::Approve)).await.unwrap()
            }
            other => panic!("{other:?}"),
        };
        let callback = flow.log_in(&to_upstream, &env.idp);
        let next = edge.finish_login(callback).await.unwrap();
        flow.browser.keep(&next);
        assert_eq!(failure_page(next).reason, "ACCOUNT_NOT_ALLOWED", "{prompt:?}");
        assert!(!flow.browser.0.keys().any(|name| name.starts_with(SESSION)), "{prompt:?}");
        assert_eq!(events(&env).await[before..], ["entry.refused idp|alice"], "{prompt:?}");
        // What was given before goes on: an operator revokes it, or the person.
        edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
    }
}

/// A question that was open when the rule came is not answered with a code.
///
/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_waits_for_its_answer_does_not_outlast_a_new_rule() {
    let all = || only(&["alice", "bob"]);
    for (before, after, is_finished) in [
        (None, None, true),
        (all(), all(), true),
        (None, all(), false),
        (all(), only(&["bob"]), false),
        (all(), None, false),
    ] {
        let (mut env, control) = start(before, confirming()).await;
        let mut flow = Flow::new(App::configured());
        let callback = flow.sign_in(&control.edge(), &env.idp).await;
        let next = control.edge().finish_login(callback).await.unwrap();
        flow.browser.keep(&next);
        let Some(Step::SignedInPage(asked)) = next.step else { panic!("expected the question") };
        control.stop().await;
        env.issuer().entry = after;
        let control = env.start().await;
        let answer = control.edge().confirm_login(confirmation(&flow, &asked, Decision::Approve)).await;
        if is_finished {
            assert!(!code_in(&answer.unwrap()).is_empty());
        } else {
            assert_eq!(answer.reason(), "LOGIN_INTERRUPTED");
            assert_nothing_given(&env).await;
        }
    }
}

/// The page of connected apps stays open to a person who is no longer admitted.
///
/// Requirements: B38.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_no_longer_admitted_can_still_take_back() {
    let (mut env, control) = start(None, PromptConfig::default()).await;
    let mut flow = Flow::new(App::configured());
    let tokens = flow.tokens(&control.edge(), &env.idp).await;
    control.stop().await;
    env.issuer().entry = only(&["bob"]);
    let control = env.start().await;
    let edge = control.edge();
    let mut user = AccountUser::signed_in("alice", &edge, &env).await;
    let shown = user.page(&edge).await.unwrap();
    assert_eq!(shown.apps.len(), 1);
    edge.revoke_apps(user.revoke(&shown.apps[0].form_token)).await.unwrap();
    assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED");
}

/// A commit of unknown outcome, and the same call at another process.
///
/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_entry_is_recorded_once() {
    for fault in [Fault::UnknownBefore, Fault::UnknownAfter] {
        let (env, control) = start(only(&["alice"]), PromptConfig::default()).await;
        let edge = control.edge();
        let mut flow = Flow { person: "bob".to_owned(), ..Flow::new(App::configured()) };
        let callback = flow.sign_in(&edge, &env.idp).await;
        // The first commit claims the login.
        env.engine.fail(1, fault);
        let callback = v1::FinishLoginRequest { attempt: attempt(), ..callback };
        let shown = failure_page(edge.finish_login(callback.clone()).await.unwrap());
        assert_eq!(shown.person.as_ref().map(|person| person.account.as_str()), Some("bob"), "{fault:?}");
        let other = env.start().await;
        let repeated = failure_page(other.edge().finish_login(callback).await.unwrap());
        assert_eq!(repeated, v1::FailurePage { person: None, ..shown }, "{fault:?}");
        assert_eq!(events(&env).await, ["entry.refused idp|bob"], "{fault:?}");
        assert_eq!(env.idp.calls(), 1, "{fault:?}");
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// An environment that admits the group of the staff, and asks again after a day; and a person who has signed in.
async fn signed_in_as_staff() -> (Environment, ControlPlane, Flow, v1::ExchangeResponse) {
    let mut env = Environment::with_operator().await;
    env.issuer().entry = Some(EntryConfig {
        claims: Some(BTreeMap::from([("groups".to_owned(), vec!["staff".to_owned()])])),
        recheck_after_seconds: Some(DAY.as_secs()),
        ..EntryConfig::default()
    });
    env.idp.claim(&json!({ "groups": ["staff", "all"] }));
    let control = env.start().await;
    let mut flow = Flow::new(App::configured());
    let tokens = flow.tokens(&control.edge(), &env.idp).await;
    (env, control, flow, tokens)
}

/// Refreshes of the upstream's tokens, and requests to its userinfo endpoint.
fn questions(env: &Environment) -> (usize, usize) {
    (env.idp.refreshes().1, env.idp.userinfo_requests())
}

/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn claims_that_are_too_old_are_asked_for_again_at_a_refresh() {
    for has_id_token in [true, false] {
        let (env, control, flow, mut tokens) = signed_in_as_staff().await;
        env.idp.give_id_token_at_refresh(has_id_token);
        let edge = control.edge();
        let of_userinfo = |n: usize| if has_id_token { 0 } else { n };
        for (wait, asked) in [(Duration::ZERO, 0), (DAY - Duration::from_secs(60), 0), (DAY, 1), (Duration::ZERO, 1)] {
            env.advance(wait);
            tokens = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
            assert_eq!(questions(&env), (asked, of_userinfo(asked)), "{has_id_token} {wait:?}");
        }

        // The person has left the group.
        env.idp.claim(&json!({ "groups": ["all"] }));
        tokens = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
        assert!(control.is_active(&tokens.access_token).await);
        env.advance(DAY - Duration::from_secs(1));
        tokens = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
        env.advance(Duration::from_secs(1));
        let refused = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap_err();
        assert_eq!(
            (refused.reason.as_str(), &*refused.metadata[error_metadata::OAUTH_ERROR]),
            ("ACCOUNT_NO_LONGER_ALLOWED", "invalid_grant")
        );
        assert_eq!(events(&env).await.last().unwrap(), "entry.refused idp|alice");
        assert!(!control.is_active(&tokens.access_token).await, "the grant has ended");
        let ended = control
            .operator()
            .list_grants(v1::ListGrantsRequest { issuer_id: ISSUER.to_owned(), ..Default::default() })
            .await
            .unwrap()
            .grants;
        assert_eq!(ended[0].end_reason(), v1::GrantEndReason::EntryRules);
        let before = questions(&env);
        assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED");
        assert_eq!(questions(&env), before, "the upstream is not asked about a grant that has ended");
    }
}

/// An upstream that cannot answer refuses no person: the same refresh token is good once it answers.
///
/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_does_not_answer_ends_no_grant() {
    let answer = |status, body: &str| UserinfoBehavior::Answer(status, body.to_owned());
    let staff = r#"{"sub":"bob","groups":["staff"]}"#;
    let repeated = r#"{"sub":"alice","sub":"alice","groups":["staff"]}"#;
    let (env, control, flow, mut tokens) = signed_in_as_staff().await;
    let edge = control.edge();
    for behavior in [
        answer(500, ""),
        answer(503, "<html>"),
        answer(429, ""),
        answer(403, "rate limit"),
        answer(404, ""),
        answer(302, ""),
        answer(200, "not JSON"),
        answer(200, r#"{"groups":["staff"]}"#),
        answer(200, staff),
        answer(200, repeated),
        answer(401, ""),
    ] {
        env.advance(DAY);
        env.idp.set_userinfo_behavior(behavior.clone());
        for _ in 0..2 {
            let failure = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap_err();
            let expected = ("UPSTREAM_TOKEN_UNAVAILABLE", "temporarily_unavailable");
            assert_eq!(
                (failure.reason.as_str(), &*failure.metadata[error_metadata::OAUTH_ERROR]),
                expected,
                "{behavior:?}"
            );
        }
        assert!(events(&env).await.iter().all(|event| !event.starts_with("entry.refused")), "{behavior:?}");
        env.idp.set_userinfo_behavior(UserinfoBehavior::Correct);
        tokens = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
    }
    env.advance(DAY);
    env.idp.set_refresh_behavior(RefreshBehavior::Answer(500, String::new()));
    assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "UPSTREAM_TOKEN_UNAVAILABLE");
    env.idp.set_refresh_behavior(RefreshBehavior::Rotate);
    env.advance(Duration::from_secs(6));
    edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
}

/// The ID token of a refresh counts if it is of the same person and for this client. Otherwise the userinfo endpoint is asked.
///
/// Requirements: B36, B37.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_of_a_refresh_that_is_not_good_admits_no_person() {
    let (env, control, flow, mut tokens) = signed_in_as_staff().await;
    let edge = control.edge();
    env.idp.give_id_token_at_refresh(true);
    for wrong in [
        json!({ "groups": ["staff"], "sub": "bob" }),
        json!({ "groups": ["staff"], "aud": "another-client" }),
        json!({ "groups": ["staff"], "iss": "https://other.example" }),
        json!({ "groups": ["staff"], "exp": 1 }),
    ] {
        env.advance(DAY);
        env.idp.claim(&wrong);
        env.idp.set_userinfo_behavior(UserinfoBehavior::Answer(500, String::new()));
        let failure = edge.exchange(flow.refresh(tokens.refresh_token())).await;
        assert_eq!(failure.reason(), "UPSTREAM_TOKEN_UNAVAILABLE", "{wrong}");
        env.idp.claim(&json!({ "groups": ["staff"] }));
        env.idp.set_userinfo_behavior(UserinfoBehavior::Correct);
        tokens = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
    }
}

/// Only a login can tell when the upstream refuses its own tokens.
///
/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_the_upstream_has_ended_send_the_person_to_a_login() {
    let (env, control, mut flow, tokens) = signed_in_as_staff().await;
    let edge = control.edge();
    env.advance(DAY);
    env.idp.set_refresh_behavior(RefreshBehavior::Answer(400, r#"{"error":"invalid_grant"}"#.to_owned()));
    for _ in 0..2 {
        let failure = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap_err();
        assert_eq!(
            (failure.reason.as_str(), &*failure.metadata[error_metadata::OAUTH_ERROR]),
            ("UPSTREAM_LOGIN_NEEDED", "invalid_grant")
        );
    }
    env.idp.set_refresh_behavior(RefreshBehavior::Rotate);
    flow.tokens(&edge, &env.idp).await;
    edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
}

/// The userinfo endpoint answers an access token with 401 that is younger than its end: it is replaced once.
#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_that_the_userinfo_endpoint_rejects_is_replaced_once() {
    let (env, control, flow, tokens) = signed_in_as_staff().await;
    let edge = control.edge();
    env.advance(DAY);
    env.idp.set_userinfo_behavior(UserinfoBehavior::Answer(500, String::new()));
    assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "UPSTREAM_TOKEN_UNAVAILABLE");
    env.idp.set_userinfo_behavior(UserinfoBehavior::Correct);
    env.advance(Duration::from_secs(60));
    env.idp.forget_access_tokens();
    edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
    assert_eq!(questions(&env), (2, 3));
}

/// A person who was taken off the list is refused at the next refresh, also while the upstream is away.
///
/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_is_no_longer_listed_is_refused_without_a_question() {
    let listed = |person: &str| Some(EntryConfig { recheck_after_seconds: Some(60), ..only(&[person]).unwrap() });
    let (mut env, control) = start(listed("alice"), PromptConfig::default()).await;
    let mut flow = Flow::new(App::configured());
    let tokens = flow.tokens(&control.edge(), &env.idp).await;
    env.advance(DAY);
    let tokens = control.edge().exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
    control.stop().await;

    env.issuer().entry = listed("bob");
    let control = env.start().await;
    let refused = control.edge().exchange(flow.refresh(tokens.refresh_token())).await;
    assert_eq!(refused.reason(), "ACCOUNT_NO_LONGER_ALLOWED");
    assert_eq!(questions(&env), (0, 0));
}
