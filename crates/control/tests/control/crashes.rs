//! Crashes, disconnects and shutdowns in the middle of a call.

use std::time::Duration;

use lychgate_api::v1;
use lychgate_engine::Space;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{
    ApiClient, App, Environment, Flow, Refused as _, TIMEOUT, again, code_in, location, query, spawn_login,
    without_session_cookies,
};

/// Less than the wait for a claim that is under way.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A login that is interrupted: its process died after sending the upstream code and before the answer.
async fn interrupted(env: &Environment) -> v1::FinishLoginRequest {
    let control = env.start().await;
    let callback = Flow::new(App::configured()).sign_in(&control.edge(), &env.idp).await;
    env.idp.stall();
    let call = spawn_login(&control.edge(), &callback);
    env.idp.wait_for_calls(1).await;
    control.kill();
    call.await.unwrap().unwrap_err();
    env.idp.release();
    callback
}

async fn nothing_came_of_it(env: &Environment) {
    assert_eq!(env.idp.calls(), 1, "the upstream code is sent once");
    assert!(env.entries(Space::Consents).await.is_empty() && env.events().await.is_empty());
}

/// The upstream may have redeemed the code: no repetition sends it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_of_a_dead_process_is_awaited_and_then_interrupted() {
    let env = Environment::new().await;
    let callback = interrupted(&env).await;
    let control = env.start().await;
    let edge = control.edge();
    let both = async { tokio::join!(edge.finish_login(callback.clone()), edge.finish_login(again(&callback))) };
    let (same, other) = timeout(TIMEOUT, both).await.expect("the wait is bounded");
    assert_eq!((same.reason(), other.reason()), ("LOGIN_INTERRUPTED".to_owned(), "LOGIN_INTERRUPTED".to_owned()));
    nothing_came_of_it(&env).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_claim_is_not_awaited() {
    let env = Environment::new().await;
    let callback = interrupted(&env).await;
    env.advance(Duration::from_secs(30));
    let control = env.start().await;
    for callback in [callback.clone(), again(&callback)] {
        let refused = timeout(AT_ONCE, control.edge().finish_login(callback)).await.expect("it is answered at once");
        assert_eq!(refused.reason(), "LOGIN_INTERRUPTED");
    }
    nothing_came_of_it(&env).await;
}

/// The person starts again, and succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_interrupted_login_the_next_one_succeeds() {
    let env = Environment::new().await;
    interrupted(&env).await;
    let control = env.start().await;
    Flow::new(App::configured()).tokens(&control.edge(), &env.idp).await;
}

/// A parallel or repeated callback gets the answer of the first one, also at another process.
#[tokio::test(flavor = "multi_thread")]
async fn callbacks_during_an_upstream_stall_get_the_first_answer() {
    let env = Environment::new().await;
    let (one, two) = (env.start().await, env.start().await);
    let callback = Flow::new(App::configured()).sign_in(&one.edge(), &env.idp).await;
    env.idp.stall();
    let first = spawn_login(&one.edge(), &callback);
    env.idp.wait_for_calls(1).await;
    let others = [
        spawn_login(&one.edge(), &again(&callback)),
        spawn_login(&two.edge(), &again(&callback)),
        spawn_login(&two.edge(), &callback),
    ];
    env.idp.release();
    // Any of the four may be the one that calls the upstream.
    let answer = without_session_cookies(first.await.unwrap().unwrap());
    for other in others {
        assert_eq!(without_session_cookies(other.await.unwrap().unwrap()), answer);
    }
    assert_eq!((env.idp.calls(), env.events().await.len()), (1, 1));
}

/// Waits until the control plane has seen earlier cancellations: frames of one connection are ordered.
async fn seen_by_control(edge: &ApiClient) {
    edge.list().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_during_a_login_loses_nothing() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let callback = flow.sign_in(&edge, &env.idp).await;
    env.idp.stall();
    let call = spawn_login(&edge, &callback);
    env.idp.wait_for_calls(1).await;
    call.abort();
    call.await.unwrap_err();
    seen_by_control(&edge).await;
    env.idp.release();
    let next = edge.finish_login(again(&callback)).await.unwrap();
    edge.exchange(flow.redeem(&code_in(&next))).await.unwrap();
    assert_eq!(env.idp.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_during_an_exchange_loses_nothing() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let code = flow.code(&edge, &env.idp).await;
    let redeem = flow.redeem(&code);
    let mut hold = env.engine.hold(0);
    let call = tokio::spawn({
        let (edge, redeem) = (edge.clone(), redeem.clone());
        async move { edge.exchange(redeem).await }
    });
    hold.arrived().await;
    call.abort();
    call.await.unwrap_err();
    seen_by_control(&edge).await;
    hold.release();
    let done = async {
        while env.entries(Space::Grants).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(TIMEOUT, done).await.expect("the exchange completes although its caller is gone");
    let tokens = edge.exchange(redeem).await.unwrap();
    assert_eq!(env.entries(Space::Grants).await.len(), 1);
    edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_waits_for_a_login_under_way() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let callback = Flow::new(App::configured()).sign_in(&edge, &env.idp).await;
    env.idp.stall();
    let call = spawn_login(&edge, &callback);
    env.idp.wait_for_calls(1).await;
    // The caller is gone, but the upstream's answer must not be lost.
    call.abort();
    call.await.unwrap_err();
    seen_by_control(&edge).await;
    drop(edge);
    let address = control.address;
    let stopping = tokio::spawn(control.stop());
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(TIMEOUT, refused).await.expect("it accepts no connections any more");
    env.idp.release();
    stopping.await.unwrap();
    let other = env.start().await;
    let answered = timeout(AT_ONCE, other.edge().finish_login(again(&callback))).await.expect("at once");
    assert!(query(location(&answered.unwrap())).contains_key("code"));
    assert_eq!(env.idp.calls(), 1);
}
