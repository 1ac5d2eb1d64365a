//! Bearer tokens in the header (RFC 6750 §2.1), the only place where they are looked for, and the challenge that asks for
//! them (§3).

use axum::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};

use crate::failure::Failure;
use crate::issuers::Issuer;

/// The token; `None` also if there are two, or something that is none.
pub(crate) fn token(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then(|| token.to_owned())
}

/// `failure`, and how to do better. Whoever has sent no token is told of no error (RFC 6750 §3.1).
pub(crate) fn challenge(failure: Failure, issuer: &Issuer, sent: bool) -> Failure {
    if failure.json_status() != StatusCode::UNAUTHORIZED {
        return failure;
    }
    let error = if sent { ", error=\"invalid_token\"" } else { "" };
    match HeaderValue::try_from(format!("Bearer realm=\"{}\"{error}", issuer.url)) {
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
    fn one_token_in_one_header() {
        assert_eq!(token_of(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(token_of(&["bearer  abc "]).as_deref(), Some("abc"));
        for none in [&[][..], &["Bearer"], &["Bearer "], &["Basic abc"], &["Bearer a", "Bearer a"]] {
            assert_eq!(token_of(none), None, "{none:?}");
        }
    }
}
