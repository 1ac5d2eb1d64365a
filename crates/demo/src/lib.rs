//! A small identity provider and a small MCP server, for trials of Lychgate and for its tests.
//!
//! - [`provider`]: an OpenID Connect provider with made-up users.
//! - [`mcp`]: an MCP server with three tools, protected by [`protect`].
//! - [`protect`]: a tower layer that verifies Lychgate's access tokens. Copy it into a resource server of your own.
//!
//! No code is shared with Lychgate's authorization server: both sides agree on the wire only.

pub mod clock;
pub mod mcp;
pub mod protect;
pub mod provider;
pub mod serve;

mod loopback;
