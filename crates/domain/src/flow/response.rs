//! Authorization responses. No other module builds a redirect to a client.

use url::form_urlencoded::Serializer;

use crate::Refusal;
use crate::client::redirect_uri::RedirectUri;
use crate::issuer::IssuerUrl;
use crate::secret::{Secret, kind};

/// The limit of [`early_error`]'s URL: 4 KiB of `state`, as a ticket takes it, percent-encoded, and 4 KiB for redirect URI,
/// description and issuer.
pub const MAX_EARLY_BYTES: usize = 16 * 1024;

/// The URL that returns a code to the client (RFC 6749 §4.1.2).
pub fn success(
    redirect_uri: &RedirectUri,
    code: &Secret<kind::Code>,
    state: Option<&str>,
    issuer: &IssuerUrl,
) -> String {
    build(redirect_uri, &[("code", code.expose())], state, issuer)
}

/// The URL that returns an error to the client (RFC 6749 §4.1.2.1). `code` is the OAuth code of `refusal`.
pub fn error(
    redirect_uri: &RedirectUri,
    (code, refusal): (&str, &Refusal),
    state: Option<&str>,
    issuer: &IssuerUrl,
) -> String {
    let description = refusal.to_string();
    build(redirect_uri, &[("error", code), ("error_description", &description)], state, issuer)
}

/// [`error`] for a request that has no ticket yet, so that its `state` may be of any length. `None` if the URL would be longer
/// than that of any request that a ticket can carry: it would exceed the limits of headers on its way, and a client must not
/// get its `state` in part.
pub fn early_error(
    redirect_uri: &RedirectUri,
    code_and_refusal: (&str, &Refusal),
    state: Option<&str>,
    issuer: &IssuerUrl,
) -> Option<String> {
    Some(error(redirect_uri, code_and_refusal, state, issuer)).filter(|url| url.len() <= MAX_EARLY_BYTES)
}

/// The URL that tells the client of a denial: `access_denied` (RFC 6749 §4.1.2.1).
pub fn denied(redirect_uri: &RedirectUri, state: Option<&str>, issuer: &IssuerUrl) -> String {
    build(redirect_uri, &[("error", "access_denied")], state, issuer)
}

/// The URL that tells the client that the person can no longer answer: `access_denied` (RFC 6749 §4.1.2.1), which clients
/// take for the end of the request, and not for a fault of theirs. `refusal` says why.
pub fn too_late(redirect_uri: &RedirectUri, refusal: &Refusal, state: Option<&str>, issuer: &IssuerUrl) -> String {
    error(redirect_uri, ("access_denied", refusal), state, issuer)
}

/// The redirect URI, byte for byte, with the parameters of the response: `state` if it was sent, and exactly one `iss`
/// (RFC 9207 §2), by which a client of several servers knows which one answers.
fn build(redirect_uri: &RedirectUri, answer: &[(&str, &str)], state: Option<&str>, issuer: &IssuerUrl) -> String {
    let uri = redirect_uri.as_str();
    let separator = match uri.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let mut query = Serializer::new(String::new());
    query.extend_pairs(answer);
    query.extend_pairs(state.map(|state| ("state", state)));
    query.append_pair("iss", issuer.as_str());
    format!("{uri}{separator}{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use url::Url;

    fn issuer() -> IssuerUrl {
        IssuerUrl::parse("https://gate.example/t").unwrap()
    }

    fn code() -> Secret<kind::Code> {
        Secret::new("lgc_abc")
    }

    #[test]
    fn the_bytes_of_the_redirect_uri_are_kept() {
        for (uri, expected) in [
            ("https://app.example/cb", "https://app.example/cb?code=lgc_abc&iss=https%3A%2F%2Fgate.example%2Ft"),
            (
                "https://app.example/%7Ecb?x=%41",
                "https://app.example/%7Ecb?x=%41&code=lgc_abc&iss=https%3A%2F%2Fgate.example%2Ft",
            ),
            ("https://app.example/cb?", "https://app.example/cb?code=lgc_abc&iss=https%3A%2F%2Fgate.example%2Ft"),
        ] {
            let redirect_uri = RedirectUri::parse(uri, &[]).unwrap();
            assert_eq!(success(&redirect_uri, &code(), None, &issuer()), expected);
        }
    }

    #[test]
    fn early_error_is_bounded_and_never_has_half_a_state() {
        let redirect_uri = RedirectUri::parse("http://127.0.0.1:9/cb?x=1", &[]).unwrap();
        let longest = |unit: &str| {
            let refused = ("invalid_scope", &Refusal::ScopeInvalid);
            let early = |times: usize| early_error(&redirect_uri, refused, Some(&unit.repeat(times)), &issuer());
            let (mut fits, mut exceeds) = (0, 20_000);
            while exceeds - fits > 1 {
                let middle = usize::midpoint(fits, exceeds);
                if early(middle).is_some() { fits = middle } else { exceeds = middle }
            }
            let url = Url::parse(&early(fits).unwrap()).unwrap();
            assert!(url.as_str().len() <= MAX_EARLY_BYTES);
            let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
            assert_eq!(state, unit.repeat(fits));
            state.len()
        };
        // Every state that fits into a ticket comes back.
        for unit in ["a", "!", "%", "\u{e9}", "\u{1f980}"] {
            assert!(longest(unit) >= 4096, "{unit}");
        }
    }

    proptest! {
        /// Requirements: A6, R11.
        #[test]
        fn a_response_returns_state_and_exactly_one_iss(state in any::<String>(), deny: bool) {
            let redirect_uri = RedirectUri::parse("http://127.0.0.1:9/cb?x=1", &[]).unwrap();
            let response = if deny {
                error(&redirect_uri, ("invalid_scope", &Refusal::ScopeInvalid), Some(&state), &issuer())
            } else {
                success(&redirect_uri, &code(), Some(&state), &issuer())
            };
            let url = Url::parse(&response).unwrap();
            let values = |name: &str| url.query_pairs().filter(|(n, _)| n == name).map(|(_, v)| v.into_owned()).collect::<Vec<_>>();
            prop_assert_eq!(values("state"), vec![state]);
            prop_assert_eq!(values("iss"), vec!["https://gate.example/t".to_owned()]);
            prop_assert_eq!(values("x"), vec!["1".to_owned()]);
            prop_assert_eq!(values("code").len() + values("error").len(), 1);
        }
    }
}
