//! The keyring of an issuer: made at the first start, opened with the master key at every other, and tended from then on:
//! what is due (`domain::keyring`) is done by whichever node looks first, what an operator asks for by the one asked.
//!
//! Key material leaves this file as keys that can be used, never as bytes.

use std::sync::{Arc, PoisonError, RwLock};

use lychgate_api::v1::Jwk;
use lychgate_domain::Refusal;
use lychgate_domain::entropy::{Entropy, random};
use lychgate_domain::event::{Event, EventCaller, EventKind};
use lychgate_domain::id::Attempt;
use lychgate_domain::issuer::{Issuer, IssuerUrl};
use lychgate_domain::keys::rotation::{
    FamilyFull, KeyAge, KeyFamily, KeyLife, KeyState, Rotation, RotationStep, RotationUrgency, SigningAlgorithm,
    requested_step,
};
use lychgate_domain::keys::{Key, KeyId, KeyMaterial, Keys, Purpose, digest};
use lychgate_domain::lifetimes::Lifetimes;
use lychgate_domain::time::Timestamp;
use lychgate_process::config::{ConfigError, Secret};
use lychgate_store::Store;
use lychgate_store::keyring::{Keyring, SealedKey};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::ground::propagation::KEYRING_MAX_AGE;
use crate::keys::signing::SigningKey;

/// Everything an issuer makes and opens things with, at one time.
#[derive(Debug)]
pub struct IssuerKeys {
    pub keys: Keys,
    pub signing: SigningKey,
    /// Every signing key that verifiers should know: announced, active and retired ones.
    pub published: Vec<Jwk>,
    /// Signs digests of the event log.
    pub events: SigningKey,
    /// Its successor, if there is one already.
    pub announced_events: Option<(KeyId, Jwk)>,
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
    ring: Ring,
    held: RwLock<Held>,
    looking: Mutex<()>,
}

#[derive(Clone, Debug)]
struct Held {
    keys: Arc<IssuerKeys>,
    looked_at: Timestamp,
}

/// One key, as an operator sees it: never its material.
#[derive(Clone, Debug)]
pub struct ListedKey {
    pub family: KeyFamily,
    pub key: KeyAge,
    pub life: KeyLife,
    /// Of a key that signs: what its signatures are verified with.
    pub public: Option<Jwk>,
}

/// What an operator asks for.
#[derive(Clone, Debug)]
pub struct RotationRequest {
    pub families: Vec<KeyFamily>,
    pub urgency: RotationUrgency,
    /// The same of every repetition of one request, and of no other request.
    pub attempt: Attempt,
}

impl RotationRequest {
    /// The id of the key that it makes, by which a repetition finds it.
    pub fn successor(&self, family: KeyFamily) -> KeyId {
        let hash = digest("key id", &[self.attempt.bytes(), family.label().as_bytes()]);
        KeyId::from_bytes(*hash.first_chunk().expect("4 of 32 bytes"))
    }
}

impl Keeper {
    /// Opens the keyring, and makes what is missing.
    pub async fn open(
        store: Store,
        master: Arc<Key>,
        issuer: &Issuer,
        algorithm: SigningAlgorithm,
        rotation: Rotation,
        entropy: Arc<dyn Entropy>,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let (url, lifetimes) = (issuer.url.clone(), issuer.lifetimes);
        let ring = Ring { store, master, issuer: url, lifetimes, algorithm, rotation, entropy };
        let keys = Arc::new(ring.tend(now).await?);
        Ok(Self { ring, held: RwLock::new(Held { keys, looked_at: now }), looking: Mutex::new(()) })
    }

    /// The keys to use for one request.
    pub async fn keys(&self, now: Timestamp) -> Arc<IssuerKeys> {
        let held = self.held();
        if now.since(held.looked_at) < KEYRING_MAX_AGE {
            return held.keys;
        }
        let Ok(_looking) = self.looking.try_lock() else { return held.keys };
        self.look(now).await
    }

    /// The keys as they were when somebody last looked.
    pub fn known(&self) -> Arc<IssuerKeys> {
        self.held().keys
    }

    /// All there is, family by family, in the order they were made.
    pub async fn list(&self, now: Timestamp) -> Result<Vec<ListedKey>, Error> {
        let stored = self.ring.store.keyring(&self.ring.issuer, now).await?;
        self.ring.listed(&stored.map(|stored| stored.value).unwrap_or_default()).map_err(Error::Fault)
    }

    /// Does what an operator asks for, once, with an event; then all there is. This node knows at once, every other one
    /// when it looks.
    pub async fn rotate(
        &self,
        request: &RotationRequest,
        caller: &EventCaller,
        now: Timestamp,
    ) -> Result<Vec<ListedKey>, Error> {
        let keyring = self.ring.rotate(request, caller, now).await?;
        // Waits for whoever looks at what was before: what it then holds would hide the new key for another while.
        let _looking = self.looking.lock().await;
        self.look(now).await;
        self.ring.listed(&keyring).map_err(Error::Fault)
    }

    async fn look(&self, now: Timestamp) -> Arc<IssuerKeys> {
        let keys = match self.ring.tend(now).await {
            Ok(keys) => Arc::new(keys),
            Err(error) => {
                tracing::warn!(
                    issuer.url = self.ring.issuer.as_str(),
                    error = format!("{error:#}"),
                    "the keyring cannot be looked at; the known keys are used on"
                );
                self.held().keys
            }
        };
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Held { keys: Arc::clone(&keys), looked_at: now };
        keys
    }

    fn held(&self) -> Held {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The keyring as it is stored, and what it should be.
#[derive(Debug)]
struct Ring {
    store: Store,
    master: Arc<Key>,
    issuer: IssuerUrl,
    lifetimes: Lifetimes,
    algorithm: SigningAlgorithm,
    rotation: Rotation,
    entropy: Arc<dyn Entropy>,
}

impl Ring {
    /// The keys, with everything done that is due. Of several nodes that do it at once, one succeeds and the others see
    /// what it did.
    async fn tend(&self, now: Timestamp) -> anyhow::Result<IssuerKeys> {
        let keyring = until_committed(|| async {
            let stored = self.store.keyring(&self.issuer, now).await?;
            let mut keyring = stored.as_ref().map(|stored| stored.value.clone()).unwrap_or_default();
            if !self.apply_due(&mut keyring, now).await? {
                return Ok(Commit::Done(keyring));
            }
            let commit = self.store.put_keyring(&self.issuer, stored.as_ref(), &keyring, None, now).await?;
            Ok::<_, anyhow::Error>(commit.with(keyring))
        });
        self.unwrap(&keyring.await?)
    }

    /// The keyring with what was asked for. Of several nodes that are asked at once, each decides about what the one
    /// before it left: an announced key is nobody's second one.
    async fn rotate(&self, request: &RotationRequest, caller: &EventCaller, now: Timestamp) -> Result<Keyring, Error> {
        until_committed(|| async {
            let stored = self.store.keyring(&self.issuer, now).await?;
            let mut keyring = stored.as_ref().map(|stored| stored.value.clone()).unwrap_or_default();
            self.apply_due(&mut keyring, now).await.map_err(Error::Fault)?;
            let mut made = Vec::new();
            for family in &request.families {
                let id = request.successor(*family);
                let step = requested_step(&ages(&keyring, *family), id, request.urgency).map_err(|FamilyFull| {
                    Refusal::RequestMalformed(
                        "too many keys of this purpose are still needed; wait for one to be forgotten",
                    )
                })?;
                if let Some(step) = step {
                    self.apply(&mut keyring, *family, step, id, now).await.map_err(Error::Fault)?;
                    made.push((*family, id));
                }
            }
            if made.is_empty() {
                return Ok(Commit::Done(keyring));
            }
            let kind = EventKind::KeysRotated { keys: made, urgency: request.urgency };
            let event = Event::new(kind, None, caller, request.attempt, now);
            let commit = self.store.put_keyring(&self.issuer, stored.as_ref(), &keyring, Some(&event), now).await?;
            Ok(commit.with(keyring))
        })
        .await
    }

    /// Whether anything was.
    async fn apply_due(&self, keyring: &mut Keyring, now: Timestamp) -> anyhow::Result<bool> {
        let mut changed = false;
        for family in KeyFamily::all() {
            let algorithm = self.algorithm_of(family);
            let longest = family.longest(&self.lifetimes);
            while let Some(step) = self.rotation.due(&ages(keyring, family), algorithm, longest, now) {
                self.apply(keyring, family, step, KeyId::from_bytes(random(&*self.entropy)), now).await?;
                changed = true;
            }
        }
        Ok(changed)
    }

    /// A key that is made is called `id`.
    async fn apply(
        &self,
        keyring: &mut Keyring,
        family: KeyFamily,
        step: RotationStep,
        id: KeyId,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let (issuer, purpose) = (self.issuer.as_str(), family.label());
        tracing::info!(issuer.url = issuer, key.purpose = purpose, key.step = ?step, "keyring");
        let of_family = |key: &SealedKey| key.purpose == purpose;
        match step {
            RotationStep::Begin => keyring.keys.push(self.make(family, KeyState::Active, id, now).await?),
            RotationStep::Announce => keyring.keys.push(self.make(family, KeyState::Announced, id, now).await?),
            RotationStep::Activate(id) => {
                for key in keyring.keys.iter_mut().filter(|key| of_family(key)) {
                    match key.state {
                        KeyState::Active => key.state = KeyState::Retired,
                        KeyState::Announced if key.id == id => {
                            (key.state, key.active_at) = (KeyState::Active, Some(now));
                        }
                        KeyState::Announced | KeyState::Retired => {}
                    }
                }
            }
            RotationStep::Forget(id) => keyring.keys.retain(|key| !of_family(key) || key.id != id),
            RotationStep::Replace => {
                keyring.keys.retain(|key| !of_family(key));
                keyring.keys.push(self.make(family, KeyState::Active, id, now).await?);
            }
        }
        Ok(())
    }

    async fn make(&self, family: KeyFamily, state: KeyState, id: KeyId, now: Timestamp) -> anyhow::Result<SealedKey> {
        let algorithm = self.algorithm_of(family);
        let material = match algorithm {
            // An RSA key takes so long that others would wait for this thread.
            Some(algorithm) => tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await??,
            None => Zeroizing::new(random::<32>(&*self.entropy).to_vec()),
        };
        let id_bytes = id.bytes();
        let context = context(&self.issuer, family.label(), &id_bytes);
        Ok(SealedKey {
            id,
            purpose: family.label().to_owned(),
            state,
            created_at: now,
            active_at: (state == KeyState::Active).then_some(now),
            algorithm,
            sealed_material: self.master.seal(&context, random(&*self.entropy), &material),
        })
    }

    fn algorithm_of(&self, family: KeyFamily) -> Option<SigningAlgorithm> {
        family.algorithm(self.algorithm)
    }

    fn listed(&self, keyring: &Keyring) -> anyhow::Result<Vec<ListedKey>> {
        let mut listed = Vec::with_capacity(keyring.keys.len());
        for family in KeyFamily::all() {
            let (ages, longest) = (ages(keyring, family), family.longest(&self.lifetimes));
            let publics = self.signing_keys(keyring, family)?;
            for key in &ages {
                let public = publics.iter().find(|(sealed, _)| sealed.id == key.id).map(|(_, signing)| signing.jwk());
                listed.push(ListedKey { family, key: *key, life: self.rotation.life(key, &ages, longest), public });
            }
        }
        Ok(listed)
    }

    /// The keys of a family, opened, if they sign.
    fn signing_keys<'a>(
        &self,
        keyring: &'a Keyring,
        family: KeyFamily,
    ) -> anyhow::Result<Vec<(&'a SealedKey, SigningKey)>> {
        let members = keyring.keys.iter().filter(|key| key.purpose == family.label());
        let signing = members.filter_map(|key| Some((key, key.algorithm?)));
        signing.map(|(key, algorithm)| Ok((key, SigningKey::new(key.id, algorithm, &self.material(key)?)?))).collect()
    }

    fn unwrap(&self, keyring: &Keyring) -> anyhow::Result<IssuerKeys> {
        let (mut active, mut others) = (Vec::new(), Vec::new());
        for purpose in Purpose::ALL {
            for key in keyring.keys.iter().filter(|key| key.purpose == purpose.label()) {
                let bytes = self.material(key)?;
                let bytes: KeyMaterial = Zeroizing::new(
                    bytes.as_slice().try_into().map_err(|_| anyhow::anyhow!("a key of the wrong length"))?,
                );
                let derived = Key::derive(key.id, purpose, self.issuer.as_str(), &bytes);
                match key.state {
                    KeyState::Active => active.push((purpose, derived)),
                    KeyState::Announced | KeyState::Retired => others.push((purpose, derived)),
                }
            }
        }
        let keys = Keys::new(active).ok_or_else(|| anyhow::anyhow!("the keyring lacks a purpose"))?;
        let keys = others.into_iter().fold(keys, |keys, (purpose, key)| keys.and(purpose, key));
        let (mut signing, mut published) = (None, Vec::new());
        for (sealed, key) in self.signing_keys(keyring, KeyFamily::Signing)? {
            published.push(key.jwk());
            if sealed.state == KeyState::Active {
                signing = Some(key);
            }
        }
        let signing = signing.ok_or_else(|| anyhow::anyhow!("the keyring has no active signing key"))?;
        let (mut events, mut announced_events) = (None, None);
        for (sealed, key) in self.signing_keys(keyring, KeyFamily::Events)? {
            match sealed.state {
                KeyState::Announced => announced_events = Some((sealed.id, key.jwk())),
                KeyState::Active => events = Some(key),
                KeyState::Retired => {}
            }
        }
        let events = events.ok_or_else(|| anyhow::anyhow!("the keyring has no active key for digests of events"))?;
        Ok(IssuerKeys { keys, signing, published, events, announced_events })
    }

    fn material(&self, key: &SealedKey) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        let opened = self.master.open(&context(&self.issuer, &key.purpose, &key.id.bytes()), &key.sealed_material);
        opened.ok_or_else(|| {
            ConfigError::new(
                "master_key",
                format_args!("does not open the keyring of {}", self.issuer.as_str()),
                "use the master key that this store was created with",
            )
        })
    }
}

fn ages(keyring: &Keyring, family: KeyFamily) -> Vec<KeyAge> {
    let members = keyring.keys.iter().filter(|key| key.purpose == family.label());
    let age = |key: &SealedKey| KeyAge {
        id: key.id,
        state: key.state,
        created_at: key.created_at,
        active_at: key.active_at,
        algorithm: key.algorithm,
    };
    members.map(age).collect()
}

/// A wrapped key opens only where it was put.
fn context<'a>(issuer: &'a IssuerUrl, purpose: &'a str, id: &'a [u8; 4]) -> [&'a [u8]; 4] {
    [b"keyring", issuer.as_str().as_bytes(), purpose.as_bytes(), id]
}
