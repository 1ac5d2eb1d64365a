//! Disconnects at each point where a call awaits something. The call is completed: its repetition gets the one answer,
//! the record counts are those of an undisturbed call, and the upstream code is sent at most once.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::timeout;

use crate::idempotency::{ALL, Call, CallKind, Reply, environment_with_long_lived_codes, record_counts_after};
use crate::support::{ApiClient, BreakpointEngine, ControlPlane, Environment, TIMEOUT};

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_at_any_await_point_loses_nothing() {
    for kind in ALL {
        let expected = record_counts_after(kind).await;
        let mut stops = 0;
        while hung_up_at(kind, stops, &expected).await {
            stops += 1;
        }
        // Breakpoints before and after each: at least one read and one commit; a login commits twice and calls the
        // upstream three times.
        let least = if kind == CallKind::FinishLogin { 2 * (2 + 2 + 3) } else { 2 * 2 };
        assert!(
            stops >= least - 2 * usize::from(kind == CallKind::Register),
            "{kind:?} was stopped at {stops} points only"
        );
    }
}

/// Disconnects at the `nth` breakpoint. `false`: the call was answered before it got there.
async fn hung_up_at(kind: CallKind, nth: usize, expected: &[(&'static str, usize)]) -> bool {
    let env = environment_with_long_lived_codes().await;
    let call = kind.prepare(&env, &env.start().await.edge()).await;
    // A fresh process, which has cached nothing of the upstream.
    let control = behind_the_door(&env).await;
    let edge = control.edge();
    edge.list().await.unwrap();
    let mut stop = env.idp.breakpoints.stop(nth);
    let mut sent = tokio::spawn({
        let (edge, call) = (edge.clone(), call.clone());
        async move { call.send(&edge).await }
    });
    tokio::select! {
        () = stop.arrived() => {}
        answered = &mut sent => {
            answered.unwrap().unwrap();
            return false;
        }
    }
    sent.abort();
    sent.await.unwrap_err();
    // Frames of one connection are ordered: the control plane has seen the disconnect.
    edge.list().await.unwrap();
    stop.release();
    the_one_answer(&env, &edge, &call, expected, &format!("{kind:?}, stop {nth}")).await;
    true
}

/// The call's future is polled `polls` times and dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_after_any_number_of_polls_loses_nothing() {
    for kind in ALL {
        let expected = record_counts_after(kind).await;
        for polls in 0.. {
            let env = environment_with_long_lived_codes().await;
            let control = env.start().await;
            let edge = control.edge();
            let call = kind.prepare(&env, &edge).await;
            let reply = polled(polls, call.send(&edge)).await;
            let answer = the_one_answer(&env, &edge, &call, &expected, &format!("{kind:?}, {polls} polls")).await;
            if let Some(reply) = reply {
                assert_eq!(reply.unwrap(), answer);
                break;
            }
        }
    }
}

/// Repeats the call and asserts that it had one effect.
async fn the_one_answer(
    env: &Environment,
    edge: &ApiClient,
    call: &Call,
    expected: &[(&'static str, usize)],
    when: &str,
) -> Reply {
    let again = timeout(TIMEOUT, call.send(edge)).await.expect("the repetition is answered");
    let reply = again.unwrap_or_else(|failure| panic!("{when}: {failure:?}"));
    assert_eq!(call.send(edge).await.unwrap(), reply, "{when}, once more");
    assert_eq!(env.record_counts().await, expected, "{when}");
    assert!(env.idp.calls() <= 1, "{when}: the upstream code was sent {} times", env.idp.calls());
    reply
}

/// A control plane that stops at the breakpoints of the identity provider.
pub(crate) async fn behind_the_door(env: &Environment) -> ControlPlane {
    let breakpoints = env.idp.breakpoints.clone();
    let engine = env.engine.open().layered(|engine| Arc::new(BreakpointEngine { breakpoints, engine }));
    ControlPlane::start(env.config.clone(), engine, env.clock.clone()).await.unwrap()
}

/// Polls `future` at most `times` times.
async fn polled<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(move |context| {
        if left > 0 {
            left -= 1;
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Some(value));
            }
        }
        if left == 0 { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}
