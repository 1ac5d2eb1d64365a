//! Issuers with their resources, clients and policies.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::time::Duration;

use lychgate_domain::client::Client;
use lychgate_domain::client::redirect_uri::{RedirectKind, RedirectUri};
use lychgate_domain::display::displayable;
use lychgate_domain::id::{ClientId, IssuerId};
use lychgate_domain::issuer::{
    Choice, ClientPolicy, ConsentMode, Effect, HostPatterns, Issuer, IssuerUrl, MAX_ISSUER_SCOPES, MAX_RESOURCE_SCOPES,
    MAX_RESOURCE_URI, MAX_SCOPES, OptionalScopes, OwnOrigins, PromptPolicy, PublishedPolicy, Requested, Resource,
    ScopeDefinition, length_in_a_query,
};
use lychgate_domain::keys::rotation::SigningAlgorithm;
use lychgate_domain::lifetimes::Lifetimes;
use lychgate_domain::scope::Scope;
use lychgate_domain::subject::UpstreamId;
use lychgate_process::config::ConfigError;
use serde::{Deserialize, Serialize};
use url::Url;

use super::clients::{ClientConfig, MetadataDocumentsConfig, RegistrationConfig, host_patterns};
use super::events::IssuerEventsConfig;
use super::text::display_text;
use super::{Config, UpstreamConfig};

/// The most tools of a scope: a larger number is a mistake.
const MAX_TOOLS: u16 = 10_000;

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

/// A published policy that people agree to, such as terms or a privacy notice.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    pub version: String,
    /// URL of its text; the consent page links to it.
    pub uri: Option<String>,
}

/// How much of the consent page a returning person sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PromptConfig {
    pub mode: PromptMode,
    /// Ids of clients that need no page if the person has approved them before.
    pub silent_clients: Vec<String>,
    pub confirm_subject: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptMode {
    #[default]
    Always,
    Remember,
    Silent,
}

/// How the boxes of optional scopes start on the consent page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionalScopesConfig {
    #[default]
    Ticked,
    Unticked,
}

impl From<OptionalScopesConfig> for OptionalScopes {
    fn from(config: OptionalScopesConfig) -> Self {
        match config {
            OptionalScopesConfig::Ticked => OptionalScopes::Ticked,
            OptionalScopesConfig::Unticked => OptionalScopes::Unticked,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceConfig {
    /// The MCP server's URL exactly as its clients use it: the audience of tokens.
    pub uri: String,
    pub name: String,
    pub scopes: Vec<ScopeConfig>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeConfig {
    pub name: String,
    /// The text on the consent page.
    pub description: String,
    /// A request without `scope` includes it.
    #[serde(default)]
    pub default: bool,
    /// A person may untick it and approve the rest.
    #[serde(default)]
    pub optional: bool,
    /// The page says that it changes nothing.
    #[serde(default)]
    pub read_only: bool,
    /// The number of tools that it unlocks, which the page says; 1 to 10000.
    pub tools: Option<u32>,
}

/// Lifetimes in seconds; `control.example.toml` shows the defaults.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LifetimesConfig {
    pub ticket_seconds: u64,
    pub login_seconds: u64,
    pub session_seconds: u64,
    pub code_seconds: u64,
    pub access_token_seconds: u64,
    pub refresh_grace_seconds: u64,
    pub grant_idle_seconds: u64,
    pub grant_seconds: u64,
    pub consent_seconds: u64,
    pub unused_registration_seconds: u64,
    pub used_registration_seconds: u64,
}

impl Default for LifetimesConfig {
    fn default() -> Self {
        let lifetimes = Lifetimes::default();
        Self {
            ticket_seconds: lifetimes.ticket.as_secs(),
            login_seconds: lifetimes.login.as_secs(),
            session_seconds: lifetimes.session.as_secs(),
            code_seconds: lifetimes.code.as_secs(),
            access_token_seconds: lifetimes.access_token.as_secs(),
            refresh_grace_seconds: lifetimes.refresh_grace.as_secs(),
            grant_idle_seconds: lifetimes.grant_idle.as_secs(),
            grant_seconds: lifetimes.grant.as_secs(),
            consent_seconds: lifetimes.consent.as_secs(),
            unused_registration_seconds: lifetimes.unused_registration.as_secs(),
            used_registration_seconds: lifetimes.used_registration.as_secs(),
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
}

impl IssuerConfig {
    fn resources(&self, at: &str) -> Result<Vec<Resource>, ConfigError> {
        if self.resources.is_empty() {
            let remedy = "add the MCP server that this issuer protects";
            return Err(ConfigError::new(format!("{at}.resources"), "is empty", remedy));
        }
        let mut resources: Vec<Resource> = Vec::new();
        for (n, resource) in self.resources.iter().enumerate() {
            let resource = resource.resource(&format!("{at}.resources[{n}]"))?;
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

impl PolicyConfig {
    fn published(&self, at: &str) -> Result<PublishedPolicy, ConfigError> {
        let version = displayable(&self.version, 64).filter(|version| *version == self.version).ok_or_else(|| {
            let problem = format!("is {:?}", self.version);
            ConfigError::new(format!("{at}.version"), problem, "use 1 to 64 printable characters, as in \"2026-11\"")
        })?;
        if let Some(uri) = &self.uri {
            let good = Url::parse(uri).is_ok_and(|url| url.scheme() == "https" && url.username().is_empty());
            if !good {
                return Err(ConfigError::new(
                    format!("{at}.uri"),
                    format_args!("is {uri:?}"),
                    "write the https URL of a public page",
                ));
            }
        }
        Ok(PublishedPolicy { version, uri: self.uri.clone() })
    }
}

impl PromptConfig {
    fn policy(&self, at: &str) -> Result<PromptPolicy, ConfigError> {
        let key = || format!("{at}.silent_clients");
        let mode = match self.mode {
            PromptMode::Always | PromptMode::Remember if !self.silent_clients.is_empty() => {
                return Err(ConfigError::new(key(), "is for mode = \"silent\"", "leave it out, or set that mode"));
            }
            PromptMode::Always => ConsentMode::Always,
            PromptMode::Remember => ConsentMode::Remember,
            PromptMode::Silent if self.silent_clients.is_empty() => {
                return Err(ConfigError::new(key(), "is empty", "list client ids, or use mode = \"remember\""));
            }
            PromptMode::Silent => {
                let known = |id: &String| {
                    let problem = format!("has {id:?}");
                    ClientId::parse(id).ok_or_else(|| ConfigError::new(key(), problem, "write whole client ids"))
                };
                ConsentMode::Silent { clients: self.silent_clients.iter().map(known).collect::<Result<_, _>>()? }
            }
        };
        Ok(PromptPolicy { mode, confirm_subject: self.confirm_subject })
    }
}

impl ResourceConfig {
    fn resource(&self, at: &str) -> Result<Resource, ConfigError> {
        let good = Url::parse(&self.uri).is_ok_and(|url| {
            matches!(url.scheme(), "https" | "http") && url.fragment().is_none() && url.username().is_empty()
        });
        if !good {
            return Err(ConfigError::new(
                format!("{at}.uri"),
                format_args!("is {:?}", self.uri),
                "write the MCP server's URL, without a fragment",
            ));
        }
        if self.uri.len() > MAX_RESOURCE_URI {
            return Err(ConfigError::new(
                format!("{at}.uri"),
                format_args!("has {} characters", self.uri.len()),
                format_args!("use at most {MAX_RESOURCE_URI}: it stands in every token"),
            ));
        }
        let resource = Resource {
            uri: self.uri.clone(),
            name: display_text(&format!("{at}.name"), &self.name)?,
            scopes: self.scopes(at)?,
        };
        let length = length_in_a_query(&resource.all_scopes());
        if resource.scopes.len() > MAX_SCOPES || length > MAX_RESOURCE_SCOPES {
            return Err(ConfigError::new(
                format!("{at}.scopes"),
                format_args!("has {} names, which take {length} characters in a query", resource.scopes.len()),
                format_args!(
                    "use at most {MAX_SCOPES} names with {MAX_RESOURCE_SCOPES} characters, so that one token can have all of them"
                ),
            ));
        }
        Ok(resource)
    }

    fn scopes(&self, at: &str) -> Result<Vec<ScopeDefinition>, ConfigError> {
        let mut scopes: Vec<ScopeDefinition> = Vec::new();
        for (n, config) in self.scopes.iter().enumerate() {
            let key = |name: &str| format!("{at}.scopes[{n}].{name}");
            let scope = Scope::parse(&config.name).filter(|scope| scope.as_str() != "offline_access");
            let scope = scope.ok_or_else(|| {
                ConfigError::new(
                    key("name"),
                    format_args!("is {:?}", config.name),
                    "use printable characters without spaces and quotes; offline_access is not a resource's scope",
                )
            })?;
            if scopes.iter().any(|other| other.scope == scope) {
                return Err(ConfigError::new(key("name"), "is listed twice", "remove one of them"));
            }
            if scope.as_str().contains('*') {
                return Err(ConfigError::new(
                    key("name"),
                    "is a wildcard",
                    "name each permission, so that people know what they approve",
                ));
            }
            let choice = if config.optional { Choice::Optional } else { Choice::WithTheRest };
            let requested = if config.default { Requested::ByDefault } else { Requested::ByName };
            scopes.push(ScopeDefinition {
                scope,
                description: display_text(&key("description"), &config.description)?,
                requested,
                choice,
                effect: if config.read_only { Effect::ReadOnly } else { Effect::Unstated },
                tools: config.tools.map(|count| tools(count, || key("tools"))).transpose()?,
            });
        }
        if !scopes.iter().any(|scope| scope.requested == Requested::ByDefault) {
            return Err(ConfigError::new(
                format!("{at}.scopes"),
                "has none with default = true",
                "mark the scopes of a request without `scope`",
            ));
        }
        Ok(scopes)
    }
}

/// The number of tools of a scope. `key` names the setting.
fn tools(count: u32, key: impl FnOnce() -> String) -> Result<NonZeroU16, ConfigError> {
    u16::try_from(count).ok().filter(|count| *count <= MAX_TOOLS).and_then(NonZeroU16::new).ok_or_else(|| {
        let remedy = format_args!("use 1 to {MAX_TOOLS}, or leave it out");
        ConfigError::new(key(), format_args!("is {count}"), remedy)
    })
}

impl LifetimesConfig {
    fn lifetimes(&self, at: &str) -> Result<Lifetimes, ConfigError> {
        let bounded = |name: &str, seconds: u64, min: u64, max: u64| {
            if (min..=max).contains(&seconds) {
                return Ok(Duration::from_secs(seconds));
            }
            Err(ConfigError::new(
                format!("{at}.{name}"),
                format_args!("is {seconds}"),
                format_args!("use {min} to {max} seconds"),
            ))
        };
        const DAY: u64 = 86_400;
        let lifetimes = Lifetimes {
            ticket: bounded("ticket_seconds", self.ticket_seconds, 1, 3600)?,
            login: bounded("login_seconds", self.login_seconds, 1, 3600)?,
            session: bounded("session_seconds", self.session_seconds, 1, 30 * DAY)?,
            // OAuth 2.1 §4.1.2: ten minutes at the most.
            code: bounded("code_seconds", self.code_seconds, 1, 600)?,
            access_token: bounded("access_token_seconds", self.access_token_seconds, 1, 3600)?,
            refresh_grace: bounded("refresh_grace_seconds", self.refresh_grace_seconds, 0, 300)?,
            grant_idle: bounded("grant_idle_seconds", self.grant_idle_seconds, 1, 3650 * DAY)?,
            grant: bounded("grant_seconds", self.grant_seconds, 1, 3650 * DAY)?,
            consent: bounded("consent_seconds", self.consent_seconds, 1, 3650 * DAY)?,
            unused_registration: bounded(
                "unused_registration_seconds",
                self.unused_registration_seconds,
                1,
                3650 * DAY,
            )?,
            used_registration: bounded("used_registration_seconds", self.used_registration_seconds, 1, 3650 * DAY)?,
        };
        if lifetimes.consent < lifetimes.grant {
            return Err(ConfigError::new(
                format!("{at}.consent_seconds"),
                "is less than grant_seconds",
                "a grant ends with its consent: make it at least as long",
            ));
        }
        if lifetimes.unused_registration < lifetimes.ticket + lifetimes.login + lifetimes.code {
            return Err(ConfigError::new(
                format!("{at}.unused_registration_seconds"),
                "is shorter than one login may take",
                "make it longer than ticket, login and code together",
            ));
        }
        Ok(lifetimes)
    }
}

fn slug(key: String) -> ConfigError {
    ConfigError::new(key, "is not an id", "use 1 to 32 of a-z, 0-9 and -")
}
