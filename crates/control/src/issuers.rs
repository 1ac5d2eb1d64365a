//! The issuers of this process, each with its keys and its upstream.

mod key_ages;
mod last_check;

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
use crate::metrics::upstream_calls::UpstreamCallMetrics;
use crate::upstream::{HttpClient, Upstream};
pub(crate) use last_check::{LastCheck, UpstreamCheck, UpstreamProblem};

/// One issuer as one call sees it: its configuration, its upstream, and its keys as they are now.
#[derive(Clone, Debug)]
pub(crate) struct IssuerContext {
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) key_manager: Arc<KeyManager>,
    keys: Arc<IssuerKeys>,
}

impl IssuerContext {
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys.keys
    }

    pub(crate) fn signing(&self) -> &SigningKey {
        &self.keys.signing
    }

    /// The key set that verifiers fetch.
    pub(crate) fn published_keys(&self) -> &[Jwk] {
        &self.keys.published
    }
}

#[derive(Debug)]
pub(crate) struct Issuers(BTreeMap<IssuerId, ServedIssuer>);

#[derive(Debug)]
struct ServedIssuer {
    issuer: Arc<Issuer>,
    /// The path of its upstream in the configuration.
    upstream_key: String,
    upstream: Arc<Upstream>,
    last_check: LastCheck,
    key_manager: Arc<KeyManager>,
}

/// The upstream of an issuer, as a background job watches it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WatchedUpstream<'a> {
    pub(crate) issuer: &'a IssuerId,
    /// Its path in the configuration.
    pub(crate) key: &'a str,
    pub(crate) upstream: &'a Upstream,
    pub(crate) last_check: &'a LastCheck,
}

impl ServedIssuer {
    async fn context(&self, now: Timestamp) -> IssuerContext {
        self.with_keys(self.key_manager.keys(now).await)
    }

    fn with_keys(&self, keys: Arc<IssuerKeys>) -> IssuerContext {
        let Self { issuer, upstream_key: _, upstream, last_check: _, key_manager } = self;
        let (issuer, upstream, key_manager) = (Arc::clone(issuer), Arc::clone(upstream), Arc::clone(key_manager));
        IssuerContext { issuer, upstream, key_manager, keys }
    }
}

impl Issuers {
    /// Reads every secret and opens every keyring. Fails with the configuration key that is wrong.
    pub(crate) async fn open(
        config: &Config,
        store: &Store,
        upstream_calls: UpstreamCallMetrics,
        entropy: &Arc<dyn Entropy>,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let master = Arc::new(keyring::master_key(&config.master_key)?);
        let rotation = config.keys.rotation()?;
        let http = HttpClient::new(upstream_calls)?;
        let mut issuers = BTreeMap::new();
        for (n, issuer) in config.issuers()?.into_iter().enumerate() {
            let at = format!("issuers[{n}].upstream");
            let upstream = Upstream::new(&config.issuers[n].upstream, &at, &issuer, http.of(&issuer.upstream))?;
            let (master, entropy) = (Arc::clone(&master), Arc::clone(entropy));
            let algorithm = config.issuers[n].access_tokens.algorithm.into();
            let (store, url, lifetimes) = (store.clone(), issuer.url.clone(), issuer.lifetimes);
            let stored = StoredKeyring { store, master, issuer: url, lifetimes, algorithm, rotation, entropy };
            let key_manager = KeyManager::open(stored, now).await?;
            let (upstream, key_manager) = (Arc::new(upstream), Arc::new(key_manager));
            let (issuer, last_check) = (Arc::new(issuer), LastCheck::default());
            let entry = ServedIssuer { issuer, upstream_key: at, upstream, last_check, key_manager };
            issuers.insert(entry.issuer.id.clone(), entry);
        }
        Ok(Self(issuers))
    }

    /// The issuer `id`. An issuer that the principal may not speak of does not exist for it.
    pub(crate) async fn find(&self, id: &str, principal: &Principal, now: Timestamp) -> Result<IssuerContext, Refusal> {
        Ok(self.entry(id, principal)?.context(now).await)
    }

    /// The issuer `id` with its keys as they were last read.
    pub(crate) fn find_with_cached_keys(&self, id: &str, principal: &Principal) -> Result<IssuerContext, Refusal> {
        let entry = self.entry(id, principal)?;
        Ok(entry.with_keys(entry.key_manager.known()))
    }

    /// The issuers whose upstream tokens are revoked at the upstream.
    pub(crate) fn with_upstream_revocation(&self) -> impl Iterator<Item = IssuerId> {
        let revoking =
            self.0.values().filter(|entry| entry.issuer.upstream_revocation != UpstreamRevocationMode::Never);
        revoking.map(|entry| entry.issuer.id.clone())
    }

    /// The issuer `id`, for background jobs.
    pub(crate) async fn for_job(&self, id: &IssuerId, now: Timestamp) -> Option<IssuerContext> {
        Some(self.0.get(id)?.context(now).await)
    }

    /// The issuers that the principal may speak of.
    pub(crate) fn all<'a>(&'a self, principal: &'a Principal) -> impl Iterator<Item = &'a Issuer> {
        self.0.values().map(|entry| &*entry.issuer).filter(|issuer| principal.may_access(&issuer.id))
    }

    /// The upstream of every issuer.
    pub(crate) fn upstreams(&self) -> impl Iterator<Item = WatchedUpstream<'_>> {
        self.0.values().map(|entry| WatchedUpstream {
            issuer: &entry.issuer.id,
            key: &entry.upstream_key,
            upstream: &entry.upstream,
            last_check: &entry.last_check,
        })
    }

    /// The latest check of the issuer's upstream.
    pub(crate) fn last_check(&self, issuer: &IssuerId) -> Option<Arc<UpstreamCheck>> {
        self.0.get(issuer)?.last_check.get()
    }

    /// All issuers, for background jobs.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&Issuer, &KeyManager)> {
        self.0.values().map(|entry| (&*entry.issuer, &*entry.key_manager))
    }

    fn entry(&self, id: &str, principal: &Principal) -> Result<&ServedIssuer, Refusal> {
        let entry = IssuerId::parse(id).filter(|id| principal.may_access(id)).and_then(|id| self.0.get(&id));
        entry.ok_or(Refusal::IssuerUnknown)
    }
}
