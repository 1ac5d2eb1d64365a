//! Issuers with their upstream, resources, clients and policies.

use std::collections::BTreeMap;

use lychgate_domain::client::Client;
use lychgate_domain::client::redirect_uri::{RedirectKind, RedirectUri};
use lychgate_domain::id::IssuerId;
use lychgate_domain::issuer::{
    ClientPolicy, HostPatterns, Issuer, IssuerUrl, MAX_ISSUER_SCOPES, OwnOrigins, Resource, length_in_a_query,
};
use lychgate_domain::keys::rotation::SigningAlgorithm;
use lychgate_domain::subject::UpstreamId;
use lychgate_process::config::ConfigError;
use serde::{Deserialize, Serialize};

use super::clients::{ClientConfig, MetadataDocumentsConfig, RegistrationConfig, host_patterns};
use super::consent_page::{OptionalScopesConfig, PolicyConfig, PromptConfig};
use super::entry::{self, EntryConfig};
use super::events::IssuerEventsConfig;
use super::lifetimes::LifetimesConfig;
use super::resources::ResourceConfig;
use super::text::display_text;
use super::{Config, UpstreamConfig};

/// One authorization server.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// `[a-z0-9-]`, at most 32; part of the upstream's callback path, `/callback/{id}`.
    pub id: String,
    /// The issuer identifier, a URL without a trailing slash.
    pub url: String,
    /// The name on pages.
    pub name: String,
    /// Redirect URIs with a private-use scheme that clients may register, compared exactly.
    #[serde(default = "known_private_schemes")]
    pub private_scheme_redirect_uris: Vec<String>,
    #[serde(default)]
    pub access_tokens: AccessTokensConfig,
    pub upstream: UpstreamConfig,
    pub resources: Vec<ResourceConfig>,
    #[serde(default)]
    pub clients: Vec<ClientConfig>,
    #[serde(default)]
    pub registration: RegistrationConfig,
    #[serde(default)]
    pub metadata_documents: MetadataDocumentsConfig,
    /// Hosts of redirect URIs that clients which are not configured may use; any if left out.
    pub redirect_hosts: Option<Vec<String>>,
    #[serde(default)]
    pub prompt: PromptConfig,
    #[serde(default)]
    pub optional_scopes: OptionalScopesConfig,
    pub policy: Option<PolicyConfig>,
    /// Rules for people who sign in, for all resources of the issuer.
    pub entry: Option<EntryConfig>,
    #[serde(default)]
    pub events: IssuerEventsConfig,
    #[serde(default)]
    pub lifetimes: LifetimesConfig,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessTokensConfig {
    /// The signing algorithm. A change is announced first, like every successor of a key.
    pub algorithm: AccessTokenAlgorithm,
}

/// The supported algorithms: asymmetric ones, as RFC 9068 §2.1 demands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum AccessTokenAlgorithm {
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
    #[serde(rename = "RS256")]
    Rs256,
}

impl From<AccessTokenAlgorithm> for SigningAlgorithm {
    fn from(algorithm: AccessTokenAlgorithm) -> Self {
        match algorithm {
            AccessTokenAlgorithm::Es256 => SigningAlgorithm::Es256,
            AccessTokenAlgorithm::EdDsa => SigningAlgorithm::EdDsa,
            AccessTokenAlgorithm::Rs256 => SigningAlgorithm::Rs256,
        }
    }
}

/// Cursor registers this URI together with two others.
fn known_private_schemes() -> Vec<String> {
    vec!["cursor://anysphere.cursor-mcp/oauth/callback".to_owned()]
}

impl Config {
    pub fn issuers(&self) -> Result<Vec<Issuer>, ConfigError> {
        let mut issuers: Vec<Issuer> = Vec::new();
        for (n, config) in self.issuers.iter().enumerate() {
            let issuer = config.issuer(&format!("issuers[{n}]"))?;
            if issuers.iter().any(|other| other.id == issuer.id) {
                return Err(ConfigError::new(
                    format!("issuers[{n}].id"),
                    "belongs to another issuer, too",
                    "give each issuer an id of its own",
                ));
            }
            if issuers.iter().any(|other| other.url == issuer.url) {
                return Err(ConfigError::new(
                    format!("issuers[{n}].url"),
                    "belongs to another issuer, too",
                    "give each issuer a URL of its own",
                ));
            }
            issuers.push(issuer);
        }
        if issuers.is_empty() {
            return Err(ConfigError::new("issuers", "is empty", "add an [[issuers]] table"));
        }
        let own_origins = OwnOrigins::of(issuers.iter().map(|issuer| &issuer.url));
        for issuer in &mut issuers {
            issuer.own_origins = own_origins.clone();
        }
        check_redirects(&issuers)?;
        check_metadata_places(&issuers)?;
        Ok(issuers)
    }
}

/// Refuses configured clients that would be answered at one of our own pages.
fn check_redirects(issuers: &[Issuer]) -> Result<(), ConfigError> {
    for (n, issuer) in issuers.iter().enumerate() {
        for (m, client) in issuer.clients.iter().enumerate() {
            if let Some(k) = client.redirect_uris.iter().position(|uri| issuer.permits(client, uri).is_err()) {
                return Err(ConfigError::new(
                    format!("issuers[{n}].clients[{m}].redirect_uris[{k}]"),
                    format_args!(
                        "is {:?}, which leads to an issuer of this deployment",
                        client.redirect_uris[k].as_str()
                    ),
                    "write where the client itself receives codes, on another host or port",
                ));
            }
        }
    }
    Ok(())
}

/// Refuses resources whose metadata documents would be one (RFC 9728 §3.1), also of different issuers: clients of the one would
/// read about the other.
fn check_metadata_places(issuers: &[Issuer]) -> Result<(), ConfigError> {
    let mut places = BTreeMap::new();
    for (n, issuer) in issuers.iter().enumerate() {
        for (m, resource) in issuer.resources.iter().enumerate() {
            let other: &String = places.entry(resource.metadata_place()).or_insert(&resource.uri);
            if *other != resource.uri {
                return Err(ConfigError::new(
                    format!("issuers[{n}].resources[{m}].uri"),
                    format_args!("is {:?}, and its metadata document would be that of {other:?}", resource.uri),
                    "give it a host or a path of its own: scheme, query and a final slash make no other document",
                ));
            }
        }
    }
    Ok(())
}

impl IssuerConfig {
    fn issuer(&self, at: &str) -> Result<Issuer, ConfigError> {
        let id = IssuerId::parse(&self.id).ok_or_else(|| slug(format!("{at}.id")))?;
        let url = IssuerUrl::parse(&self.url)
            .map_err(|remedy| ConfigError::new(format!("{at}.url"), format_args!("is {:?}", self.url), remedy))?;
        let upstream = UpstreamId::parse(self.upstream.id()).ok_or_else(|| slug(format!("{at}.upstream.id")))?;
        self.upstream.check(&format!("{at}.upstream"), &url)?;
        self.check_private_schemes(at)?;
        Ok(Issuer {
            id,
            own_origins: OwnOrigins::of([&url]),
            url,
            name: display_text(&format!("{at}.name"), &self.name)?,
            upstream,
            upstream_name: display_text(&format!("{at}.upstream.name"), self.upstream.name())?,
            resources: self.resources(at)?,
            clients: self.clients(at)?,
            policy: self.client_policy(at)?,
            entry: entry::rules(&format!("{at}.entry"), self.entry.as_ref(), &self.upstream)?,
            prompt: self.prompt.policy(&format!("{at}.prompt"))?,
            optional_scopes: self.optional_scopes.into(),
            published_policy: self
                .policy
                .as_ref()
                .map(|policy| policy.published(&format!("{at}.policy")))
                .transpose()?,
            upstream_revocation: self.upstream.upstream_revocation(),
            addresses: self.events.addresses.into(),
            lifetimes: self.lifetimes.lifetimes(&format!("{at}.lifetimes"))?,
        })
    }

    fn resources(&self, at: &str) -> Result<Vec<Resource>, ConfigError> {
        if self.resources.is_empty() {
            let remedy = "add the MCP server that this issuer protects";
            return Err(ConfigError::new(format!("{at}.resources"), "is empty", remedy));
        }
        let mut resources: Vec<Resource> = Vec::new();
        for (n, resource) in self.resources.iter().enumerate() {
            let resource = resource.resource(&format!("{at}.resources[{n}]"), &self.upstream)?;
            if resources.iter().any(|other| other.uri == resource.uri) {
                let key = format!("{at}.resources[{n}].uri");
                return Err(ConfigError::new(key, "is listed twice", "remove one of them"));
            }
            resources.push(resource);
        }
        check_scopes_supported(at, &resources)?;
        Ok(resources)
    }

    fn client_policy(&self, at: &str) -> Result<ClientPolicy, ConfigError> {
        let redirect_hosts = match &self.redirect_hosts {
            None => HostPatterns::Any,
            Some(hosts) => host_patterns(&format!("{at}.redirect_hosts"), hosts)?,
        };
        Ok(ClientPolicy {
            registration: self.registration.registration_policy(&format!("{at}.registration"))?,
            documents: self.metadata_documents.policy(&format!("{at}.metadata_documents"))?,
            redirect_hosts,
            private_scheme_redirect_uris: self.private_scheme_redirect_uris.clone(),
        })
    }

    fn clients(&self, at: &str) -> Result<Vec<Client>, ConfigError> {
        let mut clients: Vec<Client> = Vec::new();
        for (n, client) in self.clients.iter().enumerate() {
            let client = client.client(&format!("{at}.clients[{n}]"), &self.private_scheme_redirect_uris)?;
            if clients.iter().any(|other| other.id == client.id) {
                return Err(ConfigError::new(
                    format!("{at}.clients[{n}].id"),
                    "belongs to another client, too",
                    "give each client an id of its own",
                ));
            }
            clients.push(client);
        }
        Ok(clients)
    }

    fn check_private_schemes(&self, at: &str) -> Result<(), ConfigError> {
        for (n, uri) in self.private_scheme_redirect_uris.iter().enumerate() {
            let parsed = RedirectUri::parse(uri, std::slice::from_ref(uri));
            if !parsed.is_ok_and(|uri| uri.kind() == RedirectKind::PrivateScheme) {
                return Err(ConfigError::new(
                    format!("{at}.private_scheme_redirect_uris[{n}]"),
                    format_args!("is {uri:?}, which is not an acceptable URI with a private-use scheme"),
                    "write the whole URI, as in \"cursor://anysphere.cursor-mcp/oauth/callback\"",
                ));
            }
        }
        Ok(())
    }
}

/// Clients name all scopes that the issuer advertises at registration, and in one URL.
fn check_scopes_supported(at: &str, resources: &[Resource]) -> Result<(), ConfigError> {
    let all = resources.iter().flat_map(|resource| resource.scopes.iter().map(|found| found.scope.clone())).collect();
    let length = length_in_a_query(&all);
    if length <= MAX_ISSUER_SCOPES {
        return Ok(());
    }
    Err(ConfigError::new(
        format!("{at}.resources"),
        format_args!("has scopes whose names take {length} characters in a query"),
        format_args!(
            "use at most {MAX_ISSUER_SCOPES}: clients ask for all of them in one URL; shorten names, or use several issuers"
        ),
    ))
}

fn slug(key: String) -> ConfigError {
    ConfigError::new(key, "is not an id", "use 1 to 32 of a-z, 0-9 and -")
}
