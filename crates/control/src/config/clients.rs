//! Clients: configured, registered, or described by a metadata document.

use std::path::PathBuf;

use lychgate_domain::client::metadata::MetadataDocument;
use lychgate_domain::client::metadata_url::MetadataUrl;
use lychgate_domain::client::redirect_uri::RedirectUri;
use lychgate_domain::client::secret::SecretDigest;
use lychgate_domain::client::{
    Authentication, Client, ClientDescription, ClientKeys, ClientOrigin, ClientStatus, GrantType, SecretMethod,
    UnsignedRequests,
};
use lychgate_domain::id::ClientId;
use lychgate_domain::issuer::{DocumentPolicy, DocumentRedirects, HostPatterns, RegistrationPolicy};
use lychgate_domain::registration::is_jwks_uri;
use lychgate_process::config::ConfigError;
use serde::{Deserialize, Serialize};

use super::listen::from_hex;
use super::text::display_text;
use crate::client_metadata::parse_document;

/// A configured client.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    pub id: String,
    pub name: String,
    pub redirect_uris: Vec<String>,
    /// SHA-256 of its secret, in hexadecimal; a client with neither this nor `jwks_uri` is public.
    pub secret_sha256: Option<String>,
    /// URL of its key set, for `private_key_jwt`.
    pub jwks_uri: Option<String>,
}

/// Clients that register themselves (RFC 7591).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistrationConfig {
    pub mode: RegistrationMode,
    /// SHA-256 of each initial access token, in hexadecimal.
    pub initial_access_token_sha256: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrationMode {
    #[default]
    Open,
    InitialAccessToken,
    Off,
}

/// Clients with the URL of their metadata document as their id.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetadataDocumentsConfig {
    pub mode: DocumentMode,
    /// For mode "allow-list".
    pub hosts: Vec<String>,
    pub redirects: RedirectsConfig,
    /// Files with documents that replace the ones at the URL in their `client_id`.
    pub pinned: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentMode {
    #[default]
    Open,
    AllowList,
    Off,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedirectsConfig {
    #[default]
    Anywhere,
    SameHost,
}

impl RegistrationConfig {
    pub(super) fn registration_policy(&self, at: &str) -> Result<RegistrationPolicy, ConfigError> {
        let (key, tokens) = (format!("{at}.initial_access_token_sha256"), &self.initial_access_token_sha256);
        match self.mode {
            RegistrationMode::InitialAccessToken if tokens.is_empty() => {
                let remedy = "write the digest of at least one token: printf %s TOKEN | sha256sum";
                Err(ConfigError::new(key, "is empty", remedy))
            }
            RegistrationMode::InitialAccessToken => Ok(RegistrationPolicy::WithToken(digests(&key, tokens)?)),
            RegistrationMode::Open | RegistrationMode::Off if !tokens.is_empty() => {
                Err(ConfigError::new(key, "has no meaning in this mode", "set mode = \"initial-access-token\""))
            }
            RegistrationMode::Open => Ok(RegistrationPolicy::Open),
            RegistrationMode::Off => Ok(RegistrationPolicy::Closed),
        }
    }
}

impl MetadataDocumentsConfig {
    pub(super) fn policy(&self, at: &str) -> Result<DocumentPolicy, ConfigError> {
        let key = format!("{at}.hosts");
        let hosts = match self.mode {
            DocumentMode::AllowList => Some(host_patterns(&key, &self.hosts)?),
            DocumentMode::Open | DocumentMode::Off if !self.hosts.is_empty() => {
                return Err(ConfigError::new(key, "has no meaning in this mode", "set mode = \"allow-list\""));
            }
            DocumentMode::Open => Some(HostPatterns::Any),
            DocumentMode::Off => None,
        };
        let redirects = match self.redirects {
            RedirectsConfig::Anywhere => DocumentRedirects::Anywhere,
            RedirectsConfig::SameHost => DocumentRedirects::SameHost,
        };
        let pinned = self.pinned.iter().enumerate().map(|(n, file)| pinned(&format!("{at}.pinned[{n}]"), file));
        Ok(DocumentPolicy { hosts, redirects, pinned: pinned.collect::<Result<_, _>>()? })
    }
}

/// The rest of the document is checked when the client is used, like any other document.
fn pinned(key: &str, file: &PathBuf) -> Result<MetadataDocument, ConfigError> {
    let unusable = |problem: String| {
        ConfigError::new(key, format_args!("{}: {problem}", file.display()), "save the document as its URL served it")
    };
    let text = std::fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
    let json = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
    let document = parse_document(&json).ok_or_else(|| unusable("is no client metadata document".to_owned()))?;
    let id = document.client_id.as_deref().unwrap_or_default();
    MetadataUrl::parse(id).map_err(|why| unusable(format!("its client_id is {id:?}: {why}")))?;
    Ok(document)
}

pub(super) fn host_patterns(key: &str, hosts: &[String]) -> Result<HostPatterns, ConfigError> {
    HostPatterns::parse(hosts).map_err(|pattern| {
        let remedy = "write a host in lower case, as in \"app.example.com\", or \"*.example.com\" for all below one";
        ConfigError::new(key, format_args!("has {pattern:?}"), remedy)
    })
}

fn digests(key: &str, texts: &[String]) -> Result<Vec<SecretDigest>, ConfigError> {
    let digests = texts.iter().map(|text| from_hex(text).map(SecretDigest::from_bytes)).collect::<Option<Vec<_>>>();
    digests.ok_or_else(|| {
        ConfigError::new(key, "is not a SHA-256 digest", "write 64 hexadecimal digits: printf %s TOKEN | sha256sum")
    })
}

impl ClientConfig {
    pub(super) fn client(&self, at: &str, private_schemes: &[String]) -> Result<Client, ConfigError> {
        let id = ClientId::parse(&self.id)
            .filter(|id| !id.as_str().starts_with("client-") && !id.as_str().starts_with("https://"));
        let id = id.ok_or_else(|| {
            ConfigError::new(
                format!("{at}.id"),
                format_args!("is {:?}", self.id),
                "use printable characters, and neither \"client-\" nor \"https://\" at the start: those are other kinds of clients",
            )
        })?;
        let mut redirect_uris = Vec::new();
        for (n, uri) in self.redirect_uris.iter().enumerate() {
            let parsed = RedirectUri::parse(uri, private_schemes).map_err(|why| {
                ConfigError::new(
                    format!("{at}.redirect_uris[{n}]"),
                    format_args!("is {uri:?}"),
                    lychgate_domain::Refusal::from(why),
                )
            })?;
            redirect_uris.push(parsed);
        }
        if redirect_uris.is_empty() {
            return Err(ConfigError::new(
                format!("{at}.redirect_uris"),
                "is empty",
                "write where the client receives codes",
            ));
        }
        Ok(Client {
            id,
            origin: ClientOrigin::Configured,
            status: ClientStatus::Enabled,
            name: Some(display_text(&format!("{at}.name"), &self.name)?),
            redirect_uris,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            authentication: self.authentication(at)?,
            about: ClientDescription::default(),
        })
    }

    fn authentication(&self, at: &str) -> Result<Authentication, ConfigError> {
        match (&self.secret_sha256, &self.jwks_uri) {
            (None, None) => Ok(Authentication::Public),
            (Some(digest), None) => {
                let digest = digests(&format!("{at}.secret_sha256"), std::slice::from_ref(digest))?.remove(0);
                Ok(Authentication::Secret { registered: SecretMethod::Basic, digest })
            }
            (None, Some(uri)) if is_jwks_uri(uri) => Ok(Authentication::Keys {
                keys: ClientKeys::ByReference(uri.clone()),
                unsigned: UnsignedRequests::Refused,
            }),
            (None, Some(uri)) => {
                let problem = format_args!("is {uri:?}");
                Err(ConfigError::new(
                    format!("{at}.jwks_uri"),
                    problem,
                    "write the https URL of the client's key set, in its normal form",
                ))
            }
            (Some(_), Some(_)) => Err(ConfigError::new(
                format!("{at}.jwks_uri"),
                "is given together with secret_sha256",
                "keep the one that the client authenticates with",
            )),
        }
    }
}
