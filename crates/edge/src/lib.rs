//! HTTP, pages and headers: the stateless edge.
//!
//! It turns one HTTP request into one RPC and one answer into one response. It must never decide: it holds no key and no
//! state (what it caches, anybody may see; what it counts, it may forget), and it does not know the domain's rules. What it does know is HTTP: which
//! bytes are a form, which headers a page needs, what a failure looks like to a person and to a program.
//!
//! The way of a request: [`server`] accepts it, [`observe`] gives it an id, [`client_address`] knows from where it comes,
//! [`locate`] finds the issuer it is meant for, [`router`] lists who answers it, [`limits`] admits it, a handler parses and
//! asks [`control`], and [`failure`] renders what went wrong.

mod account;
mod bearer;
mod body;
mod client_address;
mod client_credentials;
mod config;
mod control;
mod cookies;
mod credentials;
mod entropy;
mod failure;
mod flow;
mod introspection;
mod issuers;
mod limits;
mod locate;
mod metadata;
mod metrics;
mod observe;
mod pages;
mod parameters;
mod registration;
mod response;
mod revocation;
mod router;
mod server;
mod token;
mod verification;
mod wording;

pub use client_address::ClientAddressHeader;
pub use config::{Config, ControlConfig};
pub use limits::LimitsConfig;
pub use server::Edge;

use lychgate_process::Shutdown;

/// Serves until `shutdown` is requested and what was under way then has been answered.
pub async fn serve(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    Edge::bind(&config).await?.run(shutdown).await;
    Ok(())
}
