//! Resources, the MCP servers that an issuer protects, with their scopes.

use std::num::NonZeroU16;

use lychgate_domain::issuer::{
    Choice, Effect, MAX_RESOURCE_SCOPES, MAX_RESOURCE_URI, MAX_SCOPES, Requested, Resource, ScopeDefinition,
    UpstreamTokenPolicy, length_in_a_query,
};
use lychgate_domain::scope::Scope;
use lychgate_process::config::ConfigError;
use serde::{Deserialize, Serialize};
use url::Url;

use super::UpstreamConfig;
use super::entry::{self, EntryConfig};
use super::text::display_text;

/// The most tools of a scope: a larger number is a mistake.
const MAX_TOOLS: u16 = 10_000;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceConfig {
    /// The MCP server's URL exactly as its clients use it: the audience of tokens.
    pub uri: String,
    pub name: String,
    pub scopes: Vec<ScopeConfig>,
    /// The MCP server may have the upstream's access token of each person who allows it. The consent page says so, and
    /// consents from before are asked for again.
    #[serde(default)]
    pub upstream_tokens: bool,
    /// Rules for people who ask for this resource, besides those of the issuer.
    pub entry: Option<EntryConfig>,
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

impl ResourceConfig {
    pub(super) fn resource(&self, at: &str, upstream: &UpstreamConfig) -> Result<Resource, ConfigError> {
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
            upstream_tokens: if self.upstream_tokens {
                UpstreamTokenPolicy::Given
            } else {
                UpstreamTokenPolicy::Withheld
            },
            entry: entry::rules(&format!("{at}.entry"), self.entry.as_ref(), upstream)?,
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
