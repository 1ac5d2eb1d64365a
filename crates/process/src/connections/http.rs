//! HTTP/1 on guarded connections: the server of the edge and of every `GET /metrics`.

mod unread;

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tower::{Service, ServiceExt as _};

use super::{GuardedStream, Places, accept};

/// The limit of a request's headers, its URL included.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Time limits of an HTTP server.
#[derive(Clone, Copy, Debug)]
pub struct HttpTimeouts {
    /// From the end of the previous request on a connection to the end of a request's headers.
    pub headers: Duration,
    /// From the request of shutdown to the end of the requests in progress.
    pub drain: Duration,
}

/// The connection of a request.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    /// The address at its other end.
    pub peer: IpAddr,
    /// True for a connection beyond the limits: it is for probes, and any other request is refused.
    pub is_reserve: bool,
}

/// Serves HTTP/1 on `listener` until `shutdown`, then finishes the requests in progress, for at most
/// [`HttpTimeouts::drain`]. `service` finds the request's [`Accepted`] in its extensions. False if a request was not finished.
pub async fn serve<S>(
    listener: TcpListener,
    places: &Places,
    service: S,
    timeouts: HttpTimeouts,
    shutdown: impl Future<Output = ()>,
) -> bool
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    let connections = GracefulShutdown::new();
    let accepting = async {
        loop {
            let (stream, peer) = accept(&listener, places).await;
            serve_connection(stream, peer, service.clone(), timeouts, &connections);
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown => {}
    }
    drop(listener);
    places.close_unused();
    let is_finished = timeout(timeouts.drain, connections.shutdown()).await.is_ok();
    places.close_all();
    is_finished
}

fn serve_connection<S>(
    stream: GuardedStream<tokio::net::TcpStream>,
    peer: IpAddr,
    service: S,
    timeouts: HttpTimeouts,
    connections: &GracefulShutdown,
) where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    // HTTP/1 only: every proxy in front speaks it, and hyper limits the time to a connection's first bytes only there.
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(timeouts.headers).max_buf_size(MAX_HEADER_BYTES);
    let place = stream.place().handle();
    let accepted = Accepted { peer, is_reserve: place.is_reserve() };
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (place, in_use) = (place.clone(), place.begin_request());
        let (head, body) = request.into_parts();
        let (body, rest) = unread::lend(body);
        let mut request = Request::from_parts(head, body);
        request.extensions_mut().insert(accepted);
        let answered = service.clone().oneshot(request);
        async move {
            let Ok(mut response) = answered.await;
            // An answered request keeps no place, however long its body is.
            drop(in_use);
            if !rest.discard().await {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                place.linger();
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = connections.watch(protocol.serve_connection(TokioIo::new(stream), service));
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::{StatusCode, Version};
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::connections::ConnectionLimits;

    /// Much longer than any step takes: only a hanging test reaches it.
    const PATIENCE: Duration = Duration::from_secs(30);

    struct Server {
        address: std::net::SocketAddr,
        places: Places,
        stop: oneshot::Sender<()>,
        ended: JoinHandle<bool>,
        /// Requests for `/stuck`, which have no end.
        stuck: Arc<AtomicUsize>,
        /// Requests for `/refused`, which are answered without their bodies.
        refused: Arc<AtomicUsize>,
    }

    fn limits() -> ConnectionLimits {
        ConnectionLimits {
            max: 100,
            max_per_peer: 100,
            reserve: 2,
            first_request: PATIENCE,
            write: PATIENCE,
            age: None,
        }
    }

    async fn start(address: &str, limits: ConnectionLimits, drain: Duration) -> Server {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let places = Places::new(limits, |_| false);
        // More than the kernel's buffers of both sides take.
        let stuck = Arc::new(AtomicUsize::new(0));
        let refused = Arc::new(AtomicUsize::new(0));
        let large = axum::body::Bytes::from(vec![b'x'; 32 << 20]);
        let routes = Router::new()
            .route(
                "/refused",
                post({
                    let refused = Arc::clone(&refused);
                    async move || {
                        refused.fetch_add(1, Ordering::SeqCst);
                        StatusCode::TOO_MANY_REQUESTS
                    }
                }),
            )
            .route("/read", post(async |body: axum::body::Bytes| body.len().to_string()))
            .route("/small", get(async |request: Request| format!("{:?}", request.version())))
            .route(
                "/reserve",
                get(async |request: Request| {
                    request.extensions().get::<Accepted>().is_some_and(|accepted| accepted.is_reserve).to_string()
                }),
            )
            .route(
                "/stuck",
                get({
                    let stuck = Arc::clone(&stuck);
                    async move || {
                        stuck.fetch_add(1, Ordering::SeqCst);
                        std::future::pending::<()>().await;
                    }
                }),
            )
            .route("/large", get(async move || large));
        let (stop, stopped) = oneshot::channel::<()>();
        let timeouts = HttpTimeouts { headers: PATIENCE, drain };
        let ended = tokio::spawn({
            let places = places.clone();
            async move { serve(listener, &places, routes, timeouts, async move { drop(stopped.await) }).await }
        });
        Server { address, places, stop, ended, stuck, refused }
    }

    async fn ask(server: &Server, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// Everything that the server sends until it closes the connection.
    async fn rest(mut stream: TcpStream) -> String {
        let mut bytes = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the connection ends");
        String::from_utf8(bytes).unwrap()
    }

    async fn closes(stream: TcpStream) {
        rest(stream).await;
    }

    async fn until(what: &str, holds: impl Fn() -> bool) {
        let looking = async {
            while !holds() {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("it never came about that {what}"));
    }

    #[tokio::test]
    async fn both_versions_and_both_families_are_served() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let server = start(address, limits(), PATIENCE).await;
            let old = rest(ask(&server, "GET /small HTTP/1.0\r\n\r\n").await).await;
            assert!(old.starts_with("HTTP/1.0 200 OK") && old.ends_with(&format!("{:?}", Version::HTTP_10)), "{old}");
            let new = rest(ask(&server, "GET /small HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await).await;
            assert!(new.starts_with("HTTP/1.1 200 OK") && new.ends_with(&format!("{:?}", Version::HTTP_11)), "{new}");
        }
    }

    #[tokio::test]
    async fn unread_answer_ends_with_its_connection() {
        let write = Duration::from_millis(100);
        let server = start("127.0.0.1:0", ConnectionLimits { write, ..limits() }, PATIENCE).await;
        let unread = ask(&server, "GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
        until("the connection is accepted", || server.places.taken() == 1).await;
        until("the connection is closed", || server.places.taken() == 0).await;
        drop(unread);
    }

    #[tokio::test]
    async fn silent_connection_is_closed() {
        let first_request = Duration::from_millis(100);
        let server = start("127.0.0.1:0", ConnectionLimits { first_request, ..limits() }, PATIENCE).await;
        for begin in ["", "GET ", "GET /small HTTP/1.1\r\nhost: a\r\n"] {
            assert_eq!(rest(ask(&server, begin).await).await, "", "{begin:?}");
        }
    }

    #[tokio::test]
    async fn a_peer_that_holds_all_its_connections_is_still_answered() {
        let server = start("127.0.0.1:0", ConnectionLimits { max: 3, ..limits() }, PATIENCE).await;
        // Neither silence nor an unread answer is a request in progress.
        let mut held = Vec::new();
        for request in ["", "GET /large HTTP/1.1\r\nhost: a\r\n\r\n"].repeat(5) {
            held.push(ask(&server, request).await);
            let again = rest(ask(&server, "GET /reserve HTTP/1.0\r\n\r\n").await).await;
            assert!(again.ends_with("false"), "{again}");
        }
        // Requests in progress are: what is beyond them is in the reserve.
        for n in 1..=3 {
            held.push(ask(&server, "GET /stuck HTTP/1.1\r\nhost: a\r\n\r\n").await);
            until("the request is in progress", || server.stuck.load(Ordering::SeqCst) == n).await;
        }
        for _ in 0..10 {
            held.push(ask(&server, "").await);
            assert!(rest(ask(&server, "GET /reserve HTTP/1.0\r\n\r\n").await).await.ends_with("true"));
        }
    }

    #[tokio::test]
    async fn shutdown_ends_whatever_is_open() {
        let drain = Duration::from_millis(200);
        for (request, is_finished) in [
            ("", true),
            ("GET ", true),
            ("GET /small HTTP/1.1\r\nhost: a\r\n\r\n", true),
            ("GET /stuck HTTP/1.1\r\nhost: a\r\n\r\n", false),
            ("GET /large HTTP/1.1\r\nhost: a\r\n\r\n", false),
        ] {
            let server = start("127.0.0.1:0", limits(), drain).await;
            let mut stream = ask(&server, request).await;
            until("the connection is accepted", || server.places.taken() == 1).await;
            if request.contains("/small") {
                assert_ne!(stream.read(&mut [0; 512]).await.unwrap(), 0, "it is idle now");
            }
            server.stop.send(()).unwrap();
            let ended = timeout(PATIENCE, server.ended).await.expect("it ends").unwrap();
            assert!(ended == is_finished || request.contains("/large"), "{request:?}: {ended}");
            until("every connection is closed", || server.places.taken() == 0).await;
            if !request.contains("/large") {
                closes(stream).await;
            }
        }
    }

    /// Clients send head and body apart, use a connection again, and read the answer only when all is sent.
    #[tokio::test]
    async fn answer_without_the_body_reaches_a_client_that_sends_it() {
        let server = start("127.0.0.1:0", limits(), PATIENCE).await;
        let next = "GET /small HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let sized = |length: usize| (format!("content-length: {length}"), "x".repeat(length));
        let chunked = |length: usize| {
            let body = format!("{length:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(length));
            ("transfer-encoding: chunked".to_owned(), body)
        };
        let expected = |(header, body): (String, String)| (format!("{header}\r\nexpect: 100-continue"), body);
        for ((header, body), lives) in [
            (sized(0), true),
            (sized(1), true),
            (sized(64 * 1024), true),
            (sized(64 * 1024 + 1), false),
            (sized(512 * 1024), false),
            (chunked(1), true),
            (chunked(64 * 1024), true),
            (chunked(64 * 1024 + 1), false),
            (chunked(512 * 1024), false),
            (expected(sized(1)), true),
            (expected(sized(512 * 1024)), false),
        ] {
            let what = format!("{header}, {} bytes", body.len());
            let mut stream = ask(&server, &format!("POST /refused HTTP/1.1\r\nhost: a\r\n{header}\r\n\r\n")).await;
            tokio::task::yield_now().await;
            stream.write_all(body.as_bytes()).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            if lives {
                stream.write_all(next.as_bytes()).await.unwrap();
            } else {
                stream.shutdown().await.unwrap();
            }
            let answers = rest(stream).await;
            let answers = answers.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&answers);
            let first = answers.split("\r\n\r\n").next().unwrap();
            assert!(first.starts_with("HTTP/1.1 429 "), "{what}: {answers}");
            assert_eq!(first.contains("connection: close"), !lives, "{what}: {answers}");
            assert_eq!(answers.contains("HTTP/1.1 200 "), lives, "{what}: {answers}");
        }
    }

    /// A client that is in the midst of a long body when the answer comes sends all of it before it reads on.
    #[tokio::test]
    async fn client_that_still_sends_after_its_answer_is_not_reset() {
        let server = start("127.0.0.1:0", limits(), PATIENCE).await;
        let head = "POST /refused HTTP/1.1\r\nhost: a\r\ncontent-length: 500000\r\n\r\n";
        let (mut from, mut to) = ask(&server, head).await.into_split();
        let mut answer = String::new();
        timeout(PATIENCE, from.read_to_string(&mut answer)).await.expect("the answer ends").unwrap();
        assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
        for piece in 0..500 {
            to.write_all(&[b'x'; 1000]).await.unwrap_or_else(|error| panic!("piece {piece}: {error}"));
        }
    }

    /// A body that a handler has begun to read, or that it has read to its end, is no exception.
    #[tokio::test]
    async fn body_that_the_service_reads_is_its_own() {
        let server = start("127.0.0.1:0", limits(), PATIENCE).await;
        let next = "GET /small HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        // axum reads 2 MiB of a body.
        for (announced, sent, status, then) in
            [(0, 0, "200 ", next), (100_000, 100_000, "200 ", next), (3 << 20, (2 << 20) + 1000, "413 ", "")]
        {
            let head = format!("POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: {announced}\r\n\r\n");
            let answers = rest(ask(&server, &format!("{head}{}{then}", "x".repeat(sent))).await).await;
            let first = answers.split("\r\n\r\n").next().unwrap();
            assert!(first.starts_with(&format!("HTTP/1.1 {status}")), "{announced}: {answers}");
            assert_eq!(first.contains("connection: close"), then.is_empty(), "{announced}: {answers}");
            assert_eq!(answers.contains("HTTP/1.1 200 OK\r\n"), !then.is_empty(), "{announced}: {answers}");
        }
    }

    const UNSENT: [&str; 2] = ["content-length: 1000", "transfer-encoding: chunked"];

    fn refused(header: &str) -> String {
        format!("POST /refused HTTP/1.1\r\nhost: a\r\n{header}\r\n\r\n")
    }

    /// A stranger gains no time by a body that comes byte by byte.
    #[tokio::test]
    async fn body_of_an_answered_request_is_not_awaited_for_long() {
        let server = start("127.0.0.1:0", limits(), PATIENCE).await;
        let trickle = async |header: &str, piece: &'static str| {
            let (mut from, mut to) = ask(&server, &refused(header)).await.into_split();
            let trickle = tokio::spawn(async move {
                while to.write_all(piece.as_bytes()).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
            let began = tokio::time::Instant::now();
            let mut answer = String::new();
            timeout(PATIENCE, from.read_to_string(&mut answer)).await.expect("the connection ends").unwrap();
            assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("connection: close"), "{header}: {answer}");
            timeout(PATIENCE, trickle).await.expect("the connection is closed in both directions").unwrap();
            assert!(began.elapsed() < PATIENCE / 2, "{header}: {:?}", began.elapsed());
        };
        tokio::join!(trickle(UNSENT[0], "x"), trickle(UNSENT[1], "1\r\nx\r\n"));
    }

    #[tokio::test]
    async fn body_of_an_answered_request_keeps_no_place() {
        for header in UNSENT {
            let server = start("127.0.0.1:0", ConnectionLimits { max: 1, reserve: 0, ..limits() }, PATIENCE).await;
            let first = ask(&server, &refused(header)).await;
            until("the request is answered", || server.refused.load(Ordering::SeqCst) == 1).await;
            let began = tokio::time::Instant::now();
            let next = rest(ask(&server, "GET /small HTTP/1.0\r\n\r\n").await).await;
            assert!(next.starts_with("HTTP/1.0 200 OK"), "{header}: {next}");
            assert!(began.elapsed() < unread::MAX_TIME / 2, "{header}: {:?}", began.elapsed());
            drop(first);
        }
    }
}
