//! Lychgate from elsewhere: the examples in `docs/examples`, each run as it stands there, with the programs it is for.

mod consents;
mod fastmcp;
mod proxies;
