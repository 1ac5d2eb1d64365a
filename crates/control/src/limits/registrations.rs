//! The bound on the registrations of an issuer, in number and in bytes. At the bound, a new registration evicts the oldest
//! unused ones; a used registration is never evicted.
//!
//! The totals are kept in memory: counted at the first registration, kept by this process's own writes, and counted again
//! every hour, when expired registrations and those of other nodes come in. So no write has to meet a counter that all
//! writes share, and several nodes together may exceed the bound by what they register in an hour.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lychgate_domain::Refusal;
use lychgate_domain::id::{ClientId, IssuerId};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::time::Timestamp;
use lychgate_store::clients::{Eviction, RegistrationSize};
use lychgate_store::{Commit, Store};

use crate::config::RegistrationBound;
use crate::ground::commit::until_committed;
use crate::ground::error::Error;

/// The age at which registrations are counted again.
const COUNT_AGAIN: Duration = Duration::from_secs(3600);
/// The pause between two counts that find no unused registration.
const PAUSE: Duration = Duration::from_secs(60);
/// Registrations in one eviction: a flood costs one more write for this many registrations.
const EVICTED_AT_ONCE: usize = 50;
/// The most unused registrations that are remembered, oldest first. When they are used up, registrations are counted again.
const MAX_OLDEST: usize = 20_000;

#[derive(Debug)]
pub(crate) struct Registrations {
    bound: RegistrationBound,
    issuers: Mutex<HashMap<IssuerId, Arc<tokio::sync::Mutex<Option<Ledger>>>>>,
}

/// The growth by a write: a new registration, or the new size of one.
#[derive(Clone, Debug)]
pub(crate) struct Growing {
    pub(crate) size: RegistrationSize,
    /// The bytes before; `None` for a new registration.
    pub(crate) before: Option<u64>,
}

/// The registrations of one issuer, as this process knows them.
#[derive(Debug)]
struct Ledger {
    counted_at: Timestamp,
    count: u64,
    bytes: u64,
    /// Unused registrations by age, with their bytes.
    oldest: BTreeMap<Unused, u64>,
}

/// Ordered by time. The id makes the order the same on every node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Unused {
    registered_at: Timestamp,
    id: String,
}

impl Registrations {
    pub(super) fn new(bound: RegistrationBound) -> Self {
        Self { bound, issuers: Mutex::default() }
    }

    /// Makes room for a write, and counts it as if it had succeeded. Refuses with [`Refusal::RegistrationsFull`] if there is
    /// no unused registration to evict.
    pub(crate) async fn make_room(
        &self,
        store: &Store,
        issuer: &Issuer,
        growing: &Growing,
        now: Timestamp,
    ) -> Result<(), Error> {
        let ledger = self.ledger(issuer);
        let mut ledger = ledger.lock().await;
        let mut counted = match ledger.take() {
            Some(counted) if now.age_of(counted.counted_at).is_below(COUNT_AGAIN) => counted,
            Some(_) | None => Ledger::count(store, issuer, now).await?,
        };
        while !counted.fits(growing, self.bound) {
            // Not for each refused registration: a count reads them all.
            if counted.oldest.is_empty() && !now.age_of(counted.counted_at).is_below(PAUSE) {
                counted = Ledger::count(store, issuer, now).await?;
            }
            let evicted = counted.evict(store, issuer, &growing.size.id, now).await?;
            if !evicted {
                *ledger = Some(counted);
                return Err(Refusal::RegistrationsFull.into());
            }
        }
        counted.add(growing);
        *ledger = Some(counted);
        Ok(())
    }

    /// Counts a deletion.
    pub(crate) async fn deleted(&self, issuer: &Issuer, deleted: &RegistrationSize) {
        let ledger = self.ledger(issuer);
        if let Some(counted) = &mut *ledger.lock().await {
            counted.subtract(deleted.bytes);
            counted.oldest.remove(&Unused::of(deleted));
        }
    }

    fn ledger(&self, issuer: &Issuer) -> Arc<tokio::sync::Mutex<Option<Ledger>>> {
        let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(issuers.entry(issuer.id.clone()).or_default())
    }
}

impl Ledger {
    async fn count(store: &Store, issuer: &Issuer, now: Timestamp) -> Result<Self, Error> {
        let mut counted = Self { counted_at: now, count: 0, bytes: 0, oldest: BTreeMap::new() };
        let mut from = None;
        loop {
            let page = store.registration_sizes(issuer, from, now).await?;
            for size in page.registrations {
                (counted.count, counted.bytes) = (counted.count + 1, counted.bytes + size.bytes);
                if size.is_unused {
                    counted.remember(&size);
                }
            }
            from = page.next;
            if from.is_none() {
                return Ok(counted);
            }
        }
    }

    fn fits(&self, growing: &Growing, bound: RegistrationBound) -> bool {
        let count = self.count + u64::from(growing.before.is_none());
        let bytes = (self.bytes + growing.size.bytes).saturating_sub(growing.before.unwrap_or(0));
        // A write that does not grow a registration is not refused, also if the bound has been lowered since.
        let grows = growing.before.is_none_or(|before| before < growing.size.bytes);
        !grows || (count <= bound.count && bytes <= bound.bytes)
    }

    fn add(&mut self, growing: &Growing) {
        let Growing { size, before } = growing;
        match before {
            Some(before) => {
                self.bytes = (self.bytes + size.bytes).saturating_sub(*before);
                if let Some(bytes) = self.oldest.get_mut(&Unused::of(size)) {
                    *bytes = size.bytes;
                }
            }
            None => {
                (self.count, self.bytes) = (self.count + 1, self.bytes + size.bytes);
                self.remember(size);
            }
        }
    }

    fn subtract(&mut self, bytes: u64) {
        (self.count, self.bytes) = (self.count.saturating_sub(1), self.bytes.saturating_sub(bytes));
    }

    fn remember(&mut self, size: &RegistrationSize) {
        self.oldest.insert(Unused::of(size), size.bytes);
        if self.oldest.len() > MAX_OLDEST {
            self.oldest.pop_last();
        }
    }

    /// Evicts some of the oldest, but never `spared`. Returns whether there was any.
    async fn evict(
        &mut self,
        store: &Store,
        issuer: &Issuer,
        spared: &ClientId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let oldest = self.oldest.keys().filter(|unused| unused.id != spared.as_str()).take(EVICTED_AT_ONCE);
        let oldest: Vec<Unused> = oldest.cloned().collect();
        if oldest.is_empty() {
            return Ok(false);
        }
        let ids: Vec<ClientId> = oldest.iter().filter_map(|unused| ClientId::parse(&unused.id)).collect();
        let evictions =
            until_committed(|| async { Ok::<Commit<_>, Error>(store.evict_registrations(issuer, &ids, now).await?) });
        for (unused, eviction) in oldest.iter().zip(evictions.await?) {
            let bytes = self.oldest.remove(unused).unwrap_or_default();
            match eviction {
                Eviction::Gone => self.subtract(bytes),
                Eviction::Used => {}
            }
        }
        tracing::info!(issuer.id = %issuer.id, evicted = oldest.len(), "the oldest unused registrations made room");
        Ok(true)
    }
}

impl Unused {
    fn of(size: &RegistrationSize) -> Self {
        Self { registered_at: size.registered_at, id: size.id.as_str().to_owned() }
    }
}
