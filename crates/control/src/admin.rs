//! The operator's use cases. Each change stands in the event log with the operator's name.

pub(crate) mod backup;
mod changes;
mod connections;
pub(crate) mod diagnosis;
mod estimate;
mod events;
mod keys;
mod records;

use crate::state::CallContext;

pub(crate) use changes::{Change, ChangeOutcome, Justification, Target};
pub(crate) use connections::{ConnectionFilter, ConnectionStateName, ListedConnection};
pub(crate) use estimate::Estimate;
pub(crate) use events::EventFilter;
pub(crate) use keys::{KeyRotation, RotateKeys};
pub(crate) use records::{ClientKind, GrantFilter, GrantState, ListedClient, ListedGrant, Paged};

/// An operator at one issuer.
#[derive(Clone, Debug)]
pub(crate) struct Admin(pub(crate) CallContext);
