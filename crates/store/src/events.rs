//! The event log, as it is read: every event once, in order, from any place in it.

use std::time::Duration;

use lychgate_domain::event::Event;
use lychgate_domain::time::Timestamp;

use crate::record::decode_event;
use crate::{Store, StoreError, store_error};
use lychgate_engine::{Cursor, EventPage};

/// Events, in order.
#[derive(Clone, Debug)]
pub struct Events {
    pub events: Vec<LoggedEvent>,
    /// Where to go on.
    pub next: Cursor,
    /// Every event committed before this instant has been handed out, up to `next`.
    pub complete_to: Timestamp,
}

/// An event, and where it stands.
#[derive(Clone, Debug)]
pub struct LoggedEvent {
    /// The place right after it.
    pub cursor: Cursor,
    /// Its issuer's URL.
    pub issuer: String,
    pub event: Event,
}

/// What stands in the log, readable or not: for whoever has to get past what is damaged, and to say so.
#[derive(Clone, Debug)]
pub struct RawEventPage {
    pub entries: Vec<RawEvent>,
    pub next: Cursor,
}

#[derive(Clone, Debug)]
pub struct RawEvent {
    /// The place right after it.
    pub cursor: Cursor,
    /// With its issuer's URL; `None` if it cannot be read.
    pub event: Option<(String, Event)>,
}

impl Store {
    /// At most `limit` events after `cursor`. If there is none, waits up to `wait` for one.
    pub async fn events(&self, cursor: Cursor, wait: Duration, limit: usize) -> Result<Events, StoreError> {
        let EventPage { events, next, complete_to } =
            self.engine.events(cursor, wait, limit).await.map_err(store_error)?;
        let logged = events.into_iter().map(|entry| {
            // To pass one over would be to lose it for whoever follows.
            let (issuer, event) = decode_event(&entry.value).ok_or(StoreError::Corrupt { kind: "event" })?;
            Ok(LoggedEvent { cursor: entry.cursor, issuer, event })
        });
        Ok(Events { events: logged.collect::<Result<_, StoreError>>()?, next, complete_to })
    }

    /// At most `limit` entries after `cursor`, as they are now.
    pub async fn raw_events(&self, cursor: Cursor, limit: usize) -> Result<RawEventPage, StoreError> {
        let page = self.engine.events(cursor, Duration::ZERO, limit).await.map_err(store_error)?;
        let found =
            page.events.into_iter().map(|entry| RawEvent { cursor: entry.cursor, event: decode_event(&entry.value) });
        Ok(RawEventPage { entries: found.collect(), next: page.next })
    }

    /// Before the oldest event that is kept.
    pub async fn oldest_event(&self, now: Timestamp) -> Result<Cursor, StoreError> {
        let incarnation = self.read(&[], now).await?.revision.incarnation;
        let first = Cursor { incarnation, position: 0 };
        match self.engine.events(first, Duration::ZERO, 0).await.map_err(store_error) {
            Ok(_) => Ok(first),
            Err(StoreError::CursorLost { oldest }) => Ok(oldest),
            Err(error) => Err(error),
        }
    }

    /// Forgets every event before `cursor`, for good.
    pub async fn forget_events(&self, before: Cursor) -> Result<(), StoreError> {
        self.engine.forget_events(before).await.map_err(store_error)
    }
}
