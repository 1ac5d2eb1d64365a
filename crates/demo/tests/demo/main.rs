//! Both demos, each over real sockets. One binary, because linking costs more than running.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod demo_provider;
mod face;
mod issuer;
mod mcp;
mod provider;
mod sockets;
