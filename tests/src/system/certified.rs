//! Certificates for edges and the control plane, in files that are replaced in place as an operator would.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use time::OffsetDateTime;

/// The DNS name in the certificate of an edge.
pub fn name_of_edge(edge: usize) -> String {
    format!("spiffe://lychgate.test/edge-{edge}")
}

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// A certificate and its private key, in PEM.
    fn certify(&self, name: SanType, usage: ExtendedKeyUsagePurpose) -> Result<(String, String)> {
        self.certify_by(CertificateParams::new(Vec::new())?, name, usage)
    }

    /// The same with more of its parameters.
    fn certify_by(
        &self,
        mut params: CertificateParams,
        name: SanType,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<(String, String)> {
        params.subject_alt_names = vec![name];
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.issuer)?.pem(), key.serialize_pem()))
    }
}

/// The paths of the files that the configurations name.
#[derive(Clone, Debug)]
pub struct Files {
    directory: PathBuf,
}

impl Files {
    /// The files of the system in `directory`.
    pub fn of(directory: &Path) -> Self {
        Self { directory: directory.join("tls") }
    }

    pub fn make(&self) -> Result<()> {
        Ok(fs::create_dir(&self.directory)?)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Replaces a file atomically.
    pub fn put(&self, name: &str, pem: &str) -> Result<()> {
        fs::write(self.path("next"), pem)?;
        Ok(fs::rename(self.path("next"), self.path(name))?)
    }

    /// Sets the authorities that callers accept for the control plane.
    pub fn trust_control(&self, authorities: &[&Authority]) -> Result<()> {
        self.put("control-ca.pem", &bundle(authorities))
    }

    /// Sets the authorities that the control plane accepts for callers.
    pub fn trust_callers(&self, authorities: &[&Authority]) -> Result<()> {
        self.put("callers-ca.pem", &bundle(authorities))
    }

    pub fn certify_control(&self, authority: &Authority) -> Result<()> {
        let name = SanType::IpAddress([127, 0, 0, 1].into());
        self.put_pair("control", authority.certify(name, ExtendedKeyUsagePurpose::ServerAuth)?)
    }

    /// The same for some time only.
    pub fn certify_control_for(&self, authority: &Authority, lasts: Duration) -> Result<()> {
        let mut params = CertificateParams::new(Vec::new())?;
        let end = jsonwebtoken::get_current_timestamp() + lasts.as_secs();
        params.not_after = OffsetDateTime::from_unix_timestamp(i64::try_from(end)?)?;
        let name = SanType::IpAddress([127, 0, 0, 1].into());
        self.put_pair("control", authority.certify_by(params, name, ExtendedKeyUsagePurpose::ServerAuth)?)
    }

    pub fn certify_edge(&self, edge: usize, authority: &Authority) -> Result<()> {
        let name = SanType::URI(name_of_edge(edge).as_str().try_into()?);
        self.put_pair(&format!("edge-{edge}"), authority.certify(name, ExtendedKeyUsagePurpose::ClientAuth)?)
    }

    fn put_pair(&self, name: &str, (cert, key): (String, String)) -> Result<()> {
        self.put(&format!("{name}-key.pem"), &key)?;
        self.put(&format!("{name}.pem"), &cert)
    }
}

fn bundle(authorities: &[&Authority]) -> String {
    authorities.iter().map(|authority| authority.pem.as_str()).collect()
}
