//! That an issuer is configured otherwise than before is an event, at a start and when who may call is read again: what it
//! may do has changed, and nobody's call did that.
//!
//! What is compared is a digest. Secrets are not in it, as they are not in the configuration: that says where they are kept.

use std::sync::Arc;

use lychgate_domain::entropy::{Entropy, random};
use lychgate_domain::event::{Event, EventCaller, EventKind};
use lychgate_domain::id::{Attempt, encode};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::keys::digest;
use lychgate_domain::time::{Clock, Timestamp};
use lychgate_store::Store;
use lychgate_store::configuration::ConfigurationDigest;

use crate::config::{Config, IssuerConfig, PrincipalConfig};
use crate::ground::commit::{Commit, until_committed};

/// Who did it, as events call it.
const PRINCIPAL: &str = "control";

/// Sees to it that what is in force is on the record.
#[derive(Clone, Debug)]
pub struct Recorder {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl Recorder {
    /// Each issuer that is not as it was when it was last seen. The first time there is nothing to compare with, and no
    /// event.
    pub async fn see(&self, config: &Config) -> anyhow::Result<()> {
        for (issuer, written) in config.issuers()?.iter().zip(&config.issuers) {
            self.see_one(issuer, ConfigurationDigest(digest_of(config, written)?)).await?;
        }
        Ok(())
    }

    /// Of several nodes that see it at once, one says it.
    async fn see_one(&self, issuer: &Issuer, seen: ConfigurationDigest) -> anyhow::Result<()> {
        until_committed(|| async {
            let now = self.clock.now();
            let read = self.store.configuration_digest(&issuer.url, now).await?;
            if read.as_ref().is_some_and(|read| read.value == seen) {
                return Ok(Commit::Done(()));
            }
            let changed = read.is_some().then(|| self.changed(seen, now));
            let commit =
                self.store.record_configuration(&issuer.url, read.as_ref(), seen, changed.as_ref(), now).await?;
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

/// Everything that concerns the issuer: its own, who may speak of it, and what holds for all.
fn digest_of(config: &Config, issuer: &IssuerConfig) -> anyhow::Result<[u8; 32]> {
    let speaks = |principal: &&_| speaks_of(principal, &issuer.id);
    let parts = [
        serde_json::to_vec(issuer)?,
        serde_json::to_vec(&config.principals.iter().filter(speaks).collect::<Vec<_>>())?,
        serde_json::to_vec(&(&config.keys, &config.events, &config.outbound))?,
    ];
    Ok(digest("configuration", &parts.each_ref().map(Vec::as_slice)))
}

fn speaks_of(principal: &PrincipalConfig, issuer: &str) -> bool {
    principal.issuers.as_ref().is_none_or(|issuers| issuers.iter().any(|id| id == issuer))
}
