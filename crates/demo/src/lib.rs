//! A small identity provider and a small MCP server, for trying Lychgate out and for its tests.
//!
//! - [`provider`]: an OpenID Connect provider with made-up people, for whoever has no identity provider at hand;
//! - [`mcp`]: an MCP server with three tools, protected by
//! - [`protect`]: what a resource server does with Lychgate's tokens, as a tower layer. The part worth copying.
//!
//! Neither shares code with Lychgate's own authorization server: what they agree on is the wire.

pub mod clock;
pub mod mcp;
pub mod protect;
pub mod provider;
pub mod serve;

mod loopback;
