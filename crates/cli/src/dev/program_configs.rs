//! The configuration of each process, as an operator would write it.

use std::net::SocketAddr;
use std::path::PathBuf;

use lychgate_control::config as control;
use lychgate_process::config::Secret;
use lychgate_process::metrics::MetricsConfig;
use lychgate_process::telemetry::Telemetry;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::addresses::{Addresses, ISSUER_ID, origin};
use super::config::Config;
use super::directory::{Directory, SecretFile, random_secret};

const UPSTREAM_CLIENT_ID: &str = "lychgate";
const DEMO_SCOPE: &str = "profile:read";

/// The secrets that two processes share, or that the operator gets.
pub(super) struct Secrets {
    pub(super) upstream: SecretFile,
    pub(super) edge_token: SecretFile,
    /// New at every start; only its digest is written to a file.
    pub(super) operator_token: String,
}

/// The parts that the configurations of all processes are made from.
pub(super) struct ProgramConfigs<'a> {
    pub(super) directory: &'a Directory,
    pub(super) addresses: Addresses,
    pub(super) secrets: Secrets,
    pub(super) telemetry: Telemetry,
}

#[derive(Debug, Serialize)]
pub(super) struct ProviderConfig {
    listen: SocketAddr,
    issuer: String,
    key_file: PathBuf,
    clients: [ProviderClient; 1],
    telemetry: Telemetry,
}

#[derive(Debug, Serialize)]
struct ProviderClient {
    id: &'static str,
    name: String,
    secret: Secret,
    redirect_uris: [String; 1],
}

#[derive(Debug, Serialize)]
pub(super) struct EdgeConfig {
    listen: SocketAddr,
    drain_seconds: u64,
    control: EdgeControl,
    metrics: MetricsConfig,
    telemetry: Telemetry,
}

#[derive(Debug, Serialize)]
struct EdgeControl {
    url: String,
    token: Secret,
}

#[derive(Debug, Serialize)]
pub(super) struct McpConfig {
    listen: SocketAddr,
    resource: String,
    issuer: String,
    name: &'static str,
    required_scopes: [&'static str; 1],
    telemetry: Telemetry,
}

impl Secrets {
    pub(super) fn open(directory: &Directory) -> anyhow::Result<Self> {
        Ok(Self {
            upstream: directory.secret("upstream.secret")?,
            edge_token: directory.secret("edge.token")?,
            operator_token: random_secret()?,
        })
    }
}

impl ProgramConfigs<'_> {
    /// `issuer_name` is the name that people read on our own pages.
    pub(super) fn provider(&self, issuer_name: &str) -> ProviderConfig {
        ProviderConfig {
            listen: self.addresses.provider,
            issuer: self.addresses.upstream_issuer(),
            key_file: self.directory.file("provider.key"),
            clients: [ProviderClient {
                id: UPSTREAM_CLIENT_ID,
                name: issuer_name.to_owned(),
                secret: Secret::File(self.secrets.upstream.path.clone()),
                redirect_uris: [self.addresses.upstream_redirect_uri()],
            }],
            telemetry: self.telemetry.clone(),
        }
    }

    pub(super) fn control(&self, config: Config) -> anyhow::Result<control::Config> {
        Ok(control::Config {
            listen: self.addresses.control,
            max_connections: None,
            max_connection_age_seconds: control::Config::MAX_CONNECTION_AGE_SECONDS,
            write_timeout_seconds: control::Config::WRITE_TIMEOUT_SECONDS,
            // All programs end together.
            drain_seconds: 0,
            tls: None,
            master_key: Secret::File(self.directory.secret("master.key")?.path),
            keys: control::KeysConfig::default(),
            events: control::EventsConfig::default(),
            outbound: control::OutboundConfig::default(),
            limits: control::LimitsConfig::default(),
            store: control::StoreConfig {
                engine: control::EngineName::Rocksdb,
                path: Some(self.directory.subdirectory("store")?),
                url: None,
                connections: None,
                allow_single: false,
                block_cache_megabytes: None,
                write_buffer_megabytes: None,
                check_cache_entries: control::StoreConfig::CHECK_CACHE_ENTRIES,
            },
            principals: vec![
                principal("dev-edge", control::Role::Edge, &self.secrets.edge_token.secret),
                principal("dev-operator", control::Role::Operator, &self.secrets.operator_token),
            ],
            issuers: vec![self.issuer(config)],
            telemetry: self.telemetry.clone(),
            metrics: MetricsConfig { listen: Some(self.addresses.control_metrics) },
        })
    }

    fn issuer(&self, config: Config) -> control::IssuerConfig {
        let resources = if config.resources.is_empty() { vec![self.demo_resource()] } else { config.resources };
        control::IssuerConfig {
            id: ISSUER_ID.to_owned(),
            url: self.addresses.issuer(),
            name: config.issuer.name,
            private_scheme_redirect_uris: config.issuer.private_scheme_redirect_uris,
            access_tokens: control::AccessTokensConfig::default(),
            upstream: config.upstream.unwrap_or_else(|| self.demo_upstream()),
            resources,
            clients: config.clients,
            registration: control::RegistrationConfig::default(),
            metadata_documents: control::MetadataDocumentsConfig::default(),
            redirect_hosts: None,
            prompt: config.prompt,
            optional_scopes: config.issuer.optional_scopes,
            policy: None,
            entry: config.entry,
            events: control::IssuerEventsConfig::default(),
            lifetimes: config.lifetimes,
        }
    }

    fn demo_upstream(&self) -> control::UpstreamConfig {
        control::UpstreamConfig::Oidc(control::OidcConfig {
            id: "demo-idp".to_owned(),
            name: "Demo identity provider".to_owned(),
            issuer: self.addresses.upstream_issuer(),
            client_id: UPSTREAM_CLIENT_ID.to_owned(),
            client_secret: Secret::File(self.secrets.upstream.path.clone()),
            scopes: ["openid", "profile", "email"].map(str::to_owned).into(),
            account_prompt: control::AccountPrompt::SelectAccount,
            // The demo provider revokes one token without the others of the same person.
            revocation: control::RevocationMode::PerGrant,
        })
    }

    fn demo_resource(&self) -> control::ResourceConfig {
        // One tool each.
        let scope = |name: &str, description: &str, read_only| control::ScopeConfig {
            name: name.to_owned(),
            description: description.to_owned(),
            default: name == DEMO_SCOPE,
            optional: name != DEMO_SCOPE,
            read_only,
            tools: Some(1),
        };
        control::ResourceConfig {
            upstream_tokens: false,
            uri: self.addresses.mcp_url(),
            name: "Demo MCP server".to_owned(),
            scopes: vec![
                scope(DEMO_SCOPE, "See who you are", true),
                scope("notes:read", "Read the notes you keep there", true),
                scope("notes:write", "Keep notes for you there", false),
            ],
            entry: None,
        }
    }

    pub(super) fn edge(&self) -> EdgeConfig {
        let token = Secret::File(self.secrets.edge_token.path.clone());
        EdgeConfig {
            listen: self.addresses.edge,
            drain_seconds: 0,
            control: EdgeControl { url: origin(self.addresses.control), token },
            metrics: MetricsConfig { listen: Some(self.addresses.edge_metrics) },
            telemetry: self.telemetry.clone(),
        }
    }

    pub(super) fn mcp(&self) -> McpConfig {
        McpConfig {
            listen: self.addresses.mcp,
            resource: self.addresses.mcp_url(),
            issuer: self.addresses.issuer(),
            name: "Demo MCP server",
            required_scopes: [DEMO_SCOPE],
            telemetry: self.telemetry.clone(),
        }
    }
}

fn principal(name: &str, role: control::Role, token: &str) -> control::PrincipalConfig {
    control::PrincipalConfig {
        name: name.to_owned(),
        role,
        token_sha256: vec![hex_digest(token)],
        certificate_sans: Vec::new(),
        issuers: None,
        resources: None,
    }
}

/// SHA-256 in lower-case hexadecimal digits.
pub(super) fn hex_digest(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
