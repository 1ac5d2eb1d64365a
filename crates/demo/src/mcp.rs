//! A small MCP server behind [`protect`](crate::protect): one tool says who is calling, two keep notes.
//!
//! It keeps no sessions: who calls is proven by each request's token, and a session id that somebody found would prove
//! nothing. Notes live as long as the process.

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

use crate::protect::{IssuerKeys, Protect, Resource, metadata};
use tools::Tools;

pub use config::Config;

/// Everything the server answers: the MCP endpoint at the resource's path, its metadata, its health.
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
    Ok(Router::new().route("/healthz", get(async || "ok")).merge(metadata(&resource)).merge(mcp))
}

fn endpoint(resource: &Resource) -> StreamableHttpService<Tools, NeverSessionManager> {
    // A page whose name has been pointed at this machine (DNS rebinding) calls itself something else.
    let host = resource.url.authority().to_owned();
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts([host])
        .with_legacy_session_mode(false)
        .with_json_response(true);
    let tools = Tools::new(resource.required_scopes.clone());
    StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config)
}
