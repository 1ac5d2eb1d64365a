//! The issuers this process speaks for, each with its keys and its upstream.

use std::collections::BTreeMap;

use lychgate_domain::Refusal;
use lychgate_domain::client::Client;
use lychgate_domain::entropy::Entropy;
use lychgate_domain::id::{ClientId, IssuerId};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::keys::Keys;
use lychgate_domain::time::{Clock, Timestamp};
use lychgate_store::{Store, StoreError, Versioned};

use crate::access_token::SigningKey;
use crate::config::{Config, UpstreamConfig};
use crate::error::Error;
use crate::keyring;
use crate::principal::Principal;
use crate::upstream::{Http, Oidc, Upstream};

/// One authorization server, ready to work.
#[derive(Debug)]
pub struct Serving {
    pub issuer: Issuer,
    pub keys: Keys,
    pub signing: SigningKey,
    pub upstream: Upstream,
}

#[derive(Debug)]
pub struct Issuers(BTreeMap<IssuerId, Serving>);

impl Issuers {
    /// Reads every secret and opens every keyring, or says what is wrong.
    pub async fn open(
        config: &Config,
        store: &Store,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> anyhow::Result<Self> {
        let master = keyring::master_key(&config.master_key)?;
        let http = Http::new()?;
        let mut issuers = BTreeMap::new();
        for (n, issuer) in config.issuers()?.into_iter().enumerate() {
            let UpstreamConfig::Oidc(oidc) = &config.issuers[n].upstream;
            let secret = oidc.client_secret.read(&format!("issuers[{n}].upstream.client_secret"))?;
            let upstream = Upstream::Oidc(Oidc::new(oidc, &issuer, &secret, http.clone()));
            let keyring::IssuerKeys { keys, signing } =
                keyring::open(store, &master, &issuer.url, clock, entropy).await?;
            issuers.insert(issuer.id.clone(), Serving { issuer, keys, signing, upstream });
        }
        Ok(Self(issuers))
    }

    /// The issuer `id`, if the caller may speak of it. One it may not speak of does not exist for it.
    pub fn find(&self, id: &str, principal: &Principal) -> Result<&Serving, Refusal> {
        IssuerId::parse(id)
            .filter(|id| principal.may_speak_of(id))
            .and_then(|id| self.0.get(&id))
            .ok_or(Refusal::IssuerUnknown)
    }

    /// All that the caller may speak of.
    pub fn all<'a>(&'a self, principal: &'a Principal) -> impl Iterator<Item = &'a Serving> {
        self.0.values().filter(|serving| principal.may_speak_of(&serving.issuer.id))
    }
}

/// A client as it is now, and the record it was read from unless it is configured.
#[derive(Clone, Debug)]
pub struct ResolvedClient {
    pub client: Client,
    pub record: Option<Versioned<Client>>,
}

/// The client `id`, configured or registered.
pub async fn resolve_client(
    store: &Store,
    issuer: &Issuer,
    id: &ClientId,
    now: Timestamp,
) -> Result<ResolvedClient, Error> {
    if let Some(client) = issuer.configured_client(id) {
        return Ok(ResolvedClient { client: client.clone(), record: None });
    }
    let record = store.client(issuer, id, now).await.map_err(|error: StoreError| Error::from(error))?;
    let record = record.ok_or(Refusal::ClientUnknown)?;
    Ok(ResolvedClient { client: record.value.clone(), record: Some(record) })
}
