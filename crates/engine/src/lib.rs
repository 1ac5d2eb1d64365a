//! The engine port: a key-value store with conditional writes and an event log.
//!
//! An [`Engine`] keeps bytes under expectations (read, scan, commit-if-unchanged) and decides nothing. Every guarantee
//! of Lychgate ("once", "revoked means revoked") is one [`Batch`] built above this port, so a caller cannot tell one
//! engine from another. `lychgate-engine-suite` tests every engine against the contracts written here.
//!
//! An engine crate depends on this crate and on no other crate of the workspace. This crate must not know what the
//! bytes mean: records, clients and grants belong to `lychgate-store`.

#![warn(missing_docs)]

mod batch;
mod checkpoint;
mod engine;
mod error;
mod events;
mod key;
mod memory;
mod open;
mod snapshot;
mod write_sequences;

pub use lychgate_clock::{CLOCK_SKEW, Clock, Entropy, Timestamp, random};

pub use batch::{Batch, Change, Expectation, InvalidBatch, Operation};
pub use checkpoint::{Checkpoint, CheckpointError, Checkpoints};
pub use engine::{Durability, Engine};
pub use error::{Cause, EngineError};
pub use events::{Cursor, EventEntry, EventPage};
pub use key::{Key, KeyRange, Space};
pub use memory::Memory;
pub use open::{OpenEngine, SoleWriter};
pub use snapshot::{Entry, Incarnation, Limit, Page, Revision, Snapshot, Version};
pub use write_sequences::{Slot, WriteSequences};
