//! Issuer identifiers.

use crate::keys::short_digest;
use crate::origin::{NormalUrl, Origin, UrlFlaw};

/// An issuer identifier (RFC 8414 §2): https, or http on loopback, in normal form, without query, fragment and trailing
/// slash. Kept as written, because clients compare it byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerUrl {
    text: String,
    origin: Origin,
    /// Length of the origin in the text.
    origin_length: usize,
}

impl IssuerUrl {
    /// The error says what to change.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let normal = NormalUrl::parse(text).map_err(advice)?;
        let url = normal.as_url();
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err("use https; http only on localhost, 127.0.0.1 or [::1]"),
        }
        if url.query().is_some() {
            return Err(advice(UrlFlaw::Fragment));
        }
        if text.ends_with('/') {
            return Err("leave out the trailing slash: clients compare the issuer byte for byte");
        }
        let origin = normal.origin().clone();
        Ok(Self { text: text.to_owned(), origin_length: url.origin().ascii_serialization().len(), origin })
    }

    /// The identifier, byte for byte.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.text[..self.origin_length]
    }

    /// The parsed origin.
    pub fn parsed_origin(&self) -> &Origin {
        &self.origin
    }

    /// The part after the origin: "" or "/path".
    pub fn path(&self) -> &str {
        &self.text[self.origin_length..]
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

fn advice(flaw: UrlFlaw) -> &'static str {
    match flaw {
        UrlFlaw::Unparsable => "write an absolute URL",
        UrlFlaw::Fragment | UrlFlaw::UserInformation => "leave out query, fragment and user information",
        UrlFlaw::Characters | UrlFlaw::Escape | UrlFlaw::DotSegment | UrlFlaw::Spelling | UrlFlaw::Host => {
            "write it in its normal form: lower-case scheme and host, no default port, no dot segments"
        }
    }
}
