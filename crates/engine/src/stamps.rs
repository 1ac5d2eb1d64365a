//! Which keys have been written since when, told without reading them: for what is remembered of an engine's data.
//!
//! An engine through which every write goes keeps a stamp for each key: the newest sequence it was written under. Keys
//! share stamps, so a key may pass for written when another was; never the other way round.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Incarnation, Key, Revision};

/// How many stamps there are: 4 MiB of them.
const STAMPS: usize = 1 << 19;

#[derive(Debug)]
pub struct Stamps {
    incarnation: Incarnation,
    /// Every commit up to here has stamped its keys.
    newest: AtomicU64,
    stamps: Box<[AtomicU64]>,
}

/// Where a key's stamp is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u32);

impl Place {
    pub fn of(key: &Key) -> Self {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Self(hasher.finish() as u32 % STAMPS as u32)
    }
}

impl Stamps {
    /// Of a store that is at `sequence`.
    pub fn new(incarnation: Incarnation, sequence: u64) -> Self {
        let stamps = (0..STAMPS).map(|_| AtomicU64::new(0)).collect();
        Self { incarnation, newest: AtomicU64::new(sequence), stamps }
    }

    /// Before any reader can see what is written to `keys` under `sequence`, or under a lower one.
    pub fn stamp<'a>(&self, keys: impl Iterator<Item = &'a Key>, sequence: u64) -> Stamped<'_> {
        for key in keys {
            self.stamps[Place::of(key).0 as usize].fetch_max(sequence, Ordering::Release);
        }
        Stamped { stamps: self, sequence }
    }

    /// A point in the store's history that lies behind every commit that has been acknowledged.
    pub fn newest(&self) -> Revision {
        Revision { incarnation: self.incarnation, sequence: self.newest.load(Ordering::Acquire) }
    }

    /// Whether nothing has been written at `places` after `since`, up to [`newest`](Self::newest) as it was before this call.
    pub fn unwritten(&self, places: &[Place], since: Revision) -> bool {
        let stamp = |place: &Place| self.stamps[place.0 as usize].load(Ordering::Acquire);
        since.incarnation == self.incarnation && places.iter().all(|place| stamp(place) <= since.sequence)
    }
}

/// That the keys of a write have been stamped.
#[must_use = "a write that is not published is never the newest"]
#[derive(Debug)]
pub struct Stamped<'a> {
    stamps: &'a Stamps,
    sequence: u64,
}

impl Stamped<'_> {
    /// When every reader sees what was written, and before it is acknowledged.
    pub fn publish(self) {
        self.stamps.newest.fetch_max(self.sequence, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Space;

    #[test]
    fn what_was_written_since_is_told_from_what_was_not() {
        let (here, other) = (Incarnation([1; 16]), Incarnation([2; 16]));
        let stamps = Stamps::new(here, 7);
        let [one, two] = [b"one", b"two"].map(|bytes| Key::new(Space::Consents, *bytes));
        let at = |sequence| Revision { incarnation: here, sequence };
        assert_eq!(stamps.newest(), at(7));
        let stamped = stamps.stamp([&one].into_iter(), 9);
        assert_eq!(stamps.newest(), at(7), "nobody can rely on it yet");
        assert!(!stamps.unwritten(&[Place::of(&one)], at(8)) && stamps.unwritten(&[Place::of(&one)], at(9)));
        assert!(!stamps.unwritten(&[Place::of(&two), Place::of(&one)], at(8)));
        assert!(stamps.unwritten(&[Place::of(&two)], at(7)));
        assert!(!stamps.unwritten(&[Place::of(&two)], Revision { incarnation: other, sequence: 100 }));
        stamped.publish();
        stamps.stamp([&two].into_iter(), 8).publish();
        assert_eq!(stamps.newest(), at(9));
    }
}
