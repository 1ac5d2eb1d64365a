//! Client authentication as it is sent (RFC 6749 §2.3). The control plane verifies it.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use lychgate_api::Reason;
use lychgate_api::v1::{BasicCredentials, ClientCredentials};

use super::parameters::{self, Form};
use crate::failure::Failure;

/// Everything that the client sent, contradictions included: the control plane refuses those.
pub(crate) fn of(basic: Option<BasicCredentials>, form: &mut Form) -> ClientCredentials {
    ClientCredentials {
        client_id: form.take("client_id"),
        client_secret: form.take("client_secret"),
        basic,
        client_assertion: form.take("client_assertion"),
        client_assertion_type: form.take("client_assertion_type"),
    }
}

/// The client id and the secret that the request presents; `None` if it presents no secret. If header and form differ, the
/// control plane verifies neither.
pub(crate) fn secret(client: &ClientCredentials) -> Option<(&str, &str)> {
    let basic = client.basic.as_ref().map(|basic| (basic.client_id.as_str(), basic.client_secret.as_str()));
    let form = || Some((client.client_id.as_deref()?, client.client_secret.as_deref()?));
    basic.or_else(form).filter(|(_, secret)| !secret.is_empty())
}

/// The `WWW-Authenticate` header for a client that tried HTTP Basic (RFC 6749 §5.2).
pub(crate) struct Challenge(Option<HeaderValue>);

impl Challenge {
    pub(crate) fn of(headers: &HeaderMap, issuer_url: &str) -> Self {
        let challenge = attempted_basic(headers).then(|| format!("Basic realm=\"{issuer_url}\""));
        Self(challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok()))
    }

    /// Adds the challenge to an `invalid_client` failure.
    pub(crate) fn add_to(self, failure: Failure) -> Failure {
        match self.0 {
            Some(challenge) if failure.reason().oauth_error() == "invalid_client" => {
                failure.with_header(WWW_AUTHENTICATE, challenge)
            }
            Some(_) | None => failure,
        }
    }
}

/// Other schemes are ignored: some clients send a bearer token with every request.
fn attempted_basic(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(|value| basic_payload(value).is_some())
}

fn basic_payload(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, payload) = value.as_bytes().split_at_checked(b"Basic".len())?;
    // The scheme is case-insensitive (RFC 9110 §11.1).
    let separated = payload.is_empty() || payload.starts_with(b" ");
    (scheme.eq_ignore_ascii_case(b"Basic") && separated).then(|| payload.trim_ascii())
}

/// The credentials of HTTP Basic: base64 of id and secret, each form-encoded (RFC 6749 §2.3.1). Many clients omit the form
/// encoding, so the text before decoding goes along if it differs. Ids and secrets that we issue read the same either way;
/// those that an operator chose need not.
pub(crate) fn basic(headers: &HeaderMap) -> Result<Option<BasicCredentials>, Failure> {
    if !attempted_basic(headers) {
        return Ok(None);
    }
    let malformed =
        || Failure::new(Reason::ClientAuthenticationFailed).describe("the Authorization header could not be read");
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(malformed()) };
    let payload = basic_payload(value).ok_or_else(malformed)?;
    let decoded = STANDARD_PAD_INDIFFERENT.decode(payload).map_err(|_| malformed())?;
    let verbatim = std::str::from_utf8(&decoded).map_err(|_| malformed())?;
    let (id, secret) = verbatim.split_once(':').ok_or_else(malformed)?;
    let client_id = parameters::decode(id.as_bytes()).map_err(|_| malformed())?;
    let client_secret = parameters::decode(secret.as_bytes()).map_err(|_| malformed())?;
    let verbatim_client_id = (client_id != id).then(|| id.to_owned());
    let verbatim_client_secret = (client_secret != secret).then(|| secret.to_owned());
    Ok(Some(BasicCredentials { client_id, client_secret, verbatim_client_id, verbatim_client_secret }))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn parsed(header: &str) -> Result<Option<(String, String)>, Reason> {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::try_from(header).expect("a header value"));
        let basic = basic(&headers).map_err(|failure| failure.reason())?;
        Ok(basic.map(|basic| (basic.client_id, basic.client_secret)))
    }

    fn encoded(credentials: &str) -> String {
        format!("Basic {}", STANDARD.encode(credentials))
    }

    /// Requirements: R13, R14.
    #[test]
    fn form_encoded_and_raw_credentials_are_understood() {
        let expect = |id: &str, secret: &str| Ok(Some((id.to_owned(), secret.to_owned())));
        assert_eq!(parsed(&encoded("lgi_a-b:s_1-2")), expect("lgi_a-b", "s_1-2"));
        assert_eq!(parsed(&encoded("https%3A%2F%2Fa:s%2B+%25")), expect("https://a", "s+ %"));
        assert_eq!(parsed(&encoded("public:")), expect("public", ""));
        assert_eq!(parsed(&encoded("a:b:c")), expect("a", "b:c"));
        assert_eq!(parsed(&encoded("ab:c").replace("Basic", "bAsIc").replace('=', "")), expect("ab", "c"));
    }

    #[test]
    fn credentials_that_decoding_changes_are_passed_on_in_both_forms() {
        let verbatim = |credentials: &str| {
            let headers =
                HeaderMap::from_iter([(AUTHORIZATION, encoded(credentials).parse().expect("a header value"))]);
            let basic = basic(&headers).expect("readable").expect("Basic");
            (basic.verbatim_client_id, basic.verbatim_client_secret)
        };
        assert_eq!(verbatim("notes:s-1_2/3=="), (None, None));
        assert_eq!(verbatim("my notes:a+b%2B"), (None, Some("a+b%2B".to_owned())));
        assert_eq!(verbatim("my+notes:a"), (Some("my+notes".to_owned()), None));
    }

    #[test]
    fn unreadable_credentials_are_a_failed_authentication() {
        for header in ["Basic", "Basic ", "Basic !!", &encoded("no-colon"), &encoded("a:%ff")] {
            assert_eq!(parsed(header), Err(Reason::ClientAuthenticationFailed), "{header}");
        }
    }

    #[test]
    fn other_schemes_are_ignored() {
        for header in ["Bearer x", "Basics x", "Bas", ""] {
            assert_eq!(parsed(header), Ok(None), "{header}");
        }
    }

    #[test]
    fn two_authorization_headers_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
        assert!(basic(&headers).is_err());
    }
}
