//! The digest of an issuer's last known configuration, so that a change becomes an event.

use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::time::Timestamp;
use prost::Message as _;

use crate::record::Record;
use crate::{Commit, Store, StoreError, Update, Versioned, append, batch, key, proto};

/// The SHA-256 of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigurationDigest(pub [u8; 32]);

impl Store {
    /// Reads the digest of the issuer's last known configuration.
    pub async fn configuration_digest(
        &self,
        issuer: &IssuerUrl,
        now: Timestamp,
    ) -> Result<Option<Versioned<ConfigurationDigest>>, StoreError> {
        self.record(key::configuration_digest(issuer), now).await
    }

    /// Records the digest of the current configuration. Conflicts if another node has recorded one since it was read. A
    /// change has an event.
    pub async fn record_configuration(
        &self,
        issuer: &IssuerUrl,
        configuration: Update<'_, ConfigurationDigest>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let (key, record) = (key::configuration_digest(issuer), configuration.record.encode_record());
        let batch = batch(now).put(key, configuration.expectation(), record, None);
        self.commit(append(batch, issuer, configuration.event)).await
    }
}

impl Record for ConfigurationDigest {
    const KIND: &'static str = "configuration";

    fn encode_record(&self) -> Vec<u8> {
        proto::ConfigurationSeen { digest: self.0.to_vec() }.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        Some(Self(proto::ConfigurationSeen::decode(bytes).ok()?.digest.try_into().ok()?))
    }
}
