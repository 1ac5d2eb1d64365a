//! Time and randomness, passed in by the caller.
//!
//! No library crate of Lychgate reads the system clock or the system's random generator. A process creates one [`Clock`]
//! and one [`Entropy`] and hands them down, so one request has one `now` and a test controls both. This crate must not
//! implement either trait: the operating system's implementations belong to the processes, fixed ones to tests.

#![warn(missing_docs)]

pub mod entropy;
pub mod time;

pub use entropy::{Entropy, random};
pub use time::{Age, CLOCK_SKEW, Clock, Timestamp};
