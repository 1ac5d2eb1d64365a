//! The keyring of an issuer: created at the first start, unwrapped with the master key at every start, and reconciled
//! from then on. A node performs due steps (`lychgate_domain::keys::rotation`) when it reads the keyring, and an operator's rotation
//! when it is requested.
//!
//! Key material leaves this file as usable keys, never as bytes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use lychgate_api::v1::Jwk;
use lychgate_domain::Refusal;
use lychgate_domain::entropy::{Entropy, random};
use lychgate_domain::event::{Event, EventCaller, EventKind};
use lychgate_domain::id::Attempt;
use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::keys::rotation::{
    FamilyFull, KeyAge, KeyFamily, KeyLife, KeyState, Rotation, RotationStep, RotationUrgency, SigningAlgorithm,
    requested_step,
};
use lychgate_domain::keys::{Key, KeyId, KeyMaterial, Keys, Purpose, digest};
use lychgate_domain::lifetimes::Lifetimes;
use lychgate_domain::time::Timestamp;
use lychgate_process::config::{ConfigError, Secret};
use lychgate_store::Store;
use lychgate_store::Update;
use lychgate_store::keyring::{Keyring, SealedKey};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::ground::propagation::{KEYRING_MAX_AGE, UNREAD_KEYRING_MAX_AGE};
use crate::keys::signing::SigningKey;

/// An issuer's keys at one time.
#[derive(Debug)]
pub(crate) struct IssuerKeys {
    pub keys: Keys,
    pub signing: SigningKey,
    /// Every signing key that verifiers need: announced, active and retired.
    pub published: Vec<Jwk>,
    /// The key that signs digests of the event log.
    pub events: SigningKey,
    /// Its announced successor.
    pub announced_events: Option<(KeyId, Jwk)>,
    /// When the active key of each family became active.
    pub active_since: Vec<(KeyFamily, Timestamp)>,
    /// The instant at which the keyring was read.
    read_at: Timestamp,
}

/// Reads the master key, which wraps keyrings: 32 bytes in base64url. With it and the database every secret can be
/// computed, so its file must be private.
pub(crate) fn master_key(secret: &Secret) -> Result<Key, ConfigError> {
    let text = secret.read_private("master_key")?;
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

/// Holds the keys of one issuer and reconciles them with the stored keyring. Requests never wait for that: while one
/// request reconciles, others use the known keys.
#[derive(Debug)]
pub(crate) struct KeyManager {
    stored: StoredKeyring,
    held: ArcSwap<HeldKeys>,
    reconciling: Mutex<()>,
}

#[derive(Debug)]
struct HeldKeys {
    keys: Arc<IssuerKeys>,
    /// The instant of the last reading, also of one that failed.
    tried_at: Timestamp,
}

/// One key without its material, for operators.
#[derive(Clone, Debug)]
pub(crate) struct ListedKey {
    pub family: KeyFamily,
    pub key: KeyAge,
    pub life: KeyLife,
    /// The public half of a signing key.
    pub public: Option<Jwk>,
}

/// The key of a family that makes new values.
#[derive(Clone, Debug)]
pub(crate) struct ActiveKey {
    pub family: KeyFamily,
    pub id: KeyId,
    pub active_at: Timestamp,
    /// When its successor becomes active, by the schedule.
    pub replaced_at: Timestamp,
}

/// An operator's rotation.
#[derive(Clone, Debug)]
pub(crate) struct RotationRequest {
    pub families: Vec<KeyFamily>,
    pub urgency: RotationUrgency,
    /// The idempotency key, the same for every repetition of one request.
    pub attempt: Attempt,
}

impl RotationRequest {
    /// The id of the key that this request makes; a repetition finds it by this.
    #[expect(clippy::expect_used, reason = "a SHA-256 digest has more than 4 bytes")]
    pub(crate) fn successor(&self, family: KeyFamily) -> KeyId {
        let hash = digest("key id", &[self.attempt.bytes(), family.label().as_bytes()]);
        KeyId::from_bytes(*hash.first_chunk().expect("32 bytes"))
    }
}

impl KeyManager {
    /// Unwraps the keyring and makes missing keys.
    pub(crate) async fn open(stored: StoredKeyring, now: Timestamp) -> anyhow::Result<Self> {
        let keys = Arc::new(stored.reconcile(now).await?);
        let held = ArcSwap::from_pointee(HeldKeys { keys, tried_at: now });
        Ok(Self { stored, held, reconciling: Mutex::new(()) })
    }

    /// The keys for one request.
    pub(crate) async fn keys(&self, now: Timestamp) -> Arc<IssuerKeys> {
        let held = self.held.load_full();
        if now.age_of(held.tried_at).is_below(KEYRING_MAX_AGE) {
            return Arc::clone(&held.keys);
        }
        let Ok(_reconciling) = self.reconciling.try_lock() else { return Arc::clone(&held.keys) };
        self.reconcile(now).await
    }

    /// The key set that verifiers fetch. Fails if the keyring could not be read for a while.
    pub(crate) async fn published(&self, now: Timestamp) -> Result<Vec<Jwk>, Error> {
        let _reconciling = self.reconciling.lock().await;
        let known = self.known();
        let keys = if now.age_of(known.read_at).is_below(KEYRING_MAX_AGE) { known } else { self.reconcile(now).await };
        if now.age_of(keys.read_at).is_below(UNREAD_KEYRING_MAX_AGE) {
            Ok(keys.published.clone())
        } else {
            Err(Error::StoreUnavailable(anyhow::anyhow!("the keyring was not read for too long")))
        }
    }

    /// The keys as last reconciled.
    pub(crate) fn known(&self) -> Arc<IssuerKeys> {
        Arc::clone(&self.held.load().keys)
    }

    /// All keys, by family, in the order of creation.
    pub(crate) async fn list(&self, now: Timestamp) -> Result<Vec<ListedKey>, Error> {
        let stored = self.stored.store.keyring(&self.stored.issuer, now).await?;
        self.stored.listed(&stored.map(|stored| stored.value).unwrap_or_default()).map_err(Error::Fault)
    }

    /// The active key of each family.
    pub(crate) async fn active(&self, now: Timestamp) -> Result<Vec<ActiveKey>, Error> {
        let Rotation { every, announcement } = self.stored.rotation;
        let active = |ListedKey { family, key, life, public: _ }: ListedKey| ActiveKey {
            family,
            id: key.id,
            active_at: life.active_at,
            replaced_at: life.retires_at.unwrap_or(key.created_at + every + announcement),
        };
        let listed = self.list(now).await?.into_iter();
        Ok(listed.filter(|listed| listed.key.state == KeyState::Active).map(active).collect())
    }

    /// Performs an operator's rotation once, with an event, and returns all keys. This node uses the result at once,
    /// others when they next read the keyring.
    pub(crate) async fn rotate(
        &self,
        request: &RotationRequest,
        caller: &EventCaller,
        now: Timestamp,
    ) -> Result<Vec<ListedKey>, Error> {
        let keyring = self.stored.rotate(request, caller, now).await?;
        // Waits for a running reconciliation: its older result would hide the new key.
        let _reconciling = self.reconciling.lock().await;
        self.reconcile(now).await;
        self.stored.listed(&keyring).map_err(Error::Fault)
    }

    /// Reconciles and returns the keys; the known ones if that fails. The caller holds `reconciling`.
    async fn reconcile(&self, now: Timestamp) -> Arc<IssuerKeys> {
        let keys = match self.stored.reconcile(now).await {
            Ok(keys) => Arc::new(keys),
            Err(error) => {
                tracing::warn!(
                    issuer.url = self.stored.issuer.as_str(),
                    error = format!("{error:#}"),
                    "cannot read the keyring; using the known keys"
                );
                self.known()
            }
        };
        self.held.store(Arc::new(HeldKeys { keys: Arc::clone(&keys), tried_at: now }));
        keys
    }
}

/// Access to the stored keyring, and the rules that it must satisfy.
#[derive(Debug)]
pub(crate) struct StoredKeyring {
    pub store: Store,
    pub master: Arc<Key>,
    pub issuer: IssuerUrl,
    pub lifetimes: Lifetimes,
    /// The algorithm of access tokens.
    pub algorithm: SigningAlgorithm,
    pub rotation: Rotation,
    pub entropy: Arc<dyn Entropy>,
}

/// The id and creation time of a key that a step makes.
#[derive(Clone, Copy, Debug)]
struct NewKey {
    id: KeyId,
    created_at: Timestamp,
}

impl StoredKeyring {
    /// Performs due steps and returns the keys. If several nodes do this at once, one commits and the others read its
    /// result.
    async fn reconcile(&self, now: Timestamp) -> anyhow::Result<IssuerKeys> {
        let keyring = until_committed(|| async {
            let stored = self.store.keyring(&self.issuer, now).await?;
            let mut keyring = stored.as_ref().map(|stored| stored.value.clone()).unwrap_or_default();
            if !self.apply_due(&mut keyring, now).await? {
                return Ok(Commit::Done(keyring));
            }
            let commit = self
                .store
                .put_keyring(
                    &self.issuer,
                    Update { expected: stored.as_ref().map(|stored| stored.version), record: &keyring, event: None },
                    now,
                )
                .await?;
            Ok::<_, anyhow::Error>(commit.with(keyring))
        });
        self.unwrap(&keyring.await?, now)
    }

    /// Performs a rotation and returns the keyring. Each of several nodes decides about the keyring that the one
    /// before it left: an announced key gets no second successor.
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
                        "too many keys of this purpose are still needed; wait until one is deleted",
                    )
                })?;
                if let Some(step) = step {
                    self.apply(&mut keyring, *family, step, NewKey { id, created_at: now })
                        .await
                        .map_err(Error::Fault)?;
                    made.push((*family, id));
                }
            }
            if made.is_empty() {
                return Ok(Commit::Done(keyring));
            }
            let kind = EventKind::KeysRotated { keys: made, urgency: request.urgency };
            let event = Event::new(kind, None, caller, request.attempt, now);
            let commit = self
                .store
                .put_keyring(
                    &self.issuer,
                    Update {
                        expected: stored.as_ref().map(|stored| stored.version),
                        record: &keyring,
                        event: Some(&event),
                    },
                    now,
                )
                .await?;
            Ok(commit.with(keyring))
        })
        .await
    }

    /// Performs due steps; returns whether there were any.
    async fn apply_due(&self, keyring: &mut Keyring, now: Timestamp) -> anyhow::Result<bool> {
        let mut changed = false;
        for family in KeyFamily::all() {
            let algorithm = self.algorithm_of(family);
            let longest = family.longest(&self.lifetimes);
            while let Some(step) = self.rotation.due(&ages(keyring, family), algorithm, longest, now) {
                let id = KeyId::from_bytes(random(&*self.entropy));
                self.apply(keyring, family, step, NewKey { id, created_at: now }).await?;
                changed = true;
            }
        }
        Ok(changed)
    }

    /// Performs one step. A key that it makes is `new`.
    async fn apply(
        &self,
        keyring: &mut Keyring,
        family: KeyFamily,
        step: RotationStep,
        new: NewKey,
    ) -> anyhow::Result<()> {
        let (issuer, purpose) = (self.issuer.as_str(), family.label());
        tracing::info!(issuer.url = issuer, key.purpose = purpose, key.step = ?step, "changing the keyring");
        let of_family = |key: &SealedKey| key.purpose == purpose;
        match step {
            RotationStep::Begin => keyring.keys.push(self.make(family, KeyState::Active, new).await?),
            RotationStep::Announce => keyring.keys.push(self.make(family, KeyState::Announced, new).await?),
            RotationStep::Activate(id) => {
                for key in keyring.keys.iter_mut().filter(|key| of_family(key)) {
                    match key.state {
                        KeyState::Active => key.state = KeyState::Retired,
                        KeyState::Announced if key.id == id => {
                            (key.state, key.active_at) = (KeyState::Active, Some(new.created_at));
                        }
                        KeyState::Announced | KeyState::Retired => {}
                    }
                }
            }
            RotationStep::Forget(id) => keyring.keys.retain(|key| !of_family(key) || key.id != id),
            RotationStep::Replace => {
                keyring.keys.retain(|key| !of_family(key));
                keyring.keys.push(self.make(family, KeyState::Active, new).await?);
            }
        }
        Ok(())
    }

    async fn make(&self, family: KeyFamily, state: KeyState, new: NewKey) -> anyhow::Result<SealedKey> {
        let algorithm = self.algorithm_of(family);
        let material = match algorithm {
            // Generating an RSA key would block this thread for too long.
            Some(algorithm) => tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await??,
            None => Zeroizing::new(random::<32>(&*self.entropy).to_vec()),
        };
        let NewKey { id, created_at } = new;
        let id_bytes = id.bytes();
        let context = context(&self.issuer, family.label(), &id_bytes);
        Ok(SealedKey {
            id,
            purpose: family.label().to_owned(),
            state,
            created_at,
            active_at: (state == KeyState::Active).then_some(created_at),
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

    /// The unwrapped signing keys of a family.
    fn signing_keys<'a>(
        &self,
        keyring: &'a Keyring,
        family: KeyFamily,
    ) -> anyhow::Result<Vec<(&'a SealedKey, SigningKey)>> {
        let members = keyring.keys.iter().filter(|key| key.purpose == family.label());
        let signing = members.filter_map(|key| Some((key, key.algorithm?)));
        signing.map(|(key, algorithm)| Ok((key, SigningKey::new(key.id, algorithm, &self.material(key)?)?))).collect()
    }

    fn unwrap(&self, keyring: &Keyring, read_at: Timestamp) -> anyhow::Result<IssuerKeys> {
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
        let active_since = active_since(keyring);
        Ok(IssuerKeys { keys, signing, published, events, announced_events, active_since, read_at })
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

/// The time of a key of a release that did not record its activation is that of its creation.
fn active_since(keyring: &Keyring) -> Vec<(KeyFamily, Timestamp)> {
    let active = |family| ages(keyring, family).into_iter().find(|key| key.state == KeyState::Active);
    let since = |family| active(family).map(|key| (family, key.active_at.unwrap_or(key.created_at)));
    KeyFamily::all().filter_map(since).collect()
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

/// The associated data: a wrapped key opens only in its own place.
fn context<'a>(issuer: &'a IssuerUrl, purpose: &'a str, id: &'a [u8; 4]) -> [&'a [u8]; 4] {
    [b"keyring", issuer.as_str().as_bytes(), purpose.as_bytes(), id]
}
