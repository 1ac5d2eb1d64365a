//! Certificate authorities for tests.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lychgate_engine::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its private key, in PEM.
#[derive(Clone, Debug)]
pub(crate) struct CertificateAndKey {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    /// An authority with a name of its own, by which verifiers tell authorities apart.
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let name = format!("authority {:?}", &key.public_key_raw()[1..9]);
        Self::named(&name, key)
    }

    pub(crate) fn named(name: &str, key: KeyPair) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Accepts TLS connections to `names`.
    pub(crate) fn acceptor(&self, names: &[&str]) -> TlsAcceptor {
        let CertificateAndKey { cert, key } = self.server_named(names);
        let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).expect("PEM")];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a matching key");
        TlsAcceptor::from(Arc::new(config))
    }

    /// A certificate for a server on this machine.
    pub(crate) fn server(&self) -> CertificateAndKey {
        self.server_named(&["localhost"])
    }

    fn server_named(&self, names: &[&str]) -> CertificateAndKey {
        self.certify(names, |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        })
    }

    /// A client certificate with these alternative names.
    pub(crate) fn client(&self, names: &[&str]) -> CertificateAndKey {
        self.certify(names, |_| {})
    }

    pub(crate) fn client_until(&self, names: &[&str], not_after: Timestamp) -> CertificateAndKey {
        self.certify(names, |params| {
            params.not_after = (SystemTime::UNIX_EPOCH + Duration::from_secs(not_after.seconds())).into();
        })
    }

    /// A client certificate, altered by `change`.
    pub(crate) fn certify(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> CertificateAndKey {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names = names
            .iter()
            .map(|name| {
                let text = || (*name).try_into().expect("ASCII");
                match name.parse::<IpAddr>() {
                    Ok(ip) => SanType::IpAddress(ip),
                    Err(_) if name.contains(':') => SanType::URI(text()),
                    Err(_) => SanType::DnsName(text()),
                }
            })
            .collect();
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        CertificateAndKey { cert, key: key.serialize_pem() }
    }
}
