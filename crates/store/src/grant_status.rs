//! The records that a grant's life depends on, read in one snapshot, and the expectation that none of them changed.

use lychgate_domain::client::{Client, ClientStatus};
use lychgate_domain::consent::{Consent, Counters, GrantStatus};
use lychgate_domain::id::ClientId;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_engine::{Batch, Entry, Expectation, Key, Revision, Snapshot};

use crate::clients::ClientRecord;
use crate::record::Counter;
use crate::{Store, StoreError, Versioned, decode, key};

/// Names the records that decide whether a grant of `subject` to `client` for `resource` is live.
#[derive(Clone, Copy, Debug)]
pub struct GrantStatusKey<'a> {
    /// The person who consented.
    pub subject: &'a Subject,
    /// The client that holds the grant.
    pub client: &'a ClientId,
    /// The status of a client that is not registered, because it is configured or has a metadata document.
    pub unregistered_status: Option<ClientStatus>,
    /// The resource the grant is for.
    pub resource: &'a str,
}

/// A snapshot of every record that decides whether a grant is live, except the grant itself.
#[derive(Clone, Debug)]
pub struct StoredGrantStatus {
    /// The records, as the rules read them.
    pub status: GrantStatus,
    /// The client's registration, if it has one.
    pub registered: Option<Client>,
    pub(crate) consent: Observed,
    /// The client's record, if there is one. An unregistered client has one once an operator disabled it.
    pub(crate) client: Observed,
    counters: [Observed; 3],
}

/// A key, and the entry that was read there.
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

impl Store {
    /// Reads the records that decide whether a grant is live.
    pub async fn grant_status(
        &self,
        issuer: &Issuer,
        key: GrantStatusKey<'_>,
        now: Timestamp,
    ) -> Result<StoredGrantStatus, StoreError> {
        let (mut statuses, _) = self.grant_statuses(issuer, &[key], now).await?;
        statuses.pop().ok_or(StoreError::Corrupt { kind: "snapshot" })?
    }

    /// Reads several in one snapshot, in the order of `keys`. A record that cannot be read fails its own item only.
    pub async fn grant_statuses(
        &self,
        issuer: &Issuer,
        keys: &[GrantStatusKey<'_>],
        now: Timestamp,
    ) -> Result<(Vec<Result<StoredGrantStatus, StoreError>>, Revision), StoreError> {
        let records: Vec<_> = keys.iter().flat_map(|key| key.records(issuer)).collect();
        let Snapshot { revision, entries } = self.read(&records, now).await?;
        let each = keys.iter().zip(records.as_chunks().0).zip(entries.as_chunks().0);
        let observed = each.map(|((key, records), entries)| StoredGrantStatus::observe(key, records, entries));
        Ok((observed.collect(), revision))
    }
}

impl GrantStatusKey<'_> {
    /// Consent, client, and the counters of issuer, client and subject.
    pub(crate) fn records(&self, issuer: &Issuer) -> [Key; 5] {
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
    /// Expects that no counter was raised since the snapshot.
    pub(crate) fn expect_counters(&self, batch: Batch) -> Batch {
        self.counters.iter().fold(batch, |batch, counter| counter.expect(batch))
    }

    /// Expects that no record changed since the snapshot.
    pub(crate) fn expect_all(&self, batch: Batch) -> Batch {
        self.expect_counters(self.consent.expect(self.client.expect(batch)))
    }

    /// Decodes `entries`, which were read at `records`, in the order of [`GrantStatusKey::records`].
    pub(crate) fn observe(
        key: &GrantStatusKey<'_>,
        records: &[Key; 5],
        entries: &[Option<Entry>; 5],
    ) -> Result<Self, StoreError> {
        let unregistered_status = key.unregistered_status;
        let observed = |n: usize| Observed { key: records[n].clone(), entry: entries[n].clone() };
        let counter =
            |n: usize| Ok::<_, StoreError>(decode::<Counter>(entries[n].clone())?.map_or(0, |counter| counter.value.0));
        let counters = Counters { issuer: counter(2)?, client: counter(3)?, subject: counter(4)? };
        let client: Option<Versioned<ClientRecord>> = decode(entries[1].clone())?;
        let client = client.map(|client| client.value);
        let kept = client.as_ref().map(ClientRecord::status);
        let registered = match client {
            Some(ClientRecord::Registered(client)) => Some(*client),
            Some(ClientRecord::Unregistered(_)) | None => None,
        };
        let consent: Option<Versioned<Consent>> = decode(entries[0].clone())?;
        Ok(StoredGrantStatus {
            status: GrantStatus {
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
