//! Real processes, real sockets, real clients.

pub mod browser;
pub mod clients;
pub mod dev;
pub mod examples;
pub mod flow;
pub mod grpc;
pub mod http;
pub mod person;
pub mod program;
pub mod resource_server;
pub mod site;
pub mod system;
pub mod upstream;

/// For what must not be the same twice.
///
/// # Panics
/// If the system has no randomness to give.
#[expect(
    clippy::disallowed_methods,
    reason = "tests of real processes bring their own secrets; no rule is under test here"
)]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness to give");
    bytes
}
