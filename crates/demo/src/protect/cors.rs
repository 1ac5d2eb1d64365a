//! Cross-origin access (CORS) for MCP clients that are web pages, such as MCP Inspector in direct mode.

use std::time::Duration;

use http::{HeaderName, Method, header};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

/// The layer that lets web pages of any origin call the server. It goes outside of [`Protect`](super::Protect): a browser sends
/// a preflight, which never has a token, before it sends the request of a page.
///
/// A preflight allows every header that it asks for, because people configure headers in their clients; `*` would not cover
/// `Authorization` (Fetch §3.2.2). Pages may read `WWW-Authenticate`, without which a client cannot find the issuer. No
/// credentials are allowed: a page can use only a token that it has.
pub fn cors() -> CorsLayer {
    let session_id = HeaderName::from_static("mcp-session-id");
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER, session_id])
        .max_age(Duration::from_secs(3600))
}
