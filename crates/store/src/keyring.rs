//! The keyring of each issuer: key material sealed under the master key, which the store never has.

use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::keys::KeyId;
use lychgate_domain::keys::rotation::KeyFamily;
pub use lychgate_domain::keys::rotation::{KeyState, SigningAlgorithm};
use lychgate_domain::time::Timestamp;
use prost::Message as _;

use crate::record::Record;
use crate::{Commit, Store, StoreError, Update, Versioned, append, batch, key, proto};

/// An issuer's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring {
    /// The keys, in the order of their creation.
    pub keys: Vec<SealedKey>,
}

/// A key, with its sealed material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey {
    /// The key's id.
    pub id: KeyId,
    /// A purpose's label, or "signing".
    pub purpose: String,
    /// Announced, active or retired.
    pub state: KeyState,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// The time it became active.
    pub active_at: Option<Timestamp>,
    /// The algorithm of a signing key. The sealed material contains it, too, so that a changed record does not open.
    pub algorithm: Option<SigningAlgorithm>,
    /// The key material, sealed under the master key.
    pub sealed_material: Vec<u8>,
}

impl Store {
    /// Reads an issuer's keyring.
    pub async fn keyring(&self, issuer: &IssuerUrl, now: Timestamp) -> Result<Option<Versioned<Keyring>>, StoreError> {
        self.record(key::keyring(issuer), now).await
    }

    /// Creates or replaces a keyring. Conflicts if another node has done so since it was read. A change that an operator
    /// asked for has an event.
    pub async fn put_keyring(
        &self,
        issuer: &IssuerUrl,
        keyring: Update<'_, Keyring>,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let record = keyring.record.encode_record();
        let batch = batch(now).put(key::keyring(issuer), keyring.expectation(), record, None);
        self.commit(append(batch, issuer, keyring.event)).await
    }
}

impl Record for Keyring {
    const KIND: &'static str = "keyring";

    fn encode_record(&self) -> Vec<u8> {
        let key = |key: &SealedKey| proto::KeyringKey {
            key_id: key.id.0,
            purpose: key.purpose.clone(),
            state: match key.state {
                KeyState::Announced => proto::KeyState::Announced,
                KeyState::Active => proto::KeyState::Active,
                KeyState::Retired => proto::KeyState::Retired,
            }
            .into(),
            created_at: key.created_at.millis(),
            sealed_material: key.sealed_material.clone(),
            algorithm: match key.algorithm {
                None | Some(SigningAlgorithm::Es256) => proto::SigningAlgorithm::Unspecified,
                Some(SigningAlgorithm::EdDsa) => proto::SigningAlgorithm::Eddsa,
                Some(SigningAlgorithm::Rs256) => proto::SigningAlgorithm::Rs256,
            }
            .into(),
            active_at: key.active_at.map(Timestamp::millis),
        };
        proto::Keyring { keys: self.keys.iter().map(key).collect() }.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let key = |key: proto::KeyringKey| {
            let family = KeyFamily::all().find(|family| family.label() == key.purpose);
            // An unknown algorithm makes the record unreadable: tokens signed with another one would be refused.
            let algorithm = match proto::SigningAlgorithm::try_from(key.algorithm).ok()? {
                proto::SigningAlgorithm::Unspecified => SigningAlgorithm::Es256,
                proto::SigningAlgorithm::Eddsa => SigningAlgorithm::EdDsa,
                proto::SigningAlgorithm::Rs256 => SigningAlgorithm::Rs256,
            };
            Some(SealedKey {
                id: KeyId(key.key_id),
                state: match key.state() {
                    proto::KeyState::Announced => KeyState::Announced,
                    proto::KeyState::Active => KeyState::Active,
                    proto::KeyState::Retired => KeyState::Retired,
                    proto::KeyState::Unspecified => return None,
                },
                algorithm: family.and_then(|family| family.algorithm(algorithm)),
                purpose: key.purpose,
                created_at: Timestamp::from_millis(key.created_at),
                active_at: key.active_at.map(Timestamp::from_millis),
                sealed_material: key.sealed_material,
            })
        };
        let keyring = proto::Keyring::decode(bytes).ok()?;
        Some(Self { keys: keyring.keys.into_iter().map(key).collect::<Option<_>>()? })
    }
}
