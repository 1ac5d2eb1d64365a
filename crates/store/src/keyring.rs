//! The keyring of each issuer: key material sealed under the master key, which is never here.

use lychgate_domain::issuer::IssuerUrl;
pub use lychgate_domain::keyring::KeyState;
use lychgate_domain::keys::KeyId;
use lychgate_domain::time::Timestamp;
use prost::Message as _;

use crate::engine::Expectation;
use crate::record::Record;
use crate::{Store, StoreError, Versioned, batch, key, proto};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring {
    pub keys: Vec<SealedKey>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey {
    pub id: KeyId,
    /// A purpose's label, or "signing".
    pub purpose: String,
    pub state: KeyState,
    pub created_at: Timestamp,
    pub sealed_material: Vec<u8>,
}

impl Store {
    pub async fn keyring(&self, issuer: &IssuerUrl, now: Timestamp) -> Result<Option<Versioned<Keyring>>, StoreError> {
        self.record(key::keyring(issuer), now).await
    }

    /// `Conflict` if another node has made one, or changed it, meanwhile.
    pub async fn put_keyring(
        &self,
        issuer: &IssuerUrl,
        read: Option<&Versioned<Keyring>>,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let expectation = read.map_or(Expectation::Absent, |read| Expectation::Version(read.version));
        self.commit(batch(now).put(key::keyring(issuer), expectation, keyring.encode_record(), None)).await?;
        Ok(())
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
        };
        proto::Keyring { keys: self.keys.iter().map(key).collect() }.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let key = |key: proto::KeyringKey| {
            Some(SealedKey {
                id: KeyId(key.key_id),
                state: match key.state() {
                    proto::KeyState::Announced => KeyState::Announced,
                    proto::KeyState::Active => KeyState::Active,
                    proto::KeyState::Retired => KeyState::Retired,
                    proto::KeyState::Unspecified => return None,
                },
                purpose: key.purpose,
                created_at: Timestamp::from_millis(key.created_at),
                sealed_material: key.sealed_material,
            })
        };
        let keyring = proto::Keyring::decode(bytes).ok()?;
        Some(Self { keys: keyring.keys.into_iter().map(key).collect::<Option<_>>()? })
    }
}
