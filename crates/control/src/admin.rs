//! What an operator does by hand. Each change stands in the event log with the operator's name.

mod changes;
mod estimate;
mod events;
mod keys;
mod records;

pub use changes::{Account, Change, Outcome, Target};
pub use estimate::Estimate;
pub use events::EventFilter;
pub use keys::{KeysAsked, Rotated};
pub use records::{ClientKind, GrantFilter, GrantState, ListedClient, ListedGrant, Paged};

/// One page of a list, as it was asked for.
#[derive(Clone, Debug)]
pub struct PageAsked {
    pub size: usize,
    pub token: String,
}
