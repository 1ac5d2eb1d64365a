//! The configuration file and its validation.

use std::net::SocketAddr;
use std::time::Duration;

use lychgate_process::ConfigError;
use lychgate_process::telemetry::Telemetry;
use serde::Deserialize;
use url::Url;

use super::tools;
use crate::loopback::is_https_or_loopback;
use crate::protect::{Resource, Scopes};

/// The configuration file of the demo MCP server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// The URL that clients use, with its path. Requests must have its host in `Host`.
    pub resource: String,
    /// The Lychgate issuer, as in Lychgate's own configuration.
    pub issuer: String,
    /// Display name.
    #[serde(default = "name")]
    pub name: String,
    /// The scopes that every call needs.
    #[serde(default = "required_scopes")]
    pub required_scopes: Scopes,
    /// Shortest time between two fetches of the issuer's keys.
    #[serde(default = "jwks_refetch_seconds")]
    pub jwks_refetch_seconds: u64,
    /// Logs.
    #[serde(default)]
    pub telemetry: Telemetry,
}

fn name() -> String {
    "Lychgate demo".to_owned()
}

fn required_scopes() -> Scopes {
    Scopes::from(["profile:read".to_owned()])
}

fn jwks_refetch_seconds() -> u64 {
    5
}

impl Config {
    pub(super) fn jwks_refetch(&self) -> Duration {
        Duration::from_secs(self.jwks_refetch_seconds)
    }

    /// Validates the configuration. Returns the resource and the URL of its issuer.
    pub(super) fn check(&self) -> Result<(Resource, Url), ConfigError> {
        let url = public_url("resource", &self.resource)?;
        let issuer = public_url("issuer", &self.issuer)?;
        if let Some(scope) = self.required_scopes.iter().find(|scope| !is_scope_token(scope)) {
            return Err(ConfigError::new(
                "required_scopes",
                format_args!("{scope:?} is not a scope"),
                "write visible ASCII without space, quote and backslash",
            ));
        }
        let tools = tools::SCOPES.map(|(_, scope)| scope.to_owned());
        let resource = Resource {
            identifier: self.resource.clone(),
            url,
            issuer: self.issuer.clone(),
            name: self.name.clone(),
            required_scopes: self.required_scopes.clone(),
            scopes: self.required_scopes.iter().cloned().chain(tools).collect(),
        };
        Ok((resource, issuer))
    }
}

fn public_url(key: &str, value: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(value)
        .map_err(|error| ConfigError::new(key, format_args!("is not a URL: {error}"), "write https://HOST/PATH"))?;
    if !is_https_or_loopback(&url) {
        return Err(ConfigError::new(key, "is http and not on loopback", "write https://HOST/PATH"));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError::new(key, "has a query, a fragment or a user", "write https://HOST/PATH"));
    }
    Ok(url)
}

/// The syntax of a scope (RFC 6749 §3.3).
fn is_scope_token(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}
