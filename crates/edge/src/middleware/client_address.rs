//! Determines the client's address, for limits and for the control plane's events.

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use lychgate_process::connections::http::Accepted;

use crate::client_address::{ClientAddress, Prefix, TrustedProxies};

/// Layer around everything that is limited.
pub(crate) async fn identify_client(
    State(proxies): State<Arc<TrustedProxies>>,
    mut request: Request,
    next: Next,
) -> Response {
    let accepted = request.extensions().get::<Accepted>();
    let peer = accepted.map_or(Ipv4Addr::UNSPECIFIED.into(), |accepted| accepted.peer);
    let client = proxies.client(peer, request.headers());
    request.extensions_mut().insert(Prefix::of(client));
    request.extensions_mut().insert(ClientAddress(client));
    next.run(request).await
}
