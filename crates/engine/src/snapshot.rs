//! Results of reads and scans.

use lychgate_clock::Timestamp;

use crate::Key;

/// Identifies one write of one key. Never reused, not even after the key was deleted and created again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// Identifies a store's history. A copy, a restore and a point-in-time recovery each begin a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub [u8; 16]);

/// A point in a store's history. A read sees exactly the commits up to its revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revision {
    /// The history the point belongs to.
    pub incarnation: Incarnation,
    /// Grows with every commit.
    pub sequence: u64,
}

/// A value, as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The write that put the value there.
    pub version: Version,
    /// The value.
    pub value: Vec<u8>,
    /// From this instant on the entry is absent.
    pub expires_at: Option<Timestamp>,
}

/// The result of [`Engine::read`](crate::Engine::read).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The point in history that was read.
    pub revision: Revision,
    /// One item for each key of the request, in the same order; `None` if the key is absent.
    pub entries: Vec<Option<Entry>>,
}

/// Bounds the cost of one page of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The largest number of entries returned.
    pub results: usize,
    /// The largest number of rows examined, expired ones included.
    pub rows: usize,
}

/// One page of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The point in history that was read.
    pub revision: Revision,
    /// Live entries, in key order.
    pub entries: Vec<(Key, Entry)>,
    /// The next page's [`KeyRange::from`](crate::KeyRange::from); `None` at the end of the range.
    pub next: Option<Vec<u8>>,
}
