//! The layers around the handlers. Each takes exactly the state that it uses.

mod client_address;
mod draining;
mod host;
mod issuer_routing;
mod limits;
mod observe;
mod render_failure;

pub(crate) use client_address::identify_client;
pub(crate) use draining::close_when_draining;
pub(crate) use host::demand_one_host;
pub(crate) use issuer_routing::route_to_issuer;
pub(crate) use limits::{RouteLimits, limit};
pub(crate) use observe::{name_route, observe};
pub(crate) use render_failure::{as_json, as_page};
