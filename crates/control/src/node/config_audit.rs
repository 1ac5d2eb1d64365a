//! Records `configuration.changed` when an issuer's effective configuration differs from the last one seen: at a
//! start, and when principals are reloaded.
//!
//! Digests are compared. They cover no secrets: the configuration only names their locations.

use std::sync::{Arc, Mutex, PoisonError};

use lychgate_domain::entropy::{Entropy, random};
use lychgate_domain::event::{Event, EventCaller, EventKind};
use lychgate_domain::id::{Attempt, IssuerId, encode};
use lychgate_domain::issuer::{Issuer, IssuerUrl};
use lychgate_domain::keys::digest;
use lychgate_domain::time::{Clock, Timestamp};
use lychgate_store::configuration::ConfigurationDigest;
use lychgate_store::{Store, StoreError, Update};

use crate::config::{Config, IssuerConfig, PrincipalConfig};
use crate::ground::commit::{Commit, until_committed};

/// The principal of these events.
const PRINCIPAL: &str = "control";

/// Records configuration changes as events, and compares this node's configuration with the one recorded last. A clone is the
/// same audit.
#[derive(Clone, Debug)]
pub(crate) struct ConfigAudit {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// The configuration in force at this node.
    own: Arc<Mutex<Vec<OwnConfiguration>>>,
}

/// An issuer's configuration at this node, and at the node that was started or reloaded last.
#[derive(Clone, Debug)]
pub(crate) struct ComparedConfiguration {
    pub(crate) issuer: IssuerId,
    pub(crate) own: ConfigurationDigest,
    /// `None` if there is no record, or it cannot be read.
    pub(crate) latest: Option<ConfigurationDigest>,
}

impl ComparedConfiguration {
    /// True if another node that was started or reloaded later has another configuration.
    pub(crate) fn differs(&self) -> bool {
        self.latest.is_some_and(|latest| latest != self.own)
    }
}

#[derive(Clone, Debug)]
struct OwnConfiguration {
    issuer: IssuerId,
    url: IssuerUrl,
    digest: ConfigurationDigest,
}

impl ConfigAudit {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, clock, entropy, own: Arc::default() }
    }

    /// Records each issuer with a configuration that differs from the last one seen. The first configuration is stored
    /// without an event.
    pub(crate) async fn record(&self, config: &Config) -> anyhow::Result<()> {
        let mut own = Vec::new();
        for (issuer, written) in config.issuers()?.iter().zip(&config.issuers) {
            let digest = ConfigurationDigest(digest_of(config, written)?);
            own.push(OwnConfiguration { issuer: issuer.id.clone(), url: issuer.url.clone(), digest });
            self.record_one(issuer, digest).await?;
        }
        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = own;
        Ok(())
    }

    /// The issuers of the configuration in force.
    pub(crate) fn issuers(&self) -> Vec<IssuerId> {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.iter().map(|own| own.issuer.clone()).collect()
    }

    /// Compares the configuration of each issuer with the one that was recorded last.
    pub(crate) async fn compare(&self) -> Result<Vec<ComparedConfiguration>, StoreError> {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut compared = Vec::with_capacity(own.len());
        for OwnConfiguration { issuer, url, digest } in own {
            let latest = self.store.configuration_digest(&url, self.clock.now()).await?.map(|latest| latest.value);
            compared.push(ComparedConfiguration { issuer, own: digest, latest });
        }
        Ok(compared)
    }

    /// The configuration of each issuer at this node, without a look at the store.
    pub(crate) fn own(&self) -> Vec<ComparedConfiguration> {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let alone = |own: &OwnConfiguration| ComparedConfiguration {
            issuer: own.issuer.clone(),
            own: own.digest,
            latest: None,
        };
        own.iter().map(alone).collect()
    }

    /// If several nodes see a change at once, one records it.
    async fn record_one(&self, issuer: &Issuer, seen: ConfigurationDigest) -> anyhow::Result<()> {
        until_committed(|| async {
            let now = self.clock.now();
            let read = self.store.configuration_digest(&issuer.url, now).await?;
            if read.as_ref().is_some_and(|read| read.value == seen) {
                return Ok(Commit::Done(()));
            }
            let changed = read.is_some().then(|| self.changed(seen, now));
            let commit = self
                .store
                .record_configuration(
                    &issuer.url,
                    Update { expected: read.map(|read| read.version), record: &seen, event: changed.as_ref() },
                    now,
                )
                .await?;
            Ok(commit.with(()))
        })
        .await
    }

    fn changed(&self, seen: ConfigurationDigest, now: Timestamp) -> Event {
        let request_id = encode(&random::<16>(&*self.entropy));
        let caller = EventCaller { principal: PRINCIPAL.to_owned(), request_id, address: None };
        let kind = EventKind::ConfigurationChanged { digest: seen.0 };
        Event::new(kind, None, &caller, Attempt::from_bytes(random(&*self.entropy)), now)
    }
}

/// Digests the issuer's configuration: its own, its principals, and the global sections.
fn digest_of(config: &Config, issuer: &IssuerConfig) -> anyhow::Result<[u8; 32]> {
    let has_access = |principal: &&_| may_access(principal, &issuer.id);
    let parts = [
        serde_json::to_vec(issuer)?,
        serde_json::to_vec(&config.principals.iter().filter(has_access).collect::<Vec<_>>())?,
        serde_json::to_vec(&(&config.keys, &config.events, &config.outbound))?,
    ];
    Ok(digest("configuration", &parts.each_ref().map(Vec::as_slice)))
}

fn may_access(principal: &PrincipalConfig, issuer: &str) -> bool {
    principal.issuers.as_ref().is_none_or(|issuers| issuers.iter().any(|id| id == issuer))
}
