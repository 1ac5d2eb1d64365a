//! The contracts, by subject. [`engine_suite!`](crate::engine_suite) names each of them.

pub mod basics;
pub mod batches;
pub mod events;
pub mod expiry;
pub mod limits;
pub mod races;
pub mod scans;
