//! Retries of calls to the control plane.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::{HeaderMap, HeaderValue, Response};
use bytes::Bytes;
use h2::server::SendResponse;
use lychgate_api::Reason;
use lychgate_api::v1::ExchangeResponse;
use tokio::net::{TcpListener, TcpStream};
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

/// The connection breaks after the request was sent and before an answer came.
#[tokio::test]
async fn broken_connection_during_a_call_is_invisible() {
    let fake = FakeControl::with_issuers(&[("root", "https://gate.example")]);
    let control = RunningControl::start(&fake, any_port()).await;
    let address = control.address;
    let edge = TestEdge::start(address).await;
    edge.ready().await;
    control.stop().await;
    fake.answer(Answer::Exchanged(ExchangeResponse::default()));
    let dies = async {
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let exchanges = Arc::new(AtomicUsize::new(0));
        let hostile = tokio::spawn(hostile_control(listener, Reaction::Close, Arc::clone(&exchanges)));
        while exchanges.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        hostile.abort();
        assert!(hostile.await.expect_err("it was aborted").is_cancelled());
        RunningControl::start(&fake, address).await
    };
    let (response, control) = tokio::join!(edge.post_form("/token", FORM), dies);
    assert_eq!(response.status(), 200);
    control.stop().await;
}

/// The behaviour of a peer in the place of the control plane.
#[derive(Clone, Copy, Debug)]
enum Reaction {
    Reset(h2::Reason),
    /// Ends the connection, with GOAWAY before.
    GoAway,
    /// Ends the connection.
    Close,
    /// Answers with header fields of this size.
    Headers(usize),
    /// Answers with a message, and trailers of this size.
    Trailers(usize),
    /// Answers with this HTTP status, as a proxy does.
    Http(u16),
    /// Answers with bytes that are no message.
    Garbage,
}

impl Reaction {
    /// False if the connection is to be closed.
    fn to(self, connection: &mut h2::server::Connection<TcpStream, Bytes>, mut respond: SendResponse<Bytes>) -> bool {
        let grpc = || Response::builder().header("content-type", "application/grpc");
        match self {
            Self::Reset(reason) => respond.send_reset(reason),
            Self::GoAway => connection.abrupt_shutdown(h2::Reason::NO_ERROR),
            Self::Close => return false,
            Self::Headers(size) => {
                let mut response = grpc().header("grpc-status", "9").body(()).expect("a response");
                response.headers_mut().extend(fields(size));
                respond.send_response(response, true).expect("it is sent");
            }
            Self::Trailers(size) => {
                let response = grpc().body(()).expect("a response");
                let mut body = respond.send_response(response, false).expect("it is sent");
                body.send_data(Bytes::from_static(&[0; 5]), false).expect("an empty message");
                let mut trailers = fields(size);
                trailers.insert("grpc-status", HeaderValue::from_static("9"));
                body.send_trailers(trailers).expect("they are sent");
            }
            Self::Http(status) => {
                respond
                    .send_response(Response::builder().status(status).body(()).expect("a response"), true)
                    .expect("it is sent");
            }
            Self::Garbage => {
                let mut body = respond.send_response(grpc().body(()).expect("a response"), false).expect("it is sent");
                body.send_data(Bytes::from_static(&[7; 64]), true).expect("no message");
            }
        }
        true
    }
}

/// Header fields of this size in all, a kilobyte each.
fn fields(size: usize) -> HeaderMap {
    let value = HeaderValue::from_bytes(&[b'x'; 1000]).expect("a value");
    let mut fields = HeaderMap::new();
    for _ in 0..size / 1000 {
        fields.append("x-field", value.clone());
    }
    fields
}

/// A peer that counts the exchanges that arrive, and treats each in the same way.
async fn hostile_control(listener: TcpListener, reaction: Reaction, exchanges: Arc<AtomicUsize>) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let exchanges = Arc::clone(&exchanges);
        tokio::spawn(async move {
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                if !request.uri().path().ends_with("/Exchange") {
                    respond.send_reset(h2::Reason::REFUSED_STREAM);
                    continue;
                }
                exchanges.fetch_add(1, Ordering::SeqCst);
                if !reaction.to(&mut connection, respond) {
                    return;
                }
            }
        });
    }
}

/// A call that was answered is sent once, a call whose connection was lost once more, and a call that was refused before
/// it was processed until the deadline. A stranger who makes an answer that does not arrive makes no more work than others.
#[tokio::test]
async fn delivered_call_is_not_repeated() {
    use Reaction::{Close, Garbage, GoAway, Headers, Http, Reset, Trailers};
    let until_deadline = 5..30;
    for (reaction, times, status) in [
        (Reset(h2::Reason::REFUSED_STREAM), until_deadline, 503),
        (Reset(h2::Reason::CANCEL), 1..2, 503),
        (Reset(h2::Reason::ENHANCE_YOUR_CALM), 1..2, 503),
        (Reset(h2::Reason::INTERNAL_ERROR), 1..2, 500),
        (Reset(h2::Reason::PROTOCOL_ERROR), 1..2, 500),
        (Reset(h2::Reason::NO_ERROR), 1..2, 500),
        (GoAway, 2..3, 503),
        (Close, 2..3, 503),
        // Within the limit, over it, and far over it, where this side ends the connection.
        (Headers(30_000), 1..2, 500),
        (Headers(70_000), 1..2, 500),
        (Headers(3_000_000), 1..2, 503),
        (Trailers(30_000), 1..2, 500),
        (Trailers(70_000), 1..2, 500),
        (Trailers(3_000_000), 1..2, 503),
        (Http(400), 1..2, 500),
        (Http(500), 1..2, 500),
        (Http(503), 2..3, 503),
        (Garbage, 1..2, 500),
    ] {
        let fake = FakeControl::with_issuers(&[("root", "https://gate.example")]);
        let control = RunningControl::start(&fake, any_port()).await;
        let address = control.address;
        let edge = TestEdge::start(address).await;
        edge.ready().await;
        control.stop().await;
        let exchanges = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let hostile = tokio::spawn(hostile_control(listener, reaction, Arc::clone(&exchanges)));
        let response = edge.post_form("/token", FORM).await;
        let exchanges = exchanges.load(Ordering::SeqCst);
        assert!(times.contains(&exchanges), "{reaction:?}: sent {exchanges} times, and {}", response.status());
        assert_eq!(response.status(), status, "{reaction:?}");
        hostile.abort();
    }
}
