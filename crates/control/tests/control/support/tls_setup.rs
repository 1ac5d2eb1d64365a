//! Control planes with TLS, and connections to them.

use lychgate_api::channel::{ClientCertificate, Credentials};
use lychgate_control::config::{ClientCertificates, TlsConfig};

use super::{ApiClient, Authority, CertificateAndKey, ControlPlane, Environment};

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
