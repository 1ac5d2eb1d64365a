//! The contracts, by subject. A contract is a `pub async fn NAME(subject: Subject)` of one of these modules; the build
//! script makes the lists of them that [`engine_suite!`](crate::engine_suite) and
//! [`sole_writer_suite!`](crate::sole_writer_suite) stamp onto an engine.

pub mod basics;
pub mod batches;
pub mod events;
pub mod expiry;
pub mod limits;
pub mod races;
pub mod scans;
pub mod sole_writer;
