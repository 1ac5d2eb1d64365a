//! A Lychgate for tests of the flow: `lychgate dev`, one resource without a server, and an upstream that the test
//! controls.

use anyhow::Result;

use super::Gate;
use crate::dev::Dev;
use crate::upstream::Upstream;

/// The resource of [`Stage`]. No server runs there: tests look at the tokens only.
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

/// The table of [`RESOURCE`] with one scope that is always approved, and two that a person may untick.
pub const THREE_SCOPES: &str = r#"
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
default = true
optional = true
[[resources.scopes]]
name = "notes:delete"
description = "Delete your notes"
default = true
optional = true
"#;

/// Lychgate with an upstream that the test controls.
#[derive(Debug)]
pub struct Stage {
    pub upstream: Upstream,
    pub gate: Gate,
    dev: Dev,
}

impl Stage {
    /// Starts with these additional tables of `dev`'s configuration.
    pub async fn start(config: &str) -> Result<Self> {
        Self::start_with_resources(&format!("{config}{RESOURCE_CONFIG}")).await
    }

    pub async fn start_with_resources(config: &str) -> Result<Self> {
        Self::start_behind(Upstream::start().await?, Upstream::config, config).await
    }

    /// Starts with an upstream that is plain OAuth 2.0.
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
