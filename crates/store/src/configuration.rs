//! The digest of an issuer's last known configuration, so that a change becomes an event.

use lychgate_domain::event::Event;
use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::time::Timestamp;
use prost::Message as _;

use crate::record::{Record, encode_event};
use crate::{Commit, Store, StoreError, Versioned, batch, key, proto};
use lychgate_engine::{Batch, Expectation};

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

    /// Records the digest of the current configuration. Conflicts if another node has recorded one since `read`. A change
    /// has an event.
    pub async fn record_configuration(
        &self,
        issuer: &IssuerUrl,
        read: Option<&Versioned<ConfigurationDigest>>,
        seen: ConfigurationDigest,
        event: Option<&Event>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let unchanged = read.map_or(Expectation::Absent, |read| Expectation::Version(read.version));
        let batch = batch(now).put(key::configuration_digest(issuer), unchanged, seen.encode_record(), None);
        let event = event.map(|event| encode_event(issuer, event));
        self.commit(event.into_iter().fold(batch, Batch::event)).await
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
