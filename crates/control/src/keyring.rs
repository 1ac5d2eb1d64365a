//! The keyring of an issuer: made at the first start, opened with the master key at every other, and tended from then on:
//! what is due (`domain::keyring`) is done by whichever node looks first.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use lychgate_api::v1::Jwk;
use lychgate_domain::entropy::{Entropy, random};
use lychgate_domain::issuer::{Issuer, IssuerUrl, Lifetimes};
use lychgate_domain::keyring::{KeyAge, KeyState, Rotation, Step, longest_derived, longest_signed};
use lychgate_domain::keys::{Key, KeyId, KeyMaterial, Keys, Purpose};
use lychgate_domain::time::Timestamp;
use lychgate_process::config::{ConfigError, Secret};
use lychgate_store::keyring::{Keyring, SealedKey};
use lychgate_store::{Store, StoreError};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::access_token::SigningKey;

/// The purpose under which signing keys are kept.
const SIGNING: &str = "signing";

/// How often a node looks for what others did to the keyring, and for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Everything an issuer makes and opens things with, at one time.
#[derive(Debug)]
pub struct IssuerKeys {
    pub keys: Keys,
    pub signing: SigningKey,
    /// Every signing key that verifiers should know: announced, active and retired ones.
    pub published: Vec<Jwk>,
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

/// Keeps the keys of one issuer as they should be. Nobody waits for it: who comes while one looks uses what there is.
#[derive(Debug)]
pub struct Keeper {
    store: Store,
    master: Arc<Key>,
    issuer: IssuerUrl,
    lifetimes: Lifetimes,
    rotation: Rotation,
    entropy: Arc<dyn Entropy>,
    held: RwLock<Held>,
    looking: Mutex<()>,
}

#[derive(Clone, Debug)]
struct Held {
    keys: Arc<IssuerKeys>,
    looked_at: Timestamp,
}

impl Keeper {
    /// Opens the keyring, and makes what is missing.
    pub async fn open(
        store: Store,
        master: Arc<Key>,
        issuer: &Issuer,
        rotation: Rotation,
        entropy: Arc<dyn Entropy>,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let (url, lifetimes) = (issuer.url.clone(), issuer.lifetimes);
        let tended = tend(&store, &master, &url, &lifetimes, &rotation, &*entropy, now).await?;
        let held = RwLock::new(Held { keys: Arc::new(tended), looked_at: now });
        Ok(Self { store, master, issuer: url, lifetimes, rotation, entropy, held, looking: Mutex::new(()) })
    }

    /// The keys to use for one request.
    pub async fn keys(&self, now: Timestamp) -> Arc<IssuerKeys> {
        let held = self.held();
        if now.since(held.looked_at) < LOOK_EVERY {
            return held.keys;
        }
        let Ok(_looking) = self.looking.try_lock() else { return held.keys };
        let tended =
            tend(&self.store, &self.master, &self.issuer, &self.lifetimes, &self.rotation, &*self.entropy, now).await;
        let keys = match tended {
            Ok(keys) => Arc::new(keys),
            Err(error) => {
                tracing::warn!(
                    issuer.url = self.issuer.as_str(),
                    error = format!("{error:#}"),
                    "the keyring cannot be looked at; the known keys are used on"
                );
                held.keys
            }
        };
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Held { keys: Arc::clone(&keys), looked_at: now };
        keys
    }

    fn held(&self) -> Held {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The keyring with everything done that is due. Of several nodes that do it at once, one succeeds and the others see
/// what it did.
async fn tend(
    store: &Store,
    master: &Key,
    issuer: &IssuerUrl,
    lifetimes: &Lifetimes,
    rotation: &Rotation,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> anyhow::Result<IssuerKeys> {
    loop {
        let stored = store.keyring(issuer, now).await?;
        let mut keyring = stored.as_ref().map(|stored| stored.value.clone()).unwrap_or_default();
        let mut changed = false;
        let derived = Purpose::ALL.map(|purpose| (purpose.label(), longest_derived(lifetimes)));
        for (purpose, longest) in derived.into_iter().chain([(SIGNING, longest_signed(lifetimes))]) {
            while let Some(step) = rotation.due(&family(&keyring, purpose), longest, now) {
                tracing::info!(issuer.url = issuer.as_str(), key.purpose = purpose, key.step = ?step, "keyring");
                apply(&mut keyring, purpose, step, master, issuer, entropy, now)?;
                changed = true;
            }
        }
        if !changed {
            return unwrap(&keyring, master, issuer);
        }
        match store.put_keyring(issuer, stored.as_ref(), &keyring, now).await {
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn family(keyring: &Keyring, purpose: &str) -> Vec<KeyAge> {
    let members = keyring.keys.iter().filter(|key| key.purpose == purpose);
    members.map(|key| KeyAge { id: key.id, state: key.state, created_at: key.created_at }).collect()
}

fn apply(
    keyring: &mut Keyring,
    purpose: &str,
    step: Step,
    master: &Key,
    issuer: &IssuerUrl,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut make = |state| {
        let id = KeyId::from_bytes(random(entropy));
        let material =
            if purpose == SIGNING { SigningKey::generate()? } else { Zeroizing::new(random::<32>(entropy).to_vec()) };
        let sealed_material = master.seal(&context(issuer, purpose, &id.bytes()), random(entropy), &material);
        keyring.keys.push(SealedKey { id, purpose: purpose.to_owned(), state, created_at: now, sealed_material });
        anyhow::Ok(())
    };
    match step {
        Step::Begin => make(KeyState::Active)?,
        Step::Announce => make(KeyState::Announced)?,
        Step::Activate(id) => {
            for key in keyring.keys.iter_mut().filter(|key| key.purpose == purpose) {
                match key.state {
                    KeyState::Active => key.state = KeyState::Retired,
                    KeyState::Announced if key.id == id => key.state = KeyState::Active,
                    KeyState::Announced | KeyState::Retired => {}
                }
            }
        }
        Step::Forget(id) => keyring.keys.retain(|key| key.purpose != purpose || key.id != id),
    }
    Ok(())
}

fn unwrap(keyring: &Keyring, master: &Key, issuer: &IssuerUrl) -> anyhow::Result<IssuerKeys> {
    let open = |key: &SealedKey| {
        let opened = master.open(&context(issuer, &key.purpose, &key.id.bytes()), &key.sealed_material);
        opened.ok_or_else(|| {
            ConfigError::new(
                "master_key",
                format_args!("does not open the keyring of {}", issuer.as_str()),
                "use the master key that this store was created with",
            )
        })
    };
    let (mut active, mut others) = (Vec::new(), Vec::new());
    for purpose in Purpose::ALL {
        for key in keyring.keys.iter().filter(|key| key.purpose == purpose.label()) {
            let bytes = open(key)?;
            let bytes: KeyMaterial =
                Zeroizing::new(bytes.as_slice().try_into().map_err(|_| anyhow::anyhow!("a key of the wrong length"))?);
            let derived = Key::derive(key.id, purpose, issuer.as_str(), &bytes);
            match key.state {
                KeyState::Active => active.push((purpose, derived)),
                KeyState::Announced | KeyState::Retired => others.push((purpose, derived)),
            }
        }
    }
    let keys = Keys::new(active).ok_or_else(|| anyhow::anyhow!("the keyring lacks a purpose"))?;
    let keys = others.into_iter().fold(keys, |keys, (purpose, key)| keys.and(purpose, key));
    let (mut signing, mut published) = (None, Vec::new());
    for key in keyring.keys.iter().filter(|key| key.purpose == SIGNING) {
        let signing_key = SigningKey::new(key.id, &open(key)?)?;
        published.push(signing_key.jwk());
        if key.state == KeyState::Active {
            signing = Some(signing_key);
        }
    }
    let signing = signing.ok_or_else(|| anyhow::anyhow!("the keyring has no active signing key"))?;
    Ok(IssuerKeys { keys, signing, published })
}

/// A wrapped key opens only where it was put.
fn context<'a>(issuer: &'a IssuerUrl, purpose: &'a str, id: &'a [u8; 4]) -> [&'a [u8]; 4] {
    [b"keyring", issuer.as_str().as_bytes(), purpose.as_bytes(), id]
}
