//! Tests of both demos over real sockets. One binary, because linking takes longer than running.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod demo_provider;
mod faults;
mod issuer;
mod mcp;
mod provider;
mod sockets;
