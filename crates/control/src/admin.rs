//! What an operator does by hand. Each change stands in the event log with the operator's name.

mod keys;

pub use keys::{KeysAsked, Rotated};
