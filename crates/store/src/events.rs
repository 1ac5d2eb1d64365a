//! Reading the event log: every event once, in order, from any cursor.

use std::time::Duration;

use lychgate_domain::event::Event;
use lychgate_domain::time::Timestamp;

use crate::record::decode_event;
use crate::{Store, StoreError, store_error};
use lychgate_engine::{Cursor, EventPage};

/// One page of events, in order.
#[derive(Clone, Debug)]
pub struct Events {
    /// The events.
    pub events: Vec<LoggedEvent>,
    /// The cursor for the next page.
    pub next: Cursor,
    /// Every event committed before this instant is at or before `next`.
    pub complete_to: Timestamp,
}

/// An event and its position.
#[derive(Clone, Debug)]
pub struct LoggedEvent {
    /// The position right after the event.
    pub cursor: Cursor,
    /// The issuer's URL.
    pub issuer: String,
    /// The event.
    pub event: Event,
}

/// One page of the log, damaged entries included: for readers that must report damage and continue behind it.
#[derive(Clone, Debug)]
pub struct RawEventPage {
    /// The entries, in order.
    pub entries: Vec<RawEvent>,
    /// The cursor for the next page.
    pub next: Cursor,
}

/// An entry of the log and its position.
#[derive(Clone, Debug)]
pub struct RawEvent {
    /// The position right after the event.
    pub cursor: Cursor,
    /// The issuer's URL and the event; `None` if the entry cannot be decoded.
    pub event: Option<(String, Event)>,
}

impl Store {
    /// Reads at most `limit` events after `cursor`. If there is none, waits up to `wait` for one.
    pub async fn events(&self, cursor: Cursor, wait: Duration, limit: usize) -> Result<Events, StoreError> {
        let EventPage { events, next, complete_to } =
            self.engine.events(cursor, wait, limit).await.map_err(store_error)?;
        let logged = events.into_iter().map(|entry| {
            // Skipping a damaged event would lose it for the reader.
            let (issuer, event) = decode_event(&entry.value).ok_or(StoreError::Corrupt { kind: "event" })?;
            Ok(LoggedEvent { cursor: entry.cursor, issuer, event })
        });
        Ok(Events { events: logged.collect::<Result<_, StoreError>>()?, next, complete_to })
    }

    /// Reads at most `limit` entries after `cursor`, without waiting.
    pub async fn raw_events(&self, cursor: Cursor, limit: usize) -> Result<RawEventPage, StoreError> {
        let page = self.engine.events(cursor, Duration::ZERO, limit).await.map_err(store_error)?;
        let found =
            page.events.into_iter().map(|entry| RawEvent { cursor: entry.cursor, event: decode_event(&entry.value) });
        Ok(RawEventPage { entries: found.collect(), next: page.next })
    }

    /// The cursor before the oldest event that is kept.
    pub async fn oldest_event(&self, now: Timestamp) -> Result<Cursor, StoreError> {
        let incarnation = self.read(&[], now).await?.revision.incarnation;
        let first = Cursor { incarnation, position: 0 };
        match self.engine.events(first, Duration::ZERO, 0).await.map_err(store_error) {
            Ok(_) => Ok(first),
            Err(StoreError::CursorLost { oldest }) => Ok(oldest),
            Err(error) => Err(error),
        }
    }

    /// Deletes every event before `before`, for good.
    pub async fn forget_events(&self, before: Cursor) -> Result<(), StoreError> {
        self.engine.forget_events(before).await.map_err(store_error)
    }
}
