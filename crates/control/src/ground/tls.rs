//! The control plane's side of TLS: the certificate it shows, whose certificates it believes, and who is at the other end.
//!
//! What it goes by can be replaced at any time. Connections stay, and so does what they encrypt with; but who is at the
//! other end is asked anew: a caller is not let in by an authority that is no longer believed, nor by a certificate that
//! has ended since the connection was made.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use lychgate_domain::time::{Clock, Timestamp};
use lychgate_process::config::ConfigError;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};

use super::certificate::{Certificate, SubjectName};

/// A chain is verified again after this, should an authority between ours and the caller's have ended.
const VERIFIED_FOR: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM: the certificate, then its chain.
    pub cert_file: PathBuf,
    /// PEM.
    pub key_file: PathBuf,
    /// PEM: the authorities whose certificates callers may show.
    pub client_ca_file: Option<PathBuf>,
    #[serde(default)]
    pub client_certificates: ClientCertificates,
}

/// Whether a caller must show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificates {
    /// It may show a bearer token instead.
    #[default]
    Optional,
    /// Without one there is no connection, not even for health.
    Required,
}

impl TlsConfig {
    /// Everything that is read.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.cert_file, &self.key_file].into_iter().chain(&self.client_ca_file)
    }
}

/// What is in force now, and where a replacement is put.
#[derive(Debug)]
pub struct Tls(RwLock<Arc<Loaded>>);

/// What the files said when they were read.
#[derive(Debug)]
pub struct Loaded {
    pub server: Arc<ServerConfig>,
    callers: Option<Arc<dyn ClientCertVerifier>>,
    chain: Vec<CertificateDer<'static>>,
    authorities: Vec<CertificateDer<'static>>,
    certificates: ClientCertificates,
    /// The last second of the certificate that is shown.
    pub not_after: Timestamp,
}

/// Who is at the other end of a connection, if it showed a certificate.
#[derive(Debug)]
pub struct Peer {
    chain: Vec<CertificateDer<'static>>,
    certificate: Certificate,
    verified: Mutex<Verified>,
}

#[derive(Clone, Debug)]
struct Verified {
    by: Arc<Loaded>,
    at: Timestamp,
}

impl Tls {
    pub fn new(loaded: Loaded) -> Self {
        Self(RwLock::new(Arc::new(loaded)))
    }

    pub fn current(&self) -> Arc<Loaded> {
        // What is swapped in one piece is whole also after a panic.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From the next connection on. Gives back what was in force; nothing if `loaded` says the same, and nothing happens.
    pub fn replace(&self, loaded: Loaded) -> Option<Arc<Loaded>> {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if current.says_the_same_as(&loaded) {
            return None;
        }
        Some(std::mem::replace(&mut *current, Arc::new(loaded)))
    }

    /// The names of `peer`, as long as its certificate is good.
    pub fn names<'a>(&self, peer: &'a Peer, now: Timestamp) -> Result<&'a [SubjectName], rustls::Error> {
        let current = self.current();
        let mut verified = peer.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let lasts = now.seconds() <= peer.certificate.not_after.seconds() && now < verified.at + VERIFIED_FOR;
        if !lasts || !Arc::ptr_eq(&verified.by, &current) {
            current.verify(&peer.chain, now)?;
            *verified = Verified { by: current, at: now };
        }
        Ok(&peer.certificate.names)
    }
}

impl Loaded {
    /// Reads and tries out everything that `config` names: otherwise a bad file would be found when somebody connects.
    pub fn read(config: &TlsConfig, clock: &Arc<dyn Clock>) -> Result<Self, ConfigError> {
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
                format_args!("{} begins with what is no certificate", config.cert_file.display()),
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

    /// How many authorities callers may be certified by.
    pub fn authorities(&self) -> usize {
        self.authorities.len()
    }

    /// A key is no other's than its certificate's.
    fn says_the_same_as(&self, other: &Self) -> bool {
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
    /// Who showed `chain` to a connection that was made by `loaded`, which has verified it. `None` if it cannot be read.
    pub fn new(chain: &[CertificateDer<'static>], loaded: &Arc<Loaded>, now: Timestamp) -> Option<Self> {
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
            "write PEM: the certificates of the authorities that certify callers",
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
        let problem = format_args!("{} has no certificate in PEM that can be read", path.display());
        return Err(ConfigError::new(key, problem, "write -----BEGIN CERTIFICATE----- and what belongs to it"));
    }
    Ok(certificates)
}

fn private_key(key: &str, path: &Path) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let pem = zeroize::Zeroizing::new(read(key, path)?);
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let problem = format_args!("{} has no private key in PEM that can be read", path.display());
        ConfigError::new(key, problem, "write -----BEGIN PRIVATE KEY----- and what belongs to it, without a passphrase")
    })
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    fs::read(path).map_err(|error| {
        ConfigError::new(
            key,
            format_args!("{} cannot be read: {error}", path.display()),
            "check the path and its permissions",
        )
    })
}

fn unusable(error: &rustls::Error) -> ConfigError {
    ConfigError::new(
        "tls",
        format_args!("cannot be used: {error}"),
        "write PEM: in cert_file the certificate and its chain, in key_file the private key that belongs to it",
    )
}

/// Certificates begin and end by the same clock as everything else.
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
