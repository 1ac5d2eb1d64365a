//! The configuration file, and what must hold of it before anything starts.

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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Loopback only.
    pub listen: SocketAddr,
    /// The provider's public URL, an origin without a slash at its end: `http://127.0.0.1:9001`.
    pub issuer: String,
    /// PEM, PKCS #8: P-256 or RSA. Created (P-256, readable by its owner only) if there is none.
    pub key_file: PathBuf,
    #[serde(default = "remember_consent")]
    pub remember_consent: bool,
    /// For tests of clients only: it lies, stalls and repeats when told to, and sends people back to any address.
    #[serde(default)]
    pub other_face: bool,
    pub clients: Vec<ClientConfig>,
    #[serde(default = "made_up_people")]
    pub users: Vec<User>,
    #[serde(default)]
    pub telemetry: Telemetry,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    pub id: String,
    pub secret: Secret,
    /// Compared character by character.
    pub redirect_uris: Vec<String>,
}

/// Somebody who can sign in by saying so.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub name: String,
    pub login: String,
    pub email: String,
    /// What identifies this person for ever, whatever becomes of name, login and e-mail.
    pub sub: String,
}

fn remember_consent() -> bool {
    true
}

fn made_up_people() -> Vec<User> {
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
        // Whoever can reach this provider is whoever they say they are.
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
            return Err(ConfigError::new("users", "is empty", "leave it out to have three made-up people"));
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

/// A client that is ready to be recognised.
pub(super) struct Client {
    pub(super) id: String,
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
            secret_digest: Sha256::digest(secret.as_bytes()).into(),
            redirect_uris: config.redirect_uris.clone(),
        })
    }

    pub(super) fn has_secret(&self, presented: &str) -> bool {
        let digest = Sha256::digest(presented.as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.secret_digest, &digest).is_ok()
    }

    /// Exactly as registered (RFC 9700 §2.1): a near match is somebody else's address.
    pub(super) fn has_redirect_uri(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| registered == uri)
    }
}
