//! The headers of pages, redirects and JSON documents, one function per kind of response.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, PRAGMA, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use lychgate_api::Reason;
use serde::Serialize;

use crate::failure::Failure;

/// Forbids scripts, frames and every foreign resource. `form-action` is absent: Chromium applies it to every redirect after
/// a form post, and ours leads to the upstream and on to the client.
const CONTENT_POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'";

const PERMISSIONS: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), \
                           publickey-credentials-get=(), usb=()";

/// A page without a form. No site that the person visits next learns this address.
pub(crate) fn page(status: StatusCode, html: String) -> Response {
    html_response(status, html, "no-referrer")
}

/// A page with a form. `no-referrer` here would make Chrome send `Origin: null` with the form (RFC 9700 §4.2.4 is about
/// what leaks to other sites; `same-origin` leaks nothing either).
pub(crate) fn form_page(status: StatusCode, html: String) -> Response {
    html_response(status, html, "same-origin")
}

/// `Cross-Origin-Opener-Policy` is absent: every value but the default cuts a popup off from the page that opened it, and
/// clients that run the flow in a popup wait for its message.
fn html_response(status: StatusCode, html: String, referrer_policy: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, referrer_policy),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ];
    (status, headers, html).into_response()
}

/// A redirect with status 303: the browser repeats neither method nor body at the next address (RFC 9700 §4.12).
pub(crate) fn redirect(location: &str) -> Result<Response, Failure> {
    let location = HeaderValue::try_from(location).map_err(|_| Failure::new(Reason::Fault))?;
    let headers = [
        (LOCATION, location),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// Text that only the control plane can read, for one caller and no cache.
pub(crate) fn opaque(text: String) -> Response {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")], text).into_response()
}

/// JSON that contains credentials and must not be cached (RFC 6749 §5.1).
pub(crate) fn secret_json(status: StatusCode, body: &impl Serialize) -> Result<Response, Failure> {
    let json = serde_json::to_string(body).map_err(|_| Failure::new(Reason::Fault))?;
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
    Ok((status, headers, json).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn location_with_a_line_break_is_a_fault() {
        assert_eq!(redirect("https://a\r\nSet-Cookie: x").expect_err("a refusal").reason(), Reason::Fault);
    }
}
