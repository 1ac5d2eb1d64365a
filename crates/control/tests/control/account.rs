//! The account page: each person sees and revokes their own apps, and no one else can.

use std::collections::BTreeSet;
use std::time::Duration;

use lychgate_api::v1::account_service_show_response::Page;
use lychgate_api::v1::{self, next::Step};
use lychgate_control::config::Role;
use lychgate_engine::Space;
use serde_json::json;

use crate::support::{
    ApiClient, App, Browser, ControlPlane, Environment, Failure, Flow, ISSUER, ISSUER_URL, MetadataHost, RESOURCE,
    Refused as _, SERVER_TOKEN, TICK, attempt, contains, location, principal, query,
};

const IDLE: Duration = Duration::from_secs(15 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A person at a browser, on the account page.
#[derive(Clone, Debug)]
pub(crate) struct AccountUser {
    issuer_id: String,
    browser: Browser,
    person: String,
}

impl AccountUser {
    fn new(person: &str) -> Self {
        Self::at(ISSUER, person)
    }

    fn at(issuer_id: &str, person: &str) -> Self {
        Self { issuer_id: issuer_id.to_owned(), browser: Browser::default(), person: person.to_owned() }
    }

    pub(crate) async fn signed_in(person: &str, edge: &ApiClient, env: &Environment) -> Self {
        let mut user = Self::new(person);
        user.sign_in(edge, env).await;
        user
    }

    async fn sign_in(&mut self, edge: &ApiClient, env: &Environment) {
        let callback = self.begin_sign_in(edge, env).await;
        let next = edge.finish_login(callback).await.unwrap();
        assert_eq!(location(&next), format!("{ISSUER_URL}/account"));
        self.browser.keep(&next);
    }

    /// Starts the sign-in; returns the callback, which is not sent yet.
    async fn begin_sign_in(&mut self, edge: &ApiClient, env: &Environment) -> v1::FinishLoginRequest {
        let next = edge.sign_in(self.post()).await.unwrap();
        self.browser.keep(&next);
        self.callback(env.idp.sign_in(location(&next), &self.person))
    }

    fn post(&self) -> v1::SignInRequest {
        let (issuer_id, sec_fetch_site) = (self.issuer_id.clone(), Some("same-origin".to_owned()));
        v1::SignInRequest { issuer_id, sec_fetch_site, origin: None }
    }

    fn callback(&self, parameters: Vec<v1::Parameter>) -> v1::FinishLoginRequest {
        let (issuer_id, cookies) = (self.issuer_id.clone(), self.browser.cookies());
        v1::FinishLoginRequest { issuer_id, attempt: attempt(), parameters, cookies }
    }

    /// The account page; `None` if the browser is asked to sign in.
    pub(crate) async fn page(&mut self, edge: &ApiClient) -> Option<v1::AccountPage> {
        let (issuer_id, cookies) = (self.issuer_id.clone(), self.browser.cookies());
        let shown = edge.show_account(v1::AccountServiceShowRequest { issuer_id, cookies }).await.unwrap();
        self.browser.keep(&v1::Next { step: None, set_cookies: shown.set_cookies });
        match shown.page.unwrap() {
            Page::AccountPage(page) => Some(page),
            Page::SignInPage(page) => {
                assert_eq!(page.upstream_name, "The Login");
                None
            }
        }
    }

    pub(crate) fn revoke(&self, form_token: &str) -> v1::AccountServiceRevokeRequest {
        v1::AccountServiceRevokeRequest {
            issuer_id: self.issuer_id.clone(),
            attempt: attempt(),
            form_token: form_token.to_owned(),
            cookies: self.browser.cookies(),
            sec_fetch_site: Some("same-origin".to_owned()),
            origin: None,
        }
    }

    /// The session cookie.
    fn session(&self) -> v1::Cookie {
        let mut cookies = self.browser.cookies();
        cookies.retain(|cookie| cookie.name.starts_with("__Host-lychgate-account-"));
        assert_eq!(cookies.len(), 1, "{cookies:?}");
        cookies.remove(0)
    }
}

async fn start() -> (Environment, ControlPlane, ApiClient) {
    let mut env = Environment::new().await;
    env.config.principals.push(principal("server", Role::Resource, SERVER_TOKEN));
    let control = env.start().await;
    let edge = control.edge();
    (env, control, edge)
}

/// Authorizes `app` for `person`.
async fn connect(app: App, person: &str, edge: &ApiClient, env: &Environment) -> (Flow, v1::ExchangeResponse) {
    let mut flow = Flow::new(app);
    flow.person = person.to_owned();
    let tokens = flow.tokens(edge, &env.idp).await;
    (flow, tokens)
}

async fn is_active(edge: &ApiClient, token: &str) -> bool {
    let (issuer_id, token) = (ISSUER.to_owned(), token.to_owned());
    let request = v1::IntrospectRequest {
        issuer_id,
        token,
        resource_server_token: Some(SERVER_TOKEN.to_owned()),
        ..Default::default()
    };
    edge.introspect(request).await.unwrap().active
}

/// Asserts that the consent lives: the app still gets tokens.
async fn assert_untouched(
    flow: &Flow,
    tokens: &v1::ExchangeResponse,
    edge: &ApiClient,
    what: &str,
) -> v1::ExchangeResponse {
    edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap_or_else(|failure| panic!("{what}: {failure:?}"))
}

fn names(page: &v1::AccountPage) -> Vec<&str> {
    let mut names: Vec<_> = page.apps.iter().map(|app| app.client.as_ref().unwrap().name.as_str()).collect();
    names.sort_unstable();
    names
}

/// The page shows client, redirect host, resource, scopes, creation and last use; reading it writes nothing.
///
/// Requirements: B38, R27.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_their_own_apps_only() {
    let (env, _control, edge) = start().await;
    let (flow, tokens) = connect(App::configured(), "alice", &edge, &env).await;
    connect(App::registered(&edge).await, "alice", &edge, &env).await;
    connect(App::configured(), "bob", &edge, &env).await;
    let since = i64::try_from(env.now().seconds()).unwrap();
    env.advance(DAY);
    assert_untouched(&flow, &tokens, &edge, "a day later").await;
    let mut alice = AccountUser::new("alice");
    assert!(alice.page(&edge).await.is_none(), "no session yet");
    let counts = env.record_counts().await;
    alice.sign_in(&edge, &env).await;
    let page = alice.page(&edge).await.unwrap();
    assert_eq!(names(&page), ["Some Program", "The App"]);
    let find = |name: &str| page.apps.iter().find(|app| app.client.as_ref().unwrap().name == name).unwrap();
    let (app, program) = (find("The App"), find("Some Program"));
    assert!(!app.client.as_ref().unwrap().unverified && program.client.as_ref().unwrap().unverified);
    assert_eq!((app.redirects[0].host.as_str(), app.redirects[0].kind()), ("app.example", v1::RedirectKind::Web));
    assert_eq!(
        (program.redirects[0].host.as_str(), program.redirects[0].kind()),
        ("127.0.0.1", v1::RedirectKind::Loopback)
    );
    let resource = app.resource.as_ref().unwrap();
    assert_eq!((resource.uri.as_str(), resource.name.as_str()), (RESOURCE, "Notes"));
    assert_eq!((app.scopes.len(), app.scopes[0].description.as_str()), (1, "May read"));
    let day = i64::try_from(DAY.as_secs()).unwrap();
    assert_eq!((app.create_time.unwrap().seconds, app.last_use_time.unwrap().seconds), (since, since + day));
    assert_eq!(program.last_use_time.unwrap().seconds, since);
    let person = page.person.clone().unwrap();
    assert_eq!((person.name.as_str(), person.account.as_str()), ("ALICE", "alice"));
    let mut bob = AccountUser::signed_in("bob", &edge, &env).await;
    let page = bob.page(&edge).await.unwrap();
    assert_eq!((names(&page).as_slice(), page.person.as_ref().unwrap().name.as_str()), (["The App"].as_slice(), "BOB"));
    let mut carol = AccountUser::signed_in("carol", &edge, &env).await;
    assert!(carol.page(&edge).await.unwrap().apps.is_empty());
    assert_eq!(env.record_counts().await, counts, "signing in and looking leave nothing behind");
}

/// A refresh does not move the end; another grant, or the end of the longest one, does.
///
/// Requirements: B38.
#[tokio::test(flavor = "multi_thread")]
async fn an_apps_access_ends_with_its_longest_live_grant() {
    let (mut env, control, _edge) = start().await;
    control.stop().await;
    let (grant, idle, moment) = (10 * DAY, 6 * DAY, Duration::from_secs(30));
    let lifetimes = env.lifetimes();
    (lifetimes.grant_seconds, lifetimes.grant_idle_seconds) = (grant.as_secs(), idle.as_secs());
    lifetimes.consent_seconds = grant.as_secs();
    let control = env.start().await;
    let edge = control.edge();
    let mut alice = AccountUser::new("alice");
    // The end that the page shows, counted from now.
    let ends = async |alice: &mut AccountUser| {
        alice.sign_in(&edge, &env).await;
        let page = alice.page(&edge).await.unwrap();
        let end = page.apps[0].expire_time?;
        Some(Duration::from_secs(u64::try_from(end.seconds).unwrap() - env.now().seconds()))
    };
    let (first, tokens) = connect(App::configured(), "alice", &edge, &env).await;
    assert_eq!(ends(&mut alice).await, Some(grant));
    env.advance(DAY);
    let tokens = assert_untouched(&first, &tokens, &edge, "a refresh").await;
    assert_eq!(ends(&mut alice).await, Some(grant - DAY), "a refresh renews nothing");
    // A second sign-in: another grant, and the consent is renewed.
    let (second, later) = connect(App::configured(), "alice", &edge, &env).await;
    assert_eq!(ends(&mut alice).await, Some(grant));
    edge.revoke(second.revoke(later.refresh_token())).await.unwrap();
    assert_eq!(ends(&mut alice).await, Some(grant - DAY), "the longest is the first again");
    edge.revoke(first.revoke(tokens.refresh_token())).await.unwrap();
    assert_eq!(ends(&mut alice).await, None, "the consent stays, without a grant");
    // An unused grant is not live.
    let (_third, _) = connect(App::configured(), "alice", &edge, &env).await;
    env.advance(idle - TICK);
    assert!(ends(&mut alice).await.is_some());
    env.advance(TICK);
    assert_eq!(ends(&mut alice).await, None);
    // No grant outlives its consent.
    let mut flow = Flow::new(App::configured());
    let code = flow.code(&edge, &env.idp).await;
    env.advance(moment);
    edge.exchange(flow.redeem(&code)).await.unwrap();
    assert_eq!(ends(&mut alice).await, Some(grant - moment));
}

/// The sign-in requests the least scope and stores nothing of the upstream's answer.
#[tokio::test(flavor = "multi_thread")]
async fn signing_in_requests_identity_only_and_stores_nothing() {
    let (mut env, control, _edge) = start().await;
    control.stop().await;
    let lychgate_control::config::UpstreamConfig::Oidc(upstream) = &mut env.issuer().upstream else { panic!("oidc") };
    upstream.scopes = ["openid", "email", "everything"].map(str::to_owned).to_vec();
    let control = env.start().await;
    let edge = control.edge();
    let mut alice = AccountUser::new("alice");
    let next = edge.sign_in(alice.post()).await.unwrap();
    assert_eq!(query(location(&next))["scope"], "openid email");
    let mut flow = Flow::new(App::configured());
    assert_eq!(
        query(&flow.approve(&edge).await)["scope"],
        "openid email everything",
        "and an authorization for all of it"
    );
    alice.sign_in(&edge, &env).await;
    for secret in env.idp.secrets() {
        let session = alice.session().value;
        assert!(!session.contains(&secret), "{secret}");
        for space in Space::ALL {
            let kept = env.entries(space).await;
            let holds = |bytes: &[u8]| contains(bytes, secret.as_bytes());
            assert!(!kept.iter().any(|(_, entry)| holds(&entry.value)), "{secret} in {}", space.name());
        }
    }
}

/// One commit ends everything issued under the consent at once; other apps and other people are unaffected.
///
/// Requirements: R27.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_app_ends_at_once_and_others_stay() {
    let (env, _control, edge) = start().await;
    let (flow, tokens) = connect(App::configured(), "alice", &edge, &env).await;
    let (program, kept) = connect(App::registered(&edge).await, "alice", &edge, &env).await;
    let (bobs, bobs_tokens) = connect(App::configured(), "bob", &edge, &env).await;
    let mut alice = AccountUser::signed_in("alice", &edge, &env).await;
    let page = alice.page(&edge).await.unwrap();
    let app = page.apps.iter().find(|app| app.client.as_ref().unwrap().client_id == "app").unwrap();
    let events = env.events().await.len();
    assert!(is_active(&edge, &tokens.access_token).await);

    let revoke = alice.revoke(&app.form_token);
    for _ in 0..2 {
        let next = edge.revoke_apps(revoke.clone()).await.unwrap();
        assert_eq!(location(&next), format!("{ISSUER_URL}/account"), "the same idempotency key gets the same answer");
    }
    assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED");
    assert!(!is_active(&edge, &tokens.access_token).await);
    let events = env.events().await.split_off(events);
    assert_eq!(events.len(), 1);
    let says = |text: &str| contains(&events[0], text.as_bytes());
    assert!(says("idp|alice") && says("app") && says("edge"), "the event names subject, client and principal");

    assert_untouched(&program, &kept, &edge, "another app").await;
    assert_untouched(&bobs, &bobs_tokens, &edge, "another person").await;
    let page = alice.page(&edge).await.unwrap();
    assert_eq!(names(&page), ["Some Program"]);
    assert_eq!(page.revoked[0].client.as_ref().unwrap().name, "The App");
    assert!(page.revoked[0].just_now);
    env.advance(Duration::from_secs(120));
    assert!(alice.page(&edge).await.unwrap().revoked[0].just_now);
    env.advance(TICK);
    assert!(!alice.page(&edge).await.unwrap().revoked[0].just_now, "the page confirms it for two minutes");
    env.advance(DAY * 30 - TICK - Duration::from_secs(120));
    alice.sign_in(&edge, &env).await;
    assert_eq!(alice.page(&edge).await.unwrap().revoked.len(), 1);
    env.advance(TICK);
    assert!(alice.page(&edge).await.unwrap().revoked.is_empty(), "the page lists revoked apps for thirty days");
}

/// Requirements: R27.
#[tokio::test(flavor = "multi_thread")]
async fn all_apps_are_revoked_at_once_and_can_be_approved_again() {
    let (env, _control, edge) = start().await;
    let mut apps = vec![connect(App::configured(), "alice", &edge, &env).await];
    for _ in 0..3 {
        apps.push(connect(App::registered(&edge).await, "alice", &edge, &env).await);
    }
    let (bobs, bobs_tokens) = connect(App::configured(), "bob", &edge, &env).await;
    let mut alice = AccountUser::signed_in("alice", &edge, &env).await;
    let all = alice.page(&edge).await.unwrap().revoke_all_token;
    edge.revoke_apps(alice.revoke(&all)).await.unwrap();
    for (flow, tokens) in &apps {
        assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED");
        assert!(!is_active(&edge, &tokens.access_token).await);
    }
    let page = alice.page(&edge).await.unwrap();
    assert_eq!((page.apps.len(), page.revoked.len()), (0, 4));
    assert_untouched(&bobs, &bobs_tokens, &edge, "another person").await;
    let (flow, tokens) = connect(App::configured(), "alice", &edge, &env).await;
    assert_untouched(&flow, &tokens, &edge, "allowed again").await;
    let page = alice.page(&edge).await.unwrap();
    assert_eq!((page.apps.len(), page.revoked.len()), (1, 3));
}

/// The successful revocation with one thing changed.
///
/// Requirements: B8, B12, B23.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
async fn no_forged_or_foreign_request_revokes_an_app() {
    let (mut env, control, _) = start().await;
    control.stop().await;
    env.add_other_issuer();
    let control = env.start().await;
    let edge = control.edge();
    let (flow, mut tokens) = connect(App::configured(), "alice", &edge, &env).await;
    connect(App::configured(), "mallory", &edge, &env).await;
    let mut alice = AccountUser::signed_in("alice", &edge, &env).await;
    let (earlier, page) = (alice.clone(), alice.page(&edge).await.unwrap());
    let mut mallory = AccountUser::signed_in("mallory", &edge, &env).await;
    let mallorys = mallory.page(&edge).await.unwrap().apps[0].form_token.clone();
    let earlier_token = page.apps[0].form_token.clone();
    alice.sign_in(&edge, &env).await;
    let token = alice.page(&edge).await.unwrap().apps[0].form_token.clone();
    let mut elsewhere = AccountUser::at("other", "alice");
    let callback = elsewhere.begin_sign_in(&edge, &env).await;
    let next = edge.finish_login(callback).await.unwrap();
    elsewhere.browser.keep(&next);

    let good = alice.revoke(&token);
    let session = alice.session();
    let with = |value: &str| vec![v1::Cookie { name: session.name.clone(), value: value.to_owned() }];
    let flipped = format!("{}{}", &session.value[..60], if &session.value[60..61] == "A" { "B" } else { "A" });
    let flipped = format!("{flipped}{}", &session.value[61..]);
    let request = || good.clone();
    type Request = v1::AccountServiceRevokeRequest;
    let changed: [(&str, Request, &str); 15] = [
        ("from another site", Request { sec_fetch_site: Some("cross-site".to_owned()), ..request() }, "CROSS_SITE"),
        ("from a neighbour", Request { sec_fetch_site: Some("same-site".to_owned()), ..request() }, "CROSS_SITE"),
        ("from no site", Request { sec_fetch_site: Some("none".to_owned()), ..request() }, "CROSS_SITE"),
        ("without an origin", Request { sec_fetch_site: None, ..request() }, "CROSS_SITE"),
        (
            "from another origin",
            Request { sec_fetch_site: None, origin: Some("https://evil.example".to_owned()), ..request() },
            "CROSS_SITE",
        ),
        ("without a session", Request { cookies: vec![], ..request() }, "ACCOUNT_SESSION_MISSING"),
        (
            "with two sessions",
            Request { cookies: [with(&session.value), with(&session.value)].concat(), ..request() },
            "ACCOUNT_SESSION_MISSING",
        ),
        ("with an altered session", Request { cookies: with(&flipped), ..request() }, "ACCOUNT_SESSION_MISSING"),
        (
            "with the same person's session at another issuer",
            Request { cookies: with(&elsewhere.session().value), ..request() },
            "ACCOUNT_SESSION_MISSING",
        ),
        (
            "with another person's session",
            Request { cookies: with(&mallory.session().value), ..request() },
            "FORM_TOKEN_INVALID",
        ),
        ("with another person's form", Request { form_token: mallorys.clone(), ..request() }, "FORM_TOKEN_INVALID"),
        (
            "with the form of an earlier session",
            Request { form_token: earlier_token, ..request() },
            "FORM_TOKEN_INVALID",
        ),
        (
            "in an earlier session",
            Request { cookies: with(&earlier.session().value), ..request() },
            "FORM_TOKEN_INVALID",
        ),
        ("with an altered form", Request { form_token: altered(&token), ..request() }, "FORM_TOKEN_INVALID"),
        ("without a form", Request { form_token: String::new(), ..request() }, "FORM_TOKEN_INVALID"),
    ];
    let (counts, page) = (env.record_counts().await, alice.page(&edge).await.unwrap());
    for (what, request, reason) in changed {
        assert_eq!(edge.revoke_apps(request).await.reason(), reason, "{what}");
        assert_eq!(env.record_counts().await, counts, "{what}: nothing is written");
        tokens = assert_untouched(&flow, &tokens, &edge, what).await;
    }
    assert_eq!(names(&page), ["The App"]);
    env.advance(IDLE);
    assert_eq!(edge.revoke_apps(request()).await.reason(), "ACCOUNT_SESSION_MISSING", "too late");
    tokens = assert_untouched(&flow, &tokens, &edge, "too late").await;
    assert!(alice.page(&edge).await.is_none());
    // The unchanged request still succeeds.
    alice.sign_in(&edge, &env).await;
    let token = alice.page(&edge).await.unwrap().apps[0].form_token.clone();
    edge.revoke_apps(alice.revoke(&token)).await.unwrap();
    assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED");
    assert_eq!(names(&mallory_again(&edge, &env).await), ["The App"], "mallory's own app is unaffected");
}

/// The token with its last character changed.
fn altered(token: &str) -> String {
    let (rest, last) = token.split_at(token.len() - 1);
    format!("{rest}{}", if last == "A" { "E" } else { "A" })
}

async fn mallory_again(edge: &ApiClient, env: &Environment) -> v1::AccountPage {
    AccountUser::signed_in("mallory", edge, env).await.page(edge).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_while_it_is_used_and_ends_with_the_sign_out() {
    let (env, _control, edge) = start().await;
    let mut alice = AccountUser::signed_in("alice", &edge, &env).await;
    for _ in 0..3 {
        env.advance(IDLE - TICK);
        assert!(alice.page(&edge).await.is_some(), "each visit renews it");
    }
    let out = |sec_fetch_site: &str| {
        let sec_fetch_site = Some(sec_fetch_site.to_owned());
        v1::SignOutRequest { issuer_id: ISSUER.to_owned(), sec_fetch_site, origin: None }
    };
    assert_eq!(edge.sign_out(out("cross-site")).await.reason(), "CROSS_SITE");
    let next = edge.sign_out(out("same-origin")).await.unwrap();
    alice.browser.keep(&next);
    assert!(alice.page(&edge).await.is_none());
    assert!(alice.browser.0.is_empty(), "{:?}", alice.browser);
}

/// A sign-in that another site requests sends the browser nowhere and sets no cookie.
///
/// Requirements: B8.
#[tokio::test(flavor = "multi_thread")]
async fn only_our_own_page_starts_a_sign_in() {
    let (env, _control, edge) = start().await;
    let alice = AccountUser::new("alice");
    for (site, origin) in [
        (Some("cross-site"), None),
        (Some("same-site"), None),
        (Some("none"), None),
        (None, Some("https://evil.example")),
        (None, Some("null")),
        (None, None),
    ] {
        let (sec_fetch_site, origin) = (site.map(str::to_owned), origin.map(str::to_owned));
        let refused = edge.sign_in(v1::SignInRequest { sec_fetch_site, origin, ..alice.post() }).await;
        assert_eq!(refused.reason(), "CROSS_SITE", "{site:?}");
    }
    let origin = Some("http://127.0.0.1:7440".to_owned());
    edge.sign_in(v1::SignInRequest { sec_fetch_site: None, origin, ..alice.post() }).await.unwrap();
    assert_eq!(env.idp.calls(), 0);
}

/// The successful callback with one thing changed.
///
/// Requirements: B19, B20.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_browser_that_started_the_sign_in_finishes_it() {
    let (env, _control, edge) = start().await;
    let mut alice = AccountUser::new("alice");
    let callback = alice.begin_sign_in(&edge, &env).await;
    let cookie = callback.cookies[0].clone();
    let mut other = AccountUser::new("mallory");
    let others = other.begin_sign_in(&edge, &env).await;
    let with = |cookies: Vec<v1::Cookie>| v1::FinishLoginRequest { cookies, ..callback.clone() };
    let changed = [
        ("in a browser that started no sign-in", with(vec![])),
        ("with the cookie of another sign-in", with(others.cookies.clone())),
        ("with the cookie twice", with(vec![cookie.clone(), cookie.clone()])),
    ];
    for (what, request) in changed {
        let refused = edge.finish_login(request).await;
        assert_eq!(
            refused.as_ref().map(|_| ()).map_err(|failure| failure.reason.as_str()),
            Err("STATE_COOKIE_MISSING"),
            "{what}"
        );
        assert_eq!(refused.unwrap_err().metadata["return_uri"], format!("{ISSUER_URL}/account"), "{what}");
    }
    let late = AccountUser::new("alice").begin_sign_in(&edge, &env).await;
    env.advance(Duration::from_secs(600) + TICK);
    assert_eq!(edge.finish_login(late).await.reason(), "LOGIN_EXPIRED");
    assert_eq!(env.idp.calls(), 0, "the upstream was never called");

    let callback = alice.begin_sign_in(&edge, &env).await;
    let next = edge.finish_login(callback.clone()).await.unwrap();
    alice.browser.keep(&next);
    assert!(alice.page(&edge).await.is_some());
    let again = alice.callback(callback.parameters.clone());
    assert_eq!(edge.finish_login(again).await.reason(), "STATE_COOKIE_MISSING", "the first answer deleted its cookie");
    // A kept cookie does not help: the upstream accepts its code once.
    assert_fails(edge.finish_login(callback).await, "UPSTREAM_INVALID");
    assert_eq!(env.record_counts().await.iter().map(|(_, count)| count).sum::<usize>(), empty(&env).await);
}

/// The number of entries in a fresh store.
async fn empty(env: &Environment) -> usize {
    env.entries(Space::Meta).await.len()
}

/// Asserts a failure page that sets no session.
fn assert_fails(next: Result<v1::Next, Failure>, reason: &str) {
    let next = next.unwrap();
    let Some(Step::FailurePage(page)) = next.step else { panic!("{next:?}") };
    assert_eq!((page.reason.as_str(), page.return_uri.contains("code=")), (reason, false));
    assert!(next.set_cookies.iter().all(|cookie| cookie.max_age_seconds == Some(0)), "{:?}", next.set_cookies);
}

/// An authorization and an account sign-in run in one browser and swap their `state`. The upstream's code was issued
/// for the other one's PKCE challenge and nonce.
///
/// Requirements: B19.
#[tokio::test(flavor = "multi_thread")]
async fn account_and_authorization_states_are_not_interchangeable() {
    let (env, _control, edge) = start().await;
    let mut flow = Flow::new(App::configured());
    let mut alice = AccountUser::new("alice");
    let authorization = flow.sign_in(&edge, &env.idp).await;
    alice.browser = flow.browser.clone();
    let account = alice.begin_sign_in(&edge, &env).await;
    let parameter = |request: &v1::FinishLoginRequest, name: &str| {
        request.parameters.iter().find(|parameter| parameter.name == name).unwrap().value.clone()
    };
    let state = |request: &v1::FinishLoginRequest, state: &str| {
        let parameters = request.parameters.iter().map(|parameter| match parameter.name.as_str() {
            "state" => v1::Parameter { value: state.to_owned(), ..parameter.clone() },
            _ => parameter.clone(),
        });
        v1::FinishLoginRequest { parameters: parameters.collect(), cookies: account.cookies.clone(), ..request.clone() }
    };
    let (of_authorization, of_account) = (parameter(&authorization, "state"), parameter(&account, "state"));
    for dressed in [format!("account.{of_authorization}"), of_account.trim_start_matches("account.").to_owned()] {
        for request in [&authorization, &account] {
            assert_eq!(edge.finish_login(state(request, &dressed)).await.reason(), "STATE_INVALID", "{dressed}");
        }
    }
    assert_eq!(env.idp.calls(), 0);
    // A browser that began only one of the two is refused.
    let only = |request: v1::FinishLoginRequest, account: bool| {
        let cookies = request.cookies.iter().filter(|cookie| cookie.name.contains("account") == account);
        v1::FinishLoginRequest { cookies: cookies.cloned().collect(), ..request.clone() }
    };
    let mixed = only(state(&account, &of_authorization), true);
    assert_eq!(edge.finish_login(mixed).await.reason(), "STATE_COOKIE_MISSING");
    let mixed = only(state(&authorization, &of_account), false);
    assert_eq!(edge.finish_login(mixed).await.reason(), "STATE_COOKIE_MISSING");
    assert_eq!(env.idp.calls(), 0);
    // A browser that began both gets no code from swapped states.
    assert_fails(edge.finish_login(state(&authorization, &of_account)).await, "UPSTREAM_INVALID");
    assert_fails(edge.finish_login(state(&account, &of_authorization)).await, "UPSTREAM_INVALID");
    assert_eq!(env.idp.calls(), 2);
    assert_eq!((env.entries(Space::Consents).await.len(), env.entries(Space::Grants).await.len()), (0, 0));
    assert!(alice.page(&edge).await.is_none());
}

/// A deleted client can do nothing; its consents remain visible and revocable.
///
/// Requirements: B38.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_app_is_listed_as_gone() {
    let (env, _control, edge) = start().await;
    let client = edge.register(App::registration("none")).await.unwrap();
    let app = App::new(&client.client_id, "http://127.0.0.1:7777/cb");
    connect(app, "alice", &edge, &env).await;
    let delete = v1::DeleteRequest {
        issuer_id: ISSUER.to_owned(),
        client_id: client.client_id.clone(),
        registration_access_token: client.registration_access_token().to_owned(),
    };
    edge.delete(delete).await.unwrap();
    let mut alice = AccountUser::signed_in("alice", &edge, &env).await;
    let page = alice.page(&edge).await.unwrap();
    let listed = page.apps[0].client.as_ref().unwrap();
    assert!(listed.removed && listed.name.is_empty() && listed.client_id == client.client_id);
    edge.revoke_apps(alice.revoke(&page.apps[0].form_token)).await.unwrap();
    assert!(alice.page(&edge).await.unwrap().apps.is_empty());
}

/// Reading the page must not reveal the visit to the client's host.
///
/// Requirements: B38.
#[tokio::test(flavor = "multi_thread")]
async fn a_documented_client_is_listed_by_name_and_website_without_a_fetch() {
    let mut env = Environment::new().await;
    let site = MetadataHost::start().await;
    site.publish("/client", &site.document("/client", &json!({})));
    env.config.outbound = site.outbound(&env);
    let control = env.start().await;
    let edge = control.edge();
    connect(App::new(&site.url("/client"), "http://127.0.0.1:7777/cb"), "alice", &edge, &env).await;
    env.advance(DAY);
    let asked = site.asked("/client");
    let mut alice = AccountUser::signed_in("alice", &edge, &env).await;
    let page = alice.page(&edge).await.unwrap();
    let client = page.apps[0].client.as_ref().unwrap();
    let website = site.url("").replace("https://", "");
    assert_eq!((&client.metadata_host, client.name.as_str()), (&website, "Documented"), "as the page displayed it");
    assert_eq!(client.metadata_website.as_ref().unwrap().host, website);
    assert!(client.unverified && !client.removed);
    edge.revoke_apps(alice.revoke(&page.apps[0].form_token)).await.unwrap();
    let page = alice.page(&edge).await.unwrap();
    assert_eq!(page.revoked[0].client.as_ref().map(|client| client.name.as_str()), Some("Documented"));
    assert_eq!(site.asked("/client"), asked);
}

/// More apps than one store page or one account page holds.
///
/// Requirements: R27.
#[tokio::test(flavor = "multi_thread")]
async fn revoke_all_covers_more_apps_than_one_page_shows() {
    let (env, _control, edge) = start().await;
    let mut apps = Vec::new();
    for _ in 0..201 {
        apps.push(connect(App::registered(&edge).await, "alice", &edge, &env).await);
    }
    let mut alice = AccountUser::signed_in("alice", &edge, &env).await;
    let page = alice.page(&edge).await.unwrap();
    let ids: BTreeSet<_> = page.apps.iter().map(|app| &app.client.as_ref().unwrap().client_id).collect();
    assert_eq!((ids.len(), page.apps.len(), page.incomplete), (200, 200, true), "the page is full, each app once");
    edge.revoke_apps(alice.revoke(&page.revoke_all_token)).await.unwrap();
    for (flow, tokens) in &apps {
        assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED");
    }
    let page = alice.page(&edge).await.unwrap();
    assert_eq!((page.apps.len(), page.revoked.len()), (0, 200));
}
