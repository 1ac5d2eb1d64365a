//! A cache of the records that decide consent checks: the same few are asked for again and again.
//!
//! A cached value is never older than a read would be. It names the records it was made of and the revision they were
//! read at; it is used only while [`WriteSequences`] knows that none of them was written since and none has expired. All
//! inputs of the question are in its name. If other processes may write to the engine, every check reads.

use std::fmt;
use std::sync::Arc;

use lychgate_domain::client::ClientStatus;
use lychgate_domain::consent::CheckInputs;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::keys::digest;
use lychgate_domain::time::Timestamp;
use lychgate_engine::{Key, Revision, Slot, Snapshot, WriteSequences};
use quick_cache::sync::Cache;

use crate::grant_status::{GrantStatusKey, StoredGrantStatus};
use crate::{Store, StoreError};

/// A digest of everything that was asked.
type Name = [u8; 16];

pub(crate) struct CheckCache(Cache<Name, Arc<CachedInputs>>);

#[derive(Debug)]
struct CachedInputs {
    inputs: Arc<CheckInputs>,
    /// Slots of the records the inputs were made of.
    slots: [Slot; 5],
    read_at: Revision,
    /// The instant at which the first of the records expires.
    expires_at: Option<Timestamp>,
}

impl fmt::Debug for CheckCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckCache").field("entries", &self.0.len()).finish_non_exhaustive()
    }
}

impl CheckCache {
    /// A cache of `entries` entries of about 300 bytes.
    fn new(entries: usize) -> Self {
        Self(Cache::new(entries))
    }

    /// The inputs of all `names` at one revision, or nothing.
    fn current(
        &self,
        writes: &WriteSequences,
        names: &[Name],
        now: Timestamp,
    ) -> Option<(Vec<Arc<CheckInputs>>, Revision)> {
        // Before the slots are examined: a write that is recorded in between is after this revision.
        let newest = writes.newest()?;
        let current = |name| {
            let cached = self.0.get(name)?;
            let is_current = cached.read_at.sequence <= newest.sequence
                && cached.expires_at.is_none_or(|end| now < end)
                && writes.unwritten_since(&cached.slots, cached.read_at);
            is_current.then(|| Arc::clone(&cached.inputs))
        };
        Some((names.iter().map(current).collect::<Option<_>>()?, newest))
    }
}

impl Store {
    /// Keeps the inputs of up to `entries` checks in memory; none if the engine has no record of writes.
    pub fn caching_checks(self, entries: usize) -> Self {
        let check_cache = (entries > 0).then(|| Arc::new(CheckCache::new(entries)));
        Self { check_cache, ..self }
    }

    /// The records that decide each of `keys`, in one snapshot and in the same order. A record that cannot be read fails
    /// its own item only. As fresh as a read, and not older than `at_least` if this store's history reaches that far.
    pub async fn check_inputs(
        &self,
        issuer: &Issuer,
        keys: &[GrantStatusKey<'_>],
        at_least: Option<Revision>,
        now: Timestamp,
    ) -> Result<(Vec<Result<Arc<CheckInputs>, StoreError>>, Revision), StoreError> {
        let cache = self.check_cache.as_deref().zip(self.engine.write_sequences());
        let names: Vec<_> = keys.iter().map(|key| name(issuer, key)).collect();
        if let Some((inputs, newest)) = cache.and_then(|(cache, writes)| cache.current(writes, &names, now))
            // A caller may know a revision from a scan or from another node that no read of this process has seen yet.
            && at_least.is_none_or(|known| known.sequence <= newest.sequence)
        {
            return Ok((inputs.into_iter().map(Ok).collect(), newest));
        }
        let records: Vec<[Key; 5]> = keys.iter().map(|key| key.records(issuer)).collect();
        let Snapshot { revision, entries } = self.read(records.as_flattened(), now).await?;
        let mut found = Vec::with_capacity(keys.len());
        for (((key, records), entries), name) in keys.iter().zip(&records).zip(entries.as_chunks().0).zip(names) {
            let inputs = StoredGrantStatus::observe(key, records, entries)
                .map(|stored| Arc::new(CheckInputs::of(&stored.status)));
            if let (Ok(inputs), Some((cache, _))) = (&inputs, cache) {
                let cached = CachedInputs {
                    inputs: Arc::clone(inputs),
                    slots: records.each_ref().map(Slot::of),
                    read_at: revision,
                    expires_at: entries.iter().flatten().filter_map(|entry| entry.expires_at).min(),
                };
                cache.0.insert(name, Arc::new(cached));
            }
            found.push(inputs);
        }
        Ok((found, revision))
    }
}

fn name(issuer: &Issuer, key: &GrantStatusKey<'_>) -> Name {
    let GrantStatusKey { subject, client, unregistered_status, resource } = key;
    let unregistered_status: &[u8] = match unregistered_status {
        None => b"",
        Some(ClientStatus::Enabled) => b"enabled",
        Some(ClientStatus::Disabled) => b"disabled",
    };
    let parts: [&[u8]; 5] = [
        issuer.url.as_str().as_bytes(),
        subject.as_str().as_bytes(),
        client.as_str().as_bytes(),
        resource.as_bytes(),
        unregistered_status,
    ];
    let digest = digest("check inputs", &parts);
    std::array::from_fn(|n| digest[n])
}
