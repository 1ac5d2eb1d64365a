//! How many requests of a kind are under way at once, together and for each prefix.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use crate::client_address::Prefix;

#[derive(Debug)]
pub(super) struct Places {
    total: usize,
    per_prefix: usize,
    taken: Mutex<Taken>,
}

/// Only of requests under way, so no more entries than there are connections.
#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_prefix: HashMap<Prefix, usize>,
}

/// A request under way. Dropping it makes room, however the request ended.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    places: &'a Places,
    prefix: Prefix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crowded {
    Prefix,
    Total,
}

impl Places {
    pub(super) fn new(per_prefix: usize, total: usize) -> Self {
        Self { total, per_prefix, taken: Mutex::default() }
    }

    pub(super) fn take(&self, prefix: Prefix) -> Result<Place<'_>, Crowded> {
        let mut taken = self.taken();
        let of_prefix = taken.by_prefix.get(&prefix).copied().unwrap_or_default();
        if of_prefix >= self.per_prefix {
            return Err(Crowded::Prefix);
        }
        if taken.total >= self.total {
            return Err(Crowded::Total);
        }
        taken.total += 1;
        taken.by_prefix.insert(prefix, of_prefix + 1);
        Ok(Place { places: self, prefix })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().expect("nothing panics while holding it")
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.total -= 1;
        match taken.by_prefix.get_mut(&self.prefix) {
            Some(others) if *others > 1 => *others -= 1,
            Some(_) | None => drop(taken.by_prefix.remove(&self.prefix)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn places_are_counted_by_prefix_and_together_and_come_back() {
        let prefix = |n| Prefix::of(IpAddr::from([n, 0, 0, 1]));
        let places = Places::new(2, 3);
        let first = [places.take(prefix(1)).expect("room"), places.take(prefix(1)).expect("room")];
        assert_eq!(places.take(prefix(1)).expect_err("no room"), Crowded::Prefix);
        let other = places.take(prefix(2)).expect("room");
        assert_eq!(places.take(prefix(3)).expect_err("no room"), Crowded::Total);
        drop(other);
        drop(places.take(prefix(3)).expect("room again"));
        drop(first);
        assert!(places.taken().by_prefix.is_empty() && places.taken().total == 0, "who has left is forgotten");
    }
}
