//! HTTP, pages and headers: the stateless edge.
//!
//! The edge turns one HTTP request into one call to the control plane, and the answer into one response. It decides nothing:
//! it holds no key and no state (its cache is public, its counters may be lost) and does not know the domain's rules. It
//! knows HTTP: which bytes are a form, which headers a page needs, how a failure looks to a person and to a client.
//!
//! A request passes these modules: `server` accepts the connection; `middleware` gives the request an id, determines the
//! client's address, finds the issuer and applies limits; `router` lists the handler; the handler in `handlers` parses the
//! request (`http`), calls `control` and renders `pages`; `middleware` renders a `failure`.

mod app;
mod client_address;
mod config;
mod control;
mod credentials;
mod entropy;
mod failure;
mod handlers;
mod http;
mod issuers;
mod limits;
mod metrics;
mod middleware;
mod pages;
mod request_context;
mod router;
mod server;

pub use client_address::ClientAddressHeader;
pub use config::{Config, ControlConfig, Urls};
pub use control::rpcs;
pub use limits::LimitsConfig;
pub use server::Edge;

use lychgate_process::Shutdown;

/// Serves until `shutdown` is requested and the requests in progress are answered.
pub async fn serve(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    Edge::bind(&config).await?.run(shutdown).await;
    Ok(())
}
