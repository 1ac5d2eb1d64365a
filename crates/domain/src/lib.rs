//! The rules: pure, synchronous, deterministic.
//!
//! Everything Lychgate decides is decided here, of values that are passed in: no I/O, no clock, no randomness of its
//! own, no wire format of anybody else's. What the rules guarantee over time ("once") is made true by the batches of
//! `lychgate-store`; who may ask is `lychgate-control`'s affair.
//!
//! Where to look:
//! - [`request`]: the checks of `/authorize`, as one list
//! - [`authorization`]: a decision and what becomes of it
//! - [`prompt`], [`session`]: how much of the consent page somebody gets, and who they seem to be
//! - [`consent`], [`grant`]: what a person allowed, and what a redeemed code gave
//! - [`verification`]: whether a request may pass that a proxy asks about
//! - [`account`]: how they see it and take it back
//! - [`refusal`]: every deliberate "no"
//! - [`keys`]: what every MAC, derivation and seal is made with

pub mod access_token;
pub mod account;
pub mod authorization;
pub mod client;
pub mod client_assertion;
pub mod client_authentication;
pub mod client_secret;
pub mod code;
mod codec;
pub mod consent;
pub mod cookie;
pub mod display;
pub mod entropy;
pub mod event;
pub mod form;
pub mod grant;
pub mod id;
pub mod id_token;
pub mod issuer;
pub mod jwk;
pub mod keyring;
pub mod keys;
pub mod login;
pub mod metadata_document;
pub mod metadata_url;
pub mod parameters;
pub mod pkce;
pub mod prompt;
pub mod redirect_uri;
pub mod refresh_token;
pub mod refusal;
pub mod registration;
pub mod request;
pub mod response;
pub mod retention;
pub mod scope;
pub mod secret;
pub mod session;
pub mod subject;
pub mod ticket;
pub mod upstream_revocation;
pub mod upstream_tokens;
pub mod userinfo;
pub mod verification;

pub use lychgate_clock::time;
pub use refusal::Refusal;
