//! What a grant's life depends on, read in one snapshot, and the expectation that none of it has changed.

use lychgate_domain::client::{Client, ClientStatus};
use lychgate_domain::consent::{Consent, Counters, GrantStatus};
use lychgate_domain::id::ClientId;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;

use crate::clients::ClientRecord;
use crate::record::Counter;
use crate::{Store, StoreError, Versioned, decode, key};
use lychgate_engine::{Batch, Entry, Expectation, Key, Revision, Snapshot};

/// A snapshot of everything but the grant itself.
#[derive(Clone, Debug)]
pub struct StoredGrantStatus {
    pub standing: GrantStatus,
    /// The client's registration, if it has one.
    pub registered: Option<Client>,
    pub(crate) consent: Observed,
    /// The client's record, if there is one: also one that is not registered may be disabled meanwhile.
    pub(crate) client: Observed,
    counters: [Observed; 3],
}

/// A key, and what was seen there.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) key: Key,
    pub(crate) entry: Option<Entry>,
}

impl Observed {
    pub(crate) fn unchanged(&self) -> Expectation {
        Expectation::unchanged(self.entry.as_ref())
    }

    pub(crate) fn expect(&self, batch: Batch) -> Batch {
        batch.expect(self.key.clone(), self.unchanged())
    }
}

impl StoredGrantStatus {
    /// That no counter was raised meanwhile.
    pub(crate) fn expect_counters(&self, batch: Batch) -> Batch {
        self.counters.iter().fold(batch, |batch, counter| counter.expect(batch))
    }

    /// That nothing at all has changed meanwhile.
    pub(crate) fn expect_all(&self, batch: Batch) -> Batch {
        self.expect_counters(self.consent.expect(self.client.expect(batch)))
    }
}

impl Store {
    /// Everything that decides whether a grant of `subject`'s to `client` for `resource` lives. `elsewhere` is the status
    /// of a client that is not registered, because it is configured or has a metadata document.
    pub async fn standing(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        client: &ClientId,
        unregistered_status: Option<ClientStatus>,
        resource: &str,
        now: Timestamp,
    ) -> Result<StoredGrantStatus, StoreError> {
        let of = GrantStatusKey { subject, client, unregistered_status, resource };
        let (mut standings, _) = self.standings(issuer, &[of], now).await?;
        standings.pop().ok_or(StoreError::Corrupt { kind: "snapshot" })?
    }

    /// Several, in one snapshot and in the order asked for; a record that cannot be read spoils its own standing only.
    pub async fn standings(
        &self,
        issuer: &Issuer,
        of: &[GrantStatusKey<'_>],
        now: Timestamp,
    ) -> Result<(Vec<Result<StoredGrantStatus, StoreError>>, Revision), StoreError> {
        let keys: Vec<_> = of.iter().flat_map(|of| of.keys(issuer)).collect();
        let Snapshot { revision, entries } = self.read(&keys, now).await?;
        let each = of.iter().zip(keys.as_chunks().0).zip(entries.as_chunks().0);
        Ok((each.map(|((of, keys), entries)| StoredGrantStatus::observe(of, keys, entries)).collect(), revision))
    }
}

/// Whose standing, as in [`Store::standing`].
#[derive(Clone, Copy, Debug)]
pub struct GrantStatusKey<'a> {
    pub subject: &'a Subject,
    pub client: &'a ClientId,
    pub unregistered_status: Option<ClientStatus>,
    pub resource: &'a str,
}

impl GrantStatusKey<'_> {
    pub(crate) fn keys(&self, issuer: &Issuer) -> [Key; 5] {
        let url = &issuer.url;
        [
            key::consent(url, self.subject, self.client, self.resource),
            key::client(url, self.client),
            key::issuer_counter(url),
            key::client_counter(url, self.client),
            key::subject_counter(url, self.subject),
        ]
    }
}

impl StoredGrantStatus {
    pub(crate) fn observe(
        of: &GrantStatusKey<'_>,
        keys: &[Key; 5],
        entries: &[Option<Entry>; 5],
    ) -> Result<Self, StoreError> {
        let unregistered_status = of.unregistered_status;
        let observed = |n: usize| Observed { key: keys[n].clone(), entry: entries[n].clone() };
        let counter =
            |n: usize| Ok::<_, StoreError>(decode::<Counter>(entries[n].clone())?.map_or(0, |counter| counter.value.0));
        let counters = Counters { issuer: counter(2)?, client: counter(3)?, subject: counter(4)? };
        let client: Option<Versioned<ClientRecord>> = decode(entries[1].clone())?;
        let client = client.map(|client| client.value);
        let kept = client.as_ref().map(ClientRecord::status);
        let registered = match client {
            Some(ClientRecord::Registered(client)) => Some(*client),
            Some(ClientRecord::Marked(_)) | None => None,
        };
        let consent: Option<Versioned<Consent>> = decode(entries[0].clone())?;
        Ok(StoredGrantStatus {
            standing: GrantStatus {
                consent: consent.map(|consent| consent.value),
                client: match unregistered_status {
                    Some(unregistered_status) => Some(unregistered_status.and(kept.unwrap_or(ClientStatus::Enabled))),
                    None => registered.as_ref().map(|client| client.status),
                },
                counters,
            },
            registered,
            consent: observed(0),
            client: observed(1),
            counters: [observed(2), observed(3), observed(4)],
        })
    }
}
