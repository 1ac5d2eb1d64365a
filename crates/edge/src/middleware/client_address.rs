//! Determines the client's address, for limits and for the control plane's events.

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::client_address::{ClientAddress, Peer, Prefix, TrustedProxies};

/// Layer around everything that is limited.
pub(crate) async fn identify_client(
    State(proxies): State<Arc<TrustedProxies>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0);
    let client = proxies.client(peer, request.headers());
    request.extensions_mut().insert(Prefix::of(client));
    request.extensions_mut().insert(ClientAddress(client));
    next.run(request).await
}
