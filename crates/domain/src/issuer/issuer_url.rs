//! Issuer identifiers.

use url::Url;

use crate::keys::short_digest;

/// An issuer identifier (RFC 8414 §2): https, or http on loopback, without query, fragment and trailing slash. Kept as
/// written, because clients compare it byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerUrl {
    text: String,
    origin: String,
}

impl IssuerUrl {
    /// The error says what to change.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "write an absolute URL")?;
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err("use https; http only on localhost, 127.0.0.1 or [::1]"),
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err("leave out query, fragment and user information");
        }
        if text.ends_with('/') {
            return Err("leave out the trailing slash: clients compare the issuer byte for byte");
        }
        if url.as_str().strip_suffix('/').unwrap_or(url.as_str()) != text && url.as_str() != text {
            return Err("write it in its normal form: lower-case scheme and host, no default port, no dot segments");
        }
        Ok(Self { text: text.to_owned(), origin: url.origin().ascii_serialization() })
    }

    /// The identifier, byte for byte.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The part after the origin: "" or "/path".
    pub fn path(&self) -> &str {
        &self.text[self.origin.len()..]
    }

    /// False only for http on loopback.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// The issuer as a fixed-width part of stored keys and cookie names.
    pub fn digest(&self) -> [u8; 16] {
        short_digest("issuer", &[self.text.as_bytes()])
    }
}
