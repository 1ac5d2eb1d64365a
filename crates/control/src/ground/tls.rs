//! TLS of the control plane: its certificate, the client authorities it trusts, and the identity of connected callers.
//!
//! Certificates and authorities can be replaced at any time. Open connections stay, but their callers are verified
//! again: an authority that is no longer trusted, or a certificate that has expired since, does not authenticate a
//! call.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use lychgate_domain::time::{Clock, Timestamp};
use lychgate_process::config::ConfigError;
use lychgate_process::private;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};

use super::certificate::{Certificate, SubjectName};

/// The age at which a verified chain is verified again: an intermediate authority may have expired.
const VERIFIED_FOR: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM: the certificate, then its chain.
    pub cert_file: PathBuf,
    /// PEM.
    pub key_file: PathBuf,
    /// PEM: the authorities of client certificates.
    pub client_ca_file: Option<PathBuf>,
    #[serde(default)]
    pub client_certificates: ClientCertificates,
}

/// The demand for client certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificates {
    /// A bearer token suffices.
    #[default]
    Optional,
    /// A connection without a certificate is refused, even for health checks.
    Required,
}

impl TlsConfig {
    /// The files to read.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.cert_file, &self.key_file].into_iter().chain(&self.client_ca_file)
    }
}

/// The TLS configuration in force, which can be replaced.
#[derive(Debug)]
pub(crate) struct Tls(ArcSwap<LoadedTls>);

/// The contents of the files when they were read.
#[derive(Debug)]
pub(crate) struct LoadedTls {
    pub server: Arc<ServerConfig>,
    callers: Option<Arc<dyn ClientCertVerifier>>,
    chain: Vec<CertificateDer<'static>>,
    authorities: Vec<CertificateDer<'static>>,
    certificates: ClientCertificates,
    /// The last second of the server certificate's validity.
    pub not_after: Timestamp,
}

/// The caller at the other end of a connection that presented a certificate.
#[derive(Debug)]
pub(crate) struct Peer {
    chain: Vec<CertificateDer<'static>>,
    certificate: Certificate,
    verified: Mutex<Verified>,
}

#[derive(Clone, Debug)]
struct Verified {
    by: Arc<LoadedTls>,
    at: Timestamp,
}

impl Tls {
    pub(crate) fn new(loaded: LoadedTls) -> Self {
        Self(ArcSwap::from_pointee(loaded))
    }

    pub(crate) fn current(&self) -> Arc<LoadedTls> {
        self.0.load_full()
    }

    /// Replaces the configuration, from the next connection on, and returns the old one. Does nothing if `loaded` is
    /// the same.
    pub(crate) fn replace(&self, loaded: LoadedTls) -> Option<Arc<LoadedTls>> {
        if self.0.load().is_same_as(&loaded) {
            return None;
        }
        Some(self.0.swap(Arc::new(loaded)))
    }

    /// The names of `peer`, if its certificate is still valid.
    pub(crate) fn names<'a>(&self, peer: &'a Peer, now: Timestamp) -> Result<&'a [SubjectName], rustls::Error> {
        let current = self.current();
        let mut verified = peer.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let lasts =
            now.seconds() <= peer.certificate.not_after.seconds() && now.age_of(verified.at).is_below(VERIFIED_FOR);
        if !lasts || !Arc::ptr_eq(&verified.by, &current) {
            current.verify(&peer.chain, now)?;
            *verified = Verified { by: current, at: now };
        }
        Ok(&peer.certificate.names)
    }
}

impl LoadedTls {
    /// Reads and validates all files: otherwise a bad file would only be noticed when a caller connects.
    pub(crate) fn read(config: &TlsConfig, clock: &Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = certificates("tls.cert_file", &config.cert_file)?;
        let key = private_key("tls.key_file", &config.key_file)?;
        let authorities =
            config.client_ca_file.as_deref().map(|path| certificates("tls.client_ca_file", path)).transpose()?;
        let callers = match (&authorities, config.client_ca_file.as_deref()) {
            (Some(authorities), Some(path)) => {
                Some(verifier(authorities, path, config.client_certificates, &provider)?)
            }
            _ => None,
        };
        let not_after = chain.first().and_then(|leaf| Certificate::parse(leaf)).ok_or_else(|| {
            ConfigError::new(
                "tls.cert_file",
                format_args!("{} does not begin with a certificate", config.cert_file.display()),
                "write the certificate first, then its chain",
            )
        })?;
        let builder = ServerConfig::builder_with_details(provider, Arc::new(Time(Arc::clone(clock))))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?;
        let builder = match &callers {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut server = builder.with_single_cert(chain.clone(), key).map_err(|error| unusable(&error))?;
        server.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self {
            server: Arc::new(server),
            callers,
            chain,
            authorities: authorities.unwrap_or_default(),
            certificates: config.client_certificates,
            not_after: not_after.not_after,
        })
    }

    /// Number of trusted client authorities.
    pub(crate) fn authorities(&self) -> usize {
        self.authorities.len()
    }

    /// The end of validity of the first certificate of each file to expire, by the file's configuration key.
    pub(crate) fn expiries(&self) -> Vec<(&'static str, Timestamp)> {
        let first = |certificates: &[CertificateDer<'_>]| {
            certificates.iter().filter_map(|der| Certificate::parse(der)).map(|parsed| parsed.not_after).min()
        };
        let files = [("tls.cert_file", &self.chain), ("tls.client_ca_file", &self.authorities)];
        files.into_iter().filter_map(|(key, certificates)| Some((key, first(certificates)?))).collect()
    }

    /// The key need not be compared: it belongs to the certificate.
    fn is_same_as(&self, other: &Self) -> bool {
        (&self.chain, &self.authorities, self.certificates) == (&other.chain, &other.authorities, other.certificates)
    }

    fn verify(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Result<(), rustls::Error> {
        let (Some(callers), Some((leaf, above))) = (&self.callers, chain.split_first()) else {
            return Err(rustls::Error::NoCertificatesPresented);
        };
        callers.verify_client_cert(leaf, above, unix(now)).map(|_| ())
    }
}

impl Peer {
    /// The caller that presented `chain` on a connection that `loaded` accepted and verified. `None` if it cannot be
    /// parsed.
    pub(crate) fn new(chain: &[CertificateDer<'static>], loaded: &Arc<LoadedTls>, now: Timestamp) -> Option<Self> {
        let certificate = Certificate::parse(chain.first()?)?;
        let verified = Mutex::new(Verified { by: Arc::clone(loaded), at: now });
        Some(Self { chain: chain.to_vec(), certificate, verified })
    }
}

fn verifier(
    authorities: &[CertificateDer<'static>],
    path: &Path,
    certificates: ClientCertificates,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, ConfigError> {
    let unfit = |error: &dyn std::fmt::Display| {
        ConfigError::new(
            "tls.client_ca_file",
            format_args!("{} cannot be used: {error}", path.display()),
            "write PEM: the certificates of the authorities of client certificates",
        )
    };
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(|error| unfit(&error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match certificates {
        ClientCertificates::Optional => builder.allow_unauthenticated(),
        ClientCertificates::Required => builder,
    };
    builder.build().map_err(|error| unfit(&error))
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let pem = read(key, path)?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    if certificates.is_empty() {
        let problem = format_args!("{} has no readable certificate in PEM", path.display());
        return Err(ConfigError::new(key, problem, "write a complete -----BEGIN CERTIFICATE----- block"));
    }
    Ok(certificates)
}

fn private_key(key: &str, path: &Path) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let (pem, judged) = private::read(path).map_err(|error| unreadable(key, path, &error))?;
    if let Err(exposed) = judged {
        tracing::warn!(key, "a private key is not private: {exposed}");
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let problem = format_args!("{} has no readable private key in PEM", path.display());
        ConfigError::new(key, problem, "write a complete -----BEGIN PRIVATE KEY----- block without a passphrase")
    })
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    fs::read(path).map_err(|error| unreadable(key, path, &error))
}

fn unreadable(key: &str, path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::new(
        key,
        format_args!("{} cannot be read: {error}", path.display()),
        "check the path and its permissions",
    )
}

fn unusable(error: &rustls::Error) -> ConfigError {
    ConfigError::new(
        "tls",
        format_args!("cannot be used: {error}"),
        "write PEM: in cert_file the certificate and its chain, in key_file the private key that belongs to it",
    )
}

/// Validity is checked by the process's clock.
#[derive(Debug)]
struct Time(Arc<dyn Clock>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix(self.0.now()))
    }
}

fn unix(now: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(now.seconds()))
}
