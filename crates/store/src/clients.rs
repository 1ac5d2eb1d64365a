//! Registered clients, the status of unregistered clients, and used client assertions.

use lychgate_domain::authentication::AssertionAccepted;
use lychgate_domain::client::{Client, ClientOrigin};
use lychgate_domain::id::{Attempt, ClientId};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::time::Timestamp;

pub use crate::record::{ClientRecord, UnregisteredClient};
use crate::record::{Record as _, UsedAssertion};
use crate::{Commit, Store, StoreError, Versioned, batch, decode, key, store_error};
use lychgate_engine::{Expectation, KeyRange, Limit, Space};

/// Registrations in one page.
const PAGE: Limit = Limit { results: 1_000, rows: 1_000 };

/// A registration, as bounds count it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationSize {
    /// The client.
    pub id: ClientId,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// The bytes that its record takes.
    pub bytes: u64,
    /// True if no grant was ever made for the client.
    pub is_unused: bool,
}

/// One page of registrations, in the order of their keys, which has no meaning.
#[derive(Clone, Debug)]
pub struct RegistrationPage {
    /// The registrations.
    pub registrations: Vec<RegistrationSize>,
    /// The start of the next page; `None` at the end.
    pub next: Option<Vec<u8>>,
}

/// The result of evicting one registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// It was deleted, or was gone before.
    Gone,
    /// It has been used meanwhile, and stays.
    Used,
}

impl Store {
    /// The size of a registration whose record expires at `expires_at`.
    pub fn registration_size(issuer: &Issuer, client: &Client, expires_at: Option<Timestamp>) -> RegistrationSize {
        let key = key::client(&issuer.url, &client.id);
        let bytes = (key.bytes.len() + client.encode_record().len()) as u64;
        size_of(issuer, client, bytes, expires_at)
    }

    /// Lists registrations with their sizes, from `from` on: the previous page's `next`.
    pub async fn registration_sizes(
        &self,
        issuer: &Issuer,
        from: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<RegistrationPage, StoreError> {
        let whole = KeyRange::prefix(&issuer.url.digest());
        let range = KeyRange { from: from.unwrap_or(whole.from), to: whole.to };
        let page = self.engine.scan(Space::Clients, range, now, PAGE).await.map_err(store_error)?;
        let mut registrations = Vec::with_capacity(page.entries.len());
        for (key, entry) in page.entries {
            let bytes = (key.bytes.len() + entry.value.len()) as u64;
            let record = ClientRecord::decode_record(&entry.value);
            match record.ok_or(StoreError::Corrupt { kind: Client::KIND })? {
                ClientRecord::Registered(client) => {
                    registrations.push(size_of(issuer, &client, bytes, entry.expires_at));
                }
                ClientRecord::Unregistered(_) => {}
            }
        }
        Ok(RegistrationPage { registrations, next: page.next })
    }

    /// Deletes those of `ids` that are registered and unused, in one batch. Conflicts if one of them changes meanwhile; a
    /// first use is such a change.
    pub async fn evict_registrations(
        &self,
        issuer: &Issuer,
        ids: &[ClientId],
        now: Timestamp,
    ) -> Result<Commit<Vec<Eviction>>, StoreError> {
        let keys: Vec<_> = ids.iter().map(|id| key::client(&issuer.url, id)).collect();
        let entries = self.read(&keys, now).await?.entries;
        let (mut batch, mut evictions) = (batch(now), Vec::with_capacity(ids.len()));
        for (key, entry) in keys.into_iter().zip(entries) {
            evictions.push(match decode::<Client>(entry)? {
                Some(found) if Self::registration_size(issuer, &found.value, found.expires_at).is_unused => {
                    batch = batch.delete(key, found.version);
                    Eviction::Gone
                }
                Some(_) => Eviction::Used,
                None => Eviction::Gone,
            });
        }
        if batch.operations().is_empty() {
            return Ok(Commit::Done(evictions));
        }
        Ok(self.commit(batch).await?.with(evictions))
    }

    /// Reads the registered client `id`.
    pub async fn client(
        &self,
        issuer: &Issuer,
        id: &ClientId,
        now: Timestamp,
    ) -> Result<Option<Versioned<Client>>, StoreError> {
        Ok(self.client_record(issuer, id, now).await?.and_then(|found| match found.value {
            ClientRecord::Registered(client) => {
                Some(Versioned { value: *client, version: found.version, expires_at: found.expires_at })
            }
            ClientRecord::Unregistered(_) => None,
        }))
    }

    /// Reads the record of `id`, registered or not.
    pub async fn client_record(
        &self,
        issuer: &Issuer,
        id: &ClientId,
        now: Timestamp,
    ) -> Result<Option<Versioned<ClientRecord>>, StoreError> {
        self.record(key::client(&issuer.url, id), now).await
    }

    /// Stores a registration that was never used. Conflicts if a client has this id: a request with the same idempotency
    /// key has registered it before.
    pub async fn register(&self, issuer: &Issuer, client: &Client, now: Timestamp) -> Result<Commit, StoreError> {
        let key = key::client(&issuer.url, &client.id);
        let expires_at = now + issuer.lifetimes.unused_registration;
        self.commit(batch(now).put(key, Expectation::Absent, client.encode_record(), expires_at)).await
    }

    /// Replaces a registration and keeps its expiry.
    pub async fn replace_client(
        &self,
        issuer: &Issuer,
        expected: &Versioned<Client>,
        client: &Client,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let (key, unchanged) = (key::client(&issuer.url, &client.id), Expectation::Version(expected.version));
        self.commit(batch(now).put(key, unchanged, client.encode_record(), expected.expires_at)).await
    }

    /// Deletes a registration. Every use of a grant reads its client, so all of the client's grants end with it.
    pub async fn delete_client(
        &self,
        issuer: &Issuer,
        expected: &Versioned<Client>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let key = key::client(&issuer.url, &expected.value.id);
        self.commit(batch(now).delete(key, expected.version)).await
    }

    /// Marks an assertion as used. Conflicts if a request with another idempotency key has used it.
    pub async fn use_assertion(
        &self,
        issuer: &Issuer,
        assertion: &AssertionAccepted,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let key = key::assertion(&issuer.url, assertion.id());
        let used = UsedAssertion(attempt);
        let batch = batch(now).put(key.clone(), Expectation::Absent, used.encode_record(), assertion.forget_at());
        match self.commit(batch).await? {
            Commit::Done(revision) => Ok(Commit::Done(revision)),
            Commit::Conflict => {
                let snapshot = self.read(&[key], now).await?;
                let found = decode::<UsedAssertion>(snapshot.entries.into_iter().next().flatten())?;
                let is_ours = found.is_some_and(|found| found.value == used);
                Ok(if is_ours { Commit::Done(snapshot.revision) } else { Commit::Conflict })
            }
        }
    }
}

fn size_of(issuer: &Issuer, client: &Client, bytes: u64, expires_at: Option<Timestamp>) -> RegistrationSize {
    let registered_at = match client.origin {
        ClientOrigin::Registered { at, .. } => at,
        ClientOrigin::Configured | ClientOrigin::Document => Timestamp::EPOCH,
    };
    // The first grant extends the record's expiry past that of an unused registration ([`crate::authorizations`]).
    let unused_until = registered_at + issuer.lifetimes.unused_registration;
    let is_unused = expires_at.is_some_and(|expires_at| expires_at <= unused_until);
    RegistrationSize { id: client.id.clone(), registered_at, bytes, is_unused }
}
