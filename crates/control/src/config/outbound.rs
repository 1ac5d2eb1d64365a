//! The destinations of fetches for clients: metadata documents and key sets.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lychgate_process::config::ConfigError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{ClientConfig, Config, DocumentMode};
use crate::ground::outbound::{Dns, Policy, Resolve};

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboundConfig {
    /// PEM: certificate authorities to trust besides the machine's. For tests.
    pub extra_ca_file: Option<PathBuf>,
    /// Addresses that may be connected to although they are not public. For tests.
    pub permitted_addresses: Vec<SocketAddr>,
    /// The ports of public addresses that may be connected to.
    pub ports: Vec<u16>,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self { extra_ca_file: None, permitted_addresses: Vec::new(), ports: vec![443] }
    }
}

impl Config {
    pub fn outbound(&self) -> Result<Policy, ConfigError> {
        let OutboundConfig { extra_ca_file, permitted_addresses, ports } = &self.outbound;
        if ports.is_empty() || ports.contains(&0) {
            return Err(ConfigError::new("outbound.ports", "is empty or has 0", "name the ports, as in [443]"));
        }
        // With these a public deployment would fetch from its own machine for strangers, or trust the test's
        // authority.
        if let Some(issuer) = self.issuers.iter().find(|issuer| !is_on_loopback(&issuer.url)) {
            for (key, is_set) in [
                ("outbound.extra_ca_file", extra_ca_file.is_some()),
                ("outbound.permitted_addresses", !permitted_addresses.is_empty()),
            ] {
                if is_set {
                    return Err(ConfigError::new(
                        key,
                        format_args!("is set although issuer {:?} is not on loopback", issuer.id),
                        "remove it: it is for tests, where every issuer is on localhost, 127.0.0.1 or [::1]",
                    ));
                }
            }
        }
        Ok(Policy {
            ports: ports.clone(),
            permitted: permitted_addresses.clone(),
            extra_roots: extra_ca_file.as_ref().map_or(Ok(Vec::new()), certificates)?,
            ..Policy::default()
        })
    }

    /// The resolver of names, by the file that names its servers. Without a name server, an installation that resolves no
    /// names starts all the same.
    pub fn resolver(&self, resolv_conf: &Path) -> Result<Arc<dyn Resolve>, ConfigError> {
        let unknown = match Dns::from_file(resolv_conf) {
            Ok(dns) => return Ok(Arc::new(dns)),
            Err(unknown) => unknown,
        };
        match self.needs_names() {
            Some((key, remedy)) => Err(ConfigError::new(
                key,
                format_args!("needs a name server, and {unknown}"),
                format_args!("write a line \"nameserver ADDRESS\" there, or {remedy}"),
            )),
            None => {
                tracing::warn!(error = %unknown, "names cannot be resolved; nothing that is configured needs it");
                Ok(Arc::new(unknown))
            }
        }
    }

    /// The first key whose value makes this process resolve names, and how to do without.
    fn needs_names(&self) -> Option<(String, &'static str)> {
        for (n, issuer) in self.issuers.iter().enumerate() {
            if issuer.metadata_documents.mode != DocumentMode::Off {
                return Some((format!("issuers[{n}].metadata_documents.mode"), "set it to \"off\""));
            }
            let by_address = "write an address instead of the name";
            if let Some((member, _)) = issuer.upstream.requested_urls().into_iter().find(|(_, url)| has_name(url)) {
                return Some((format!("issuers[{n}].upstream.{member}"), by_address));
            }
            let has_named_keys = |client: &ClientConfig| client.jwks_uri.as_deref().is_some_and(has_name);
            if let Some(m) = issuer.clients.iter().position(has_named_keys) {
                return Some((format!("issuers[{n}].clients[{m}].jwks_uri"), by_address));
            }
        }
        None
    }
}

/// True if a name server is asked for the URL's host. Every machine knows `localhost`.
fn has_name(url: &str) -> bool {
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name != "localhost",
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
    }
}

fn is_on_loopback(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")))
}

fn certificates(file: &PathBuf) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let problem = match read {
        Ok(certificates) if !certificates.is_empty() => return Ok(certificates),
        Ok(_) => "has no certificate".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    Err(ConfigError::new("outbound.extra_ca_file", problem, "name a PEM file with certificates"))
}
