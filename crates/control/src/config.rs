//! The configuration of the control plane and its translation into domain types.
//!
//! A contradictory, missing or unsafe setting refuses to start, with one line that names the key and the remedy.

mod clients;
mod consent_page;
mod entry;
mod events;
mod issuers;
mod lifetimes;
mod limits;
mod listen;
mod outbound;
mod resources;
#[cfg(test)]
mod tests;
mod text;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lychgate_domain::keys::rotation::Rotation;
use lychgate_domain::time::CLOCK_SKEW;
use lychgate_process::config::{ConfigError, Secret};
use lychgate_process::metrics::MetricsConfig;
use lychgate_process::telemetry::Telemetry;
use lychgate_store::Durability;
use serde::{Deserialize, Serialize};

use crate::ground::propagation::KNOWN_AFTER;

pub use crate::ground::principal::Role;
pub use crate::ground::tls::{ClientCertificates, TlsConfig};
pub use clients::{
    ClientConfig, DocumentMode, MetadataDocumentsConfig, RedirectsConfig, RegistrationConfig, RegistrationMode,
};
pub use consent_page::{OptionalScopesConfig, PolicyConfig, PromptConfig, PromptMode};
pub use entry::EntryConfig;
pub use events::{AddressesConfig, EventsConfig, IssuerEventsConfig};
pub use issuers::{AccessTokenAlgorithm, AccessTokensConfig, IssuerConfig};
pub use lifetimes::LifetimesConfig;
pub use limits::LimitsConfig;
pub(crate) use limits::{Allowances, RegistrationBound};
pub use listen::PrincipalConfig;
pub use outbound::OutboundConfig;
pub use resources::{ResourceConfig, ScopeConfig};
pub use upstream::{
    AccountPrompt, GithubConfig, Oauth2Config, OidcConfig, RevocationMode, TokenEndpointAuth, UpstreamConfig,
};

/// The configuration file. `control.example.toml` documents every key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where gRPC is served.
    pub listen: SocketAddr,
    /// The number of connections there. Unset: as many as the limit of open files permits, at most a thousand.
    pub max_connections: Option<usize>,
    /// The age at which a connection is asked to end.
    #[serde(default = "listen::default_max_connection_age_seconds")]
    pub max_connection_age_seconds: u64,
    /// The time that a write may wait for a peer that reads nothing.
    #[serde(default = "listen::default_write_timeout_seconds")]
    pub write_timeout_seconds: u64,
    /// The time between the request of shutdown and the end of listening.
    #[serde(default = "listen::default_drain_seconds")]
    pub drain_seconds: u64,
    /// 32 random bytes in base64url, from a file or the environment. Never stored.
    pub master_key: Secret,
    pub tls: Option<TlsConfig>,
    pub store: StoreConfig,
    #[serde(default)]
    pub keys: KeysConfig,
    #[serde(default)]
    pub events: EventsConfig,
    #[serde(default)]
    pub outbound: OutboundConfig,
    #[serde(default)]
    pub limits: LimitsConfig,
    pub principals: Vec<PrincipalConfig>,
    pub issuers: Vec<IssuerConfig>,
    #[serde(default)]
    pub telemetry: Telemetry,
    #[serde(default)]
    pub metrics: MetricsConfig,
}

/// The schedule of automatic key rotation.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysConfig {
    /// The age at which a key gets a successor.
    pub rotation_seconds: u64,
    /// How long a successor is published before it is used: longer than any verifier caches the key set.
    pub announcement_seconds: u64,
}

impl Default for KeysConfig {
    fn default() -> Self {
        Self { rotation_seconds: 90 * 86_400, announcement_seconds: 3600 }
    }
}

impl KeysConfig {
    pub fn rotation(&self) -> Result<Rotation, ConfigError> {
        let Self { rotation_seconds, announcement_seconds } = *self;
        // By then every verifier that honours the key set's maximum age knows the successor.
        const _: () = assert!(KNOWN_AFTER.as_secs() + CLOCK_SKEW.as_secs() <= 600);
        if !(600..=30 * 86_400).contains(&announcement_seconds) {
            return Err(ConfigError::new(
                "keys.announcement_seconds",
                format_args!("is {announcement_seconds}"),
                "use 600 to 2592000 seconds",
            ));
        }
        if !(2 * announcement_seconds..=3650 * 86_400).contains(&rotation_seconds) {
            return Err(ConfigError::new(
                "keys.rotation_seconds",
                format_args!("is {rotation_seconds}"),
                "use at least twice announcement_seconds, and at most ten years",
            ));
        }
        let (every, announcement) = (Duration::from_secs(rotation_seconds), Duration::from_secs(announcement_seconds));
        Ok(Rotation { every, announcement })
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    pub engine: EngineName,
    /// The directory of an engine that stores files.
    pub path: Option<PathBuf>,
    /// The URL of an engine over the network, which may contain a password.
    pub url: Option<Secret>,
    /// The largest number of connections for reads to it; commits and proofs take two more. Unset: eight.
    pub connections: Option<usize>,
    /// Accept a database without a synchronous standby.
    #[serde(default)]
    pub allow_single: bool,
    /// Memory of an engine in this process for blocks that were read. Unset: 128 MB.
    pub block_cache_megabytes: Option<u64>,
    /// Memory of an engine in this process for writes that are only in its log so far. Unset: 64 MB.
    pub write_buffer_megabytes: Option<u64>,
    /// Number of cached consent checks; each takes about 300 bytes of memory. 0 turns the cache off.
    #[serde(default = "StoreConfig::check_cache_entries")]
    pub check_cache_entries: usize,
}

impl StoreConfig {
    pub const CHECK_CACHE_ENTRIES: usize = 100_000;

    fn check_cache_entries() -> usize {
        Self::CHECK_CACHE_ENTRIES
    }

    /// The least durability with which the engine takes commits.
    pub(crate) fn required_durability(&self) -> Durability {
        match self.engine {
            EngineName::Memory => Durability::Process,
            EngineName::Rocksdb => Durability::LocalDisk,
            EngineName::Postgres if self.allow_single => Durability::LocalDisk,
            EngineName::Postgres => Durability::Replicated,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineName {
    Rocksdb,
    Postgres,
    /// Forgets everything when the process ends: for trials.
    Memory,
}

impl EngineName {
    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rocksdb => "rocksdb",
            Self::Postgres => "postgres",
            Self::Memory => "memory",
        }
    }
}
