//! Lifetimes: a credential works just before its end and is refused for the precise reason just after it. Only the
//! clock moves.

use std::time::Duration;

use lychgate_api::v1;
use lychgate_domain::time::Timestamp;
use lychgate_engine::{CLOCK_SKEW, Space};

use crate::support::{ApiClient, App, Environment, Flow, Refused as _, TICK, again, claims, spawn_login};

const DAY: Duration = Duration::from_secs(86_400);

/// The end of the access token.
fn expiry(tokens: &v1::ExchangeResponse) -> Timestamp {
    let claims = claims(&tokens.access_token);
    let (iat, exp) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    assert_eq!(i64::try_from(exp - iat).unwrap(), tokens.expires_in.unwrap());
    Timestamp::from_seconds(exp)
}

async fn refreshed(flow: &Flow, tokens: &v1::ExchangeResponse, edge: &ApiClient) -> v1::ExchangeResponse {
    edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap()
}

/// Requirements: B24.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_expires_after_fifteen_minutes() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let (mut early, mut late) = (Flow::new(App::configured()), Flow::new(App::configured()));
    let (early_page, late_page) = (early.consent_page(&edge).await, late.consent_page(&edge).await);
    env.advance(Duration::from_secs(900));
    edge.show(late.show(&late_page.ticket)).await.unwrap();
    edge.decide(early.decide(&early_page, v1::Decision::Approve)).await.unwrap();
    env.advance(TICK);
    assert_eq!(edge.show(late.show(&late_page.ticket)).await.reason(), "TICKET_EXPIRED");
    for decision in [v1::Decision::Approve, v1::Decision::Deny] {
        assert_eq!(edge.decide(late.decide(&late_page, decision)).await.reason(), "TICKET_EXPIRED");
    }
    assert_eq!(env.entries(Space::Authorizations).await.len(), 1, "nothing was decided");
}

/// Requirements: B20.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_expires_after_ten_minutes() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let (mut early, mut late) = (Flow::new(App::configured()), Flow::new(App::configured()));
    let callback = early.sign_in(&edge, &env.idp).await;
    let late_callback = late.sign_in(&edge, &env.idp).await;
    env.advance(Duration::from_secs(600));
    edge.finish_login(callback).await.unwrap();
    env.advance(TICK);
    assert_eq!(edge.finish_login(late_callback).await.reason(), "LOGIN_EXPIRED");
    assert_eq!((env.idp.calls(), env.events().await.len()), (1, 1), "no upstream call, no code");
}

/// A decision is stored as long as its ticket, login or code is usable, so it cannot be made again.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_outlives_what_could_repeat_it() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let page = flow.consent_page(&edge).await;
    edge.decide(flow.decide(&page, v1::Decision::Deny)).await.unwrap();
    env.advance(Duration::from_secs(900));
    assert_eq!(edge.decide(flow.decide(&page, v1::Decision::Approve)).await.reason(), "ALREADY_DECIDED");
    env.advance(Duration::from_secs(600 + 60) + CLOCK_SKEW - TICK);
    assert_eq!(env.entries(Space::Authorizations).await.len(), 1);
    env.advance(TICK);
    assert!(env.entries(Space::Authorizations).await.is_empty(), "it is not kept forever");
}

/// Requirements: R19.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_expires_after_a_minute() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let (mut early, mut late) = (Flow::new(App::configured()), Flow::new(App::configured()));
    let (code, late_code) = (early.code(&edge, &env.idp).await, late.code(&edge, &env.idp).await);
    env.advance(Duration::from_secs(60));
    edge.exchange(early.redeem(&code)).await.unwrap();
    env.advance(TICK);
    assert_eq!(edge.exchange(late.redeem(&late_code)).await.reason(), "CODE_INVALID");
    assert_eq!(env.entries(Space::Grants).await.len(), 1);
}

/// A replay is recognised while the access token of the code lives.
///
/// Requirements: R19.
#[tokio::test(flavor = "multi_thread")]
async fn a_redeemed_code_is_remembered_as_long_as_its_access_token() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let code = flow.code(&edge, &env.idp).await;
    let tokens = edge.exchange(flow.redeem(&code)).await.unwrap();
    env.clock.set(expiry(&tokens) + (CLOCK_SKEW - TICK));
    assert_eq!(edge.exchange(flow.redeem(&code)).await.reason(), "CODE_REPLAYED");
    assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED");
}

/// Requirements: A26.
#[tokio::test(flavor = "multi_thread")]
async fn an_unused_grant_expires_after_thirty_days() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let first = flow.tokens(&edge, &env.idp).await;
    env.advance(30 * DAY - TICK);
    let second = refreshed(&flow, &first, &edge).await;
    env.advance(30 * DAY);
    assert_eq!(edge.exchange(flow.refresh(second.refresh_token())).await.reason(), "REFRESH_TOKEN_INVALID");
}

/// Use does not extend the ninety days, and no access token outlives them.
///
/// Requirements: A13, A26.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_and_its_last_access_token_expire_after_ninety_days() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let mut tokens = flow.tokens(&edge, &env.idp).await;
    assert_eq!(tokens.expires_in, Some(600));
    let end = env.now() + 90 * DAY;
    for _ in 0..3 {
        env.advance(29 * DAY);
        tokens = refreshed(&flow, &tokens, &edge).await;
        assert_eq!(tokens.expires_in, Some(600));
    }
    env.clock.set(Timestamp::from_millis(end.millis() - 100_000));
    tokens = refreshed(&flow, &tokens, &edge).await;
    assert_eq!((tokens.expires_in, expiry(&tokens)), (Some(100), end));
    env.clock.set(Timestamp::from_millis(end.millis() - 1));
    tokens = refreshed(&flow, &tokens, &edge).await;
    assert!(expiry(&tokens) <= end);
    env.clock.set(end);
    assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "REFRESH_TOKEN_INVALID");
}

/// A consent expires with every grant under it, and a new approval revives none of them.
///
/// Requirements: B2.
#[tokio::test(flavor = "multi_thread")]
async fn a_consent_expires_with_its_grants() {
    let mut env = Environment::new().await;
    env.lifetimes().grant_idle_seconds = 90 * 86_400;
    env.lifetimes().consent_seconds = 90 * 86_400;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let code = flow.code(&edge, &env.idp).await;
    let end = env.now() + 90 * DAY;
    // The grant is younger than its consent and would outlive it.
    env.advance(Duration::from_secs(60));
    let tokens = edge.exchange(flow.redeem(&code)).await.unwrap();
    env.clock.set(Timestamp::from_millis(end.millis() - 1));
    let tokens = refreshed(&flow, &tokens, &edge).await;
    env.clock.set(end);
    assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED");
    let renewed = Flow::new(App::configured()).tokens(&edge, &env.idp).await;
    assert!(!renewed.refresh_token().is_empty());
    assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED");
}

/// Requirements: R35.
#[tokio::test(flavor = "multi_thread")]
async fn an_unused_registration_expires_after_a_day() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let app = App::registered(&edge).await;
    env.advance(DAY - TICK);
    edge.begin(Flow::new(app.clone()).begin()).await.unwrap();
    env.advance(TICK);
    assert_eq!(edge.begin(Flow::new(app).begin()).await.reason(), "CLIENT_UNKNOWN");
    assert!(env.entries(Space::Clients).await.is_empty());
}

/// A used registration lives for a year, and at least as long as its grants.
///
/// Requirements: R35.
#[tokio::test(flavor = "multi_thread")]
async fn a_used_registration_outlives_its_grants() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::registered(&edge).await);
    flow.tokens(&edge, &env.idp).await;
    let year = env.now() + 365 * DAY;
    // A grant issued near the end of the year extends the registration beyond it.
    env.clock.set(Timestamp::from_millis(year.millis()));
    let mut tokens = flow.tokens(&edge, &env.idp).await;
    for _ in 0..4 {
        env.advance(22 * DAY);
        tokens = refreshed(&flow, &tokens, &edge).await;
    }
    env.clock.set(year + (365 * DAY + CLOCK_SKEW - TICK));
    edge.begin(flow.begin()).await.unwrap();
    env.advance(TICK);
    assert_eq!(edge.begin(flow.begin()).await.reason(), "CLIENT_UNKNOWN");
}

/// A repetition does not wait for an old claim, since its process must be dead; the claim itself stays valid.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_awaited_for_half_a_minute_at_most() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let callback = Flow::new(App::configured()).sign_in(&edge, &env.idp).await;
    env.idp.stall();
    let call = spawn_login(&edge, &callback);
    env.idp.wait_for_calls(1).await;
    env.advance(Duration::from_secs(30));
    assert_eq!(edge.finish_login(again(&callback)).await.reason(), "LOGIN_INTERRUPTED");
    // The holder of the claim was only slow and may still finish.
    env.idp.release();
    call.await.unwrap().unwrap();
}
