//! Background jobs: work that no request asks for.

mod interval;
pub(crate) mod maintenance;
pub(crate) mod node_health;
pub(crate) mod reload;
pub(crate) mod upstream_health;
pub(crate) mod upstream_revocation;
