//! What most tests of the flow start: one Lychgate, one MCP server in name only, one provider in the test's hand.

use anyhow::Result;

use super::Gate;
use crate::dev::Dev;
use crate::upstream::Upstream;

/// The one MCP server of [`Stage`]. Nobody answers there: what counts is what tokens say about it.
pub const RESOURCE: &str = "https://notes.example/mcp";
const RESOURCE_CONFIG: &str = r#"
[[resources]]
uri = "https://notes.example/mcp"
name = "Notes"
[[resources.scopes]]
name = "notes:read"
description = "Read your notes"
default = true
[[resources.scopes]]
name = "notes:write"
description = "Change your notes"
"#;

/// Lychgate in front of a provider that the test holds in its hand.
#[derive(Debug)]
pub struct Stage {
    pub upstream: Upstream,
    pub gate: Gate,
    dev: Dev,
}

impl Stage {
    /// With these tables of `dev`'s configuration besides upstream and resources.
    pub async fn start(config: &str) -> Result<Self> {
        Self::start_with_resources(&format!("{config}{RESOURCE_CONFIG}")).await
    }

    pub async fn start_with_resources(config: &str) -> Result<Self> {
        Self::start_behind(Upstream::start().await?, Upstream::config, config).await
    }

    /// In front of a provider that speaks no OpenID Connect.
    pub async fn start_oauth2() -> Result<Self> {
        Self::start_behind(Upstream::start().await?, Upstream::oauth2_config, RESOURCE_CONFIG).await
    }

    async fn start_behind(upstream: Upstream, table: fn(&Upstream) -> String, config: &str) -> Result<Self> {
        let dev = Dev::start_with(&format!("{}{config}", table(&upstream)), &upstream.environment()).await?;
        let gate = Gate::new(&dev.ready().issuer, RESOURCE)?;
        Ok(Self { upstream, gate, dev })
    }

    pub fn dev(&self) -> &Dev {
        &self.dev
    }

    pub async fn stop(self) -> Result<()> {
        self.dev.stop().await
    }
}
