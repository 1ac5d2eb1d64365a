//! Asks peers for no more requests on a connection while the edge ends.

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::Next;
use axum::response::Response;
use lychgate_process::Shutdown;

/// Layer around the whole router. A connection that stayed open would be closed when the edge ends, perhaps just as the peer
/// sends a request on it.
pub(crate) async fn close_when_draining(State(shutdown): State<Shutdown>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if shutdown.is_requested() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
