//! Identifiers. Each kind has a type of its own, on the wire and off it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::time::Timestamp;

/// Base64url without padding (RFC 4648 §5), the text form of all ids and secrets.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes exactly `N` bytes. Accepts only the canonical spelling: no padding, no trailing bits.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode_vec(text)?.try_into().ok()
}

/// As [`decode`], for any length.
pub fn decode_vec(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// An id from its 16 bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes.
            pub fn bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Parses 22 characters of base64url.
            pub fn parse(text: &str) -> Option<Self> {
                decode(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )*};
}

id! {
    /// One rendering of `/authorize`; every GET makes another.
    TicketId;
    /// One browser. Anonymous: it identifies no person.
    BrowserId;
    /// One ticket in one browser, hence one decision. Begins with 48 bits of time.
    AuthorizationId;
    /// One login at the upstream for the page of connected apps. It has no record.
    AccountLoginId;
    /// A grant: everything that one redeemed code gave.
    GrantId;
    /// A person's connection to their account at the upstream: a digest of the subject.
    ConnectionId;
    /// One entry of the audit log. Begins with 48 bits of time.
    EventId;
    /// The idempotency key: one HTTP request at the edge, however often the edge repeats its call. On the wire it is
    /// called `attempt`. The edge makes it, never a client: with a known attempt, a stranger could repeat other
    /// clients' calls.
    Attempt;
}

impl AuthorizationId {
    /// An id of 48 bits of `time` and 80 bits of `rest`.
    pub fn new(time: Timestamp, rest: &[u8; 32]) -> Self {
        Self(time_ordered(time, rest))
    }

    /// The time with which the id begins.
    pub fn time(&self) -> Timestamp {
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&self.0[..6]);
        Timestamp::from_millis(u64::from_be_bytes(millis))
    }
}

impl EventId {
    /// An id of 48 bits of `time` and 80 bits of `rest`.
    pub fn new(time: Timestamp, rest: &[u8; 32]) -> Self {
        Self(time_ordered(time, rest))
    }
}

fn time_ordered(time: Timestamp, rest: &[u8; 32]) -> [u8; 16] {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&time.millis().to_be_bytes()[2..]);
    id[6..].copy_from_slice(&rest[..10]);
    id
}

/// An OAuth `client_id`: 1 to 512 printable ASCII characters without space, quotation mark and backslash. Ids that
/// Lychgate makes are `client-` and 22 characters, so that they never look like a URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);

impl ClientId {
    /// `None` unless the text has the form of an id.
    pub fn parse(text: &str) -> Option<Self> {
        let printable = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        ((1..=512).contains(&text.len()) && text.bytes().all(printable)).then(|| Self(text.to_owned()))
    }

    pub(crate) fn derived(bytes: &[u8; 16]) -> Self {
        Self(format!("client-{}", encode(bytes)))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An issuer's configured id: 1 to 32 of `[a-z0-9-]`. Part of the upstream's callback path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerId(String);

impl IssuerId {
    /// `None` unless the text has the form of an id.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        ((1..=32).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IssuerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_has_one_spelling(bytes: [u8; 16], other in "[A-Za-z0-9_=-]{20,24}") {
            let id = TicketId::from_bytes(bytes);
            prop_assert_eq!(TicketId::parse(&id.to_string()), Some(id));
            if let Some(parsed) = TicketId::parse(&other) {
                prop_assert_eq!(parsed.to_string(), other);
            }
        }

        #[test]
        fn time_ordered_ids_sort_by_time(a in 0u64..1 << 48, b in 0u64..1 << 48, x: [u8; 32], y: [u8; 32]) {
            let (a, b) = (Timestamp::from_millis(a), Timestamp::from_millis(b));
            let (id_a, id_b) = (AuthorizationId::new(a, &x), AuthorizationId::new(b, &y));
            prop_assert_eq!(id_a.time(), a);
            if a < b {
                prop_assert!(id_a < id_b);
            }
        }
    }

    /// Requirements: D13.
    #[test]
    fn a_client_id_of_ours_is_never_a_url() {
        assert!(!ClientId::derived(&[0; 16]).as_str().contains(':'));
    }

    #[test]
    fn malformed_client_ids_are_refused() {
        for text in ["", " ", "a b", "a\"b", "a\\b", "ä", "a\n", &"x".repeat(513)] {
            assert_eq!(ClientId::parse(text), None, "{text:?}");
        }
    }
}
