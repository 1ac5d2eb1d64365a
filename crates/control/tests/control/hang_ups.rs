//! A client that hangs up, at each point where its call awaits something. Whatever was begun for it goes on to its end:
//! the same call gets the one answer, there is as much of everything as without the accident, and the upstream has seen
//! its code at most once.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::timeout;

use crate::attempts::{ALL, Call, Kind, Reply, census_after, patient_world};
use crate::support::{Behind, Control, Edge, PATIENCE, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_wherever_its_call_awaits_something_loses_nothing() {
    for kind in ALL {
        let expected = census_after(kind).await;
        let mut stops = 0;
        while hung_up_at(kind, stops, &expected).await {
            stops += 1;
        }
        // Before and after: a read and a commit at the least; a login commits twice and asks the upstream thrice.
        let least = if kind == Kind::FinishLogin { 2 * (2 + 2 + 3) } else { 2 * 2 };
        assert!(
            stops >= least - 2 * usize::from(kind == Kind::Register),
            "{kind:?} was stopped at {stops} points only"
        );
    }
}

/// `false`: the call was answered before it came to so many.
async fn hung_up_at(kind: Kind, nth: usize, expected: &[(&'static str, usize)]) -> bool {
    let world = patient_world().await;
    let call = kind.prepare(&world, &world.start().await.edge()).await;
    // Another process, that knows nothing yet of the upstream.
    let control = behind_the_door(&world).await;
    let edge = control.edge();
    edge.list().await.unwrap();
    let mut stop = world.idp.door.stop(nth);
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
    // Frames of one connection are in order: the control plane has seen that nobody waits any more.
    edge.list().await.unwrap();
    stop.release();
    the_one_answer(&world, &edge, &call, expected, &format!("{kind:?}, stop {nth}")).await;
    true
}

/// The same from the client's side: its call is polled so often, and dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_after_any_number_of_polls_loses_nothing() {
    for kind in ALL {
        let expected = census_after(kind).await;
        for polls in 0.. {
            let world = patient_world().await;
            let control = world.start().await;
            let edge = control.edge();
            let call = kind.prepare(&world, &edge).await;
            let reply = polled(polls, call.send(&edge)).await;
            let answer = the_one_answer(&world, &edge, &call, &expected, &format!("{kind:?}, {polls} polls")).await;
            if let Some(reply) = reply {
                assert_eq!(reply.unwrap(), answer);
                break;
            }
        }
    }
}

/// What the call comes to when it is sent again, whole.
async fn the_one_answer(
    world: &World,
    edge: &Edge,
    call: &Call,
    expected: &[(&'static str, usize)],
    when: &str,
) -> Reply {
    let again = timeout(PATIENCE, call.send(edge)).await.expect("it is answered");
    let reply = again.unwrap_or_else(|failure| panic!("{when}: {failure:?}"));
    assert_eq!(call.send(edge).await.unwrap(), reply, "{when}, once more");
    assert_eq!(world.census().await, expected, "{when}");
    assert!(world.idp.calls() <= 1, "{when}: the upstream's code was sent {} times", world.idp.calls());
    reply
}

async fn behind_the_door(world: &World) -> Control {
    let engine = Behind { door: world.idp.door.clone(), engine: world.engine.clone() };
    Control::start(world.config.clone(), Arc::new(engine), world.clock.clone()).await.unwrap()
}

/// Polls it so often, and no more.
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
