//! The principals and the listener's security.

use std::ops::RangeInclusive;
use std::time::Duration;

use lychgate_domain::id::IssuerId;
use lychgate_process::config::ConfigError;
use lychgate_process::connections::ConnectionLimits;
use lychgate_process::metrics::MetricsServer;
use lychgate_process::resources::DescriptorBudget;
use serde::{Deserialize, Serialize};

use super::Config;
use crate::ground::certificate::SubjectName;
use crate::ground::outbound::slots;
use crate::ground::principal::{Principal, Principals, Role, TokenDigest};
use crate::ground::tls::ClientCertificates;

/// The default of `max_connections`, if the limit of open files permits as many.
const MAX_CONNECTIONS: usize = 1024;

/// From the accept to the first authenticated call.
const FIRST_CALL: Duration = Duration::from_secs(10);

pub(super) fn default_max_connection_age_seconds() -> u64 {
    Config::MAX_CONNECTION_AGE_SECONDS
}

pub(super) fn default_write_timeout_seconds() -> u64 {
    Config::WRITE_TIMEOUT_SECONDS
}

pub(super) fn default_drain_seconds() -> u64 {
    Config::DRAIN_SECONDS
}

/// A named caller.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PrincipalConfig {
    pub name: String,
    pub role: Role,
    /// SHA-256 of each bearer token it may use, in hexadecimal; several, so that a token can be replaced.
    #[serde(default)]
    pub token_sha256: Vec<String>,
    /// Alternative names of the client certificates it may present: DNS names or URIs.
    #[serde(default)]
    pub certificate_sans: Vec<String>,
    /// Ids of the issuers it may access; all if left out.
    pub issuers: Option<Vec<String>>,
    /// URIs of the resources it serves (required for role "resource") or may ask about (roles "checker" and "reader";
    /// all if left out).
    pub resources: Option<Vec<String>>,
}

impl Config {
    pub const MAX_CONNECTION_AGE_SECONDS: u64 = 3600;
    pub const WRITE_TIMEOUT_SECONDS: u64 = 30;
    pub const DRAIN_SECONDS: u64 = 1;

    /// The number of files that the store may have open at a time. Connections never take these descriptors.
    pub fn store_files() -> usize {
        Self::divide().0
    }

    /// The descriptors of the store's files, and what is left for connections.
    fn divide() -> (usize, DescriptorBudget) {
        let mut budget = DescriptorBudget::of_process();
        // Besides its tables, an engine writes logs, and the outputs of compactions.
        let store = budget.share(4, 24, 1024);
        budget.set_aside(16);
        slots::set_aside(&mut budget);
        budget.set_aside(MetricsServer::DESCRIPTORS + 1);
        (store, budget)
    }

    /// The limits of connections, which fit into the limit of open files. A connection lasts for its age and `grace`.
    pub(crate) fn connection_limits(&self, grace: Duration) -> Result<ConnectionLimits, ConfigError> {
        let (_, budget) = Self::divide();
        let max = budget.connections("max_connections", self.max_connections, MAX_CONNECTIONS)?;
        let in_range = |key: &str, seconds: u64, range: RangeInclusive<u64>| {
            if range.contains(&seconds) {
                return Ok(Duration::from_secs(seconds));
            }
            let remedy = format!("write {} to {} seconds", range.start(), range.end());
            Err(ConfigError::new(key, format_args!("{seconds} is out of range"), remedy))
        };
        let age = in_range("max_connection_age_seconds", self.max_connection_age_seconds, 1..=30 * 86_400)?;
        let write = in_range("write_timeout_seconds", self.write_timeout_seconds, 1..=600)?;
        Ok(ConnectionLimits {
            max,
            max_per_peer: max,
            reserve: 0,
            first_request: FIRST_CALL,
            write,
            age: Some(age + grace),
        })
    }

    /// The time between the request of shutdown and the end of listening.
    pub(crate) fn drain(&self) -> Result<Duration, ConfigError> {
        match self.drain_seconds {
            0..=4 => Ok(Duration::from_secs(self.drain_seconds)),
            other => {
                Err(ConfigError::new("drain_seconds", format_args!("{other} is out of range"), "write 0 to 4 seconds"))
            }
        }
    }

    /// Checks that bearer tokens never travel over a network in plaintext.
    pub fn check_listen(&self) -> Result<(), ConfigError> {
        if self.tls.is_none() && !self.listen.ip().is_loopback() {
            return Err(ConfigError::new(
                "tls",
                format_args!("is missing although {} is not a loopback address", self.listen),
                "set [tls] cert_file and key_file, or listen on 127.0.0.1",
            ));
        }
        let required = self.tls.as_ref().filter(|tls| tls.client_certificates == ClientCertificates::Required);
        if required.is_some_and(|tls| tls.client_ca_file.is_none()) {
            return Err(ConfigError::new(
                "tls.client_certificates",
                "is \"required\" without a client authority",
                "set client_ca_file",
            ));
        }
        Ok(())
    }

    pub fn principals(&self) -> Result<Principals, ConfigError> {
        let mut principals = Vec::new();
        for (n, config) in self.principals.iter().enumerate() {
            principals.push(self.principal(n, config, &principals)?);
        }
        if !principals.iter().any(|principal| principal.role == Role::Edge) {
            let remedy = "add one: without an edge no person can sign in";
            return Err(ConfigError::new("principals", "has none with role \"edge\"", remedy));
        }
        Ok(Principals::new(principals))
    }

    fn principal(&self, n: usize, config: &PrincipalConfig, others: &[Principal]) -> Result<Principal, ConfigError> {
        let key = |name: &str| format!("principals[{n}].{name}");
        if config.name.is_empty() || others.iter().any(|other| other.name == config.name) {
            return Err(ConfigError::new(key("name"), "is empty or taken", "give each principal a name of its own"));
        }
        if !is_sendable(&config.name) {
            return Err(ConfigError::new(
                key("name"),
                format_args!("is {:?}, which cannot be sent in HTTP Basic", config.name),
                "write it without colons and control characters",
            ));
        }
        let token_digests = self.token_digests(config, &key, others)?;
        let certificate_sans = self.certificate_sans(config, &key, others)?;
        if token_digests.is_empty() && certificate_sans.is_empty() {
            return Err(ConfigError::new(
                format!("principals[{n}]"),
                "has neither token_sha256 nor certificate_sans",
                "configure how it authenticates",
            ));
        }
        self.check_scope(config, &key)?;
        let resources = config.resources.as_ref().map(|uris| uris.iter().cloned().collect());
        let issuers = config.issuers.as_ref().map(|ids| ids.iter().filter_map(|id| IssuerId::parse(id)).collect());
        let (name, role) = (config.name.clone(), config.role);
        Ok(Principal { name, role, token_digests, certificate_sans, issuers, resources })
    }

    /// Checks that the principal's issuers and resources exist and fit its role.
    fn check_scope(&self, config: &PrincipalConfig, key: &impl Fn(&str) -> String) -> Result<(), ConfigError> {
        if let Some(id) = config.issuers.iter().flatten().find(|id| !self.issuers.iter().any(|one| one.id == **id)) {
            let problem = format_args!("names {id:?}, which is not configured");
            return Err(ConfigError::new(key("issuers"), problem, "use the id of an [[issuers]] table"));
        }
        let listed = config.resources.as_ref().map(Vec::is_empty);
        let fits = match config.role {
            // Without a list, one MCP server could introspect another's tokens.
            Role::Resource => listed == Some(false),
            // An empty list is more likely a mistake than a caller without any resource.
            Role::Checker | Role::Reader => listed != Some(true),
            Role::Edge | Role::Operator => listed.is_none(),
        };
        if !fits {
            return Err(ConfigError::new(
                key("resources"),
                "is missing, empty, or given to a role that has all resources",
                "list the URIs that a principal with role \"resource\" serves, or that a \"checker\" or \"reader\" may ask about; leave it out for others",
            ));
        }
        let uris: Vec<_> = self.issuers.iter().flat_map(|issuer| &issuer.resources).map(|r| &r.uri).collect();
        if let Some(uri) = config.resources.iter().flatten().find(|uri| !uris.contains(uri)) {
            let problem = format_args!("names {uri:?}, which is not configured");
            return Err(ConfigError::new(key("resources"), problem, "use the uri of an [[issuers.resources]] table"));
        }
        Ok(())
    }

    fn token_digests(
        &self,
        config: &PrincipalConfig,
        key: &impl Fn(&str) -> String,
        others: &[Principal],
    ) -> Result<Vec<TokenDigest>, ConfigError> {
        let digests = config.token_sha256.iter().map(|text| from_hex(text)).collect::<Option<Vec<_>>>();
        let digests = digests.ok_or_else(|| {
            ConfigError::new(
                key("token_sha256"),
                "is not a list of SHA-256 digests",
                "write 64 hexadecimal digits: printf %s TOKEN | sha256sum",
            )
        })?;
        if digests.iter().any(|digest| others.iter().any(|other| other.token_digests.contains(digest))) {
            return Err(ConfigError::new(
                key("token_sha256"),
                "belongs to another principal, too",
                "give each principal a token of its own",
            ));
        }
        Ok(digests)
    }

    fn certificate_sans(
        &self,
        config: &PrincipalConfig,
        key: &impl Fn(&str) -> String,
        others: &[Principal],
    ) -> Result<Vec<SubjectName>, ConfigError> {
        let wrong = |problem: String, remedy| Err(ConfigError::new(key("certificate_sans"), problem, remedy));
        if !config.certificate_sans.is_empty() && self.tls.as_ref().is_none_or(|tls| tls.client_ca_file.is_none()) {
            return wrong("is given without a client authority".to_owned(), "set client_ca_file in [tls]");
        }
        let mut names = Vec::new();
        for text in &config.certificate_sans {
            let Some(name) = SubjectName::parse(text) else {
                let remedy = "write a DNS name, or a URI like spiffe://example.com/edge; whole, without wildcards";
                return wrong(format!("has {text:?}, which is neither a DNS name nor a URI"), remedy);
            };
            if others.iter().any(|other| other.certificate_sans.contains(&name)) {
                return wrong(
                    format!("has {text:?}, which belongs to another principal, too"),
                    "give each a name of its own",
                );
            }
            names.push(name);
        }
        Ok(names)
    }
}

/// Reports whether `name` can be the user-id of HTTP Basic as it stands, without a colon and control characters (RFC 7617 §2): the
/// name of a resource server is the client id of its introspection, and many clients do not encode it.
fn is_sendable(name: &str) -> bool {
    !name.contains(|c: char| c == ':' || c.is_control())
}

pub(super) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| !pair.contains('+'))?, 16).ok()?;
    }
    Some(bytes)
}
