//! Bearer tokens in the `Authorization` header (RFC 6750 §2.1) or a header of the same form, and the challenge that asks for one
//! (§3). Tokens in a form or a query are not accepted.

use axum::http::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};

use crate::failure::Failure;

/// The token; `None` also for two `Authorization` headers and for other schemes.
pub(crate) fn token(headers: &HeaderMap) -> Option<String> {
    token_in(headers, &AUTHORIZATION)
}

/// The same of another header.
pub(crate) fn token_in(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then(|| token.to_owned())
}

/// Adds a challenge to a failure with status 401. `sent`: whether the request had a token; without one the challenge names
/// no error (RFC 6750 §3.1).
pub(crate) fn challenge(failure: Failure, issuer_url: &str, sent: bool) -> Failure {
    if failure.json_status() != StatusCode::UNAUTHORIZED {
        return failure;
    }
    let error = if sent { ", error=\"invalid_token\"" } else { "" };
    match HeaderValue::try_from(format!("Bearer realm=\"{issuer_url}\"{error}")) {
        Ok(challenge) => failure.with_header(WWW_AUTHENTICATE, challenge),
        Err(_) => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_of(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        token(&headers)
    }

    #[test]
    fn only_one_token_in_one_header_counts() {
        assert_eq!(token_of(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(token_of(&["bearer  abc "]).as_deref(), Some("abc"));
        for none in [&[][..], &["Bearer"], &["Bearer "], &["Basic abc"], &["Bearer a", "Bearer a"]] {
            assert_eq!(token_of(none), None, "{none:?}");
        }
    }
}
