//! Registered clients, the status of unregistered clients, and used client assertions.

use lychgate_domain::authentication::AssertionAccepted;
use lychgate_domain::client::Client;
use lychgate_domain::id::{Attempt, ClientId};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::time::Timestamp;

pub use crate::record::{ClientRecord, UnregisteredClient};
use crate::record::{Record as _, UsedAssertion};
use crate::{Commit, Store, StoreError, Versioned, batch, decode, key};
use lychgate_engine::Expectation;

impl Store {
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
