//! A small MCP server behind [`protect`](crate::protect): one tool describes the caller, two store notes.
//!
//! It has no MCP sessions: the token of each request authenticates the caller, and a session id is no proof. Notes are kept
//! until the process ends.

mod config;
mod step_up;
mod tools;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use lychgate_process::ConfigError;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use crate::protect::{IssuerKeys, Protect, Resource, cors, metadata};
use tools::Tools;

pub use config::Config;

/// The router of the server: the MCP endpoint at the resource's path, the resource metadata and `/healthz`.
pub fn router(config: &Config) -> Result<Router, ConfigError> {
    let (resource, issuer) = config.check()?;
    let keys = IssuerKeys::of(&config.issuer, &issuer, config.jwks_refetch()).map_err(|error| {
        ConfigError::new("issuer", format_args!("no TLS to reach it with: {error}"), "install CA certificates")
    })?;
    let resource = Arc::new(resource);
    let mcp = Router::new()
        .route_service(resource.url.path(), endpoint(&resource))
        .route_layer(from_fn_with_state(Arc::clone(&resource), step_up::challenge))
        .route_layer(Protect::new(Arc::clone(&resource), keys));
    Ok(Router::new().route("/healthz", get(async || "ok")).merge(metadata(&resource)).merge(mcp).layer(cors()))
}

fn endpoint(resource: &Resource) -> StreamableHttpService<Tools, NeverSessionManager> {
    // A page that reaches this server by DNS rebinding sends another Host.
    let host = resource.url.authority().to_owned();
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts([host])
        .with_legacy_session_mode(false)
        .with_json_response(true);
    let tools = Tools::new(resource.required_scopes.clone());
    StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config)
}
