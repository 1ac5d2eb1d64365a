//! Registered clients.

use lychgate_domain::client::Client;
use lychgate_domain::id::ClientId;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::time::Timestamp;

use crate::engine::Expectation;
use crate::record::Record as _;
use crate::{Store, StoreError, Versioned, batch, key};

impl Store {
    pub async fn client(
        &self,
        issuer: &Issuer,
        id: &ClientId,
        now: Timestamp,
    ) -> Result<Option<Versioned<Client>>, StoreError> {
        self.record(key::client(&issuer.url, id), now).await
    }

    /// Keeps a registration that has never been used. `Conflict` if there is a client with this id: the same attempt
    /// has registered it before.
    pub async fn register(&self, issuer: &Issuer, client: &Client, now: Timestamp) -> Result<(), StoreError> {
        let key = key::client(&issuer.url, &client.id);
        let expires_at = now + issuer.lifetimes.unused_registration;
        self.commit(batch(now).put(key, Expectation::Absent, client.encode_record(), expires_at)).await?;
        Ok(())
    }
}
