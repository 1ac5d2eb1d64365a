//! Sessions and remembered consents: one button instead of the full page, and a question before a code for an
//! unexpected person. A code is only ever issued for the person who has just signed in and agreed.

use std::time::Duration;

use lychgate_api::v1::{self, Decision, next::Step};
use lychgate_control::config::{PolicyConfig, PromptConfig, PromptMode, Role};
use lychgate_domain::consent::ConsentScreen;
use lychgate_domain::event::{ApprovedOn, Event, EventKind};
use lychgate_engine::Space;
use lychgate_engine_suite::fault::Fault;
use lychgate_store::Store;
use serde_json::json;

use crate::support::{
    ApiClient, App, Browser, ControlPlane, Environment, Flow, ISSUER, ISSUER_URL, MetadataHost, READER_TOKEN,
    Refused as _, attempt, code_in, location, page, principal, query,
};

const SESSION: &str = "__Host-lychgate-session-";
const BROWSER: &str = "__Host-lychgate-browser-";

fn remembering() -> PromptConfig {
    PromptConfig { mode: PromptMode::Remember, ..PromptConfig::default() }
}

fn silent(client: &str) -> PromptConfig {
    PromptConfig { mode: PromptMode::Silent, silent_clients: vec![client.to_owned()], ..PromptConfig::default() }
}

/// Alice has approved the configured app in this browser.
async fn returning_person(prompt: PromptConfig) -> (Environment, ControlPlane, Flow) {
    let mut env = Environment::new().await;
    env.issuer().prompt = prompt;
    env.issuer().clients[0].redirect_uris.push("https://app.example/second".to_owned());
    let control = env.start().await;
    let mut flow = Flow::new(App::configured());
    flow.tokens(&control.edge(), &env.idp).await;
    (env, control, flow)
}

/// Requests the page again with `change` applied.
async fn show(flow: &Flow, edge: &ApiClient, change: impl FnOnce(&mut v1::ShowRequest)) -> Step {
    let mut request = flow.show(&flow.ticket(edge).await);
    change(&mut request);
    edge.show(request).await.unwrap().step.unwrap()
}

#[track_caller]
fn one_click_page(step: Step) -> v1::ConsentPage {
    match step {
        Step::OneClickPage(remembered) => remembered.page.unwrap(),
        other => panic!("expected the one-click page: {other:?}"),
    }
}

#[track_caller]
fn full_page(step: Step) -> v1::ConsentPage {
    match step {
        Step::ConsentPage(page) => page,
        other => panic!("expected the full page: {other:?}"),
    }
}

#[track_caller]
fn confirmation_page(next: v1::Next) -> v1::SignedInPage {
    match next.step {
        Some(Step::SignedInPage(page)) => page,
        other => panic!("expected the confirmation page: {other:?}"),
    }
}

fn account(page: &v1::ConsentPage) -> Option<&str> {
    page.person.as_ref().map(|person| person.account.as_str())
}

/// Approves the page and signs in as `person`; returns the callback.
async fn sign_in_as(
    person: &str,
    flow: &mut Flow,
    page: &v1::ConsentPage,
    edge: &ApiClient,
    env: &Environment,
) -> v1::FinishLoginRequest {
    let next = edge.decide(flow.decide(page, Decision::Approve)).await.unwrap();
    flow.browser.keep(&next);
    flow.finish_login(env.idp.sign_in(location(&next), person))
}

fn confirm_request(flow: &Flow, asked: &v1::SignedInPage, decision: Decision) -> v1::ConfirmLoginRequest {
    v1::ConfirmLoginRequest {
        issuer_id: flow.issuer_id.clone(),
        attempt: attempt(),
        state: asked.state.clone(),
        form_token: asked.page.as_ref().unwrap().form_token.clone(),
        decision: decision.into(),
        cookies: flow.browser.cookies(),
        sec_fetch_site: Some("same-origin".to_owned()),
        origin: None,
    }
}

fn only(browser: &Browser, prefix: &str) -> (String, String) {
    let mut found = browser.0.iter().filter(|(name, _)| name.starts_with(prefix));
    let (name, value) = found.next().expect("one cookie");
    assert!(found.next().is_none());
    (name.clone(), value.clone())
}

/// Requirements: B31.
#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_consent_takes_one_click_and_a_login() {
    let (env, control, mut flow) = returning_person(remembering()).await;
    let edge = control.edge();
    let before = env.entries(Space::Consents).await.remove(0).1.expires_at;
    let first_session = only(&flow.browser, SESSION).1;
    env.advance(Duration::from_secs(60));
    let page = one_click_page(show(&flow, &edge, |_| {}).await);
    let person = page.person.clone().unwrap();
    assert_eq!((person.name.as_str(), person.account.as_str()), ("ALICE", "alice"));
    let callback = sign_in_as("alice", &mut flow, &page, &edge, &env).await;
    let next = edge.finish_login(callback).await.unwrap();
    flow.browser.keep(&next);
    edge.exchange(flow.redeem(&code_in(&next))).await.unwrap();
    assert_ne!(only(&flow.browser, SESSION).1, first_session, "each callback mints a new session");
    let after = env.entries(Space::Consents).await.remove(0).1.expires_at;
    assert_eq!(after, before, "one click does not extend the consent");
}

/// A new version of the policy ends no grant, and needs the full page before the next approval.
///
/// Requirements: B31.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_policy_version_takes_the_full_page_and_ends_nothing() {
    let policy = |version: &str| {
        let uri = Some("https://gate.example/policy".to_owned());
        Some(PolicyConfig { version: version.to_owned(), uri })
    };
    let mut env = Environment::new().await;
    env.config.principals.push(principal("reader", Role::Reader, READER_TOKEN));
    (env.issuer().prompt, env.issuer().policy) = (remembering(), policy("1"));
    env.issuer().clients[0].redirect_uris.push("https://app.example/second".to_owned());
    let control = env.start().await;
    let mut flow = Flow::new(App::configured());
    let tokens = flow.tokens(&control.edge(), &env.idp).await;
    let how = async |control: &ControlPlane| {
        let request = v1::ConsentServiceListRequest { issuer_id: ISSUER.to_owned(), ..Default::default() };
        let listed = control.caller(READER_TOKEN).list_consents(request).await.unwrap().consents;
        (listed[0].method(), listed[0].policy_version.clone())
    };
    assert_eq!(how(&control).await, (v1::ConsentMethod::FullScreen, "1".to_owned()));

    // One click under the same policy.
    let page = one_click_page(show(&flow, &control.edge(), |_| {}).await);
    let callback = sign_in_as("alice", &mut flow, &page, &control.edge(), &env).await;
    control.edge().finish_login(callback).await.unwrap();
    assert_eq!(how(&control).await, (v1::ConsentMethod::OneClick, "1".to_owned()));
    let old_page = one_click_page(show(&flow, &control.edge(), |_| {}).await);
    let on_the_way = one_click_page(show(&flow, &control.edge(), |_| {}).await);
    let on_the_way = sign_in_as("alice", &mut flow, &on_the_way, &control.edge(), &env).await;
    control.stop().await;

    env.issuer().policy = policy("2");
    let control = env.start().await;
    let edge = control.edge();
    let refresh = flow.refresh(&tokens.refresh_token.unwrap());
    edge.exchange(refresh).await.expect("the grant continues");
    let page = full_page(show(&flow, &edge, |_| {}).await);
    let shown_policy = page.policy.clone().unwrap();
    assert_eq!((shown_policy.version.as_str(), shown_policy.changed), ("2", true));
    assert_eq!(shown_policy.uri, "https://gate.example/policy");
    assert!(page.scopes.iter().all(|scope| !scope.added), "nothing else is new");
    let pressed = edge.decide(flow.decide(&old_page, Decision::Approve)).await.unwrap();
    assert!(full_page(pressed.step.unwrap()).changed, "a page from before the change is shown again");
    let asked = confirmation_page(edge.finish_login(on_the_way).await.unwrap());
    assert_eq!(asked.page.as_ref().unwrap().policy.as_ref().unwrap().version, "2");
    assert_eq!(how(&control).await, (v1::ConsentMethod::OneClick, "1".to_owned()));

    let callback = sign_in_as("alice", &mut flow, &page, &edge, &env).await;
    edge.finish_login(callback).await.unwrap();
    assert_eq!(how(&control).await, (v1::ConsentMethod::FullScreen, "2".to_owned()));
    one_click_page(show(&flow, &edge, |_| {}).await);
}

/// GHSA-6x8h-498w-gv8c: the one-click request with exactly one thing changed.
///
/// Requirements: B31, E2.
#[tokio::test(flavor = "multi_thread")]
async fn any_difference_takes_the_full_page() {
    let (env, control, mut flow) = returning_person(remembering()).await;
    let edge = &control.edge();
    let counts = env.record_counts().await;
    for site in [Some("cross-site"), Some("same-site"), Some("none, none"), None] {
        let page = full_page(show(&flow, edge, |request| request.sec_fetch_site = site.map(str::to_owned)).await);
        assert_eq!(account(&page), Some("alice"), "{site:?}: the page still names the person");
    }
    full_page(show(&flow, edge, |request| request.full_screen = true).await);
    full_page(show(&flow, edge, |request| request.sec_purpose = Some("prefetch".to_owned())).await);

    let page = full_page(show(&Flow { scope: "read write".to_owned(), ..flow.clone() }, edge, |_| {}).await);
    let added: Vec<_> = page.scopes.iter().map(|scope| (scope.name.as_str(), scope.added)).collect();
    assert_eq!(added, [("read", false), ("write", true)], "E2: what is new is marked");

    let mut elsewhere = flow.clone();
    elsewhere.app.redirect_uri = "https://app.example/second".to_owned();
    full_page(show(&elsewhere, edge, |_| {}).await);

    for prompt in ["consent", "login", "consent login"] {
        let mut begin = flow.begin();
        begin.parameters.push(v1::Parameter { name: "prompt".to_owned(), value: prompt.to_owned() });
        let ticket = query(location(&edge.begin(begin).await.unwrap()))["ticket"].clone();
        full_page(edge.show(flow.show(&ticket)).await.unwrap().step.unwrap());
    }

    // A client on the person's own computer needs the full page every time.
    let mut program = Flow { browser: flow.browser.clone(), ..Flow::new(App::registered(edge).await) };
    program.tokens(edge, &env.idp).await;
    full_page(show(&program, edge, |_| {}).await);

    one_click_page(show(&flow, edge, |_| {}).await);
    env.revoke_consent("alice", "app").await;
    let page = full_page(show(&flow, edge, |_| {}).await);
    assert!(page.scopes.iter().all(|scope| !scope.added), "without a live consent no scope is new");
    assert_eq!(env.entries(Space::Authorizations).await.len(), count_of(&counts, "authorizations") + 1);
    flow.tokens(edge, &env.idp).await;
    one_click_page(show(&flow, edge, |_| {}).await);
}

fn count_of(counts: &[(&'static str, usize)], space: &str) -> usize {
    counts.iter().find(|(name, _)| *name == space).expect("a space").1
}

/// Every revocation ends remembering, also a wide one.
///
/// Requirements: B31.
#[tokio::test(flavor = "multi_thread")]
async fn a_wider_revocation_ends_remembering() {
    let (env, control, flow) = returning_person(remembering()).await;
    one_click_page(show(&flow, &control.edge(), |_| {}).await);
    env.raise_issuer_counter().await;
    full_page(show(&flow, &control.edge(), |_| {}).await);
}

/// Requirements: B39.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_document_takes_the_full_page() {
    let mut env = Environment::new().await;
    let site = MetadataHost::start().await;
    site.publish("/client.json", &site.document("/client.json", &json!({})));
    env.config.outbound = site.outbound(&env);
    env.issuer().prompt = remembering();
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::new(&site.url("/client.json"), "https://app.example/cb"));
    flow.tokens(&edge, &env.idp).await;
    let button = one_click_page(show(&flow, &edge, |_| {}).await);
    let more = json!({ "redirect_uris": ["https://app.example/cb", "https://evil.example/cb"] });
    site.publish("/client.json", &site.document("/client.json", &more));
    env.advance(Duration::from_secs(61));
    full_page(show(&flow, &edge, |_| {}).await);
    // An open one-click page does not approve the changed client.
    let again = page(edge.decide(flow.decide(&button, Decision::Approve)).await.unwrap());
    assert!(again.changed);
    assert_eq!(env.entries(Space::Authorizations).await.len(), 1, "nothing was decided");
}

/// A session is valid in its own browser, at its own issuer, unchanged, and for a limited time.
///
/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_altered_or_old_session_is_ignored() {
    let (env, control, flow) = returning_person(remembering()).await;
    let edge = &control.edge();
    let ((name, session), (_, browser)) = (only(&flow.browser, SESSION), only(&flow.browser, BROWSER));
    assert_eq!(account(&one_click_page(show(&flow, edge, |_| {}).await)), Some("alice"));

    let mut thief = Flow::new(App::configured());
    thief.consent_page(edge).await;
    thief.browser.0.insert(name.clone(), session.clone());
    let mut tampered = flow.clone();
    let flipped = if session.ends_with('A') { "Q" } else { "A" };
    tampered.browser.0.insert(name.clone(), format!("{}{flipped}", &session[..session.len() - 1]));
    let mut confused = flow.clone();
    confused.browser.0.insert(name.clone(), browser);
    for (what, stranger) in [("stolen", thief), ("tampered", tampered), ("another cookie", confused)] {
        let page = full_page(show(&stranger, edge, |_| {}).await);
        assert_eq!(account(&page), None, "{what}");
    }
    let twice = v1::Cookie { name: name.clone(), value: session };
    let page = full_page(show(&flow, edge, |request| request.cookies.push(twice)).await);
    assert_eq!(account(&page), None, "twice");

    env.advance(Duration::from_secs(12 * 60 * 60));
    assert_eq!(account(&full_page(show(&flow, edge, |_| {}).await)), None, "too old");
}

/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_one_issuer_is_ignored_by_another() {
    let mut env = Environment::new().await;
    let mut other = env.issuer_at("other", &format!("{ISSUER_URL}/t"));
    other.prompt = remembering();
    env.config.issuers.push(other);
    env.issuer().prompt = remembering();
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let mut there = Flow::at("other", App::configured());
    flow.tokens(&edge, &env.idp).await;
    there.tokens(&edge, &env.idp).await;
    one_click_page(show(&there, &edge, |_| {}).await);
    let (name, _) = only(&there.browser, SESSION);
    assert_ne!(name, only(&flow.browser, SESSION).0);
    there.browser.0.insert(name, only(&flow.browser, SESSION).1);
    assert_eq!(account(&full_page(show(&there, &edge, |_| {}).await)), None);
}

/// The one-click request with one thing changed.
///
/// Requirements: B31.
#[tokio::test(flavor = "multi_thread")]
async fn one_click_approves_neither_a_foreign_post_nor_more_scopes() {
    let (env, control, flow) = returning_person(remembering()).await;
    let edge = control.edge();
    let button = one_click_page(show(&flow, &edge, |_| {}).await);
    let counts = env.record_counts().await;
    let press = || flow.decide(&button, Decision::Approve);
    let forged = v1::DecideRequest { sec_fetch_site: Some("cross-site".to_owned()), ..press() };
    assert_eq!(edge.decide(forged).await.reason(), "CROSS_SITE");
    let wider = show(&Flow { scope: "read write".to_owned(), ..flow.clone() }, &edge, |_| {}).await;
    let wider = v1::DecideRequest { ticket: full_page(wider).ticket, ..press() };
    assert_eq!(edge.decide(wider).await.reason(), "FORM_TOKEN_INVALID");
    let mut signed_out = flow.clone();
    let (name, _) = only(&flow.browser, SESSION);
    signed_out.browser.0.remove(&name);
    let again = page(edge.decide(signed_out.decide(&button, Decision::Approve)).await.unwrap());
    assert!(again.changed && again.person.is_none(), "the named session has ended");
    assert_eq!(env.record_counts().await, counts, "nothing was decided");
    env.revoke_consent("alice", "app").await;
    let again = page(edge.decide(press()).await.unwrap());
    assert!(again.changed, "one click does not renew a revoked consent");
    assert_eq!(env.entries(Space::Authorizations).await.len(), 1);
}

/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_change_before_the_button_shows_the_page_again() {
    let (env, control, mut flow) = returning_person(PromptConfig::default()).await;
    let edge = control.edge();
    let as_alice = full_page(show(&flow, &edge, |_| {}).await);
    assert_eq!(account(&as_alice), Some("alice"));
    // Bob signs in on another tab, from a page that named no person.
    let bobs = Flow { person: "bob".to_owned(), ..flow.clone() };
    let mut unnamed = bobs.clone();
    let (session, _) = only(&unnamed.browser, SESSION);
    unnamed.browser.0.remove(&session);
    unnamed.tokens(&edge, &env.idp).await;
    let before = env.entries(Space::Authorizations).await.len();
    flow.browser = unnamed.browser;
    let again = page(edge.decide(flow.decide(&as_alice, Decision::Approve)).await.unwrap());
    assert!(again.changed);
    assert_eq!(account(&again), Some("bob"));
    assert_eq!(env.entries(Space::Authorizations).await.len(), before, "nothing was decided");
}

/// OAuth 2.1 §7.3: another person signs in at the same browser.
///
/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn an_unexpected_person_must_confirm_before_a_code() {
    for prompt in [PromptConfig::default(), remembering()] {
        let remembers = prompt.mode == PromptMode::Remember;
        let (env, control, mut flow) = returning_person(prompt).await;
        let edge = control.edge();
        let step = show(&flow, &edge, |_| {}).await;
        let shown = if remembers { one_click_page(step) } else { full_page(step) };
        let (events, calls) = (env.events().await.len(), env.idp.calls());
        let callback = sign_in_as("bob", &mut flow, &shown, &edge, &env).await;
        let next = edge.finish_login(callback.clone()).await.unwrap();
        flow.browser.keep(&next);
        let asked = confirmation_page(next);
        let page = asked.page.clone().unwrap();
        assert_eq!(account(&page), Some("bob"));
        assert_eq!((page.scopes[0].name.as_str(), page.redirect.unwrap().host.as_str()), ("read", "app.example"));
        assert_eq!(
            (env.events().await.len(), env.entries(Space::Consents).await.len()),
            (events + 1, 1),
            "a question, no code yet"
        );

        // A reload shows the question again without an upstream call.
        assert_eq!(
            confirmation_page(edge.finish_login(flow.finish_login(callback.parameters)).await.unwrap()).state,
            asked.state
        );
        assert_eq!(env.idp.calls(), calls + 1);

        let good = || confirm_request(&flow, &asked, Decision::Approve);
        let mut elsewhere = Flow::new(App::configured());
        elsewhere.consent_page(&edge).await;
        for (bad, reason) in [
            (v1::ConfirmLoginRequest { sec_fetch_site: Some("cross-site".to_owned()), ..good() }, "CROSS_SITE"),
            (v1::ConfirmLoginRequest { form_token: shown.form_token.clone(), ..good() }, "FORM_TOKEN_INVALID"),
            (v1::ConfirmLoginRequest { cookies: elsewhere.browser.cookies(), ..good() }, "STATE_COOKIE_MISSING"),
            (v1::ConfirmLoginRequest { state: "x".to_owned(), ..good() }, "STATE_INVALID"),
            (confirm_request(&flow, &asked, Decision::Deny), "DECISION_MISSING"),
        ] {
            assert_eq!(edge.confirm_login(bad).await.reason(), reason);
        }
        assert_eq!((env.events().await.len(), env.entries(Space::Consents).await.len()), (events + 1, 1), "still none");

        let confirmed = good();
        let next = edge.confirm_login(confirmed.clone()).await.unwrap();
        assert_eq!(location(&edge.confirm_login(confirmed).await.unwrap()), location(&next), "the same answer again");
        let refused = edge.confirm_login(confirm_request(&flow, &asked, Decision::NotMe)).await.unwrap();
        assert!(matches!(refused.step, Some(Step::AllowedPage(page)) if page.too_late), "the code is with the client");
        let tokens = edge.exchange(flow.redeem(&code_in(&next))).await.unwrap();
        assert_eq!(tokens.scope, "read");
        assert_eq!(env.entries(Space::Consents).await.len(), 2, "bob's own");
        assert_eq!(env.idp.calls(), calls + 1);
    }
}

/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn not_me_gives_no_code_and_ends_the_session() {
    let (env, control, mut flow) = returning_person(remembering()).await;
    let edge = control.edge();
    let button = one_click_page(show(&flow, &edge, |_| {}).await);
    let callback = sign_in_as("bob", &mut flow, &button, &edge, &env).await;
    let next = edge.finish_login(callback.clone()).await.unwrap();
    flow.browser.keep(&next);
    let asked = confirmation_page(next);
    let events = env.events().await.len();
    let next = edge.confirm_login(confirm_request(&flow, &asked, Decision::NotMe)).await.unwrap();
    let late = confirm_request(&flow, &asked, Decision::Approve);
    assert_eq!(location(&edge.confirm_login(late).await.unwrap()), location(&next), "too late for the other answer");
    flow.browser.keep(&next);
    assert!(!flow.browser.0.keys().any(|name| name.starts_with(SESSION)));
    let again = edge.show(flow.show(&query(location(&next))["ticket"])).await.unwrap();
    assert_eq!(account(&full_page(again.step.unwrap())), None, "the full page, although alice has a consent");
    assert_eq!(
        (env.events().await.len(), env.entries(Space::Consents).await.len()),
        (events + 1, 1),
        "the refusal is recorded and nothing else"
    );
}

/// Login CSRF: the attacker's cookies in the victim's browser. The page names the attacker's account, and the victim
/// must confirm.
///
/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_planted_session_is_named_and_gives_the_attacker_nothing() {
    let (env, control, mallorys) = returning_person(remembering()).await;
    let edge = control.edge();
    let mut victim = Flow { browser: mallorys.browser.clone(), person: "victim".to_owned(), ..mallorys };
    let button = one_click_page(show(&victim, &edge, |_| {}).await);
    assert_eq!(account(&button), Some("alice"), "the page names the session's person");
    let callback = sign_in_as("victim", &mut victim, &button, &edge, &env).await;
    let asked = confirmation_page(edge.finish_login(callback).await.unwrap());
    assert_eq!(account(&asked.page.unwrap()), Some("victim"));
    assert_eq!(env.entries(Space::Consents).await.len(), 1, "no consent yet");
}

/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_may_require_confirmation_of_every_login() {
    let mut env = Environment::new().await;
    env.issuer().prompt = PromptConfig { confirm_subject: true, ..PromptConfig::default() };
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let callback = flow.sign_in(&edge, &env.idp).await;
    let next = edge.finish_login(callback).await.unwrap();
    flow.browser.keep(&next);
    let asked = confirmation_page(next);
    assert!(env.entries(Space::Consents).await.is_empty());
    let next = edge.confirm_login(confirm_request(&flow, &asked, Decision::Approve)).await.unwrap();
    edge.exchange(flow.redeem(&code_in(&next))).await.unwrap();
}

/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn not_me_on_the_page_ends_the_session_and_decides_nothing() {
    let (env, control, mut flow) = returning_person(PromptConfig::default()).await;
    let edge = control.edge();
    let page = full_page(show(&flow, &edge, |_| {}).await);
    let counts = env.record_counts().await;
    let forged = flow.decide(&page, Decision::NotMe);
    let forged = v1::DecideRequest { sec_fetch_site: Some("cross-site".to_owned()), ..forged };
    assert_eq!(edge.decide(forged).await.reason(), "CROSS_SITE");
    let next = edge.decide(flow.decide(&page, Decision::NotMe)).await.unwrap();
    flow.browser.keep(&next);
    let again = edge.decide(flow.decide(&page, Decision::NotMe)).await.unwrap();
    assert_eq!(location(&again), location(&next), "pressed twice");
    let ticket = query(location(&next))["ticket"].clone();
    let shown = full_page(edge.show(flow.show(&ticket)).await.unwrap().step.unwrap());
    assert_eq!(account(&shown), None);
    assert_eq!(env.record_counts().await, counts);

    // The person who approves now chooses an account; the page's other address stays the same decision.
    let approved = edge.decide(flow.decide(&shown, Decision::Approve)).await.unwrap();
    assert_eq!(query(location(&approved))["prompt"], "select_account");
    let earlier = full_page(edge.show(flow.show(&page.ticket)).await.unwrap().step.unwrap());
    assert_eq!(earlier.earlier_answer(), v1::EarlierAnswer::Approved, "one decision");
    let approved = edge.decide(flow.decide(&earlier, Decision::Approve)).await.unwrap();
    assert!(!query(location(&approved)).contains_key("prompt"), "no one said \"not me\" on this page");
}

/// Requirements: B31.
#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_not_remembered() {
    let (env, control, flow) = returning_person(remembering()).await;
    let edge = control.edge();
    let wider = Flow { scope: "read write".to_owned(), ..flow.clone() };
    let page = full_page(show(&wider, &edge, |_| {}).await);
    edge.decide(wider.decide(&page, Decision::Deny)).await.unwrap();
    full_page(show(&wider, &edge, |_| {}).await);
    one_click_page(show(&flow, &edge, |_| {}).await);
    assert_eq!(env.entries(Space::Consents).await.len(), 1);
}

/// Requirements: B31.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_client_skips_the_page_and_not_the_login() {
    let (env, control, mut flow) = returning_person(silent("app")).await;
    let edge = control.edge();
    let request = flow.show(&flow.ticket(&edge).await);
    let next = edge.show(request.clone()).await.unwrap();
    flow.browser.keep(&next);
    // The browser sends the request twice: one decision, one redirect.
    let again = edge.show(v1::ShowRequest { attempt: attempt(), ..request }).await.unwrap();
    assert_eq!(location(&again), location(&next));
    assert_eq!(env.entries(Space::Authorizations).await.len(), 2);
    let callback = flow.finish_login(env.idp.sign_in(location(&next), "alice"));
    let next = edge.finish_login(callback).await.unwrap();
    edge.exchange(flow.redeem(&code_in(&next))).await.unwrap();
}

/// A redirect of ours to a hostile redirect URI, or an app that shares our origin, starts the request. No page of ours
/// leads to a shortened screen, so `same-origin` is no better than a foreign site.
///
/// Requirements: B31.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_from_our_own_origin_gets_the_full_page() {
    for prompt in [silent("app"), remembering()] {
        let (env, control, flow) = returning_person(prompt).await;
        let edge = control.edge();
        let counts = env.record_counts().await;
        full_page(show(&flow, &edge, |request| request.sec_fetch_site = Some("same-origin".to_owned())).await);
        assert_eq!(env.record_counts().await, counts, "no code, no decision");
        let next = show(&flow, &edge, |_| {}).await;
        assert!(!matches!(next, Step::ConsentPage(_)), "started by the person");
    }
}

/// The silent request with exactly one thing changed.
///
/// Requirements: B31.
#[tokio::test(flavor = "multi_thread")]
async fn silent_approval_needs_a_listed_client_and_the_persons_own_browser() {
    let (env, control, flow) = returning_person(silent("another")).await;
    one_click_page(show(&flow, &control.edge(), |_| {}).await);
    assert_eq!(env.entries(Space::Authorizations).await.len(), 1, "unlisted");

    let (env, control, flow) = returning_person(silent("app")).await;
    let edge = &control.edge();
    for site in [Some("cross-site"), Some("same-site"), Some("same-origin"), None] {
        full_page(show(&flow, edge, |request| request.sec_fetch_site = site.map(str::to_owned)).await);
    }
    full_page(show(&flow, edge, |request| request.sec_purpose = Some("prefetch".to_owned())).await);
    full_page(show(&flow, edge, |request| request.cookies.retain(|cookie| !cookie.name.starts_with(SESSION))).await);
    full_page(show(&Flow { scope: "read write".to_owned(), ..flow.clone() }, edge, |_| {}).await);
    assert_eq!(env.entries(Space::Authorizations).await.len(), 1, "no variant decided anything");
    env.revoke_consent("alice", "app").await;
    full_page(show(&flow, edge, |_| {}).await);
    assert_eq!(env.entries(Space::Authorizations).await.len(), 1);
}

/// Requirements: B31.
#[tokio::test(flavor = "multi_thread")]
async fn silent_approval_is_denied_to_loopback_redirects() {
    let mut env = Environment::new().await;
    env.issuer().prompt = silent("app");
    env.issuer().clients[0].redirect_uris = vec!["http://127.0.0.1/cb".to_owned()];
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::new("app", "http://127.0.0.1:7777/cb"));
    flow.tokens(&edge, &env.idp).await;
    full_page(show(&flow, &edge, |_| {}).await);
    assert_eq!(env.entries(Space::Authorizations).await.len(), 1);
}

/// A consent revoked during the login is not renewed silently.
///
/// Requirements: B31.
#[tokio::test(flavor = "multi_thread")]
async fn a_consent_revoked_during_the_login_is_asked_for_again() {
    for prompt in [silent("app"), remembering()] {
        let is_silent = prompt.mode == PromptMode::Silent;
        let (env, control, mut flow) = returning_person(prompt).await;
        let edge = control.edge();
        let callback = if is_silent {
            let next = edge.show(flow.show(&flow.ticket(&edge).await)).await.unwrap();
            flow.browser.keep(&next);
            flow.finish_login(env.idp.sign_in(location(&next), "alice"))
        } else {
            let button = one_click_page(show(&flow, &edge, |_| {}).await);
            sign_in_as("alice", &mut flow, &button, &edge, &env).await
        };
        env.revoke_consent("alice", "app").await;
        let events = env.events().await.len();
        let asked = confirmation_page(edge.finish_login(callback).await.unwrap());
        assert_eq!(account(asked.page.as_ref().unwrap()), Some("alice"));
        assert_eq!(env.events().await.len(), events + 1, "a question, no code, no consent");
        let next = edge.confirm_login(confirm_request(&flow, &asked, Decision::Approve)).await.unwrap();
        edge.exchange(flow.redeem(&code_in(&next))).await.unwrap();
    }
}

/// Idempotency after an unknown commit outcome, at another process.
///
/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_and_a_silent_approval_are_applied_once() {
    for fault in [Fault::UnknownBefore, Fault::UnknownAfter] {
        let (env, control, mut flow) = returning_person(silent("app")).await;
        let edge = control.edge();
        let visit = flow.show(&flow.ticket(&edge).await);
        env.engine.fail(0, fault);
        let next = edge.show(visit.clone()).await.unwrap();
        let other = env.start().await;
        assert_eq!(other.edge().show(visit).await.unwrap(), next, "{fault:?}");
        flow.browser.keep(&next);
        assert_eq!(env.entries(Space::Authorizations).await.len(), 2);

        let callback = flow.finish_login(env.idp.sign_in(location(&next), "bob"));
        let next = edge.finish_login(callback).await.unwrap();
        flow.browser.keep(&next);
        let confirmed = confirm_request(&flow, &confirmation_page(next), Decision::Approve);
        env.engine.fail(0, fault);
        let next = edge.confirm_login(confirmed.clone()).await.unwrap();
        let counts = env.record_counts().await;
        assert_eq!(other.edge().confirm_login(confirmed).await.unwrap(), next, "{fault:?}");
        assert_eq!(env.record_counts().await, counts);
        edge.exchange(flow.redeem(&code_in(&next))).await.unwrap();
    }
}

/// A confirmation counts for the facts as they are now.
///
/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_during_the_confirmation_shows_it_again() {
    let (env, control, mut flow) = returning_person(PromptConfig::default()).await;
    let page = full_page(show(&flow, &control.edge(), |_| {}).await);
    let callback = sign_in_as("bob", &mut flow, &page, &control.edge(), &env).await;
    let asked = confirmation_page(control.edge().finish_login(callback).await.unwrap());
    control.stop().await;
    let mut changed = env.config.clone();
    changed.issuers[0].clients[0].name = "Another App".to_owned();
    let control = env.start_with(changed).await;
    let edge = control.edge();
    let events = env.events().await.len();
    let again = confirmation_page(edge.confirm_login(confirm_request(&flow, &asked, Decision::Approve)).await.unwrap());
    assert!(again.page.as_ref().unwrap().changed);
    assert_eq!(env.events().await.len(), events);
    let next = edge.confirm_login(confirm_request(&flow, &again, Decision::Approve)).await.unwrap();
    assert!(query(location(&next)).contains_key("code"));
}

/// Events record how a person approved and which person refused. A denial by an unknown person is no event.
#[tokio::test(flavor = "multi_thread")]
async fn events_record_how_a_person_decided_and_confirmed() {
    let (env, control, mut flow) = returning_person(remembering()).await;
    let edge = control.edge();
    let button = one_click_page(show(&flow, &edge, |_| {}).await);
    let callback = sign_in_as("alice", &mut flow, &button, &edge, &env).await;
    edge.finish_login(callback).await.unwrap();
    let page = full_page(show(&flow, &edge, |request| request.full_screen = true).await);
    edge.decide(flow.decide(&page, v1::Decision::Deny)).await.unwrap();
    for decision in [Decision::Approve, Decision::NotMe] {
        let button = one_click_page(show(&flow, &edge, |_| {}).await);
        let callback = sign_in_as("bob", &mut flow, &button, &edge, &env).await;
        let asked = confirmation_page(edge.finish_login(callback).await.unwrap());
        edge.confirm_login(confirm_request(&flow, &asked, decision)).await.unwrap();
    }
    let mut stranger = Flow::new(App::configured());
    let page = stranger.consent_page(&edge).await;
    edge.decide(stranger.decide(&page, v1::Decision::Deny)).await.unwrap();
    assert_eq!(
        logged(&env).await,
        [
            ("consent.approved idp|alice", Some(ApprovedOn::Screen(ConsentScreen::Full))),
            ("grant.issued idp|alice", None),
            ("consent.approved idp|alice", Some(ApprovedOn::Screen(ConsentScreen::OneClick))),
            ("consent.denied idp|alice", None),
            ("login.questioned idp|bob", None),
            ("consent.approved idp|bob", Some(ApprovedOn::Confirmation)),
            ("login.questioned idp|bob", None),
            ("login.refused idp|bob", None),
        ]
        .map(|(what, how)| (what.to_owned(), how))
    );

    let (env, control, flow) = returning_person(silent("app")).await;
    let edge = control.edge();
    let next = edge.show(flow.show(&flow.ticket(&edge).await)).await.unwrap();
    let mut flow = flow;
    flow.browser.keep(&next);
    edge.finish_login(flow.finish_login(env.idp.sign_in(location(&next), "alice"))).await.unwrap();
    assert_eq!(
        logged(&env).await.last(),
        Some(&("consent.approved idp|alice".to_owned(), Some(ApprovedOn::Screen(ConsentScreen::Skipped))))
    );
}

/// Kind, subject and manner of every event.
pub(crate) async fn logged(env: &Environment) -> Vec<(String, Option<ApprovedOn>)> {
    let store = Store::open(env.engine.open(), env.now()).await.unwrap();
    let first = store.oldest_event(env.now()).await.unwrap();
    let events = store.events(first, Duration::ZERO, 100).await.unwrap().events;
    let summary = |event: Event| {
        let how = match event.kind {
            EventKind::ConsentApproved { how, .. } => how,
            _ => None,
        };
        (format!("{} {}", event.kind.name(), event.about.unwrap().subject), how)
    };
    events.into_iter().map(|logged| summary(logged.event)).collect()
}
