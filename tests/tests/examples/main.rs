//! The examples in `docs/examples`, each run unchanged with the programs it is for.

mod consents;
mod fastmcp;
mod proxies;
