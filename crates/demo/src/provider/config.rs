//! The configuration file and its validation.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use lychgate_process::ConfigError;
use lychgate_process::config::Secret;
use lychgate_process::telemetry::Telemetry;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use crate::loopback::is_loopback;

/// The configuration file of the demo provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address to listen on. Must be loopback.
    pub listen: SocketAddr,
    /// Public URL of the provider: an origin without a trailing slash, such as `http://127.0.0.1:9001`.
    pub issuer: String,
    /// Signing key, P-256 or RSA, PKCS #8 in PEM. If the file does not exist, a P-256 key is created, readable by its owner only.
    pub key_file: PathBuf,
    /// A person who allowed a client is not asked again in the same browser until the provider restarts.
    #[serde(default = "remember_consent")]
    pub remember_consent: bool,
    /// Enables `/faults` and redirects to any address. For tests of clients only.
    #[serde(default)]
    pub fault_injection: bool,
    /// The clients. At least one.
    pub clients: Vec<ClientConfig>,
    /// The made-up users.
    #[serde(default = "made_up_users")]
    pub users: Vec<User>,
    /// Logs.
    #[serde(default)]
    pub telemetry: Telemetry,
}

/// A table `[[clients]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// The `client_id`.
    pub id: String,
    /// Its name on the consent page. Default: its id.
    #[serde(default)]
    pub name: Option<String>,
    /// Reference to the client secret.
    pub secret: Secret,
    /// Redirect URIs, compared character by character.
    pub redirect_uris: Vec<String>,
}

/// A table `[[users]]`: a made-up user, who signs in without a password.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Display name.
    pub name: String,
    /// Name on the login form.
    pub login: String,
    /// E-mail address.
    pub email: String,
    /// Stable id. It stays the same when name, login or e-mail change.
    pub sub: String,
}

fn remember_consent() -> bool {
    true
}

fn made_up_users() -> Vec<User> {
    [("Ada Example", "ada", "1001"), ("Bo Sample", "bo", "1002"), ("Cleo Specimen", "cleo", "1003")]
        .map(|(name, login, sub)| User {
            name: name.to_owned(),
            login: login.to_owned(),
            email: format!("{login}@example.com"),
            sub: sub.to_owned(),
        })
        .into()
}

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        // Without passwords, every caller can sign in as every user.
        if !self.listen.ip().is_loopback() {
            return Err(ConfigError::new("listen", "is not loopback", "write 127.0.0.1:PORT"));
        }
        let issuer = Url::parse(&self.issuer).ok().filter(is_loopback);
        if issuer.is_none_or(|url| url.origin().ascii_serialization() != self.issuer) {
            return Err(ConfigError::new(
                "issuer",
                "is not the URL of a loopback origin",
                format_args!("write http://{}", self.listen),
            ));
        }
        if self.clients.is_empty() {
            return Err(ConfigError::new("clients", "is empty", "add a [[clients]] table"));
        }
        unique("clients", "id", self.clients.iter().map(|client| &client.id))?;
        if self.users.is_empty() {
            return Err(ConfigError::new("users", "is empty", "leave it out to have three made-up users"));
        }
        unique("users", "sub", self.users.iter().map(|user| &user.sub))?;
        unique("users", "login", self.users.iter().map(|user| &user.login))
    }
}

fn unique<'a>(table: &str, key: &str, values: impl Iterator<Item = &'a String>) -> Result<(), ConfigError> {
    let mut seen = BTreeSet::new();
    for (index, value) in values.enumerate() {
        if value.is_empty() || !seen.insert(value) {
            let key = format!("{table}[{index}].{key}");
            return Err(ConfigError::new(key, "is empty or taken", "give each its own"));
        }
    }
    Ok(())
}

/// A configured client with the digest of its secret.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) name: String,
    secret_digest: [u8; 32],
    redirect_uris: Vec<String>,
}

impl Client {
    pub(super) fn read((index, config): (usize, &ClientConfig)) -> Result<Self, ConfigError> {
        for uri in &config.redirect_uris {
            if Url::parse(uri).is_err() || uri.contains('#') {
                return Err(ConfigError::new(
                    format!("clients[{index}].redirect_uris"),
                    format_args!("{uri:?} is not an absolute URL without fragment"),
                    "write the client's callback URL",
                ));
            }
        }
        let secret = config.secret.read(&format!("clients[{index}].secret"))?;
        Ok(Self {
            id: config.id.clone(),
            name: config.name.clone().unwrap_or_else(|| config.id.clone()),
            secret_digest: Sha256::digest(secret.as_bytes()).into(),
            redirect_uris: config.redirect_uris.clone(),
        })
    }

    pub(super) fn has_secret(&self, presented: &str) -> bool {
        let digest = Sha256::digest(presented.as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.secret_digest, &digest).is_ok()
    }

    /// Compares exactly (RFC 9700 §2.1): a similar URI can belong to an attacker.
    pub(super) fn has_redirect_uri(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| registered == uri)
    }
}
