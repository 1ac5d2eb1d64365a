//! The session cookie.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Length of a [`super::random_token`].
const VALUE_LENGTH: usize = 43;

/// The session cookie of one provider. Its name has a digest of the issuer, because cookies ignore ports and two providers on
/// one host share a cookie jar.
///
/// It is not `Secure`, and so not `__Host-`, because HTTP clients other than browsers drop such cookies over http. It has no
/// `Max-Age`: it ends with the browser.
pub(super) struct SessionCookie {
    name: String,
}

impl SessionCookie {
    pub(super) fn of(issuer: &str) -> Self {
        let digest = Sha256::digest(issuer.as_bytes());
        Self { name: format!("lychgate_demo_{}", BASE64_URL_SAFE_NO_PAD.encode(&digest[..6])) }
    }

    pub(super) fn set(&self, value: &str) -> String {
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax", self.name)
    }

    /// The value. `None` if several cookies have this name, because another origin may have planted one.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<String> {
        let mut values = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name)
            .map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) if value.len() == VALUE_LENGTH => Some(value.to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn cookie_is_read_only_if_its_name_is_unique() {
        let cookie = SessionCookie::of("http://127.0.0.1:9001");
        let other = SessionCookie::of("http://127.0.0.1:9002");
        let value = "v".repeat(VALUE_LENGTH);
        let pair = |cookie: &SessionCookie| format!("{}={value}", cookie.name);
        let read =
            |sent: String| cookie.read(&HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(sent).unwrap())]));
        assert_eq!(read(format!("a=b; {}", pair(&cookie))), Some(value.clone()));
        assert_eq!(read(format!("{}; {}", pair(&cookie), pair(&other))), Some(value.clone()));
        assert_eq!(read(format!("{}; {}", pair(&cookie), pair(&cookie))), None);
        assert_eq!(read(pair(&other)), None);
        assert_eq!(read(format!("{}=short", cookie.name)), None);
    }
}
