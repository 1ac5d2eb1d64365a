//! The control plane: use cases over the rules of `lychgate-domain`, and the gRPC services in front of them. A library
//! that is handed a storage engine.
//!
//! The folders are layers. Each imports only layers above it in this list, or of its own number; `.ci/arrows.py`
//! holds the exact table, which has no circle.
//!
//! 1. `ground`: errors, callers, TLS, and [`outbound`], the guarded HTTP client for URLs that clients name; `metrics`: what
//!    is counted besides calls
//! 2. [`client_metadata`]: client metadata documents and key sets, fetched and cached
//! 3. [`config`]: the configuration file and its translation into domain types
//! 4. `upstream`: the identity provider; `keys`: keyrings and signing
//! 5. `issuers`: the issuers of this process, each with its keys and its upstream
//! 6. `feed`, `event_log`, `refreshes`, `node`: process-wide handles
//! 7. `state`: every handle that a use case needs
//! 8. `clients`: lookup and authentication of clients; `next`: the answer of a step to the browser
//! 9. use cases: `flow` (a browser's way through an authorization), `token` (begin at `token/endpoint.rs`), `consents`,
//!    `account` (connected apps), `registration`, `admin`, `checkup`, `events` (sealing, retention and export of the event log)
//! 10. `jobs`: background work that no request asks for
//! 11. `grpc`: the services and the wire format
//! 12. `serve`: the listener and the process
//!
//! This crate never speaks HTTP to a client and implements no engine. Rules are decided in `lychgate-domain`; atomicity is
//! kept by `lychgate-store`.

mod account;
mod admin;
mod checkup;
pub mod client_metadata;
mod clients;
pub mod config;
mod consents;
mod event_log;
mod events;
mod feed;
mod flow;
mod ground;
mod grpc;
mod issuers;
mod jobs;
mod keys;
mod limits;
mod metrics;
mod next;
mod node;
mod refreshes;
mod registration;
mod serve;
mod state;
mod token;
mod upstream;

pub use ground::outbound;
pub use ground::system::{SystemClock, SystemEntropy};
pub use grpc::methods::methods_of;
pub use lychgate_engine::{Engine, Memory, OpenEngine};
pub use serve::{Server, serve};
