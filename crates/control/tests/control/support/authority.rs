//! Certificate authorities, and control planes with TLS.

use std::time::{Duration, SystemTime};

use lychgate_api::channel::{ClientCertificate, Credentials};
use lychgate_control::config::{ClientCertificates, TlsConfig};
use lychgate_engine::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};

use super::{ApiClient, ControlPlane, Environment};

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
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        // Verifiers tell authorities apart by their names.
        params.distinguished_name.push(DnType::CommonName, format!("authority {:?}", &key.public_key_raw()[1..9]));
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server on this machine.
    pub(crate) fn server(&self) -> CertificateAndKey {
        self.certify(&["localhost"], |params| {
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
                let text = (*name).try_into().expect("ASCII");
                if name.contains(':') { SanType::URI(text) } else { SanType::DnsName(text) }
            })
            .collect();
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        CertificateAndKey { cert, key: key.serialize_pem() }
    }
}

/// Connections to control planes with TLS.
#[derive(Clone, Debug)]
pub(crate) struct TlsSetup {
    /// The authority that callers trust, in PEM.
    pub(crate) ca: String,
}

impl TlsSetup {
    /// Configures the environment's control planes with a certificate of `authority`; they trust client certificates
    /// of `callers`.
    pub(crate) fn new(env: &mut Environment, authority: &Authority, callers: &Authority) -> Self {
        let shown = authority.server();
        env.config.tls = Some(TlsConfig {
            cert_file: env.file("cert.pem", shown.cert.as_bytes()),
            key_file: env.file("key.pem", shown.key.as_bytes()),
            client_ca_file: Some(env.file("callers.pem", callers.pem().as_bytes())),
            client_certificates: ClientCertificates::Optional,
        });
        Self { ca: authority.pem().to_owned() }
    }

    pub(crate) fn url(&self, control: &ControlPlane) -> String {
        format!("https://localhost:{}", control.address.port())
    }

    /// Opens a new connection.
    pub(crate) fn caller(
        &self,
        control: &ControlPlane,
        token: Option<&str>,
        certificate: Option<&CertificateAndKey>,
    ) -> ApiClient {
        let certificate = certificate.map(|CertificateAndKey { cert, key }| ClientCertificate {
            cert_pem: cert.as_bytes(),
            key_pem: key.as_bytes(),
        });
        ApiClient::connect_as(&self.url(control), Some(self.ca.as_bytes()), Credentials { token, certificate })
    }
}
