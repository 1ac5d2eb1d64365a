//! Idempotency: a mutating call repeated with its key (`attempt` on the wire), at any process, has one effect and the
//! same reply while its result is valid. A call with another key is another request.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lychgate_api::{FILE_DESCRIPTORS, v1};
use lychgate_domain::time::Timestamp;
use lychgate_engine::Space;
use lychgate_engine_suite::fault::Fault;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use serde_json::Value;

use crate::support::{
    ApiClient, App, Environment, Failure, Flow, Refused as _, TICK, again, attempt, code_in, location, page,
    without_session_cookies,
};

/// The mutating calls. `every_call_with_an_idempotency_key_is_tested_here` finds a missing one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    Approve,
    Deny,
    FinishLogin,
    Redeem,
    Refresh,
    Revoke,
    Register,
    Update,
}

pub(crate) const ALL: [CallKind; 8] = [
    CallKind::Approve,
    CallKind::Deny,
    CallKind::FinishLogin,
    CallKind::Redeem,
    CallKind::Refresh,
    CallKind::Revoke,
    CallKind::Register,
    CallKind::Update,
];

/// A complete call, which can be sent repeatedly.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Decide(v1::DecideRequest),
    FinishLogin(v1::FinishLoginRequest),
    Exchange(v1::ExchangeRequest),
    Revoke(v1::RevokeRequest),
    Register(v1::RegisterRequest),
    Update(v1::UpdateRequest),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    Next(v1::Next),
    Tokens(v1::ExchangeResponse),
    Client(v1::ClientInformation),
    Done,
}

impl CallKind {
    fn commits(self) -> usize {
        if self == CallKind::FinishLogin { 2 } else { 1 }
    }

    /// Runs every step before this call and returns the call.
    pub(crate) async fn prepare(self, env: &Environment, edge: &ApiClient) -> Call {
        let mut flow = Flow::new(App::configured());
        match self {
            CallKind::Approve | CallKind::Deny => {
                let page = flow.consent_page(edge).await;
                let decision = if self == CallKind::Approve { v1::Decision::Approve } else { v1::Decision::Deny };
                Call::Decide(flow.decide(&page, decision))
            }
            CallKind::FinishLogin => Call::FinishLogin(flow.sign_in(edge, &env.idp).await),
            CallKind::Redeem => {
                let code = flow.code(edge, &env.idp).await;
                Call::Exchange(flow.redeem(&code))
            }
            CallKind::Refresh => {
                let tokens = flow.tokens(edge, &env.idp).await;
                Call::Exchange(flow.refresh(tokens.refresh_token()))
            }
            CallKind::Revoke => {
                let tokens = flow.tokens(edge, &env.idp).await;
                Call::Revoke(flow.revoke(tokens.refresh_token()))
            }
            // With a client secret, which only this reply contains.
            CallKind::Register => Call::Register(App::registration("client_secret_basic")),
            CallKind::Update => {
                let client = edge.register(App::registration("none")).await.unwrap();
                Call::Update(App::update(&client, "client_secret_post"))
            }
        }
    }
}

impl Call {
    pub(crate) async fn send(&self, edge: &ApiClient) -> Result<Reply, Failure> {
        Ok(match self.clone() {
            Call::Decide(request) => Reply::Next(edge.decide(request).await?),
            Call::FinishLogin(request) => Reply::Next(without_session_cookies(edge.finish_login(request).await?)),
            Call::Exchange(request) => Reply::Tokens(unsigned(edge.exchange(request).await?)),
            Call::Revoke(request) => {
                edge.revoke(request).await?;
                Reply::Done
            }
            Call::Register(request) => Reply::Client(edge.register(request).await?),
            Call::Update(request) => Reply::Client(edge.update(request).await?),
        })
    }
}

/// Replaces the access token by its header and claims: its signature may differ between replies.
fn unsigned(tokens: v1::ExchangeResponse) -> v1::ExchangeResponse {
    let parts: Vec<_> = tokens.access_token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { panic!("not a JWT: {}", tokens.access_token) };
    assert!(!signature.is_empty());
    let json = |part| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    v1::ExchangeResponse { access_token: format!("{}.{}", json(header), json(claims)), ..tokens }
}

/// An environment with long-lived codes, for repetitions minutes later.
pub(crate) async fn environment_with_long_lived_codes() -> Environment {
    let mut env = Environment::new().await;
    env.lifetimes().code_seconds = 600;
    env
}

/// The record counts after a call without faults.
pub(crate) async fn record_counts_after(kind: CallKind) -> Vec<(&'static str, usize)> {
    let env = environment_with_long_lived_codes().await;
    let control = env.start().await;
    let edge = control.edge();
    kind.prepare(&env, &edge).await.send(&edge).await.unwrap();
    env.record_counts().await
}

#[test]
fn every_call_with_an_idempotency_key_is_tested_here() {
    let descriptors = FileDescriptorSet::decode(FILE_DESCRIPTORS).unwrap();
    let messages = descriptors.file.iter().flat_map(|file| &file.message_type);
    let mut with_attempt: Vec<_> = messages
        .filter(|message| message.field.iter().any(|field| field.name() == "attempt"))
        .map(|message| message.name())
        .collect();
    with_attempt.sort_unstable();
    let mut tried = vec![
        // Tested by `account::a_revoked_app_ends_at_once_and_others_stay`.
        "AccountServiceRevokeRequest",
        "DecideRequest",
        "ExchangeRequest",
        "FinishLoginRequest",
        "RegisterRequest",
        "RevokeRequest",
        "UpdateRequest",
    ];
    // Calls that need a session are tested in `sessions`.
    tried.extend(["ConfirmLoginRequest", "ShowRequest"]);
    tried.sort_unstable();
    assert_eq!(with_attempt, tried);
}

/// The first reply is lost after the commit and the process ends. Processes with other clocks and other randomness
/// receive the repetition.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_call_gets_the_same_reply_from_any_process() {
    for kind in ALL {
        let env = environment_with_long_lived_codes().await;
        let control = env.start().await;
        let call = kind.prepare(&env, &control.edge()).await;
        let lost = call.send(&control.edge()).await.unwrap();
        control.stop().await;
        let counts = env.record_counts().await;
        let (later, earlier) = (env.now() + Duration::from_secs(300), env.now().millis() - 5_000);
        for now in [later, Timestamp::from_millis(earlier)] {
            let other = env.start_at(now).await;
            assert_eq!(call.send(&other.edge()).await.unwrap(), lost, "{kind:?} at {now}");
            assert_eq!(call.send(&other.edge()).await.unwrap(), lost, "{kind:?} at {now}, once more");
        }
        assert_eq!(env.record_counts().await, counts, "{kind:?} has one effect");
        assert!(env.idp.calls() <= 1, "{kind:?} sends the upstream code once");
    }
}

/// The store does not say whether a commit was applied. The control plane sends it again, and it is applied once.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_unknown_outcome_is_applied_once() {
    for kind in ALL {
        let expected = record_counts_after(kind).await;
        for nth in 0..kind.commits() {
            for fault in [Fault::UnknownBefore, Fault::UnknownAfter] {
                let env = environment_with_long_lived_codes().await;
                let control = env.start().await;
                let call = kind.prepare(&env, &control.edge()).await;
                env.engine.fail(nth, fault);
                let reply = call.send(&control.edge()).await.unwrap();
                assert_eq!(env.record_counts().await, expected, "{kind:?}, commit {nth}, {fault:?}");
                let other = env.start().await;
                assert_eq!(call.send(&other.edge()).await.unwrap(), reply, "{kind:?}, commit {nth}, {fault:?}");
                assert!(env.idp.calls() <= 1);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unavailable_store_is_reported_and_a_later_repetition_succeeds() {
    for kind in ALL {
        let expected = record_counts_after(kind).await;
        let env = environment_with_long_lived_codes().await;
        let control = env.start().await;
        let edge = control.edge();
        let call = kind.prepare(&env, &edge).await;
        let before = env.record_counts().await;
        env.engine.fail(0, Fault::Unavailable);
        assert_eq!(call.send(&edge).await.reason(), "STORE_UNAVAILABLE", "{kind:?}");
        assert_eq!(env.record_counts().await, before, "{kind:?}");
        assert_eq!(
            env.idp.calls(),
            usize::from(matches!(kind, CallKind::Redeem | CallKind::Refresh | CallKind::Revoke)),
            "{kind:?}"
        );
        call.send(&edge).await.unwrap();
        assert_eq!(env.record_counts().await, expected, "{kind:?}");
    }
}

/// The upstream redeems its code once: the result is stored as soon as the store is available again.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_outage_after_the_upstream_answer_loses_no_login() {
    for fault in [Fault::Unavailable, Fault::UnknownBefore, Fault::UnknownAfter] {
        let env = environment_with_long_lived_codes().await;
        let control = env.start().await;
        let call = CallKind::FinishLogin.prepare(&env, &control.edge()).await;
        env.engine.fail(1, fault);
        for resent in 2..6 {
            env.engine.fail(resent, if fault == Fault::UnknownAfter { Fault::UnknownBefore } else { fault });
        }
        let reply = call.send(&control.edge()).await.unwrap();
        assert_eq!(call.send(&control.edge()).await.unwrap(), reply, "{fault:?}");
        assert_eq!((env.idp.calls(), env.events().await.len()), (1, 1), "{fault:?}");
    }
}

/// The call ends with an error, and a repetition learns the outcome.
#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_learns_an_outcome_that_stayed_unknown() {
    for kind in ALL {
        let expected = record_counts_after(kind).await;
        for landed in [true, false] {
            let env = environment_with_long_lived_codes().await;
            let control = env.start().await;
            let call = kind.prepare(&env, &control.edge()).await;
            env.engine.fail(0, if landed { Fault::UnknownAfter } else { Fault::UnknownBefore });
            for resent in 1..4 {
                env.engine.fail(resent, Fault::UnknownBefore);
            }
            call.send(&control.edge()).await.unwrap_err();
            let other = env.start().await;
            if kind == CallKind::FinishLogin && landed {
                // The claim does not say whether the upstream code was sent, so it is not sent again.
                env.advance(Duration::from_secs(31));
                assert_eq!(call.send(&control.edge()).await.reason(), "LOGIN_INTERRUPTED");
                assert_eq!((env.idp.calls(), env.events().await.len()), (0, 0));
                continue;
            }
            call.send(&other.edge()).await.unwrap();
            assert_eq!(env.record_counts().await, expected, "{kind:?}, landed: {landed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_of_another_length_is_refused() {
    let env = Environment::new().await;
    let control = env.start().await;
    for length in [0, 15, 17] {
        let request = v1::RegisterRequest { attempt: vec![7; length], ..App::registration("none") };
        assert_eq!(control.edge().register(request).await.reason(), "REQUEST_MALFORMED");
    }
    assert!(env.entries(Space::Clients).await.is_empty());
}

/// Two consent pages that opened a fresh browser at once gave it two ids. It is still one browser.
///
/// Requirements: B32.
#[tokio::test(flavor = "multi_thread")]
async fn one_ticket_under_two_browser_ids_is_one_decision() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = &control.edge();
    let mut flow = Flow::new(App::configured());
    let ticket = flow.ticket(edge).await;
    let shown = [flow.show(&ticket), flow.show(&ticket)];
    let mut pages = Vec::new();
    for show in shown {
        let next = edge.show(show).await.unwrap();
        flow.browser.keep(&next);
        pages.push(page(next));
    }
    assert_eq!(flow.browser.0.len(), 2);
    let approved = edge.decide(flow.decide(&pages[1], v1::Decision::Approve)).await.unwrap();
    let again = edge.decide(flow.decide(&pages[0], v1::Decision::Approve)).await.unwrap();
    assert_eq!(location(&approved), location(&again));
    let shown = page(edge.show(flow.show(&ticket)).await.unwrap());
    assert_eq!(shown.earlier_answer(), v1::EarlierAnswer::Approved);
    // A denial under the other id is about the same decision.
    let denied = edge.decide(flow.decide(&pages[0], v1::Decision::Deny)).await.unwrap();
    for page in pages.iter().chain([&shown]) {
        assert_eq!(edge.decide(flow.decide(page, v1::Decision::Deny)).await.unwrap(), denied);
        assert_eq!(edge.decide(flow.decide(page, v1::Decision::Approve)).await.reason(), "ALREADY_DECIDED");
    }
    assert_eq!(edge.show(flow.show(&ticket)).await.reason(), "ALREADY_DECIDED");
    assert_eq!(env.entries(Space::Authorizations).await.len(), 1);
}

/// Repeating a denial succeeds; an approval after it is refused.
///
/// Requirements: B8.
#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_final() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let (deny, approve) = (v1::Decision::Deny, v1::Decision::Approve);
    let mut flow = Flow::new(App::configured());
    let page = flow.consent_page(&edge).await;
    let decided = edge.decide(flow.decide(&page, deny)).await.unwrap();
    assert_eq!(edge.decide(flow.decide(&page, deny)).await.unwrap(), decided);
    let counts = env.record_counts().await;
    assert_eq!(edge.decide(flow.decide(&page, approve)).await.reason(), "ALREADY_DECIDED");
    assert_eq!(env.record_counts().await, counts);
    assert_eq!(edge.decide(flow.decide(&page, deny)).await.unwrap(), decided, "the denial stays");
}

/// A repeated callback gets the first answer while its code is valid, and no second code.
///
/// Requirements: B20.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_callback_gets_the_same_answer_while_its_code_is_valid() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let callback = flow.sign_in(&edge, &env.idp).await;
    let answer = without_session_cookies(edge.finish_login(callback.clone()).await.unwrap());
    env.advance(Duration::from_secs(60));
    assert_eq!(edge.finish_login(again(&callback)).await.unwrap(), answer);
    env.advance(TICK);
    assert_eq!(edge.finish_login(again(&callback)).await.reason(), "ALREADY_FINISHED");
    assert_eq!((env.idp.calls(), env.events().await.len()), (1, 1));
}

/// A callback after the code was redeemed gets no code.
///
/// Requirements: B20.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_after_the_exchange_is_already_finished() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let callback = flow.sign_in(&edge, &env.idp).await;
    let answer = edge.finish_login(callback.clone()).await.unwrap();
    let tokens = edge.exchange(flow.redeem(&code_in(&answer))).await.unwrap();
    for attempt in [attempt(), callback.attempt.clone()] {
        let again = v1::FinishLoginRequest { attempt, ..callback.clone() };
        assert_eq!(edge.finish_login(again).await.reason(), "ALREADY_FINISHED");
    }
    edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
    assert_eq!(env.idp.calls(), 1);
}

/// Every repetition of a failed login gets the same answer, and a code that arrives later is not sent upstream.
///
/// Requirements: B20.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_login_stays_failed() {
    for (error, redirected) in [("access_denied", true), ("server_error", false), ("invalid_scope", false)] {
        let env = Environment::new().await;
        let control = env.start().await;
        let edge = control.edge();
        let mut flow = Flow::new(App::configured());
        let good = flow.sign_in(&edge, &env.idp).await;
        let mut failed = good.clone();
        failed.parameters[0] = v1::Parameter { name: "error".to_owned(), value: error.to_owned() };
        let answer = edge.finish_login(failed.clone()).await.unwrap();
        let goes_back = matches!(answer.step, Some(v1::next::Step::Redirect(_)));
        assert_eq!(goes_back, redirected, "{error}: {answer:?}");
        let other = env.start().await;
        for again in [failed.clone(), v1::FinishLoginRequest { attempt: attempt(), ..failed }, good] {
            assert_eq!(other.edge().finish_login(again).await.unwrap(), answer, "{error}");
        }
        assert_eq!((env.idp.calls(), env.events().await.len()), (0, 0), "{error}");
    }
}

/// A valid exchange of a redeemed code under another key ends the grant; the first request then fails too.
///
/// Requirements: R19.
#[tokio::test(flavor = "multi_thread")]
async fn redeeming_a_code_twice_ends_its_grant() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let code = flow.code(&edge, &env.idp).await;
    let redeem = flow.redeem(&code);
    let tokens = edge.exchange(redeem.clone()).await.unwrap();
    let events = env.events().await.len();
    assert_eq!(edge.exchange(flow.redeem(&code)).await.reason(), "CODE_REPLAYED");
    assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED");
    assert_eq!(edge.exchange(redeem).await.reason(), "GRANT_ENDED");
    assert_eq!(edge.exchange(flow.redeem(&code)).await.reason(), "CODE_REPLAYED");
    assert_eq!(env.events().await.len(), events + 1, "one event of the end");
}

/// A request that lacks one proof neither redeems the code nor ends the grant.
///
/// Requirements: R5, R20, R21.
#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_lacks_one_proof_consumes_and_ends_nothing() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let code = flow.code(&edge, &env.idp).await;
    let stranger = App::registered(&edge).await;
    let other = |change: fn(&mut v1::AuthorizationCodeGrant)| {
        let mut request = flow.redeem(&code);
        let Some(v1::exchange_request::Grant::AuthorizationCode(grant)) = &mut request.grant else { unreachable!() };
        change(grant);
        request
    };
    let mut foreign = flow.redeem(&code);
    foreign.client.as_mut().unwrap().client_id = Some(stranger.id);
    let mut elsewhere = flow.redeem(&code);
    elsewhere.resources = vec!["https://other.example/mcp".to_owned()];
    let wrong = [
        (other(|grant| grant.code_verifier = Some("x".repeat(43))), "PKCE_MISMATCH"),
        (other(|grant| grant.code_verifier = None), "PARAMETER_MISSING"),
        (other(|grant| grant.redirect_uri = Some("https://app.example/CB".to_owned())), "REDIRECT_URI_MISMATCH"),
        (other(|grant| grant.code.replace_range(30..31, "*")), "CODE_INVALID"),
        (foreign, "CODE_INVALID"),
        (elsewhere, "RESOURCE_UNKNOWN"),
    ];
    for (request, reason) in &wrong {
        assert_eq!(edge.exchange(request.clone()).await.reason(), *reason);
    }
    let tokens = edge.exchange(flow.redeem(&code)).await.unwrap();
    for (request, reason) in &wrong {
        assert_eq!(edge.exchange(request.clone()).await.reason(), *reason, "after the code was redeemed");
    }
    edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
}

/// The previous refresh token yields the same successor while that is unused and the grace period lasts; after it, the
/// grant ends.
///
/// Requirements: A12.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_refresh_token_yields_the_same_successor_in_grace_and_ends_the_grant_after_it() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let first = flow.tokens(&edge, &env.idp).await;
    let refresh = flow.refresh(first.refresh_token());
    let second = unsigned(edge.exchange(refresh.clone()).await.unwrap());
    assert_ne!(second.refresh_token, first.refresh_token);
    env.advance(Duration::from_secs(30));
    assert_eq!(unsigned(edge.exchange(flow.refresh(first.refresh_token())).await.unwrap()), second);
    env.advance(TICK);
    assert_eq!(
        unsigned(edge.exchange(refresh).await.unwrap()),
        second,
        "a repetition with the same key is never a replay"
    );
    assert_eq!(edge.exchange(flow.refresh(first.refresh_token())).await.reason(), "REFRESH_TOKEN_REPLAYED");
    assert_eq!(edge.exchange(flow.refresh(second.refresh_token())).await.reason(), "GRANT_ENDED");
}

/// There is no grace period once the successor was used.
///
/// Requirements: A12.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_refresh_token_with_a_used_successor_ends_the_grant() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let first = flow.tokens(&edge, &env.idp).await;
    let second = edge.exchange(flow.refresh(first.refresh_token())).await.unwrap();
    let third = edge.exchange(flow.refresh(second.refresh_token())).await.unwrap();
    assert_eq!(edge.exchange(flow.refresh(first.refresh_token())).await.reason(), "REFRESH_TOKEN_REPLAYED");
    assert_eq!(edge.exchange(flow.refresh(third.refresh_token())).await.reason(), "GRANT_ENDED");
}

/// The same metadata under another key.
///
/// Requirements: R35.
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_with_another_idempotency_key_is_another_client() {
    let env = Environment::new().await;
    let control = env.start().await;
    let one = control.edge().register(App::registration("none")).await.unwrap();
    let two = control.edge().register(App::registration("none")).await.unwrap();
    assert_ne!(one.client_id, two.client_id);
    assert_eq!(one.metadata, two.metadata);
}
