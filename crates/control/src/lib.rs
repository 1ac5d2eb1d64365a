//! The control plane: use cases over the rules, and the gRPC services in front of them. A library, handed an engine.
//!
//! - `config`: what an operator says, and its translation into what the rules know
//! - `flow`: the browser's way through an authorization
//! - `account`: what a person allowed, for that person, to see and to take back
//! - `grants`: the token endpoint, a file for each grant type
//! - `admin`: what an operator does by hand
//! - `consents`: who allowed what, for those that have to know
//! - `events`, `upkeep`: the event log sealed, exported and thinned out; what is done although nobody asks for it
//! - `clients`: who a client is, and the proof that it is it
//! - `registration`: clients that register themselves
//! - `upstream`: the identity provider, and the way out to it
//! - `telling`: the provider hears of what was taken back
//! - [`outbound`], [`documents`]: the guarded way out to what strangers name, and what need not be fetched twice
//! - `services`, [`wire`]: gRPC
//! - `incoming`, `tls`, `authentication`, `principal`: who calls, and what they may
//! - `reload`: what is read again while everything goes on
//! - `error`: the one road of errors
//!
//! It never speaks HTTP to a client and knows no engine; what must be decided is asked of `lychgate-domain`, and what
//! must hold is written by `lychgate-store`.

mod access_token;
mod account;
mod admin;
mod authentication;
mod certificate;
mod clients;
pub mod config;
mod configuration;
mod consents;
mod control;
pub mod documents;
mod error;
mod events;
mod flow;
mod grants;
mod incoming;
mod issuers;
mod jws;
mod keyring;
mod metrics;
pub mod outbound;
mod page_token;
mod principal;
mod registration;
mod reload;
mod serve;
mod services;
mod system;
mod telling;
mod tls;
mod upkeep;
mod upstream;
mod wire;

pub use lychgate_store::engine::Engine;
pub use lychgate_store::memory::Memory;
pub use serve::{Server, serve};
pub use system::{SystemClock, SystemEntropy};
