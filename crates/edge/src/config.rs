//! The edge's configuration, one TOML file. `edge.example.toml` documents every key.

mod urls;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use lychgate_api::channel::{ChannelError, ClientCertificate, Credentials, Target};
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
use crate::control::MAX_ADDRESSES;
use crate::limits::LimitsConfig;

pub use urls::Urls;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    pub max_connections: Option<usize>,
    pub max_connections_per_peer: Option<usize>,
    #[serde(default = "default_write_timeout_seconds")]
    pub write_timeout_seconds: u64,
    #[serde(default = "default_drain_seconds")]
    pub drain_seconds: u64,
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
    pub url: Urls,
    pub token: Option<Secret>,
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    #[serde(default = "default_deadline_seconds")]
    pub deadline_seconds: u64,
    #[serde(default = "default_stale_seconds")]
    pub stale_seconds: u64,
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

/// Connections to an endpoint of the control plane: the one in use, one that replaces it, and one with new credentials.
const TO_ENDPOINT: usize = 3;

/// Descriptors for the resolver, and for connections to addresses that a name had before.
const TO_RESOLVE: usize = 5;

/// The largest number of URLs of the control plane.
const MAX_URLS: usize = 16;

fn default_write_timeout_seconds() -> u64 {
    30
}

fn default_drain_seconds() -> u64 {
    3
}

fn default_deadline_seconds() -> u64 {
    10
}

fn default_stale_seconds() -> u64 {
    3600
}

impl Config {
    /// The limits of connections, which fit into the limit of open files.
    pub(crate) fn connection_limits(&self) -> Result<ConnectionLimits, ConfigError> {
        let mut budget = DescriptorBudget::of_process();
        budget.set_aside(MetricsServer::DESCRIPTORS + self.control.descriptors() + RESERVE + 1);
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

    /// The time between the request of shutdown and the end of listening.
    pub(crate) fn drain(&self) -> Result<Duration, ConfigError> {
        seconds("drain_seconds", self.drain_seconds, 0..=5)
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
        seconds("control.deadline_seconds", self.deadline_seconds, 1..=60)
    }

    /// The age up to which the issuers' documents are served while the control plane is away.
    pub(crate) fn stale(&self) -> Result<Duration, ConfigError> {
        seconds("control.stale_seconds", self.stale_seconds, 1..=7 * 86_400)
    }

    /// The file descriptors of connections to the control plane, at most. A name has several endpoints.
    fn descriptors(&self) -> usize {
        let endpoints = |url: &str| if urls::has_address(url) { 1 } else { MAX_ADDRESSES };
        TO_RESOLVE + self.url.iter().map(|url| endpoints(url) * TO_ENDPOINT).sum::<usize>()
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

    /// The targets that these settings and their files describe: one for each URL. Every URL is held to the same rules, and all
    /// have one scheme.
    pub(crate) fn targets(&self) -> Result<Vec<Target>, ConfigError> {
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
        if !(1..=MAX_URLS).contains(&self.url.len()) {
            let problem = format!("has {} URLs", self.url.len());
            return Err(ConfigError::new("control.url", problem, format_args!("write 1 to {MAX_URLS} of them")));
        }
        let mut targets: Vec<Target> = Vec::new();
        for (n, url) in self.url.iter().enumerate() {
            let target = Target::new(url, ca_pem.as_ref().map(|pem| pem.as_slice()), credentials)
                .map_err(|error| self.refusal(n, error))?;
            let key = self.url.key(n);
            if targets.iter().any(|other| other.host_and_port() == target.host_and_port()) {
                return Err(ConfigError::new(key, "stands in the list twice", "remove one"));
            }
            if targets.first().is_some_and(|first| first.is_secured() != target.is_secured()) {
                let problem = "http and https stand in one list";
                return Err(ConfigError::new(key, problem, "use https for every control plane"));
            }
            targets.push(target);
        }
        Ok(targets)
    }

    /// The refusal of the `n`th URL, or of the credentials for it.
    fn refusal(&self, n: usize, error: ChannelError) -> ConfigError {
        let url = self.url.key(n);
        let (key, remedy) = match error {
            ChannelError::Url => (url.as_str(), "write it like https://control.internal:7441"),
            ChannelError::Plaintext => (url.as_str(), "use https, or an address of this machine"),
            ChannelError::CaWithoutTls => ("control.ca_file", "remove it, or use https in control.url"),
            ChannelError::CertificateWithoutTls => ("control.cert_file", "remove it, or use https in control.url"),
            ChannelError::NoCredentials => ("control", "set token, or cert_file and key_file"),
            ChannelError::Token => ("control.token", "use printable ASCII only"),
            ChannelError::Tls(_) => ("control.ca_file", "name a PEM file of certificates"),
            ChannelError::Certificate(_) => {
                ("control.cert_file", "name PEM files: the certificate and its chain, and the key that belongs to it")
            }
        };
        ConfigError::new(key, format_args!("{:#}", anyhow::Error::new(error)), remedy)
    }
}

fn seconds(key: &str, value: u64, range: RangeInclusive<u64>) -> Result<Duration, ConfigError> {
    if range.contains(&value) {
        return Ok(Duration::from_secs(value));
    }
    let remedy = format!("write {} to {} seconds", range.start(), range.end());
    Err(ConfigError::new(key, format_args!("{value} is out of range"), remedy))
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
        assert_eq!(all.drain_seconds, defaults.drain_seconds);
        assert_eq!(all.control.stale_seconds, defaults.control.stale_seconds);
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
        assert!(
            config.control.deadline().expect_err("a refusal").to_string().starts_with("control.deadline_seconds: ")
        );
        config.control.stale_seconds = 0;
        assert!(config.control.stale().expect_err("a refusal").to_string().starts_with("control.stale_seconds: "));
        config.drain_seconds = 6;
        assert!(config.drain().expect_err("a refusal").to_string().starts_with("drain_seconds: "));
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
            config.control.url = Urls::from("https://control.internal:7441");
            change(&mut config.control);
            config.control.targets().expect_err("a refusal").to_string()
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
            control.url = Urls::from("http://127.0.0.1:7441");
            (control.cert_file, control.key_file) = (Some("Cargo.toml".into()), Some("Cargo.toml".into()));
        });
        assert!(
            plain.starts_with("control.cert_file: a client certificate is given, but the URL is plain http"),
            "{plain}"
        );
    }

    /// Each URL of a list is held to the rules of a single one, so that none is reached in plaintext beside others with TLS.
    #[tokio::test]
    async fn every_url_of_a_list_is_checked() {
        let refusal = |urls: &[&str]| {
            let mut config: Config = parse(EXAMPLE).expect("the example loads");
            let token = tempfile::NamedTempFile::new().expect("a file");
            fs::write(token.path(), "t").expect("it is written");
            config.control.token = Some(Secret::File(token.path().to_owned()));
            config.control.url = Urls::List(urls.iter().map(|url| (*url).to_owned()).collect());
            config.control.targets().err().map(|error| error.to_string()).unwrap_or_default()
        };
        let mixed = "http and https stand in one list";
        let many: Vec<_> = (1..=17).map(|port| format!("https://a.internal:{port}")).collect();
        for (urls, expected) in [
            (vec!["https://a.internal:1", "https://b.internal:1", "https://10.0.0.1:2"], ""),
            (vec!["http://127.0.0.1:1", "http://127.0.0.1:2"], ""),
            (vec!["https://a.internal:1", "http://b.internal:1"], "control.url[1]: a token would cross the network"),
            (vec!["http://10.0.0.1:1"], "control.url[0]: a token would cross the network"),
            (vec!["https://a.internal:1", "http://127.0.0.1:1"], mixed),
            (vec!["http://localhost:1", "https://a.internal:1"], mixed),
            (vec!["https://a.internal:1", "https://a.internal:1/"], "control.url[1]: stands in the list twice"),
            (vec!["https://a.internal:1", "a.internal:1"], "control.url[1]: it is not an http or https URL"),
            (vec![], "control.url: has 0 URLs"),
            (many.iter().map(String::as_str).collect(), "control.url: has 17 URLs"),
        ] {
            let refused = refusal(&urls);
            assert!(refused.contains(expected) && refused.is_empty() == expected.is_empty(), "{urls:?}: {refused}");
        }
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
