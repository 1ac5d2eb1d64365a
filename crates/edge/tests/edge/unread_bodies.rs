//! Refusals that are sent before the request's body was read: the client gets the answer, not a reset, and may use its
//! connection again if the body was short.

use std::net::SocketAddr;
use std::time::Instant;

use lychgate_api::Reason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{TIMEOUT, refusal, running_set};

const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";
const JSON: &str = "content-type: application/json\r\n";

/// A request line with headers, and the status with which the edge refuses it without its body.
const REFUSALS: &[(&str, &str, u16)] = &[
    ("POST /nowhere", FORM, 404),
    ("POST /t/nowhere", FORM, 404),
    ("POST /.well-known/nowhere", JSON, 404),
    ("POST /jwks.json", JSON, 405),
    ("PUT /token", FORM, 405),
    ("PATCH /consent", FORM, 405),
    ("DELETE /authorize", "", 405),
    ("GET /token", FORM, 405),
    ("POST /healthz", "", 405),
    ("POST /assets/lychgate.css", "", 405),
    ("POST /verify", "", 405),
    ("POST /token", "content-type: text/plain\r\n", 400),
    ("POST /token", "", 400),
    ("POST /token", "authorization: Basic !\r\ncontent-type: application/x-www-form-urlencoded\r\n", 401),
    ("POST /revoke", JSON, 400),
    ("POST /introspect", JSON, 400),
    ("POST /register", FORM, 400),
    ("POST /consent", JSON, 400),
    ("POST /account/revoke", "content-type: multipart/form-data\r\n", 400),
    ("PUT /t/account/sign-out", "", 405),
    // The only registration of a minute was the request before the table.
    ("POST /register", JSON, 429),
    // A proxy in front might have read another host.
    ("POST /token", "host: b.example\r\n", 400),
];

/// A body, and the header that announces it.
struct Sent {
    header: String,
    body: Vec<u8>,
    /// Whether the edge reads it for the sake of the connection.
    is_short: bool,
}

fn bodies() -> Vec<Sent> {
    let of_length = |length: usize, is_short| Sent {
        header: format!("content-length: {length}"),
        body: b"x".repeat(length),
        is_short,
    };
    let chunked = |length: usize, is_short| Sent {
        header: "transfer-encoding: chunked".to_owned(),
        body: [format!("{length:x}\r\n").into_bytes(), b"x".repeat(length), b"\r\n0\r\n\r\n".to_vec()].concat(),
        is_short,
    };
    let never = |header: &str| Sent { header: header.to_owned(), body: vec![], is_short: false };
    vec![
        of_length(100, true),
        of_length(60_000, true),
        of_length(500_000, false),
        chunked(100, true),
        chunked(500_000, false),
        never("content-length: 100"),
        never("content-length: 500000"),
        never("transfer-encoding: chunked"),
    ]
}

async fn assert_answered(edge: SocketAddr, (line, headers, status): (&str, &str, u16), sent: Sent) {
    let what = format!("{line} {headers:?}, {}, {} bytes", sent.header, sent.body.len());
    let mut stream = TcpStream::connect(edge).await.expect("the edge listens");
    let began = Instant::now();
    let head = format!("{line} HTTP/1.1\r\nhost: gate.example\r\n{headers}{}\r\n\r\n", sent.header);
    stream.write_all(head.as_bytes()).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    // The body comes apart from the head, and all of it before the client looks for an answer.
    stream.write_all(&sent.body).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    if sent.is_short {
        let next = b"GET /healthz HTTP/1.1\r\nhost: gate.example\r\nconnection: close\r\n\r\n";
        stream.write_all(next).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    } else if !sent.body.is_empty() {
        stream.shutdown().await.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let mut answers = String::new();
    let read = timeout(TIMEOUT, stream.read_to_string(&mut answers)).await.expect("the edge closes the connection");
    read.unwrap_or_else(|error| panic!("{what}: {error}"));
    let first = answers.split("\r\n\r\n").next().unwrap_or_default();
    assert!(first.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answers}");
    assert_eq!(first.contains("\r\nconnection: close"), !sent.is_short, "{what}: {answers}");
    assert_eq!(answers.contains("HTTP/1.1 200 OK"), sent.is_short, "{what}: {answers}");
    assert!(began.elapsed() < TIMEOUT / 2, "{what}: {:?}", began.elapsed());
}

#[tokio::test]
async fn every_early_refusal_reaches_its_client() {
    let settings = "limits.registrations.prefix_per_minute = 1\nlimits.registrations.total_per_minute = 1";
    let (edge, fake) = running_set(settings).await;
    fake.refuse_always(refusal(Reason::ClientUnknown, &[]));
    // Every other row needs an edge with limits that it does not reach.
    let (unlimited, _) = running_set("").await;
    edge.send(edge.http.post(edge.url("/register")).body("{}")).await;
    let before = fake.calls().len();
    // All together, because some wait for a body that does not come.
    let mut asked = JoinSet::new();
    for refusal in REFUSALS {
        let edge = if refusal.2 == 429 { edge.address } else { unlimited.address };
        for sent in bodies() {
            asked.spawn(assert_answered(edge, *refusal, sent));
        }
    }
    asked.join_all().await;
    assert_eq!(fake.calls().len(), before, "a refused request causes no call");
}
