//! The keyring of an issuer: made at the first start, opened with the master key at every other.

use lychgate_domain::entropy::{Entropy, random};
use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::keys::{Key, KeyId, KeyMaterial, Keys, Purpose};
use lychgate_domain::time::{Clock, Timestamp};
use lychgate_process::config::{ConfigError, Secret};
use lychgate_store::keyring::{KeyState, Keyring, SealedKey};
use lychgate_store::{Store, StoreError};
use zeroize::Zeroizing;

use crate::access_token::SigningKey;

/// The purpose under which the signing key is kept.
const SIGNING: &str = "signing";

/// Everything an issuer makes and opens things with.
#[derive(Debug)]
pub struct IssuerKeys {
    pub keys: Keys,
    pub signing: SigningKey,
}

/// The key that wraps keyrings, of 32 bytes in base64url.
pub fn master_key(secret: &Secret) -> Result<Key, ConfigError> {
    let text = secret.read("master_key")?;
    let material = lychgate_domain::id::decode(&text).map(Zeroizing::new);
    let material = material.ok_or_else(|| {
        ConfigError::new(
            "master_key",
            "is not 32 bytes in base64url",
            "make one: openssl rand 32 | basenc --base64url | tr -d =",
        )
    })?;
    Ok(Key::wrapping(&material))
}

/// The issuer's keys; those that are missing are made and kept. Of several nodes that start at once, all end up with the
/// same ones.
pub async fn open(
    store: &Store,
    master: &Key,
    issuer: &IssuerUrl,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> anyhow::Result<IssuerKeys> {
    loop {
        let now = clock.now();
        let stored = store.keyring(issuer, now).await?;
        let mut keyring = stored.as_ref().map(|stored| stored.value.clone()).unwrap_or_default();
        let known = keyring.keys.len();
        complete(&mut keyring, master, issuer, entropy, now)?;
        if keyring.keys.len() == known {
            return unwrap(&keyring, master, issuer);
        }
        match store.put_keyring(issuer, stored.as_ref(), &keyring, now).await {
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn complete(
    keyring: &mut Keyring,
    master: &Key,
    issuer: &IssuerUrl,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> anyhow::Result<()> {
    let purposes = Purpose::ALL.iter().map(|purpose| purpose.label()).chain([SIGNING]);
    for purpose in purposes {
        if keyring.keys.iter().any(|key| key.purpose == purpose && key.state == KeyState::Active) {
            continue;
        }
        let id = KeyId::from_bytes(random(entropy));
        let material =
            if purpose == SIGNING { SigningKey::generate()? } else { Zeroizing::new(random::<32>(entropy).to_vec()) };
        let sealed_material = master.seal(&context(issuer, purpose, &id.bytes()), random(entropy), &material);
        let purpose = purpose.to_owned();
        keyring.keys.push(SealedKey { id, purpose, state: KeyState::Active, created_at: now, sealed_material });
    }
    Ok(())
}

fn unwrap(keyring: &Keyring, master: &Key, issuer: &IssuerUrl) -> anyhow::Result<IssuerKeys> {
    let material = |purpose: &str| {
        let key = keyring.keys.iter().find(|key| key.purpose == purpose && key.state == KeyState::Active);
        let key = key.ok_or_else(|| anyhow::anyhow!("the keyring has no active key for {purpose}"))?;
        let opened = master.open(&context(issuer, purpose, &key.id.bytes()), &key.sealed_material);
        let material = opened.ok_or_else(|| {
            ConfigError::new(
                "master_key",
                format_args!("does not open the keyring of {}", issuer.as_str()),
                "use the master key that this store was created with",
            )
        })?;
        anyhow::Ok((key.id, material))
    };
    let mut active = Vec::new();
    for purpose in Purpose::ALL {
        let (id, bytes) = material(purpose.label())?;
        let bytes: KeyMaterial =
            Zeroizing::new(bytes.as_slice().try_into().map_err(|_| anyhow::anyhow!("a key of the wrong length"))?);
        active.push((purpose, Key::derive(id, purpose, issuer.as_str(), &bytes)));
    }
    let keys = Keys::new(active).ok_or_else(|| anyhow::anyhow!("the keyring lacks a purpose"))?;
    let (id, pkcs8) = material(SIGNING)?;
    Ok(IssuerKeys { keys, signing: SigningKey::new(id, &pkcs8)? })
}

/// A wrapped key opens only where it was put.
fn context<'a>(issuer: &'a IssuerUrl, purpose: &'a str, id: &'a [u8; 4]) -> [&'a [u8]; 4] {
    [b"keyring", issuer.as_str().as_bytes(), purpose.as_bytes(), id]
}
