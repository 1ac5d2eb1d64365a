//! Metrics of the work behind the calls. Calls themselves are counted in `grpc::metrics`.
//!
//! Labels are configured ids and fixed words. Text of a client, a person or an upstream is never one.

pub(crate) mod commits;
pub(crate) mod upstream_calls;
pub(crate) mod use_cases;
