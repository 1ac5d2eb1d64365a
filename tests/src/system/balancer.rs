//! A load balancer that sends each request to the next edge over a new connection. It skips an edge that refuses
//! the connection and never repeats a request that an edge may have received.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use reqwest::redirect::Policy;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// No request of these tests is larger.
const BODY_LIMIT: usize = 1024 * 1024;

#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// A request that an edge received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub edge: usize,
    pub method: Method,
    /// The path without the query.
    pub path: String,
}

#[derive(Debug)]
struct Shared {
    edges: Vec<SocketAddr>,
    client: reqwest::Client,
    turns: Mutex<Turns>,
}

#[derive(Debug, Default)]
struct Turns {
    next: usize,
    /// `None` stands for an edge that refused the connection; the request went to the next edge.
    sent: Vec<Option<Sent>>,
}

impl Balancer {
    pub async fn start(edges: &[SocketAddr]) -> Result<Self> {
        let client =
            reqwest::Client::builder().redirect(Policy::none()).pool_max_idle_per_host(0).no_proxy().build()?;
        let shared = Arc::new(Shared { edges: edges.to_vec(), client, turns: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let routes = Router::new().fallback(forward).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                eprintln!("the balancer ended: {error}");
            }
        });
        Ok(Self { address, shared, server })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests so far, in the order in which the balancer chose edges.
    pub fn log(&self) -> Vec<Sent> {
        self.shared.turns().sent.iter().flatten().cloned().collect()
    }

    /// The number of times that an edge refused the connection.
    pub fn passed_over(&self) -> usize {
        self.shared.turns().sent.iter().filter(|sent| sent.is_none()).count()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn forward(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    for _ in 0..shared.edges.len() {
        let (turn, edge) = shared.take_turn(&parts.method, parts.uri.path());
        let url = format!("http://{}{target}", shared.edges[edge]);
        // `Host` stays as the client sent it, as reverse proxies usually configure it.
        let request = shared.client.request(parts.method.clone(), url).headers(parts.headers.clone());
        match request.header(CONNECTION, "close").body(body.clone()).send().await {
            Ok(answer) => return relay(answer).await,
            Err(error) if error.is_connect() => shared.turns().sent[turn] = None,
            Err(error) => return (StatusCode::BAD_GATEWAY, format!("edge {edge}: {error}")).into_response(),
        }
    }
    (StatusCode::BAD_GATEWAY, "no edge is there").into_response()
}

async fn relay(answer: reqwest::Response) -> Response {
    let (status, mut headers) = (answer.status(), HeaderMap::clone(answer.headers()));
    for own in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
        headers.remove(own);
    }
    match answer.bytes().await {
        Ok(body) => (status, headers, Body::from(body)).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("half an answer: {error}")).into_response(),
    }
}

impl Shared {
    /// The index in the log, and the edge.
    fn take_turn(&self, method: &Method, path: &str) -> (usize, usize) {
        let mut turns = self.turns();
        let edge = turns.next;
        turns.next = (edge + 1) % self.edges.len();
        turns.sent.push(Some(Sent { edge, method: method.clone(), path: path.to_owned() }));
        (turns.sent.len() - 1, edge)
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
