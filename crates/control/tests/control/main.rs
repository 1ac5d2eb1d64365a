//! Tests of the control plane over real sockets, with a clock that the test holds. Each control plane runs in a
//! runtime of its own, which can be killed like a process; store, upstream and configuration belong to the test.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

mod account;
mod administration;
mod another_account;
mod answers;
mod authorization;
mod client_certificates;
mod clients;
mod clock_steps;
mod configuration_changes;
mod connections;
mod consents;
mod crashes;
mod diagnosis;
mod disconnects;
mod entry;
mod events;
mod exchanges;
mod flooded_log;
mod hostile_strings;
mod idempotency;
mod introspection;
mod issuers;
mod key_management;
mod lifetimes;
mod limits;
mod names;
mod node_health;
mod origins;
mod races;
mod reloads;
mod revocations;
mod scheduled_rotation;
mod scopes;
mod secret_leaks;
mod sessions;
mod signing_algorithms;
mod too_late;
mod upstream_revocation;
mod upstream_tokens;
mod verification;
mod watch;
