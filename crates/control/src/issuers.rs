//! The issuers this process speaks for, each with its keys and its upstream.

use std::collections::BTreeMap;
use std::sync::Arc;

use lychgate_api::v1::Jwk;
use lychgate_domain::Refusal;
use lychgate_domain::entropy::Entropy;
use lychgate_domain::id::IssuerId;
use lychgate_domain::issuer::{Issuer, UpstreamRevocationMode};
use lychgate_domain::keys::Keys;
use lychgate_domain::time::Timestamp;
use lychgate_store::Store;

use crate::config::Config;
use crate::ground::principal::Principal;
use crate::keys::keyring::{self, IssuerKeys, KeyManager, StoredKeyring};
use crate::keys::signing::SigningKey;
use crate::upstream::{Http, Upstream};

/// One authorization server at work: everything one request needs, the keys as they are now among it.
#[derive(Clone, Debug)]
pub struct Serving {
    pub issuer: Arc<Issuer>,
    pub upstream: Arc<Upstream>,
    keys: Arc<IssuerKeys>,
}

impl Serving {
    pub fn keys(&self) -> &Keys {
        &self.keys.keys
    }

    pub fn signing(&self) -> &SigningKey {
        &self.keys.signing
    }

    /// What verifiers should know.
    pub fn published_keys(&self) -> &[Jwk] {
        &self.keys.published
    }
}

#[derive(Debug)]
pub struct Issuers(BTreeMap<IssuerId, Entry>);

#[derive(Debug)]
struct Entry {
    issuer: Arc<Issuer>,
    upstream: Arc<Upstream>,
    key_manager: KeyManager,
}

impl Entry {
    async fn serving(&self, now: Timestamp) -> Serving {
        let keys = self.key_manager.keys(now).await;
        Serving { issuer: Arc::clone(&self.issuer), upstream: Arc::clone(&self.upstream), keys }
    }
}

impl Issuers {
    /// Reads every secret and opens every keyring, or says what is wrong.
    pub async fn open(
        config: &Config,
        store: &Store,
        entropy: &Arc<dyn Entropy>,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let master = Arc::new(keyring::master_key(&config.master_key)?);
        let rotation = config.keys.rotation()?;
        let http = Http::new()?;
        let mut issuers = BTreeMap::new();
        for (n, issuer) in config.issuers()?.into_iter().enumerate() {
            let at = format!("issuers[{n}].upstream");
            let upstream = Upstream::new(&config.issuers[n].upstream, &at, &issuer, http.clone())?;
            let (master, entropy) = (Arc::clone(&master), Arc::clone(entropy));
            let algorithm = config.issuers[n].access_tokens.algorithm.into();
            let (store, url, lifetimes) = (store.clone(), issuer.url.clone(), issuer.lifetimes);
            let stored = StoredKeyring { store, master, issuer: url, lifetimes, algorithm, rotation, entropy };
            let key_manager = KeyManager::open(stored, now).await?;
            let entry = Entry { issuer: Arc::new(issuer), upstream: Arc::new(upstream), key_manager };
            issuers.insert(entry.issuer.id.clone(), entry);
        }
        Ok(Self(issuers))
    }

    /// The issuer `id`, if the caller may speak of it. One it may not speak of does not exist for it.
    pub async fn find(&self, id: &str, principal: &Principal, now: Timestamp) -> Result<Serving, Refusal> {
        Ok(self.entry(id, principal)?.serving(now).await)
    }

    /// Those whose upstream hears of revocations.
    pub fn with_upstream_revocation(&self) -> impl Iterator<Item = IssuerId> {
        let told = self.0.values().filter(|entry| entry.issuer.upstream_revocation != UpstreamRevocationMode::Never);
        told.map(|entry| entry.issuer.id.clone())
    }

    /// The issuer `id`, for work of this process's own.
    pub async fn at_work(&self, id: &IssuerId, now: Timestamp) -> Option<Serving> {
        Some(self.0.get(id)?.serving(now).await)
    }

    /// The issuer `id` alone, if the caller may speak of it: for what needs no keys.
    pub fn issuer(&self, id: &str, principal: &Principal) -> Result<&Arc<Issuer>, Refusal> {
        Ok(&self.entry(id, principal)?.issuer)
    }

    /// Who keeps the keys of the issuer `id`, if the caller may speak of it.
    pub fn key_manager(&self, id: &str, principal: &Principal) -> Result<&KeyManager, Refusal> {
        Ok(&self.entry(id, principal)?.key_manager)
    }

    /// All that the caller may speak of.
    pub fn all<'a>(&'a self, principal: &'a Principal) -> impl Iterator<Item = &'a Issuer> {
        self.0.values().map(|entry| &*entry.issuer).filter(|issuer| principal.may_access(&issuer.id))
    }

    /// All there are, for what nobody asked for.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&Issuer, &KeyManager)> {
        self.0.values().map(|entry| (&*entry.issuer, &entry.key_manager))
    }

    fn entry(&self, id: &str, principal: &Principal) -> Result<&Entry, Refusal> {
        let entry = IssuerId::parse(id).filter(|id| principal.may_access(id)).and_then(|id| self.0.get(&id));
        entry.ok_or(Refusal::IssuerUnknown)
    }
}
