//! Spaces and keys.

use std::fmt;

/// A named range of keys. The discriminants are on disk: they are added to, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Space {
    /// The store's record level, keyrings, digest chains and configuration digests.
    Meta = 0,
    /// Registered clients, and the status of unregistered ones.
    Clients = 1,
    /// Decisions and their codes.
    Authorizations = 2,
    /// Consents.
    Consents = 3,
    /// Grants.
    Grants = 4,
    /// Revocation counters of issuers, clients and subjects.
    Counters = 5,
    /// Client assertions that were used.
    Assertions = 6,
    /// Operators' requests that were carried out.
    Requests = 8,
    /// Pending revocations at the upstream.
    UpstreamRevocations = 9,
    /// Signed digests of the event log, range by range.
    Digests = 10,
    /// The upstream's tokens, person by person.
    Connections = 11,
}

impl Space {
    /// Every space.
    pub const ALL: [Space; 11] = [
        Space::Meta,
        Space::Clients,
        Space::Authorizations,
        Space::Consents,
        Space::Grants,
        Space::Counters,
        Space::Assertions,
        Space::Requests,
        Space::UpstreamRevocations,
        Space::Digests,
        Space::Connections,
    ];

    /// A stable name, for column families and tables.
    pub fn name(self) -> &'static str {
        match self {
            Space::Meta => "meta",
            Space::Clients => "clients",
            Space::Authorizations => "authorizations",
            Space::Consents => "consents",
            Space::Grants => "grants",
            Space::Counters => "counters",
            Space::Assertions => "assertions",
            Space::Requests => "requests",
            Space::UpstreamRevocations => "upstream_revocations",
            Space::Digests => "digests",
            Space::Connections => "connections",
        }
    }
}

/// The address of a value. Built of fixed-width or hashed parts, never of text that a client chose: such text could
/// reach into another record's range.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The space the key belongs to.
    pub space: Space,
    /// 1 to [`Batch::MAX_KEY_BYTES`](crate::Batch::MAX_KEY_BYTES) bytes. Keys of a space are ordered by them.
    pub bytes: Vec<u8>,
}

impl Key {
    /// A key of `space`.
    pub fn new(space: Space, bytes: impl Into<Vec<u8>>) -> Self {
        Self { space, bytes: bytes.into() }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.space.name())?;
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Keys `from ≤ key < to`; without `to`, up to the end of the space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key of the range.
    pub from: Vec<u8>,
    /// The first key after the range.
    pub to: Option<Vec<u8>>,
}

impl KeyRange {
    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        let mut to = prefix.to_vec();
        while let Some(last) = to.pop() {
            if last < u8::MAX {
                to.push(last + 1);
                return Self { from: prefix.to_vec(), to: Some(to) };
            }
        }
        Self { from: prefix.to_vec(), to: None }
    }
}
