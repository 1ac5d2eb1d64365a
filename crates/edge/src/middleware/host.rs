//! Refuses a request that does not name its host exactly once.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lychgate_api::Reason;

use crate::failure::Failure;

/// Layer before issuer routing, which reads the host. RFC 9112 §3.2: a request of HTTP/1.1 without `Host`, with several, or
/// with an invalid one, is answered with 400. A proxy in front might read another host than the one that is used here.
pub(crate) async fn demand_one_host(request: Request, next: Next) -> Response {
    if names_one_host(request.version(), request.headers()) {
        return next.run(request).await;
    }
    Failure::new(Reason::RequestMalformed).describe("send exactly one valid Host header").into_response()
}

/// HTTP/1.0 knows no `Host`.
fn names_one_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host),
        (None, _) => version < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// `uri-host [ ":" port ]` with a host that is not empty (RFC 9110 §4.2.1, §7.2).
fn is_host(value: &HeaderValue) -> bool {
    let Some(text) = value.to_str().ok().filter(|text| !text.contains('@')) else { return false };
    let Ok(authority) = text.parse::<Authority>() else { return false };
    let host = authority.host();
    let port = text.get(host.len()..).unwrap_or_default();
    let is_port = |digits: &str| digits.is_empty() || (digits.parse::<u16>().is_ok() && !digits.starts_with('+'));
    !host.is_empty() && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_name_or_address_with_an_optional_port() {
        for host in ["a.example", "A.example:443", "127.0.0.1:80", "[::1]", "[::1]:8080", "localhost", "a.example:"] {
            assert!(is_host(&HeaderValue::from_static(host)), "{host}");
        }
        let bad = ["", ":80", "a b", "a.example, b.example", "u@a.example", "a.example:x", "a.example:99999", "a:+1"];
        for host in bad.into_iter().chain(["a/b", "http://a.example", "a.example?x", "a.example#x", "[::1", "\\"]) {
            assert!(!is_host(&HeaderValue::from_static(host)), "{host:?}");
        }
        assert!(!is_host(&HeaderValue::from_bytes(b"\xe9.example").expect("a header value")));
    }
}
