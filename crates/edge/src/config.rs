//! The edge's configuration, one TOML file. `edge.example.toml` documents every key.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use lychgate_api::channel::{self, AuthenticatedChannel, ChannelError, ClientCertificate, Credentials};
use lychgate_process::ConfigError;
use lychgate_process::config::Secret;
use lychgate_process::connections::ConnectionLimits;
use lychgate_process::metrics::{MetricsConfig, MetricsServer};
use lychgate_process::private;
use lychgate_process::resources::DescriptorBudget;
use lychgate_process::telemetry::Telemetry;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::client_address::{ClientAddressHeader, TrustedProxies};
use crate::limits::LimitsConfig;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    pub max_connections: Option<usize>,
    pub max_connections_per_peer: Option<usize>,
    #[serde(default = "default_write_timeout_seconds")]
    pub write_timeout_seconds: u64,
    pub templates_dir: Option<PathBuf>,
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    #[serde(default)]
    pub client_address_header: ClientAddressHeader,
    pub control: ControlConfig,
    #[serde(default)]
    pub limits: LimitsConfig,
    #[serde(default)]
    pub telemetry: Telemetry,
    #[serde(default)]
    pub metrics: MetricsConfig,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ControlConfig {
    pub url: String,
    pub token: Option<Secret>,
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    #[serde(default = "default_deadline_seconds")]
    pub deadline_seconds: u64,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))
}

/// The default of `max_connections`, if the limit of open files permits as many.
const MAX_CONNECTIONS: usize = 4096;

/// Peers that must work together to take every connection, by default.
const PEERS_TO_TAKE_ALL: usize = 8;

/// Connections for probes, beyond `max_connections`.
const RESERVE: usize = 16;

/// Time for a first request. Load balancers open connections before they need them.
const FIRST_REQUEST: Duration = Duration::from_secs(75);

/// Connections to the control plane: the one in use, one that replaces it, and one with new credentials.
const TO_CONTROL: usize = 8;

fn default_write_timeout_seconds() -> u64 {
    30
}

fn default_deadline_seconds() -> u64 {
    10
}

impl Config {
    /// The limits of connections, which fit into the limit of open files.
    pub(crate) fn connection_limits(&self) -> Result<ConnectionLimits, ConfigError> {
        let mut budget = DescriptorBudget::of_process();
        budget.set_aside(MetricsServer::DESCRIPTORS + TO_CONTROL + RESERVE + 1);
        let max = budget.connections("max_connections", self.max_connections, MAX_CONNECTIONS)?;
        let max_per_peer = self.max_connections_per_peer.unwrap_or((max / PEERS_TO_TAKE_ALL).max(1));
        let out_of_range = |key: &str, problem: String, remedy: &str| Err(ConfigError::new(key, problem, remedy));
        if max_per_peer == 0 || (max_per_peer > max && self.max_connections_per_peer.is_some()) {
            let problem = format!("{max_per_peer} is out of range");
            return out_of_range("max_connections_per_peer", problem, "write 1 to the number of max_connections");
        }
        if !(1..=600).contains(&self.write_timeout_seconds) {
            let problem = format!("{} is out of range", self.write_timeout_seconds);
            return out_of_range("write_timeout_seconds", problem, "write 1 to 600 seconds");
        }
        Ok(ConnectionLimits {
            max,
            max_per_peer,
            reserve: RESERVE,
            first_request: FIRST_REQUEST,
            write: Duration::from_secs(self.write_timeout_seconds),
            age: None,
        })
    }

    pub(crate) fn trusted_proxies(&self) -> Result<TrustedProxies, ConfigError> {
        let networks = self.trusted_proxies.iter().enumerate().map(|(n, text)| {
            let wrong = |problem| {
                ConfigError::new(format!("trusted_proxies[{n}]"), problem, "write it like 10.1.0.0/16 or ::1")
            };
            let network = text.parse().or_else(|_| text.parse().map(|address: IpAddr| IpNet::from(address)));
            match network.map_err(|_| wrong("is neither a network nor an address"))? {
                network if network.prefix_len() == 0 => Err(wrong("would trust every peer")),
                network if network != network.trunc() => Err(wrong("has address bits beyond its prefix length")),
                network => Ok(network),
            }
        });
        Ok(TrustedProxies::new(networks.collect::<Result<_, _>>()?, self.client_address_header))
    }
}

impl ControlConfig {
    pub(crate) fn deadline(&self) -> Result<Duration, ConfigError> {
        match self.deadline_seconds {
            1..=60 => Ok(Duration::from_secs(self.deadline_seconds)),
            other => Err(ConfigError::new(
                "control.deadline_seconds",
                format_args!("{other} is out of range"),
                "write 1 to 60 seconds",
            )),
        }
    }

    /// The files that are read again when they change.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let token = match &self.token {
            Some(Secret::File(path)) => Some(path),
            Some(Secret::Env(_)) | None => None,
        };
        [token, self.cert_file.as_ref(), self.key_file.as_ref(), self.ca_file.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// The channel that these settings and their files describe. It connects at the first call.
    pub(crate) fn channel(&self) -> Result<AuthenticatedChannel, ConfigError> {
        let token = self.token.as_ref().map(|token| token.read("control.token")).transpose()?;
        let cert_pem = self.cert_file.as_ref().map(|path| pem("control.cert_file", path)).transpose()?;
        let key_pem = self.key_file.as_ref().map(|path| private_key("control.key_file", path)).transpose()?;
        let ca_pem = self.ca_file.as_ref().map(|path| pem("control.ca_file", path)).transpose()?;
        let certificate = match (&cert_pem, &key_pem) {
            (Some(cert_pem), Some(key_pem)) => Some(ClientCertificate { cert_pem, key_pem }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                let problem = "one of cert_file and key_file is set without the other";
                return Err(ConfigError::new("control.cert_file", problem, "set both or neither"));
            }
        };
        let credentials = Credentials { token: token.as_ref().map(|token| token.as_str()), certificate };
        channel::open_as(&self.url, ca_pem.as_ref().map(|pem| pem.as_slice()), credentials).map_err(|error| {
            let (key, remedy) = match error {
                ChannelError::Url => ("control.url", "write it like https://control.internal:7441"),
                ChannelError::Plaintext => ("control.url", "use https, or an address of this machine"),
                ChannelError::CaWithoutTls => ("control.ca_file", "remove it, or use https in control.url"),
                ChannelError::CertificateWithoutTls => ("control.cert_file", "remove it, or use https in control.url"),
                ChannelError::NoCredentials => ("control", "set token, or cert_file and key_file"),
                ChannelError::Token => ("control.token", "use printable ASCII only"),
                ChannelError::Tls(_) => ("control.ca_file", "name a PEM file of certificates"),
                ChannelError::Certificate(_) => (
                    "control.cert_file",
                    "name PEM files: the certificate and its chain, and the key that belongs to it",
                ),
            };
            ConfigError::new(key, format_args!("{:#}", anyhow::Error::new(error)), remedy)
        })
    }
}

fn pem(key: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    fs::read(path).map(Zeroizing::new).map_err(|error| unreadable(key, path, &error))
}

fn private_key(key: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let (pem, judged) = private::read(path).map_err(|error| unreadable(key, path, &error))?;
    if let Err(exposed) = judged {
        tracing::warn!(key, "a private key is not private: {exposed}");
    }
    Ok(pem)
}

fn unreadable(key: &str, path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::new(key, format_args!("{} cannot be read: {error}", path.display()), "name a readable PEM file")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lychgate_process::config::example::{differing_keys, in_full};
    use lychgate_process::config::parse;

    use super::*;

    const EXAMPLE: &str = include_str!("../edge.example.toml");

    #[test]
    fn example_configuration_loads_and_has_the_defaults() {
        let config: Config = parse(EXAMPLE).expect("the example loads");
        assert_eq!(config.listen, default_listen());
        assert_eq!(config.max_connections, None);
        assert_eq!(config.control.deadline().expect("in range"), Duration::from_secs(10));
    }

    /// Uncommenting every key of the example changes no setting that has a default.
    #[test]
    fn defaults_named_in_the_example_are_the_defaults() {
        let all: Config = parse(&in_full(EXAMPLE)).expect("every commented key exists");
        let defaults: Config = parse(EXAMPLE).expect("the example loads");
        assert_eq!(all.listen, defaults.listen);
        assert_eq!(all.max_connections, Some(MAX_CONNECTIONS));
        assert_eq!(all.max_connections_per_peer, Some(MAX_CONNECTIONS / PEERS_TO_TAKE_ALL));
        assert_eq!(all.write_timeout_seconds, defaults.write_timeout_seconds);
        assert_eq!(all.control.deadline_seconds, defaults.control.deadline_seconds);
        assert_eq!(all.telemetry, defaults.telemetry);
        assert_eq!(all.client_address_header, defaults.client_address_header);
        assert_eq!(all.limits.effective(), defaults.limits.effective());
        assert_eq!(all.trusted_proxies.len(), 2);
        all.trusted_proxies().expect("the example is good");
        assert!(all.templates_dir.is_some());
        assert_eq!(all.control.files().len(), 4, "token, cert_file, key_file, ca_file");
    }

    #[test]
    fn every_key_is_in_the_example() {
        assert_eq!(differing_keys::<Config>(&in_full(EXAMPLE)).expect("the example loads"), BTreeSet::new());
    }

    #[test]
    fn values_out_of_range_are_refused_with_their_key() {
        let mut config: Config = parse(EXAMPLE).expect("the example loads");
        config.control.deadline_seconds = 0;
        assert!(config.control.deadline().expect_err("a refusal").to_string().contains("control.deadline_seconds"));
        let refusal = |change: fn(&mut Config)| {
            let mut config: Config = parse(EXAMPLE).expect("the example loads");
            change(&mut config);
            config.connection_limits().expect_err("a refusal").to_string()
        };
        for (error, key) in [
            (refusal(|config| config.max_connections = Some(0)), "max_connections: "),
            (refusal(|config| config.max_connections = Some(2_000_000)), "max_connections: "),
            (refusal(|config| config.max_connections_per_peer = Some(0)), "max_connections_per_peer: "),
            (
                refusal(|config| (config.max_connections, config.max_connections_per_peer) = (Some(9), Some(10))),
                "max_connections_per_peer: ",
            ),
            (refusal(|config| config.write_timeout_seconds = 0), "write_timeout_seconds: "),
            (refusal(|config| config.write_timeout_seconds = 601), "write_timeout_seconds: "),
        ] {
            assert!(error.starts_with(key), "{error}");
        }
    }

    #[tokio::test]
    async fn credentials_for_the_control_plane_are_required_and_checked() {
        let refusal = |change: fn(&mut ControlConfig)| {
            let mut config: Config = parse(EXAMPLE).expect("the example loads");
            config.control.token = None;
            config.control.url = "https://control.internal:7441".to_owned();
            change(&mut config.control);
            config.control.channel().expect_err("a refusal").to_string()
        };
        assert_eq!(
            refusal(|_| {}),
            "control: there is neither a token nor a client certificate; set token, or cert_file and key_file"
        );
        // Any file will do: its content is not read before both keys are set.
        let half = refusal(|control| control.cert_file = Some("Cargo.toml".into()));
        assert!(
            half.starts_with("control.cert_file: one of cert_file and key_file is set without the other; set both"),
            "{half}"
        );
        let missing = refusal(|control| control.key_file = Some("/nowhere/key.pem".into()));
        assert!(missing.starts_with("control.key_file: /nowhere/key.pem cannot be read"), "{missing}");
        let both = |control: &mut ControlConfig| {
            (control.cert_file, control.key_file) = (Some("Cargo.toml".into()), Some("Cargo.toml".into()));
        };
        let unfit = refusal(both);
        assert!(unfit.starts_with("control.cert_file: the client certificate and its key cannot be used"), "{unfit}");
        let plain = refusal(|control| {
            control.url = "http://127.0.0.1:7441".to_owned();
            (control.cert_file, control.key_file) = (Some("Cargo.toml".into()), Some("Cargo.toml".into()));
        });
        assert!(
            plain.starts_with("control.cert_file: a client certificate is given, but the URL is plain http"),
            "{plain}"
        );
    }

    #[test]
    fn trusted_proxies_must_be_networks_and_not_all_addresses() {
        for (entry, wrong) in [
            ("10.0.0.0/8", false),
            ("10.0.0.1", false),
            ("::1", false),
            ("10.0.0.1/8", true),
            ("0.0.0.0/0", true),
            ("::/0", true),
            ("proxy.internal", true),
            ("10.0.0.0/33", true),
        ] {
            let mut config: Config = parse(EXAMPLE).expect("the example loads");
            config.trusted_proxies = vec!["127.0.0.1".to_owned(), entry.to_owned()];
            let error = config.trusted_proxies().err().map(|error| error.to_string());
            assert_eq!(error.is_some(), wrong, "{entry}: {error:?}");
            assert!(error.is_none_or(|error| error.starts_with("trusted_proxies[1]: ")), "{entry}");
        }
    }

    #[test]
    fn zero_limits_and_misspelt_limits_are_refused() {
        for wrong in ["refreshes.prefix_per_minute = 0", "refresh.prefix_per_minute = 1", "codes.per_minute = 1"] {
            assert!(parse::<Config>(&format!("limits.{wrong}\n{EXAMPLE}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(parse::<Config>(&format!("lisen = 1\n{EXAMPLE}")).is_err());
    }
}
