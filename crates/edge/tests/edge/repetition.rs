//! What is sent again when the control plane stumbles, and that it is the very same.

use lychgate_api::Reason;
use lychgate_api::v1::ExchangeResponse;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tonic::Status;

use crate::support::{Answer, Asked, FakeControl, RunningControl, TestEdge, any_port, header, refusal, running};

const FORM: &str = "grant_type=refresh_token&refresh_token=r&client_id=c";

#[tokio::test]
async fn a_repetition_is_the_very_same_message() {
    let (edge, fake) = running().await;
    fake.refuse(Status::unavailable("a proxy in between"));
    fake.refuse(refusal(Reason::StoreUnavailable, &[]));
    fake.answer(Answer::Exchanged(ExchangeResponse::default()));
    assert_eq!(edge.post_form("/token", FORM).await.status(), 200);
    let calls = fake.calls();
    assert_eq!(calls.len(), 3);
    for call in &calls {
        assert_eq!((&call.asked, &call.request_id), (&calls[0].asked, &calls[0].request_id), "attempt and all");
    }
}

#[tokio::test]
async fn another_request_is_another_attempt() {
    let (edge, fake) = running().await;
    for _ in 0..2 {
        fake.answer(Answer::Exchanged(ExchangeResponse::default()));
        assert_eq!(edge.post_form("/token", FORM).await.status(), 200);
    }
    let attempts: Vec<_> = fake
        .calls()
        .into_iter()
        .map(|call| match call.asked {
            Asked::Exchange(exchange) => exchange.attempt,
            other => panic!("not an exchange: {other:?}"),
        })
        .collect();
    assert_ne!(attempts[0], attempts[1]);
}

#[tokio::test]
async fn an_answer_is_an_answer_also_a_bad_one() {
    for reason in [Reason::CodeReplayed, Reason::UpstreamUnavailable, Reason::Fault, Reason::AlreadyFinished] {
        let (edge, fake) = running().await;
        fake.refuse(refusal(reason, &[]));
        edge.post_form("/token", FORM).await;
        assert_eq!(fake.calls().len(), 1, "{reason:?}");
    }
}

#[tokio::test]
async fn there_is_an_end_to_it() {
    let (edge, fake) = running().await;
    for _ in 0..100 {
        fake.refuse(refusal(Reason::StoreUnavailable, &[]));
    }
    let response = edge.post_form("/token", FORM).await;
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "5"));
    let body: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(body["error"], "temporarily_unavailable");
    assert!((3..20).contains(&fake.calls().len()), "pauses grow");
}

/// A control plane that is restarted under a request: the channel finds it again, and the request is answered.
#[tokio::test]
async fn a_restart_in_between_is_not_noticed() {
    let fake = FakeControl::with_issuers(&[("root", "https://gate.example")]);
    let control = RunningControl::start(&fake, any_port()).await;
    let address = control.address;
    let edge = TestEdge::start(address).await;
    edge.ready().await;
    control.stop().await;
    fake.answer(Answer::Exchanged(ExchangeResponse::default()));
    let (response, control) = tokio::join!(edge.post_form("/token", FORM), RunningControl::start(&fake, address));
    assert_eq!(response.status(), 200);
    control.stop().await;
}

/// A control plane that dies under a call: the connection breaks after the request went out and before an answer came.
#[tokio::test]
async fn a_connection_that_breaks_under_a_call_is_not_noticed() {
    let fake = FakeControl::with_issuers(&[("root", "https://gate.example")]);
    let control = RunningControl::start(&fake, any_port()).await;
    let address = control.address;
    let edge = TestEdge::start(address).await;
    edge.ready().await;
    control.stop().await;
    fake.answer(Answer::Exchanged(ExchangeResponse::default()));
    let dies_thrice = async {
        let listener = TcpListener::bind(address).await.expect("the address is free");
        for _ in 0..3 {
            let (mut connection, _) = listener.accept().await.expect("a connection");
            connection.read_u8().await.expect("a first byte");
        }
        drop(listener);
        RunningControl::start(&fake, address).await
    };
    let (response, control) = tokio::join!(edge.post_form("/token", FORM), dies_thrice);
    assert_eq!(response.status(), 200);
    control.stop().await;
}
