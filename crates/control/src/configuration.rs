//! That an issuer is configured otherwise than at the start before is an event: what it may do, and who may call, has
//! changed, and nobody's call did that.
//!
//! What is compared is a digest. Secrets are not in it, as they are not in the configuration: that says where they are kept.

use lychgate_domain::entropy::{Entropy, random};
use lychgate_domain::event::{Caller, Event, EventKind};
use lychgate_domain::id::{Attempt, encode};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::keys::digest;
use lychgate_domain::time::Timestamp;
use lychgate_store::configuration::ConfigurationSeen;
use lychgate_store::{Store, StoreError};

use crate::config::{Config, IssuerConfig, PrincipalConfig};

/// Who did it, as events call it.
const PRINCIPAL: &str = "control";

/// Each issuer, once at each start. The first time there is nothing to compare with, and no event.
pub async fn see(config: &Config, store: &Store, entropy: &dyn Entropy, now: Timestamp) -> anyhow::Result<()> {
    for (issuer, written) in config.issuers()?.iter().zip(&config.issuers) {
        see_one(issuer, ConfigurationSeen(digest_of(config, written)?), store, entropy, now).await?;
    }
    Ok(())
}

/// Of several nodes that start at once, one says it.
async fn see_one(
    issuer: &Issuer,
    seen: ConfigurationSeen,
    store: &Store,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> anyhow::Result<()> {
    loop {
        let read = store.configuration_seen(&issuer.url, now).await?;
        if read.as_ref().is_some_and(|read| read.value == seen) {
            return Ok(());
        }
        let changed = read.is_some().then(|| {
            let request_id = encode(&random::<16>(entropy));
            let caller = Caller { principal: PRINCIPAL.to_owned(), request_id, address: None };
            let kind = EventKind::ConfigurationChanged { digest: seen.0 };
            Event::new(kind, None, &caller, Attempt::from_bytes(random(entropy)), 0, now)
        });
        match store.see_configuration(&issuer.url, read.as_ref(), seen, changed.as_ref(), now).await {
            Err(StoreError::Conflict) => {}
            done => return Ok(done?),
        }
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
