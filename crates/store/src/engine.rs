//! The engine port: where bytes are kept.
//!
//! An engine keeps bytes under expectations (read, scan, commit-if-unchanged) and decides nothing. Every guarantee the
//! rest of Lychgate gives ("once", "revoked means revoked") is one [`Batch`], so that engines differ in nothing a
//! caller sees. `lychgate-engine-suite` holds every engine to what is written here.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
pub use lychgate_domain::entropy::{Entropy, random};
pub use lychgate_domain::time::{CLOCK_SKEW, Clock, Timestamp};

use crate::stamps::Stamps;

/// Where bytes are kept, in named [`Space`]s (a column family, a table).
#[async_trait]
pub trait Engine: Send + Sync + fmt::Debug + 'static {
    /// One snapshot across all keys. Linearizable: it sees every commit that returned before it began. What has
    /// expired at `now` is absent.
    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError>;

    /// The entries of `range` in key order, without those that have expired at `now`. Weakly consistent between pages:
    /// an entry that is unchanged throughout appears exactly once.
    async fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, EngineError>;

    /// Applies all of `batch`, or none of it, durably, before it returns.
    async fn commit(&self, batch: Batch) -> Result<Revision, EngineError>;

    /// Events after `cursor`: none skipped, an event never before another of the same record that preceded it. If
    /// there is none, waits up to `wait` for one. At most `limit` events.
    async fn events(&self, cursor: Cursor, wait: Duration, limit: usize) -> Result<EventPage, EngineError>;

    /// Forgets every event before `cursor`, durably and for good: from then on a cursor before it is lost, and it is the
    /// oldest that there is. Takes nothing else away, moves no event, and never goes back; forgotten again is forgotten.
    async fn forget_events(&self, before: Cursor) -> Result<(), EngineError>;

    /// Whether commits can be taken now, and what a commit survives.
    async fn ready(&self) -> Result<Durability, EngineError>;

    /// Which keys were written since when. Only an engine through which every write goes can know, and none has to.
    fn stamps(&self) -> Option<&Stamps>;
}

/// A named range of keys. The discriminants are on disk: they are added to, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Space {
    /// What the store says about itself, and the keyring.
    Meta = 0,
    Clients = 1,
    Authorizations = 2,
    Consents = 3,
    Grants = 4,
    /// Revocation counters of issuers, clients and subjects.
    Counters = 5,
    /// Client assertions that were used.
    Assertions = 6,
    /// Operators' requests that were done.
    Requests = 8,
    /// What the upstream is yet to be told.
    UpstreamRevocations = 9,
    /// Signed digests of the event log, range by range.
    Digests = 10,
}

impl Space {
    pub const ALL: [Space; 10] = [
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
    ];

    /// Stable, for column families and tables.
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
        }
    }
}

/// Where a value lies. Built of fixed-width or hashed parts, never of a stranger's string.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub space: Space,
    pub bytes: Vec<u8>,
}

impl Key {
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

/// Names one write of one key. Never reused, also not after the key was deleted and made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// A store's history: a copy, a restore and a point-in-time recovery each begin a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub [u8; 16]);

/// A point in a store's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revision {
    pub incarnation: Incarnation,
    /// Grows with every commit; commits that share a group may share it.
    pub sequence: u64,
}

/// A value, as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub version: Version,
    pub value: Vec<u8>,
    pub expires_at: Option<Timestamp>,
}

/// What [`Engine::read`] saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub revision: Revision,
    /// One for each key asked for, in that order.
    pub entries: Vec<Option<Entry>>,
}

/// Keys `from ≤ key < to`; without `to`, to the end of the space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    pub from: Vec<u8>,
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

/// What one page of a scan may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Entries returned, at most.
    pub results: usize,
    /// Rows looked at, at most, expired ones included.
    pub rows: usize,
}

/// One page of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub revision: Revision,
    pub entries: Vec<(Key, Entry)>,
    /// Where the next page begins (`KeyRange::from`); `None` if the range has been read to its end.
    pub next: Option<Vec<u8>>,
}

/// What must be true of a key for a batch to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// There is nothing, or it has expired at the batch's `now`.
    Absent,
    /// This very write is there, and has not expired at the batch's `now`.
    Version(Version),
}

impl Expectation {
    /// That nothing has changed since `entry` was read.
    pub fn unchanged(entry: Option<&Entry>) -> Self {
        entry.map_or(Expectation::Absent, |entry| Expectation::Version(entry.version))
    }
}

/// What happens to a key when its batch is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing: the key is only checked.
    Keep,
    Put {
        value: Vec<u8>,
        /// From this instant on the key is absent; how it disappears is the engine's affair.
        expires_at: Option<Timestamp>,
    },
    Delete,
}

/// One key of a batch: what is expected of it, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub key: Key,
    pub expectation: Expectation,
    pub change: Change,
}

/// A conditional write: the check is the write. Each key stands in it once, with its expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The caller's now: what has expired then is absent.
    pub now: Timestamp,
    /// The engine does not begin to apply the batch at or after this instant, by its own clock: it answers
    /// `Unavailable` instead. It bounds how late a batch whose outcome is unknown may still land.
    pub not_after: Timestamp,
    operations: Vec<Operation>,
    events: Vec<Vec<u8>>,
}

impl Batch {
    pub const MAX_KEY_BYTES: usize = 512;
    pub const MAX_VALUE_BYTES: usize = 64 * 1024;
    pub const MAX_OPERATIONS: usize = 128;
    pub const MAX_BYTES: usize = 1024 * 1024;

    pub fn new(now: Timestamp, not_after: Timestamp) -> Self {
        Self { now, not_after, operations: Vec::new(), events: Vec::new() }
    }

    /// Checks a key that the batch does not write.
    pub fn expect(mut self, key: Key, expectation: Expectation) -> Self {
        self.operations.push(Operation { key, expectation, change: Change::Keep });
        self
    }

    pub fn put(
        mut self,
        key: Key,
        expectation: Expectation,
        value: Vec<u8>,
        expires_at: impl Into<Option<Timestamp>>,
    ) -> Self {
        let change = Change::Put { value, expires_at: expires_at.into() };
        self.operations.push(Operation { key, expectation, change });
        self
    }

    pub fn delete(mut self, key: Key, version: Version) -> Self {
        self.operations.push(Operation { key, expectation: Expectation::Version(version), change: Change::Delete });
        self
    }

    /// Appends to the event log, in the order given.
    pub fn event(mut self, value: Vec<u8>) -> Self {
        self.events.push(value);
        self
    }

    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub fn events(&self) -> &[Vec<u8>] {
        &self.events
    }

    /// What every engine asks first. A batch that fails it is a mistake of the program's.
    pub fn validate(&self) -> Result<(), InvalidBatch> {
        if self.operations.len() + self.events.len() > Self::MAX_OPERATIONS {
            return Err(InvalidBatch::TooManyOperations);
        }
        let mut keys = std::collections::HashSet::with_capacity(self.operations.len());
        let mut bytes = 0;
        for operation in &self.operations {
            let value = match &operation.change {
                Change::Put { value, .. } => value.len(),
                Change::Keep | Change::Delete => 0,
            };
            if operation.key.bytes.is_empty() || operation.key.bytes.len() > Self::MAX_KEY_BYTES {
                return Err(InvalidBatch::KeyLength(operation.key.clone()));
            }
            if value > Self::MAX_VALUE_BYTES {
                return Err(InvalidBatch::ValueTooLong(operation.key.clone()));
            }
            if !keys.insert(&operation.key) {
                return Err(InvalidBatch::RepeatedKey(operation.key.clone()));
            }
            bytes += operation.key.bytes.len() + value;
        }
        for event in &self.events {
            if event.len() > Self::MAX_VALUE_BYTES {
                return Err(InvalidBatch::EventTooLong);
            }
            bytes += event.len();
        }
        if bytes > Self::MAX_BYTES { Err(InvalidBatch::TooManyBytes) } else { Ok(()) }
    }
}

/// Why a batch could never be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBatch {
    #[error("a batch holds at most {max} operations and events", max = Batch::MAX_OPERATIONS)]
    TooManyOperations,
    #[error("a batch holds at most {max} bytes", max = Batch::MAX_BYTES)]
    TooManyBytes,
    #[error("a key has 1 to {max} bytes: {0:?}", max = Batch::MAX_KEY_BYTES)]
    KeyLength(Key),
    #[error("a value has at most {max} bytes: {0:?}", max = Batch::MAX_VALUE_BYTES)]
    ValueTooLong(Key),
    #[error("an event has at most {max} bytes", max = Batch::MAX_VALUE_BYTES)]
    EventTooLong,
    #[error("a key stands in a batch once: {0:?}")]
    RepeatedKey(Key),
}

/// A place in the event log. Opaque to callers, but that in one incarnation it grows with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub incarnation: Incarnation,
    /// The engine's own numbering; 0 is before the first event.
    pub position: u128,
}

impl Cursor {
    /// Whether less of the same log lies before it. Places of two histories are in no order.
    pub fn is_before(&self, other: &Cursor) -> bool {
        self.incarnation == other.incarnation && self.position < other.position
    }
}

/// Events, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    pub events: Vec<EventEntry>,
    /// Where to go on; the given cursor if there were none.
    pub next: Cursor,
    /// Every event committed before this instant has been handed out, up to `next`.
    pub complete_to: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventEntry {
    /// The place right after this event.
    pub cursor: Cursor,
    pub value: Vec<u8>,
}

/// What a commit that returned survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: memory.
    Process,
    /// The end of the process and of the machine, not of the disk.
    LocalDisk,
    /// The loss of a node.
    Replicated,
}

/// Why an engine did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The first key that was not as expected. Nothing was written.
    #[error("a record changed meanwhile: {0:?}")]
    Conflict(Key),
    /// It may have been applied, or may yet be, until the batch's `not_after`. Send the same batch again.
    #[error("the outcome of a commit is unknown")]
    Unknown(#[source] Cause),
    /// Nothing was written, and nothing will be.
    #[error("the store is unavailable")]
    Unavailable(#[source] Cause),
    /// A cursor of another incarnation, or of events that are no longer kept.
    #[error("the cursor is not of this store's history")]
    CursorLost { oldest: Cursor },
    #[error("a batch that can never be applied")]
    Invalid(#[from] InvalidBatch),
}

/// What lies beneath an engine's failure.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;
