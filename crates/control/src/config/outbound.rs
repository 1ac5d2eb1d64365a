//! The destinations of fetches for clients: metadata documents and key sets.

use std::net::SocketAddr;
use std::path::PathBuf;

use lychgate_process::config::ConfigError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Config;
use crate::ground::outbound::Policy;

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
