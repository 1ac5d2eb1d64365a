//! How an answer is dressed: the headers that every page, every redirect and every document of a kind carries.

use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, PRAGMA, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use lychgate_api::Reason;
use serde::Serialize;

use crate::failure::Failure;

/// No script, no frame, nothing from elsewhere. No `form-action`: Chromium applies it to every redirect after a form
/// post, and ours leads to the upstream and on to the client.
const CONTENT_POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'";

const PERMISSIONS: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), \
                           publickey-credentials-get=(), usb=()";

/// A page without a form: nobody learns from where the person comes.
pub(crate) fn page(status: StatusCode, html: String) -> Response {
    html_response(status, html, "no-referrer")
}

/// A page with a form. `no-referrer` here would make Chrome send `Origin: null` with the form (RFC 9700 §4.2.4 is about
/// what leaks to other sites; `same-origin` leaks nothing either).
pub(crate) fn form_page(html: String) -> Response {
    html_response(StatusCode::OK, html, "same-origin")
}

/// There is no `Cross-Origin-Opener-Policy`: any value but the default cuts a popup off from the page that opened it,
/// for good, and clients that run the flow in a popup wait for word from it.
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

/// 303, so that no method and no body is ever repeated elsewhere (RFC 9700 §4.12).
pub(crate) fn redirect(location: &str) -> Result<Response, Failure> {
    let location = HeaderValue::try_from(location).map_err(|_| Failure::new(Reason::Fault))?;
    let headers = [
        (LOCATION, location),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// JSON that holds credentials (RFC 6749 §5.1).
pub(crate) fn secret_json(status: StatusCode, body: &impl Serialize) -> Result<Response, Failure> {
    let json = serde_json::to_string(body).map_err(|_| Failure::new(Reason::Fault))?;
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
    Ok((status, headers, json).into_response())
}

/// Whether the caller likes JSON better than HTML; without a preference, it is a person (RFC 9110 §12.5.1).
pub(crate) fn prefers_json(headers: &HeaderMap) -> bool {
    let ranges = || {
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(','))
    };
    quality(ranges(), "application", "json") > quality(ranges(), "text", "html")
}

/// In thousandths. The most specific range that fits decides.
fn quality<'a>(ranges: impl Iterator<Item = &'a str>, kind: &str, subkind: &str) -> u16 {
    let mut best = (0, 0);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let Some((k, s)) = parts.next().and_then(|range| range.split_once('/')) else { continue };
        let specificity = match (k.eq_ignore_ascii_case(kind), s.eq_ignore_ascii_case(subkind)) {
            (true, true) => 3,
            (true, false) if s == "*" => 2,
            _ if (k, s) == ("*", "*") => 1,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0_f32));
        best = best.max((specificity, (weight.clamp(0.0, 1.0) * 1000.0) as u16));
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_for(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::try_from(accept).expect("a header value"));
        prefers_json(&headers)
    }

    #[test]
    fn a_person_is_assumed_unless_json_is_preferred() {
        assert!(!prefers_json(&HeaderMap::new()));
        for accept in ["*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json;q=0.5, text/html", "", "x"]
        {
            assert!(!json_for(accept), "{accept}");
        }
        for accept in ["application/json", "application/json, text/html;q=0.9", "application/*, */*;q=0.1"] {
            assert!(json_for(accept), "{accept}");
        }
    }

    #[test]
    fn a_location_that_could_split_a_header_is_a_fault() {
        assert_eq!(redirect("https://a\r\nSet-Cookie: x").expect_err("a refusal").reason(), Reason::Fault);
    }
}
