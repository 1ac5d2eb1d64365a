//! The upstream's access token for resource servers: to which of them it is given, and its refresh, with every outcome of
//! the upstream and a crash at every point.

use std::sync::Arc;
use std::time::Duration;

use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;
use lychgate_control::config::{PromptMode, Role};
use lychgate_engine::{Entry, Key, Space};
use lychgate_engine_suite::TestClock;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::support::{
    ApiClient, App, BreakpointEngine, Breakpoints, ControlPlane, Environment, EnvoyDecision, EnvoyRequest, Flow,
    ISSUER, OPERATOR_TOKEN, RESOURCE, RefreshBehavior, Refused as _, SERVER_TOKEN, attempt, consent_target, page,
    principal, revoke_request, verify_request,
};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const OTHER_SERVER: &str = "token-of-another-server";
/// Longer than the pause after a refresh that the upstream did not answer, and than a lease.
const PAUSE: Duration = Duration::from_secs(6);
const LEASE: Duration = Duration::from_secs(21);

/// An environment whose resource may have upstream tokens.
async fn environment() -> Environment {
    let mut env = Environment::with_operator().await;
    let mut other = principal("other", Role::Resource, OTHER_SERVER);
    other.resources = Some(vec!["https://other.example/mcp".to_owned()]);
    env.config.principals.push(other);
    env.issuer().resources[0].upstream_tokens = true;
    env
}

/// The whole flow; returns our access token.
async fn authorize(control: &ControlPlane, env: &Environment) -> String {
    Flow::new(App::configured()).tokens(&control.edge(), &env.idp).await.access_token
}

fn grant(access_token: &str) -> v1::TokenExchangeGrant {
    v1::TokenExchangeGrant {
        subject_token: Some(access_token.to_owned()),
        subject_token_type: Some(ACCESS_TOKEN.to_owned()),
        ..Default::default()
    }
}

/// The exchange of a resource server that calls an edge with its bearer token.
fn exchange(access_token: &str) -> v1::ExchangeRequest {
    with(v1::TokenExchangeGrant { resource_server_token: Some(SERVER_TOKEN.to_owned()), ..grant(access_token) })
}

fn with(grant: v1::TokenExchangeGrant) -> v1::ExchangeRequest {
    v1::ExchangeRequest {
        issuer_id: ISSUER.to_owned(),
        attempt: attempt(),
        grant: Some(v1::exchange_request::Grant::TokenExchange(grant)),
        ..Default::default()
    }
}

fn get(access_token: &str) -> v1::UpstreamTokenServiceGetRequest {
    v1::UpstreamTokenServiceGetRequest { issuer_id: ISSUER.to_owned(), access_token: access_token.to_owned() }
}

fn rejected(access_token: &str, rejected: &str) -> v1::ReportRejectedRequest {
    v1::ReportRejectedRequest {
        issuer_id: ISSUER.to_owned(),
        access_token: access_token.to_owned(),
        rejected_token: rejected.to_owned(),
    }
}

fn server(control: &ControlPlane) -> ApiClient {
    control.caller(SERVER_TOKEN)
}

/// The upstream token, or the reason why there is none.
async fn token(control: &ControlPlane, access_token: &str) -> Result<String, String> {
    let given = server(control).upstream_token(get(access_token)).await;
    given.map(|given| given.access_token).map_err(|failure| failure.reason)
}

/// The question of a proxy that wants the upstream's token in `header`, and authenticates with `proxy`.
fn verify(access_token: &str, header: &str, proxy: &str) -> v1::VerifyRequest {
    let wanted = v1::WantedUpstreamToken { header: header.to_owned(), resource_server_token: proxy.to_owned() };
    v1::VerifyRequest { upstream_token: Some(wanted), ..verify_request(access_token) }
}

async fn given_events(control: &ControlPlane) -> usize {
    let request = v1::ListEventsRequest { issuer_id: ISSUER.to_owned(), ..Default::default() };
    let events = control.operator().list_events(request).await.unwrap().events;
    events.iter().filter(|event| event.kind == "upstream_token.given").count()
}

/// The same token by every door, and nothing else in the reply.
///
/// Requirements: A27.
#[tokio::test(flavor = "multi_thread")]
async fn a_resource_server_gets_the_upstreams_token_by_every_door() {
    let env = environment().await;
    let control = env.start().await;
    let access_token = authorize(&control, &env).await;
    let (edge, own) = (control.edge(), server(&control));
    let expected = own.upstream_token(get(&access_token)).await.unwrap();
    assert!(expected.access_token.starts_with("upstream-access-token"), "{expected:?}");
    assert_eq!(
        (expected.token_type.as_str(), expected.expires_in, expected.upstream_id.as_str()),
        ("Bearer", Some(3600), "idp")
    );
    assert_eq!(expected.scope, "openid", "without a word of the upstream, what it was asked for");

    let reply = v1::ExchangeResponse {
        access_token: expected.access_token.clone(),
        token_type: "Bearer".to_owned(),
        expires_in: Some(3600),
        refresh_token: None,
        scope: "openid".to_owned(),
        issued_token_type: Some(ACCESS_TOKEN.to_owned()),
    };
    let post = v1::ClientCredentials {
        client_id: Some("server".to_owned()),
        client_secret: Some(SERVER_TOKEN.to_owned()),
        ..Default::default()
    };
    let basic = v1::BasicCredentials {
        client_id: "server".to_owned(),
        client_secret: SERVER_TOKEN.to_owned(),
        ..Default::default()
    };
    let basic = v1::ClientCredentials { basic: Some(basic), ..Default::default() };
    for (caller, request) in [
        (&edge, exchange(&access_token)),
        (&edge, v1::ExchangeRequest { client: Some(post), ..with(grant(&access_token)) }),
        (&edge, v1::ExchangeRequest { client: Some(basic), ..with(grant(&access_token)) }),
        (&own, with(grant(&access_token))),
        (&own, with(v1::TokenExchangeGrant { audiences: vec!["idp".to_owned()], ..grant(&access_token) })),
        (&own, v1::ExchangeRequest { scope: Some("openid".to_owned()), ..with(grant(&access_token)) }),
    ] {
        assert_eq!(caller.exchange(request.clone()).await.unwrap(), reply, "{request:?}");
    }

    let verified = edge.verify(verify(&access_token, "authorization", SERVER_TOKEN)).await.unwrap();
    let header = verified.upstream_token.unwrap();
    assert_eq!((header.name, header.value), ("authorization".to_owned(), format!("Bearer {}", expected.access_token)));
    let extensions = [("lychgate-upstream-token", "x-idp-token")];
    let envoy = EnvoyRequest::with(&access_token).header("x-idp-token", "forged").saying(&extensions);
    match own.ext_authz(&envoy).await.unwrap() {
        EnvoyDecision::Allowed { set, removed } => {
            assert_eq!(set["x-idp-token"], expected.access_token);
            assert_eq!(removed, ["authorization"], "our own token does not travel on");
        }
        other @ EnvoyDecision::Denied { .. } => panic!("{other:?}"),
    }
    assert_eq!(given_events(&control).await, 1, "one token, one resource, one event");
    assert_eq!(env.idp.refreshes(), (0, 0));
}

/// One thing is changed of a request that succeeds; nothing is written and the upstream is not asked.
///
/// Requirements: A15, A17.
#[tokio::test(flavor = "multi_thread")]
async fn no_other_caller_and_no_other_token_gets_the_upstreams_token() {
    let env = environment().await;
    let control = env.start().await;
    let mut flow = Flow::new(App::configured());
    let tokens = flow.tokens(&control.edge(), &env.idp).await;
    let access_token = tokens.access_token.clone();
    let edge = control.edge();
    let before = env.record_counts().await;
    let by = |token: &str| {
        with(v1::TokenExchangeGrant { resource_server_token: Some(token.to_owned()), ..grant(&access_token) })
    };
    let changed = |change: fn(&mut v1::TokenExchangeGrant)| {
        let mut grant = grant(&access_token);
        grant.resource_server_token = Some(SERVER_TOKEN.to_owned());
        change(&mut grant);
        with(grant)
    };
    for (why, request, reason) in [
        ("a token that is no principal's", by("guess"), "RESOURCE_SERVER_UNKNOWN"),
        ("the operator's token", by(OPERATOR_TOKEN), "RESOURCE_SERVER_UNKNOWN"),
        ("no credentials", with(grant(&access_token)), "RESOURCE_SERVER_UNKNOWN"),
        ("the server of another resource", by(OTHER_SERVER), "SUBJECT_TOKEN_INVALID"),
        ("a refresh token", exchange(tokens.refresh_token()), "SUBJECT_TOKEN_INVALID"),
        ("no token of ours", exchange("a.b.c"), "SUBJECT_TOKEN_INVALID"),
        ("no subject token", changed(|grant| grant.subject_token = None), "PARAMETER_MISSING"),
        ("no type", changed(|grant| grant.subject_token_type = None), "PARAMETER_MISSING"),
        ("another audience", changed(|grant| grant.audiences = vec!["github".to_owned()]), "AUDIENCE_UNKNOWN"),
        ("an actor", changed(|grant| grant.actor_token = Some("t".to_owned())), "TOKEN_EXCHANGE_UNSUPPORTED"),
        (
            "a resource",
            v1::ExchangeRequest { resources: vec![RESOURCE.to_owned()], ..exchange(&access_token) },
            "TOKEN_EXCHANGE_UNSUPPORTED",
        ),
        (
            "a scope that the token lacks",
            v1::ExchangeRequest { scope: Some("admin".to_owned()), ..exchange(&access_token) },
            "SCOPE_INVALID",
        ),
    ] {
        assert_eq!(edge.exchange(request).await.reason(), reason, "{why}");
    }
    let verify = |header, proxy| edge.verify(verify(&access_token, header, proxy));
    assert_eq!(verify("authorization", "").await.reason(), "RESOURCE_SERVER_UNKNOWN", "a client has no such token");
    assert_eq!(verify("authorization", &access_token).await.reason(), "RESOURCE_SERVER_UNKNOWN");
    assert_eq!(verify("authorization", OTHER_SERVER).await.reason(), "RESOURCE_SERVER_UNKNOWN");
    assert_eq!(verify("cookie", SERVER_TOKEN).await.reason(), "REQUEST_MALFORMED");
    for caller in [&edge, &control.caller(OPERATOR_TOKEN)] {
        assert_eq!(caller.upstream_token(get(&access_token)).await.reason(), "PERMISSION_DENIED");
    }
    assert_eq!(
        server(&control).exchange(flow.refresh(tokens.refresh_token())).await.reason(),
        "GRANT_TYPE_UNAUTHORIZED"
    );
    let other = control.caller(OTHER_SERVER);
    assert_eq!(other.upstream_token(get(&access_token)).await.reason(), "SUBJECT_TOKEN_INVALID");
    assert_eq!(env.record_counts().await, before);
    assert_eq!(env.idp.refreshes(), (0, 0));
}

/// Every way in which a grant ends, also while its access token is good.
///
/// Requirements: A27, R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_has_ended_gives_no_upstream_token() {
    for target in
        [consent_target("alice", "app"), Target::ClientId("app".to_owned()), Target::Subject("idp|alice".to_owned())]
    {
        let env = environment().await;
        let control = env.start().await;
        let access_token = authorize(&control, &env).await;
        token(&control, &access_token).await.unwrap();
        control.operator().revoke_now(revoke_request(target.clone(), "1")).await.unwrap();
        assert_eq!(token(&control, &access_token).await, Err("SUBJECT_TOKEN_INVALID".to_owned()), "{target:?}");
        let refused = control.edge().verify(verify(&access_token, "authorization", SERVER_TOKEN)).await;
        assert_eq!(refused.reason(), "ACCESS_TOKEN_INVALID");
    }
    let env = environment().await;
    let control = env.start().await;
    let access_token = authorize(&control, &env).await;
    env.advance(Duration::from_secs(600));
    assert_eq!(token(&control, &access_token).await, Err("SUBJECT_TOKEN_INVALID".to_owned()), "it has expired");
}

/// Without the operator's setting there is no token, and a consent from before the setting gives none either: the person
/// is asked anew, on a page that says it.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_given_only_after_a_page_that_said_so() {
    let mut env = environment().await;
    env.issuer().resources[0].upstream_tokens = false;
    env.issuer().prompt.mode = PromptMode::Remember;
    let control = env.start().await;
    let mut flow = Flow::new(App::configured());
    let page_without = flow.consent_page(&control.edge()).await;
    assert!(!page_without.upstream_tokens);
    let access_token = flow.tokens(&control.edge(), &env.idp).await.access_token;
    assert_eq!(token(&control, &access_token).await, Err("UPSTREAM_TOKENS_WITHHELD".to_owned()));
    control.stop().await;

    env.issuer().resources[0].upstream_tokens = true;
    let control = env.start().await;
    let edge = control.edge();
    assert_eq!(token(&control, &access_token).await, Err("UPSTREAM_CONSENT_MISSING".to_owned()));
    let challenged = edge.verify(verify(&access_token, "authorization", SERVER_TOKEN)).await;
    assert_eq!(challenged.reason(), "ACCESS_TOKEN_INVALID", "the client starts a login");
    // The session would be enough for the page with one button, but for the new sentence.
    let ticket = flow.ticket(&edge).await;
    let shown = page(edge.show(flow.show(&ticket)).await.unwrap());
    assert!(shown.upstream_tokens);
    // An answer to the page that did not say it decides nothing.
    let next = edge
        .decide(v1::DecideRequest { ticket: shown.ticket, ..flow.decide(&page_without, v1::Decision::Approve) })
        .await;
    assert_eq!(next.reason(), "FORM_TOKEN_INVALID");
    let access_token = flow.tokens(&edge, &env.idp).await.access_token;
    token(&control, &access_token).await.unwrap();
}

/// A grant from a release without connections keeps its tokens until they are first needed.
///
/// Requirements: A27.
#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_of_a_grant_move_to_a_connection_when_they_are_first_needed() {
    let env = environment().await;
    let control = env.start().await;
    let access_token = authorize(&control, &env).await;
    let before = token(&control, &access_token).await.unwrap();
    env.move_tokens_to_grant().await;
    assert_eq!(env.connections_with_tokens().await, 0);
    let grant_record = |entries: Vec<(Key, Entry)>| entries.into_iter().map(|(_, entry)| entry.value).next().unwrap();
    let with_tokens = grant_record(env.entries(Space::Grants).await);

    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (caller, request) = (server(&control), get(&access_token));
        calls.spawn(async move { caller.upstream_token(request).await.unwrap().access_token });
    }
    assert!(calls.join_all().await.iter().all(|given| *given == before));
    assert_eq!(env.connections_with_tokens().await, 1);
    let moved = grant_record(env.entries(Space::Grants).await);
    assert!(moved.len() + 100 < with_tokens.len(), "the grant has no tokens any more");
    assert_eq!(env.idp.refreshes(), (0, 0));
    let access_token = authorize(&control, &env).await;
    assert_ne!(token(&control, &access_token).await.unwrap(), before, "a login renews the connection");
}

/// A thousand calls on two processes over an expired token: the upstream is asked once.
///
/// Requirements: A27.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_refreshed_once_for_everyone() {
    let env = environment().await;
    env.idp.set_token_lifetime(300);
    let (one, two) = (env.start().await, env.start().await);
    let access_token = authorize(&one, &env).await;
    let first = token(&one, &access_token).await.unwrap();
    env.advance(Duration::from_secs(300));
    let mut calls = JoinSet::new();
    for caller in [server(&one), server(&two)] {
        for _ in 0..500 {
            let (caller, request) = (caller.clone(), get(&access_token));
            calls.spawn(async move { caller.upstream_token(request).await });
        }
    }
    let mut given: Vec<_> = calls.join_all().await.into_iter().map(|given| given.unwrap().access_token).collect();
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 1, "all calls get the new token");
    assert_ne!(given[0], first);
    assert_eq!(env.idp.refreshes(), (1, 1));
    assert_eq!(env.idp.good_refresh_tokens_of("alice"), 1);
}

/// The answers of providers to a refresh: which of them keep the person signed in, and what the next call says.
///
/// Requirements: A27.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_refusal_asks_the_person_to_sign_in_again() {
    let later = Err("UPSTREAM_TOKEN_UNAVAILABLE".to_owned());
    let login = Err("UPSTREAM_LOGIN_NEEDED".to_owned());
    let error = |code: &str| format!(r#"{{"error":"{code}"}}"#);
    let good = || Ok(());
    for (behavior, first, after) in [
        (RefreshBehavior::Rotate, good(), good()),
        (RefreshBehavior::Keep, good(), good()),
        (RefreshBehavior::Answer(500, String::new()), later.clone(), good()),
        (RefreshBehavior::Answer(429, error("slow_down")), later.clone(), good()),
        (RefreshBehavior::Answer(503, "<html>".to_owned()), later.clone(), good()),
        (RefreshBehavior::Answer(401, error("invalid_client")), later.clone(), good()),
        (RefreshBehavior::Answer(200, error("server_error")), later.clone(), good()),
        (RefreshBehavior::Answer(200, "not JSON".to_owned()), later.clone(), good()),
        (RefreshBehavior::Answer(400, error("invalid_grant")), login.clone(), login.clone()),
        (RefreshBehavior::Answer(200, error("bad_refresh_token")), login.clone(), login.clone()),
        (RefreshBehavior::Answer(400, error("interaction_required")), login.clone(), login.clone()),
        // The answer was lost after a rotation: the old token is tried once more, and then the person is asked.
        (RefreshBehavior::RotateAndAnswer(200, "cut o".to_owned()), later.clone(), login.clone()),
        (RefreshBehavior::RotateAndAnswer(500, String::new()), later, login),
    ] {
        let env = environment().await;
        let control = env.start().await;
        env.idp.set_token_lifetime(300);
        let mut flow = Flow::new(App::configured());
        let access_token = flow.tokens(&control.edge(), &env.idp).await.access_token;
        env.advance(Duration::from_secs(300));
        env.idp.set_refresh_behavior(behavior.clone());
        assert_eq!(token(&control, &access_token).await.map(drop), first, "{behavior:?}");
        let asked = env.idp.refreshes().1;
        assert_eq!(token(&control, &access_token).await.map(drop), first, "{behavior:?}: at once again");
        assert_eq!(env.idp.refreshes().1, asked, "{behavior:?}: the upstream is left alone for a moment");

        env.idp.set_refresh_behavior(RefreshBehavior::Rotate);
        env.advance(PAUSE);
        assert_eq!(token(&control, &access_token).await.map(drop), after, "{behavior:?}");
        // In any case the person stays signed in here, and the next login repairs the connection.
        assert!(control.is_active(&access_token).await, "{behavior:?}");
        let access_token = flow.tokens(&control.edge(), &env.idp).await.access_token;
        token(&control, &access_token).await.unwrap();
    }
}

/// A token without an end is good until the upstream's API says otherwise, which is believed once a minute.
#[tokio::test(flavor = "multi_thread")]
async fn an_early_401_is_believed_once() {
    let env = environment().await;
    let control = env.start().await;
    env.idp.set_token_lifetime(0);
    let access_token = authorize(&control, &env).await;
    let caller = server(&control);
    let report = async |token: &str| caller.report_rejected(rejected(&access_token, token)).await;
    let first = caller.upstream_token(get(&access_token)).await.unwrap();
    assert_eq!(first.expires_in, None);
    let first = first.access_token;
    assert_eq!(report(&first).await.unwrap().access_token, first, "it is younger than a minute");
    assert_eq!(report("").await.reason(), "PARAMETER_MISSING");
    env.advance(Duration::from_secs(61));
    assert_eq!(report("another").await.unwrap().access_token, first, "it says nothing about the present token");
    assert_eq!(env.idp.refreshes(), (0, 0));
    let second = report(&first).await.unwrap().access_token;
    assert_ne!(second, first);
    assert_eq!(report(&first).await.unwrap().access_token, second, "the same report again");
    assert_eq!(report(&second).await.unwrap().access_token, second, "it is younger than a minute");
    assert_eq!(env.idp.refreshes(), (1, 1));

    // A failure that is transient keeps the token for the others.
    env.advance(Duration::from_secs(61));
    env.idp.set_refresh_behavior(RefreshBehavior::Answer(500, String::new()));
    assert_eq!(report(&second).await.reason(), "UPSTREAM_TOKEN_UNAVAILABLE");
    assert_eq!(caller.upstream_token(get(&access_token)).await.unwrap().access_token, second);
}

/// The control plane dies at every point of a refresh, with an upstream that forgets the refresh token at once: the upstream
/// never has two good ones, and afterwards either a token comes, or the person is asked to sign in.
///
/// Requirements: A27.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_point_of_a_refresh_loses_nothing_silently() {
    let (mut points, mut asked_for_login) = (0, 0);
    for point in 0.. {
        let env = environment().await;
        env.idp.set_token_lifetime(300);
        let access_token = {
            let control = env.start().await;
            let access_token = authorize(&control, &env).await;
            token(&control, &access_token).await.unwrap();
            control.stop().await;
            access_token
        };
        env.advance(Duration::from_secs(300));
        let breakpoints = env.idp.breakpoints.clone();
        let control = start_through(&breakpoints, &env).await;
        let mut stopped = breakpoints.stop(point);
        let call = tokio::spawn({
            let (caller, request) = (server(&control), get(&access_token));
            async move { caller.upstream_token(request).await }
        });
        let has_ended = tokio::select! {
            () = stopped.arrived() => false,
            given = call => {
                given.unwrap().unwrap();
                true
            }
        };
        control.kill();
        if has_ended {
            break;
        }
        drop(stopped);
        points += 1;

        let control = env.start().await;
        // The dead process has the lease until it is over.
        env.advance(LEASE);
        let given = token(&control, &access_token).await;
        match &given {
            Ok(_) => assert_eq!(env.idp.good_refresh_tokens_of("alice"), 1, "at {point}"),
            Err(reason) => {
                assert_eq!(reason, "UPSTREAM_LOGIN_NEEDED", "at {point}");
                asked_for_login += 1;
            }
        }
        assert!(
            env.idp.refreshes().0 <= 1,
            "at {point}: a good refresh token was sent twice: {:?}",
            env.idp.refreshes()
        );
        assert!(control.is_active(&access_token).await, "at {point}");
        let access_token = authorize(&control, &env).await;
        token(&control, &access_token).await.unwrap();
    }
    assert!(points >= 10, "{points} points");
    assert!(
        (1..points).contains(&asked_for_login),
        "{asked_for_login} of {points}: only after the upstream had rotated"
    );
}

/// A control plane with a breakpoint before and after every call to its store and to the upstream.
async fn start_through(breakpoints: &Breakpoints, env: &Environment) -> ControlPlane {
    let breakpoints = breakpoints.clone();
    let engine = env.engine.open().layered(|engine| Arc::new(BreakpointEngine { breakpoints, engine }));
    let clock: Arc<TestClock> = env.clock.clone();
    ControlPlane::start_on(Builder::new_multi_thread().worker_threads(1), env.config.clone(), engine, clock)
        .await
        .unwrap()
}

/// The connection follows the person, not the grant: another client of the same person uses the same tokens, and a login
/// renews them for both.
#[tokio::test(flavor = "multi_thread")]
async fn one_connection_serves_all_grants_of_a_person() {
    let env = environment().await;
    let control = env.start().await;
    let first = authorize(&control, &env).await;
    let app = App::registered(&control.edge()).await;
    let second = Flow::new(app).tokens(&control.edge(), &env.idp).await.access_token;
    let (one, two) = (token(&control, &first).await.unwrap(), token(&control, &second).await.unwrap());
    assert_eq!(one, two);
    let bob = Flow { person: "bob".to_owned(), ..Flow::new(App::configured()) }.tokens(&control.edge(), &env.idp).await;
    assert_ne!(token(&control, &bob.access_token).await.unwrap(), one);
    assert_eq!(env.entries(Space::Connections).await.len(), 2);
}
