//! The event log of a store, read from its oldest event on.

use std::collections::VecDeque;
use std::time::Duration;

use lychgate_engine::{Cursor, EngineError, EventEntry, Incarnation, OpenEngine};

/// Events that are read at once.
const PAGE: usize = 1000;

/// Reads events one by one.
#[derive(Debug)]
pub(super) struct LogReader<'a> {
    engine: &'a OpenEngine,
    next: Cursor,
    read: VecDeque<EventEntry>,
}

impl<'a> LogReader<'a> {
    /// Begins after `cursor`.
    pub(super) fn after(engine: &'a OpenEngine, cursor: Cursor) -> Self {
        Self { engine, next: cursor, read: VecDeque::new() }
    }

    /// Begins at the oldest event that is kept.
    pub(super) async fn oldest(engine: &'a OpenEngine, incarnation: Incarnation) -> Result<Self, EngineError> {
        let first = Cursor { incarnation, position: 0 };
        match engine.events(first, Duration::ZERO, 0).await {
            Ok(_) => Ok(Self::after(engine, first)),
            Err(EngineError::CursorLost { oldest }) => Ok(Self::after(engine, oldest)),
            Err(error) => Err(error),
        }
    }

    /// The next event; `None` at the end of the log.
    pub(super) async fn next(&mut self) -> Result<Option<EventEntry>, EngineError> {
        if self.read.is_empty() {
            let page = self.engine.events(self.next, Duration::ZERO, PAGE).await?;
            self.next = page.next;
            self.read = page.events.into();
        }
        Ok(self.read.pop_front())
    }
}
