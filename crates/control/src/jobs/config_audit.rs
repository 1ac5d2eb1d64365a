//! Records `configuration.changed` when an issuer's effective configuration differs from the last one seen: at a
//! start, and when principals are reloaded.
//!
//! Digests are compared. They cover no secrets: the configuration only names their locations.

use std::sync::Arc;

use lychgate_domain::entropy::{Entropy, random};
use lychgate_domain::event::{Event, EventCaller, EventKind};
use lychgate_domain::id::{Attempt, encode};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::keys::digest;
use lychgate_domain::time::{Clock, Timestamp};
use lychgate_store::Store;
use lychgate_store::Update;
use lychgate_store::configuration::ConfigurationDigest;

use crate::config::{Config, IssuerConfig, PrincipalConfig};
use crate::ground::commit::{Commit, until_committed};

/// The principal of these events.
const PRINCIPAL: &str = "control";

/// Records configuration changes as events.
#[derive(Clone, Debug)]
pub(crate) struct ConfigAudit {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl ConfigAudit {
    /// Records each issuer with a configuration that differs from the last one seen. The first configuration is stored
    /// without an event.
    pub(crate) async fn record(&self, config: &Config) -> anyhow::Result<()> {
        for (issuer, written) in config.issuers()?.iter().zip(&config.issuers) {
            self.record_one(issuer, ConfigurationDigest(digest_of(config, written)?)).await?;
        }
        Ok(())
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
