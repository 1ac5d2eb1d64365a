//! Support for end-to-end tests: real processes, real sockets, real clients.

#![expect(clippy::expect_used, reason = "a test ends where an expectation fails")]

pub mod browser;
pub mod clients;
pub mod cluster;
pub mod dev;
pub mod examples;
pub mod flow;
pub mod grpc;
pub mod history;
pub mod http;
pub mod load;
pub mod metrics;
pub mod person;
pub mod program;
pub mod recording;
pub mod resource_server;
pub mod site;
pub mod system;
pub mod upstream;

/// Random text that is different at each call.
///
/// # Panics
/// If the system's random number generator fails.
#[expect(
    clippy::disallowed_methods,
    reason = "tests of real processes bring their own secrets; no rule is under test here"
)]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness to give");
    bytes
}
