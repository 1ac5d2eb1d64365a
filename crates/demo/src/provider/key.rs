//! The signing key. It is kept in a file, so that ID tokens stay verifiable after a restart.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use lychgate_process::ConfigError;
use serde::Serialize;

const KEY: &str = "key_file";

pub(super) struct SigningKey {
    private: EncodingKey,
    algorithm: Algorithm,
    public: Jwk,
}

impl SigningKey {
    /// Reads the key, or creates it if the file does not exist.
    pub(super) fn open(path: &Path) -> Result<Self, ConfigError> {
        let pem = match fs::read(path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path).map_err(|error| {
                problem(path, format_args!("cannot be created: {error}"), "make its directory writable")
            })?,
            Err(error) => return Err(problem(path, format_args!("cannot be read: {error}"), "correct the path")),
        };
        Self::from_pem(&pem).ok_or_else(|| {
            problem(path, "has no P-256 or RSA private key in PKCS #8 PEM", "remove the file to have one created")
        })
    }

    /// Generates a P-256 key that is not stored.
    #[expect(
        clippy::expect_used,
        reason = "a provider without random numbers must not run; the key is P-256 as generated"
    )]
    pub(super) fn generate() -> Self {
        let pem = new_pem().expect("the operating system has random numbers");
        Self::from_pem(&pem).expect("a P-256 key")
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn public(&self) -> &Jwk {
        &self.public
    }

    pub(super) fn sign(&self, claims: &impl Serialize) -> jsonwebtoken::errors::Result<String> {
        self.sign_as(&self.public, claims)
    }

    /// Signs with this key under the `kid` of `key`.
    pub(super) fn sign_as(&self, key: &Jwk, claims: &impl Serialize) -> jsonwebtoken::errors::Result<String> {
        let header = Header { kid: key.common.key_id.clone(), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, claims, &self.private)
    }

    fn from_pem(pem: &[u8]) -> Option<Self> {
        let (private, algorithm) = match EncodingKey::from_ec_pem(pem) {
            Ok(key) => (key, Algorithm::ES256),
            Err(_) => (EncodingKey::from_rsa_pem(pem).ok()?, Algorithm::RS256),
        };
        let mut public = Jwk::from_encoding_key(&private, algorithm).ok()?;
        // The thumbprint (RFC 7638) as `kid`: the same key always has the same id.
        public.common.key_id = Some(public.thumbprint(ThumbprintHash::SHA256).ok()?);
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Some(Self { private, algorithm, public })
    }
}

/// Writes a new key to a temporary file and renames it, so that no reader sees half a key.
fn create(path: &Path) -> io::Result<Vec<u8>> {
    let pem = new_pem()?;
    let temporary = path.with_extension("new");
    let mut file = match create_private(&temporary) {
        // A process that ended between the two steps left the file.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(&temporary)?;
            create_private(&temporary)?
        }
        other => other?,
    };
    file.write_all(&pem)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    tracing::info!(key.file = %path.display(), "created a signing key");
    Ok(pem)
}

fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn new_pem() -> io::Result<Vec<u8>> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| io::Error::other("key generation failed"))?;
    Ok(to_pem(key.as_ref()))
}

fn to_pem(pkcs8: &[u8]) -> Vec<u8> {
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    let mut base64 = BASE64_STANDARD.encode(pkcs8);
    while !base64.is_empty() {
        let rest = base64.split_off(base64.len().min(64));
        pem.push_str(&base64);
        pem.push('\n');
        base64 = rest;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem.into_bytes()
}

fn problem(path: &Path, what: impl std::fmt::Display, remedy: &str) -> ConfigError {
    ConfigError::new(KEY, format_args!("{} {what}", path.display()), remedy)
}
