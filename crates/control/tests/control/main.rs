//! Tests of the control plane over real sockets, with a clock that the test holds. Each control plane runs in a
//! runtime of its own, which can be killed like a process; store, upstream and configuration belong to the test.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

mod account;
mod algorithms;
mod attempts;
mod callers;
mod certificates;
mod changes;
mod clients;
mod consents;
mod crash;
mod events;
mod hang_ups;
mod hostile;
mod introspection;
mod issuers;
mod keys_by_hand;
mod lifetimes;
mod operators;
mod races;
mod reloads;
mod revocations;
mod rotation;
mod secrets;
mod sessions;
mod telling;
mod verification;
mod watch;
