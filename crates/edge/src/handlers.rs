//! The endpoints. A handler parses a request, makes one call to the control plane, and turns the answer into a response.

pub(crate) mod account;
pub(crate) mod authorization;
pub(crate) mod checkup;
pub(crate) mod home;
pub(crate) mod introspection;
pub(crate) mod metadata;
mod next_step;
pub(crate) mod ops;
pub(crate) mod registration;
pub(crate) mod revocation;
pub(crate) mod token;
pub(crate) mod verify;
