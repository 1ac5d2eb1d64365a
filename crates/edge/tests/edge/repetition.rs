//! Retries of calls to the control plane.

use lychgate_api::Reason;
use lychgate_api::v1::ExchangeResponse;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tonic::Status;

use crate::support::{Answer, FakeControl, Message, RunningControl, TestEdge, any_port, header, refusal, running};

const FORM: &str = "grant_type=refresh_token&refresh_token=r&client_id=c";

#[tokio::test]
async fn retry_sends_the_same_message() {
    let (edge, fake) = running().await;
    fake.refuse(Status::unavailable("a proxy in between"));
    fake.refuse(refusal(Reason::StoreUnavailable, &[]));
    fake.answer(Answer::Exchanged(ExchangeResponse::default()));
    assert_eq!(edge.post_form("/token", FORM).await.status(), 200);
    let calls = fake.calls();
    assert_eq!(calls.len(), 3);
    for call in &calls {
        assert_eq!(
            (&call.message, &call.request_id),
            (&calls[0].message, &calls[0].request_id),
            "with the same idempotency key"
        );
    }
}

#[tokio::test]
async fn each_request_has_its_own_idempotency_key() {
    let (edge, fake) = running().await;
    for _ in 0..2 {
        fake.answer(Answer::Exchanged(ExchangeResponse::default()));
        assert_eq!(edge.post_form("/token", FORM).await.status(), 200);
    }
    let attempts: Vec<_> = fake
        .calls()
        .into_iter()
        .map(|call| match call.message {
            Message::Exchange(exchange) => exchange.attempt,
            other => panic!("not an exchange: {other:?}"),
        })
        .collect();
    assert_ne!(attempts[0], attempts[1]);
}

#[tokio::test]
async fn refusals_and_faults_are_not_retried() {
    for reason in [Reason::CodeReplayed, Reason::UpstreamUnavailable, Reason::Fault, Reason::AlreadyFinished] {
        let (edge, fake) = running().await;
        fake.refuse(refusal(reason, &[]));
        edge.post_form("/token", FORM).await;
        assert_eq!(fake.calls().len(), 1, "{reason:?}");
    }
}

#[tokio::test]
async fn retries_end_at_the_deadline() {
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

/// The channel reconnects to a control plane that restarts, and the request is answered.
#[tokio::test]
async fn restart_of_the_control_plane_during_a_request_is_invisible() {
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

/// Connections break after the request was sent and before an answer came.
#[tokio::test]
async fn broken_connections_during_a_call_are_invisible() {
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
