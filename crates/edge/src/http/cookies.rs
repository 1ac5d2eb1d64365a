//! Parsing of `Cookie` headers and rendering of `Set-Cookie` headers. The control plane knows what a cookie means.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use lychgate_api::v1::{Cookie, SetCookie};
use lychgate_api::{COOKIE_PREFIX, Reason};

use super::reader::LANGUAGE_COOKIE;
use crate::failure::Failure;

/// The limit of all `Cookie` headers together. A browser that sends more has cookies of other applications on this host.
/// The request is then refused: dropping some silently could drop ours.
const MAX_HEADER_BYTES: usize = 16 * 1024;

const MAX_PASSED_ON: usize = 64;

/// The cookies with our name prefix, repetitions included: the control plane distrusts a name that occurs twice. The language is
/// not among them: it is the edge's own, and shows nothing about the browser that holds it.
pub(crate) fn received(headers: &HeaderMap) -> Result<Vec<Cookie>, Failure> {
    let bytes: usize = headers.get_all(COOKIE).iter().map(HeaderValue::len).sum();
    if bytes > MAX_HEADER_BYTES {
        return Err(Failure::new(Reason::RequestTooLarge).describe("the browser sent too many cookies"));
    }
    let pairs = headers.get_all(COOKIE).iter().flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    Ok(pairs.filter_map(ours).take(MAX_PASSED_ON).collect())
}

/// True if the browser sent one of our cookies. Only the control plane can verify its value.
pub(crate) fn has_ours(headers: &HeaderMap) -> bool {
    received(headers).is_ok_and(|cookies| cookies.iter().any(|cookie| !cookie.value.is_empty()))
}

/// A `cookie-pair` (RFC 6265 §4.2.1) with our prefix; `None` for everything else.
fn ours(pair: &[u8]) -> Option<Cookie> {
    let (name, value) = std::str::from_utf8(pair).ok()?.trim_matches([' ', '\t']).split_once('=')?;
    let is_ours = name.starts_with(COOKIE_PREFIX) && name != LANGUAGE_COOKIE;
    let fits = is_ours && name.bytes().all(is_token) && value.bytes().all(is_cookie_octet);
    fits.then(|| Cookie { name: name.to_owned(), value: value.to_owned() })
}

/// RFC 6265 §4.1.1 `cookie-octet`.
fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// RFC 9110 §5.6.2 `tchar`.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `Set-Cookie` headers. Every cookie has the same attributes, so none is less protected than another.
pub(crate) fn set(cookies: &[SetCookie]) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for SetCookie { name, value, max_age_seconds } in cookies {
        // Values come from our own control plane. One that could split a header is a bug there.
        if !name.starts_with(COOKIE_PREFIX) || !name.bytes().all(is_token) || !value.bytes().all(is_cookie_octet) {
            return Err(Failure::new(Reason::Fault));
        }
        let max_age = max_age_seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{max_age}");
        headers.append(SET_COOKIE, HeaderValue::try_from(cookie).map_err(|_| Failure::new(Reason::Fault))?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_on(headers: &[&str]) -> Vec<String> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(COOKIE, HeaderValue::from_bytes(header.as_bytes()).expect("a header value"));
        }
        received(&map).expect("small").into_iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect()
    }

    #[test]
    fn only_our_cookies_are_passed_on_with_repetitions() {
        let headers = ["a=1; __Host-lychgate-b=x; __host-lychgate-c=y", "__Host-lychgate-b=z;__Host-lychgate-d="];
        assert_eq!(passed_on(&headers), ["__Host-lychgate-b=x", "__Host-lychgate-b=z", "__Host-lychgate-d="]);
    }

    #[test]
    fn malformed_cookies_are_dropped() {
        assert_eq!(passed_on(&["__Host-lychgate-a; =; ;__Host-lychgate-b=\"q\"; __Host-lychgate-c=a b; é=1"]), [""; 0]);
        assert_eq!(passed_on(&["__Host-lychgate-a=b=c; __Host-lychgate-language=de"]), ["__Host-lychgate-a=b=c"]);
    }

    #[test]
    fn number_and_size_of_cookies_are_limited() {
        assert_eq!(passed_on(&["__Host-lychgate-a=1; ".repeat(100).as_str()]).len(), MAX_PASSED_ON);
        let mut map = HeaderMap::new();
        map.insert(COOKIE, HeaderValue::try_from("x".repeat(MAX_HEADER_BYTES + 1)).expect("a header value"));
        assert_eq!(received(&map).expect_err("a refusal").reason(), Reason::RequestTooLarge);
    }

    /// Requirements: B10.
    #[test]
    fn every_cookie_has_the_same_attributes() {
        let cookie = |max_age_seconds| SetCookie {
            name: "__Host-lychgate-x".to_owned(),
            value: "v".to_owned(),
            max_age_seconds,
        };
        let headers = set(&[cookie(None), cookie(Some(600)), cookie(Some(0))]).expect("headers");
        let lines: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
        let common = "__Host-lychgate-x=v; Path=/; Secure; HttpOnly; SameSite=Lax";
        assert_eq!(lines, [common, &format!("{common}; Max-Age=600"), &format!("{common}; Max-Age=0")]);
    }

    #[test]
    fn value_that_could_add_an_attribute_is_a_fault() {
        for (name, value) in [("__Host-lychgate-x", "v; Domain=evil"), ("__Host-lychgate-x", "a\r\nb"), ("other", "v")]
        {
            let cookie = SetCookie { name: name.to_owned(), value: value.to_owned(), max_age_seconds: None };
            assert_eq!(set(&[cookie]).expect_err("a refusal").reason(), Reason::Fault);
        }
    }
}
