//! A gRPC server that answers by a test's script, also with messages that no control plane sends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::StreamBody;
use lychgate_api::{ERROR_DOMAIN, Reason, error_metadata};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The messages of a call and its status. Without a status the stream stays open.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    messages: Vec<Vec<u8>>,
    end: Option<Status>,
}

/// A call that the server received.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// `AdminService/ListKeys`.
    pub(crate) method: String,
    pub(crate) headers: HeaderMap,
    message: Bytes,
}

type Script = dyn Fn(&Call) -> Reply + Send + Sync;

#[derive(Clone)]
struct Scripted {
    script: Arc<Script>,
    calls: Arc<Mutex<Vec<Call>>>,
}

pub(crate) struct Server {
    pub(crate) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let state = Scripted { script: Arc::new(script), calls: Arc::clone(&calls) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(answer).with_state(state);
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, calls, task }
    }

    /// All calls so far, in order.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Call {
    pub(crate) fn read<M: Message + Default>(&self) -> M {
        M::decode(self.message.slice(5..)).unwrap()
    }
}

impl Reply {
    pub(crate) fn one(message: &impl Message) -> Self {
        Self::stream(&[message.encode_to_vec()])
    }

    /// Messages with the status OK.
    pub(crate) fn stream(messages: &[Vec<u8>]) -> Self {
        Self { messages: messages.to_vec(), end: Some(Status::ok("")) }
    }

    /// A refusal with the details of the control plane's.
    pub(crate) fn refusal(code: Code, reason: Reason, metadata: &[(&str, &str)]) -> Self {
        let id = [(error_metadata::REQUEST_ID, "id-of-the-call")];
        let metadata = metadata.iter().chain(&id).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let details = ErrorDetails::with_error_info(reason.as_str(), ERROR_DOMAIN, HashMap::from_iter(metadata));
        Self::ended(Status::with_error_details(code, "because", details))
    }

    pub(crate) fn ended(status: Status) -> Self {
        Self { messages: Vec::new(), end: Some(status) }
    }

    /// The same status after `messages`.
    pub(crate) fn after(self, messages: Vec<Vec<u8>>) -> Self {
        Self { messages, ..self }
    }
}

async fn answer(State(Scripted { script, calls }): State<Scripted>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let message = to_bytes(body, usize::MAX).await.unwrap();
    let method = parts.uri.path().trim_start_matches("/lychgate.v1.").to_owned();
    let call = Call { method, headers: parts.headers, message };
    calls.lock().unwrap().push(call.clone());
    let Reply { messages, end } = script(&call);
    let framed = |message: Vec<u8>| {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        Frame::data(Bytes::from([&[0], &length[..], &message].concat()))
    };
    let end = end.map(|status| {
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers).unwrap();
        Frame::trailers(trailers)
    });
    let frames: Vec<_> = messages.into_iter().map(framed).chain(end).map(Ok::<_, std::convert::Infallible>).collect();
    let mut response = Response::new(Body::new(StreamBody::new(stream::iter(frames))));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}
