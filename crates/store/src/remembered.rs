//! What checks of consents go by, remembered: the same few records are asked for again and again.
//!
//! It is never older than a read would be. What is remembered names the records it was made of and the revision they were
//! read at, and counts only as long as the engine knows that none of them was written since ([`Stamps`]) and none has
//! expired; all of its inputs are in its name. An engine that does not know is read each time.

use std::fmt;
use std::sync::Arc;

use lychgate_domain::client::ClientStatus;
use lychgate_domain::consent::CheckInputs;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::keys::digest;
use lychgate_domain::time::Timestamp;
use quick_cache::sync::Cache;

use crate::standing::{GrantStatusKey, StoredGrantStatus};
use crate::{Store, StoreError};
use lychgate_engine::stamps::{Place, Stamps};
use lychgate_engine::{Key, Revision, Snapshot};

/// A digest of everything that was asked.
type Name = [u8; 16];

pub(crate) struct Remembered(Cache<Name, Arc<Known>>);

#[derive(Debug)]
struct Known {
    basis: Arc<CheckInputs>,
    places: [Place; 5],
    since: Revision,
    /// When the first of the records expires.
    until: Option<Timestamp>,
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered").field("bases", &self.0.len()).finish_non_exhaustive()
    }
}

impl Remembered {
    /// As many bases, of about 300 bytes each.
    pub(crate) fn new(bases: usize) -> Self {
        Self(Cache::new(bases))
    }

    /// All of them at one revision, or none.
    fn recall(&self, stamps: &Stamps, names: &[Name], now: Timestamp) -> Option<(Vec<Arc<CheckInputs>>, Revision)> {
        // First the revision: what has stamped its keys since does no harm.
        let newest = stamps.newest();
        let recall = |name| {
            let known = self.0.get(name)?;
            let lives = known.until.is_none_or(|until| now < until);
            (lives && stamps.unwritten(&known.places, known.since)).then(|| Arc::clone(&known.basis))
        };
        Some((names.iter().map(recall).collect::<Option<_>>()?, newest))
    }
}

impl Store {
    /// Remembers up to `bases` of them.
    pub fn remembering(self, bases: usize) -> Self {
        let remembered = (bases > 0).then(|| Arc::new(Remembered::new(bases)));
        Self { remembered, ..self }
    }

    /// What decides about checks, in one snapshot and in the order asked for; a record that cannot be read spoils its own
    /// basis only. As fresh as a read, and not older than `at_least` if this store's history reaches so far.
    pub async fn bases(
        &self,
        issuer: &Issuer,
        of: &[GrantStatusKey<'_>],
        at_least: Option<Revision>,
        now: Timestamp,
    ) -> Result<(Vec<Result<Arc<CheckInputs>, StoreError>>, Revision), StoreError> {
        let remembered = self.remembered.as_deref().zip(self.engine.stamps());
        let names: Vec<_> = of.iter().map(|of| name(issuer, of)).collect();
        if let Some((bases, newest)) =
            remembered.and_then(|(remembered, stamps)| remembered.recall(stamps, &names, now))
            // Somebody may have read what is not published yet.
            && at_least.is_none_or(|known| known.sequence <= newest.sequence)
        {
            return Ok((bases.into_iter().map(Ok).collect(), newest));
        }
        let keys: Vec<[Key; 5]> = of.iter().map(|of| of.keys(issuer)).collect();
        let Snapshot { revision, entries } = self.read(keys.as_flattened(), now).await?;
        let mut bases = Vec::with_capacity(of.len());
        for (((of, keys), entries), name) in of.iter().zip(&keys).zip(entries.as_chunks().0).zip(names) {
            let basis =
                StoredGrantStatus::observe(of, keys, entries).map(|read| Arc::new(CheckInputs::of(&read.standing)));
            if let (Ok(basis), Some((remembered, _))) = (&basis, remembered) {
                let until = entries.iter().flatten().filter_map(|entry| entry.expires_at).min();
                let (basis, places) = (Arc::clone(basis), keys.each_ref().map(Place::of));
                remembered.0.insert(name, Arc::new(Known { basis, places, since: revision, until }));
            }
            bases.push(basis);
        }
        Ok((bases, revision))
    }
}

fn name(issuer: &Issuer, of: &GrantStatusKey<'_>) -> Name {
    let GrantStatusKey { subject, client, unregistered_status, resource } = of;
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
    let digest = digest("basis", &parts);
    std::array::from_fn(|n| digest[n])
}
