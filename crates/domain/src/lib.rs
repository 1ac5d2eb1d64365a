//! The rules: pure, synchronous, deterministic.
//!
//! Everything Lychgate decides is decided here, of values that are passed in. The crate does no I/O, reads no clock, draws
//! no randomness and knows no wire format but the protocols' own. `lychgate-store` makes guarantees over time ("once")
//! true by its commits; `lychgate-control` decides which caller may ask.
//!
//! The folders are layers; each uses only those above it in this list:
//! - the ground: [`refusal`] (every deliberate "no"), [`id`], [`secret`], [`scope`], [`subject`], [`display`],
//!   [`confusable`], [`origin`], [`website`], [`time`], [`entropy`], [`lifetimes`]
//! - [`keys`]: the keys of every MAC, derivation and seal, and their rotation
//! - [`client`]: what a client is, and what it says about itself
//! - [`issuer`]: one logical authorization server, and the operator's policies
//! - [`registration`]: how a client becomes known, by RFC 7591 or by its metadata document
//! - [`authentication`]: how a client proves at the token endpoint that it is itself
//! - [`upstream`]: the login at the upstream, its ID token and its tokens
//! - [`browser`]: cookies and sessions
//! - [`checkup`]: the proof that this deployment answers at an issuer's public URL
//! - [`request`]: the checks of `/authorize`, as one list, and the ticket that carries a checked request
//! - [`consent`]: what a person allowed, and how much of the consent page a request gets
//! - [`flow`]: a decision and what becomes of it, up to the redeemed code
//! - [`token`]: grants, access tokens, refresh tokens, and the check of a request at a proxy
//! - [`capacity`]: what is refused while the disk is short of space
//! - [`account`], [`revocation`], [`event`]: the page of connected apps, revocation at the upstream, the audit log

#![warn(missing_docs)]

pub mod account;
pub mod authentication;
pub mod browser;
pub mod capacity;
pub mod checkup;
pub mod client;
mod codec;
pub mod confusable;
pub mod consent;
pub mod display;
pub mod entropy;
pub mod event;
pub mod flow;
pub mod id;
pub mod issuer;
pub mod keys;
pub mod lifetimes;
pub mod origin;
pub mod refusal;
pub mod registration;
pub mod request;
pub mod revocation;
pub mod scope;
pub mod secret;
pub mod subject;
pub mod token;
pub mod upstream;
pub mod website;

pub use lychgate_clock::time;
pub use refusal::Refusal;
