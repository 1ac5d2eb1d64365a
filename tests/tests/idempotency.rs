//! The retry contract of `proto/lychgate/v1`: a caller that lost a response, because the connection or the control
//! plane died, sends the same message with the same idempotency key (`attempt`) and gets the same response. Another
//! key means another request.

#![expect(clippy::expect_used, reason = "a test ends where an expectation fails")]

use anyhow::{Context, Result};
use e2e::flow::{App, AuthorizationRequest, LOOPBACK};
use e2e::grpc::{Caller, Steps, attempt, refusal};
use e2e::http::Jar;
use e2e::system::{Plan, System};
use lychgate_api::v1::exchange_request::Grant;
use lychgate_api::v1::{
    AuthorizationCodeGrant, ClientCredentials, ClientMetadata, DecideRequest, Decision, ExchangeRequest,
    ExchangeResponse, FinishLoginRequest, FinishLoginResponse, ListRequest, RefreshTokenGrant, RegisterRequest,
    RegisterResponse,
};
use tonic::{Code, Status};
use url::Url;

#[tokio::test]
async fn the_same_registration_is_the_same_client() -> Result<()> {
    let mut system = one_edge("").await?;
    let message = registration();
    let first = system.as_edge()?.registration().register(message.clone()).await?.into_inner();
    system.crash_control().await?;
    let again = system.as_edge()?.registration().register(message.clone()).await?.into_inner();
    assert_eq!(again, first);
    // R35: the same metadata with another idempotency key is another client.
    let other = RegisterRequest { attempt: attempt(), ..message };
    let other = system.as_edge()?.registration().register(other).await?.into_inner();
    assert_ne!(id(other), id(first));
    Ok(())
}

#[tokio::test]
async fn the_same_decision_gives_the_same_redirect() -> Result<()> {
    let mut system = one_edge("").await?;
    let app = system.gate("main")?.app(&[LOOPBACK]).await?;
    let (_, decide) = decision(&system, &app.request()).await?;
    let first = system.as_edge()?.authorization().decide(decide.clone()).await?.into_inner();
    system.crash_control().await?;
    let again = system.as_edge()?.authorization().decide(decide.clone()).await?.into_inner();
    assert_eq!(again, first);
    // B8: the same decision again is the same redirect; a denial replaces it, and is final.
    let other = DecideRequest { attempt: attempt(), ..decide.clone() };
    assert_eq!(system.as_edge()?.authorization().decide(other).await?.into_inner(), first);
    let denial = DecideRequest { attempt: attempt(), decision: Decision::Deny.into(), ..decide.clone() };
    let denied = system.as_edge()?.authorization().decide(denial.clone()).await?.into_inner();
    assert_ne!(denied, first);
    system.crash_control().await?;
    assert_eq!(system.as_edge()?.authorization().decide(denial).await?.into_inner(), denied);
    let refused = system.as_edge()?.authorization().decide(decide).await.expect_err("it is denied");
    assert_eq!(refusal(&refused)?, (Code::FailedPrecondition, "ALREADY_DECIDED".to_owned()));
    assert_eq!(system.upstream("main")?.asked().exchanges.len(), 0);
    Ok(())
}

#[tokio::test]
async fn the_same_callback_gives_the_same_code_and_asks_the_upstream_once() -> Result<()> {
    let mut system = one_edge("").await?;
    let app = system.gate("main")?.app(&[LOOPBACK]).await?;
    let finish = back_from_upstream(&system, &app.request()).await?;
    let first = system.as_edge()?.authorization().finish_login(finish.clone()).await?.into_inner();
    system.crash_control().await?;
    let again = system.as_edge()?.authorization().finish_login(finish).await?.into_inner();
    // Except for the session cookie, which only the call that asked the upstream can set.
    let step = |response: FinishLoginResponse| response.next.and_then(|next| next.step);
    assert!(step(first.clone()).is_some());
    assert_eq!(step(again), step(first));
    assert_eq!(system.upstream("main")?.asked().exchanges.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_repeated_redemption_gives_the_same_tokens_and_a_replay_ends_the_grant() -> Result<()> {
    let mut system = one_edge("").await?;
    let app = system.gate("main")?.app(&[LOOPBACK]).await?;
    let redeem = redemption(&app).await?;
    let first = exchange(&system.as_edge()?, redeem.clone()).await?;
    system.crash_control().await?;
    assert_same_tokens(&exchange(&system.as_edge()?, redeem.clone()).await?, &first);

    let refresh = refresh(&app, &first)?;
    let second = exchange(&system.as_edge()?, refresh.clone()).await?;
    assert_ne!(second.refresh_token, first.refresh_token);
    // The calls so far were repetitions. This is a replay: the same code with another idempotency key.
    let replay = ExchangeRequest { attempt: attempt(), ..redeem };
    refused(exchange(&system.as_edge()?, replay).await, "CODE_REPLAYED")?;
    system.crash_control().await?;
    let next = self::refresh(&app, &second)?;
    refused(exchange(&system.as_edge()?, next).await, "GRANT_ENDED")?;
    // After the replay even an exact repetition gets no tokens.
    refused(exchange(&system.as_edge()?, refresh).await, "GRANT_ENDED")
}

#[tokio::test]
async fn the_same_refresh_gives_the_same_successor() -> Result<()> {
    let mut system = one_edge("refresh_grace_seconds = 0").await?;
    let app = system.gate("main")?.app(&[LOOPBACK]).await?;
    let redeem = redemption(&app).await?;
    let first = exchange(&system.as_edge()?, redeem).await?;
    let refresh = refresh(&app, &first)?;
    let second = exchange(&system.as_edge()?, refresh.clone()).await?;
    system.crash_control().await?;
    assert_same_tokens(&exchange(&system.as_edge()?, refresh.clone()).await?, &second);
    // There is no grace period here: only the idempotency key tells a lost response from a theft.
    let replay = ExchangeRequest { attempt: attempt(), ..refresh };
    refused(exchange(&system.as_edge()?, replay).await, "REFRESH_TOKEN_REPLAYED")
}

/// The control plane is killed at an arbitrary point of the call. Committed or not, the same message succeeds
/// afterwards, and takes effect once.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_interrupted_at_any_point_can_be_repeated() -> Result<()> {
    const ROUNDS: usize = 6;
    let mut system = one_edge("refresh_grace_seconds = 0").await?;
    let app = system.gate("main")?.app(&[LOOPBACK]).await?;
    let mut redeem = redemption(&app).await?;
    for _ in 0..ROUNDS {
        let (caller, message) = (system.as_edge()?, redeem.clone());
        // The connection exists already, so the message is sent at once.
        caller.issuers().list(ListRequest {}).await?;
        let dropped = tokio::spawn(async move { drop(exchange(&caller, message).await) });
        system.kill_control().await?;
        dropped.await?;
        system.start_control().await?;
        let tokens = exchange(&system.as_edge()?, redeem.clone()).await.context("the same message")?;
        assert_same_tokens(&exchange(&system.as_edge()?, redeem).await?, &tokens);
        redeem = refresh(&app, &tokens)?;
    }
    exchange(&system.as_edge()?, redeem).await?;
    Ok(())
}

fn id(registered: RegisterResponse) -> String {
    registered.client.unwrap_or_default().client_id
}

async fn one_edge(lifetimes: &str) -> Result<System> {
    System::start(Plan { edges: 1, lifetimes: lifetimes.to_owned(), ..Plan::default() }).await
}

fn registration() -> RegisterRequest {
    let metadata = ClientMetadata {
        redirect_uris: vec![LOOPBACK.to_owned()],
        client_name: Some("An app".to_owned()),
        grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
        ..ClientMetadata::default()
    };
    RegisterRequest {
        issuer_id: "main".to_owned(),
        attempt: attempt(),
        metadata: Some(metadata),
        initial_access_token: None,
    }
}

/// An approval that is ready to be sent.
async fn decision(system: &System, request: &AuthorizationRequest) -> Result<(Steps, DecideRequest)> {
    let mut steps = Steps::new(system.as_edge()?, "main");
    let ticket = steps.begin(&Url::parse(&request.url())?).await?;
    let page = steps.show(&ticket).await?;
    let decide = steps.decide_request(&page, Decision::Approve);
    Ok((steps, decide))
}

/// A callback that is ready to be sent.
async fn back_from_upstream(system: &System, request: &AuthorizationRequest) -> Result<FinishLoginRequest> {
    let (mut steps, decide) = decision(system, request).await?;
    let next = system.as_edge()?.authorization().decide(decide).await?.into_inner().next;
    let upstream = steps.redirected(next)?;
    let callback = Jar::new()?.open(&upstream).await?.location()?;
    Ok(steps.finish_login_request(&callback))
}

/// A redemption that is ready to be sent.
async fn redemption(app: &App) -> Result<ExchangeRequest> {
    let request = app.request();
    let code = request.code(&mut Jar::new()?).await?;
    let grant = AuthorizationCodeGrant {
        code,
        redirect_uri: Some(app.redirect_uri.clone()),
        code_verifier: Some(request.verifier),
    };
    Ok(exchange_request(app, Grant::AuthorizationCode(grant)))
}

fn refresh(app: &App, tokens: &ExchangeResponse) -> Result<ExchangeRequest> {
    let refresh_token = tokens.refresh_token.clone().context("a refresh token")?;
    Ok(exchange_request(app, Grant::RefreshToken(RefreshTokenGrant { refresh_token })))
}

fn exchange_request(app: &App, grant: Grant) -> ExchangeRequest {
    let client = ClientCredentials { client_id: Some(app.client_id.clone()), ..ClientCredentials::default() };
    ExchangeRequest {
        issuer_id: "main".to_owned(),
        attempt: attempt(),
        client: Some(client),
        grant: Some(grant),
        resources: Vec::new(),
        scope: None,
    }
}

async fn exchange(caller: &Caller, message: ExchangeRequest) -> Result<ExchangeResponse, Status> {
    Ok(caller.token().exchange(message).await?.into_inner())
}

#[track_caller]
fn refused(result: Result<ExchangeResponse, Status>, reason: &str) -> Result<()> {
    assert_eq!(refusal(&result.expect_err("a refusal"))?, (Code::FailedPrecondition, reason.to_owned()));
    Ok(())
}

/// Only the access token's signature may differ.
#[track_caller]
fn assert_same_tokens(again: &ExchangeResponse, first: &ExchangeResponse) {
    let unsigned = |tokens: &ExchangeResponse| {
        let signed = tokens.access_token.rsplit_once('.').expect("a JWT").0.to_owned();
        ExchangeResponse { access_token: signed, ..tokens.clone() }
    };
    assert_eq!(unsigned(again), unsigned(first));
}
