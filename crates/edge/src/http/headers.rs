//! The headers in which a browser says which page a request comes from, and for what.

use axum::http::{HeaderMap, HeaderName};

pub(crate) fn sec_fetch_site(headers: &HeaderMap) -> Option<String> {
    as_sent(headers, "sec-fetch-site")
}

pub(crate) fn sec_purpose(headers: &HeaderMap) -> Option<String> {
    as_sent(headers, "sec-purpose")
}

pub(crate) fn origin(headers: &HeaderMap) -> Option<String> {
    as_sent(headers, "origin")
}

/// A header exactly as it was sent. An odd header (sent twice, not text) must not look absent: the control plane trusts an
/// absent header more than a wrong one.
fn as_sent(headers: &HeaderMap, name: &'static str) -> Option<String> {
    let values = headers.get_all(HeaderName::from_static(name));
    let values: Vec<_> = values.iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(", "))
}
