//! The event log's positions and pages.

use lychgate_clock::Timestamp;

use crate::Incarnation;

/// A position in the event log. Opaque to callers, except that it grows along the log of one incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The history the log belongs to.
    pub incarnation: Incarnation,
    /// The engine's own numbering; 0 is before the first event.
    pub position: u128,
}

impl Cursor {
    /// Reports whether this position is before `other` in the same log. Positions of two incarnations have no order.
    pub fn is_before(&self, other: &Cursor) -> bool {
        self.incarnation == other.incarnation && self.position < other.position
    }
}

/// One page of events, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// The events.
    pub events: Vec<EventEntry>,
    /// The cursor for the next page; the given one if there were no events.
    pub next: Cursor,
    /// Every event committed before this instant is at or before `next`.
    pub complete_to: Timestamp,
}

/// One event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventEntry {
    /// The position right after this event.
    pub cursor: Cursor,
    /// The event.
    pub value: Vec<u8>,
}
