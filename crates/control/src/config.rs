//! Configuration of the control plane, and its translation into what the rules know.
//!
//! What is contradictory, missing or unsafe refuses to start, with one line that names the key and what to do.

mod issuers;
mod listen;

use std::net::SocketAddr;
use std::path::PathBuf;

use lychgate_process::config::Secret;
use lychgate_process::telemetry::Telemetry;
use serde::{Deserialize, Serialize};

pub use issuers::{
    ClientConfig, IssuerConfig, LifetimesConfig, OidcConfig, ResourceConfig, ScopeConfig, UpstreamConfig,
};
pub use listen::{PrincipalConfig, Role, TlsConfig};

/// The configuration file. `control.example.toml` documents every key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where gRPC is served.
    pub listen: SocketAddr,
    /// 32 random bytes in base64url, from a file or the environment. Never stored.
    pub master_key: Secret,
    pub tls: Option<TlsConfig>,
    pub store: StoreConfig,
    pub principals: Vec<PrincipalConfig>,
    pub issuers: Vec<IssuerConfig>,
    #[serde(default)]
    pub telemetry: Telemetry,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    pub engine: EngineName,
    /// The directory of an engine that keeps files.
    pub path: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineName {
    Rocksdb,
    /// Forgets everything when the process ends: for trying things out.
    Memory,
}
