//! What a grant's life depends on, read in one snapshot, and the expectation that none of it has changed.

use lychgate_domain::client::{Client, Status};
use lychgate_domain::consent::Consent;
use lychgate_domain::grant::{Counters, Standing};
use lychgate_domain::id::ClientId;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;

use crate::engine::{Batch, Entry, Expectation, Key};
use crate::record::Counter;
use crate::{Store, StoreError, Versioned, decode, key};

/// A snapshot of everything but the grant itself.
#[derive(Clone, Debug)]
pub struct StoredStanding {
    pub standing: Standing,
    /// The client's registration, if it has one.
    pub registered: Option<Client>,
    pub(crate) consent: Observed,
    /// `None` for a client that has no record.
    pub(crate) client: Option<Observed>,
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

impl StoredStanding {
    /// That no counter was raised meanwhile.
    pub(crate) fn expect_counters(&self, batch: Batch) -> Batch {
        self.counters.iter().fold(batch, |batch, counter| counter.expect(batch))
    }

    /// That nothing at all has changed meanwhile.
    pub(crate) fn expect_all(&self, batch: Batch) -> Batch {
        let observed = self.client.iter().chain([&self.consent]);
        self.expect_counters(observed.fold(batch, |batch, observed| observed.expect(batch)))
    }
}

impl Store {
    /// Everything that decides whether a grant of `subject`'s to `client` for `resource` lives. `elsewhere` is the status
    /// of a client that has no record, because it is configured or has a metadata document.
    pub async fn standing(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        client: &ClientId,
        elsewhere: Option<Status>,
        resource: &str,
        now: Timestamp,
    ) -> Result<StoredStanding, StoreError> {
        let url = &issuer.url;
        let keys = [
            key::consent(url, subject, client, resource),
            key::client(url, client),
            key::issuer_counter(url),
            key::client_counter(url, client),
            key::subject_counter(url, subject),
        ];
        let entries: [Option<Entry>; 5] =
            self.read(&keys, now).await?.entries.try_into().map_err(|_| StoreError::Corrupt { kind: "snapshot" })?;
        let observed = |n: usize| Observed { key: keys[n].clone(), entry: entries[n].clone() };
        let counter =
            |n: usize| Ok::<_, StoreError>(decode::<Counter>(entries[n].clone())?.map_or(0, |counter| counter.value.0));
        let registered: Option<Versioned<Client>> = decode(entries[1].clone())?;
        let registered = registered.map(|client| client.value);
        let consent: Option<Versioned<Consent>> = decode(entries[0].clone())?;
        Ok(StoredStanding {
            standing: Standing {
                consent: consent.map(|consent| consent.value),
                client: elsewhere.or(registered.as_ref().map(|client| client.status)),
                counters: Counters { issuer: counter(2)?, client: counter(3)?, subject: counter(4)? },
            },
            registered,
            consent: observed(0),
            client: elsewhere.is_none().then(|| observed(1)),
            counters: [observed(2), observed(3), observed(4)],
        })
    }
}
