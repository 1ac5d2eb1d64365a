//! An engine in memory, for tests and trials. It is also the shortest description of an engine's behaviour.
//!
//! Its data is lost with the process, and expired entries stay in memory, so it must not serve production.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use lychgate_clock::{Clock, Entropy, Timestamp, random};

use crate::{
    Batch, Change, Cursor, Durability, Engine, EngineError, Entry, EventEntry, EventPage, Expectation, Incarnation,
    Key, KeyRange, Limit, Operation, Page, Revision, Snapshot, SoleWriter, Space, Version,
};

/// Ordered maps behind one mutex: every commit and every read has them to itself.
#[derive(Debug)]
pub struct Memory {
    clock: Arc<dyn Clock>,
    incarnation: Incarnation,
    state: Mutex<State>,
    /// The sequence of the newest commit; wakes calls that wait for events.
    news: watch::Sender<u64>,
}

impl Memory {
    /// An empty engine with a new incarnation.
    pub fn new(clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Self {
        let incarnation = Incarnation(random(entropy));
        Self { clock, incarnation, state: Mutex::default(), news: watch::Sender::new(0) }
    }

    #[expect(clippy::expect_used, reason = "nothing panics while it holds the state")]
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the state")
    }

    fn revision(&self, state: &State) -> Revision {
        Revision { incarnation: self.incarnation, sequence: state.sequence }
    }

    fn events_now(&self, cursor: Cursor, limit: usize) -> Result<EventPage, EngineError> {
        let state = self.state();
        let begin = self.place(&state, cursor)?;
        let end = begin.saturating_add(limit).min(state.log.len());
        let number = |place: usize| self.cursor(state.forgotten + place);
        let events = (begin..end)
            .map(|place| EventEntry { cursor: number(place + 1), value: state.log[place].value.clone() })
            .collect();
        let complete_to = state.log.get(end).map_or_else(|| self.clock.now(), |unread| unread.committed_at);
        Ok(EventPage { events, next: number(end), complete_to })
    }

    /// The number of kept events before `cursor`. A position that this log never reached belongs to another history.
    fn place(&self, state: &State, cursor: Cursor) -> Result<usize, EngineError> {
        let place = usize::try_from(cursor.position).ok().and_then(|place| place.checked_sub(state.forgotten));
        let place = place.filter(|place| cursor.incarnation == self.incarnation && *place <= state.log.len());
        place.ok_or(EngineError::CursorLost { oldest: self.cursor(state.forgotten) })
    }

    fn cursor(&self, place: usize) -> Cursor {
        Cursor { incarnation: self.incarnation, position: place as u128 }
    }
}

#[async_trait]
impl Engine for Memory {
    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError> {
        let state = self.state();
        let entries = keys.iter().map(|key| state.live(key, now).cloned()).collect();
        Ok(Snapshot { revision: self.revision(&state), entries })
    }

    async fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, EngineError> {
        let state = self.state();
        let rows = state
            .entries
            .range(Key::new(space, range.from)..)
            .take_while(|(key, _)| key.space == space && range.to.as_ref().is_none_or(|to| key.bytes < *to));
        let mut page = Page { revision: self.revision(&state), entries: Vec::new(), next: None };
        for (looked_at, (key, entry)) in rows.enumerate() {
            if looked_at == limit.rows || page.entries.len() == limit.results {
                page.next = Some(key.bytes.clone());
                break;
            }
            if is_live(entry, now) {
                page.entries.push((key.clone(), entry.clone()));
            }
        }
        Ok(page)
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, EngineError> {
        batch.validate()?;
        let mut state = self.state();
        let begun_at = self.clock.now();
        if begun_at >= batch.not_after {
            return Err(EngineError::Unavailable("the batch came after its time".into()));
        }
        if let Some(failed) = batch.operations().iter().find(|operation| !state.meets(operation, batch.now)) {
            return Err(EngineError::Conflict(failed.key.clone()));
        }
        state.apply(&batch, begun_at);
        self.news.send_replace(state.sequence);
        Ok(self.revision(&state))
    }

    async fn events(&self, cursor: Cursor, wait: Duration, limit: usize) -> Result<EventPage, EngineError> {
        let mut news = self.news.subscribe();
        let mut patience = std::pin::pin!(tokio::time::sleep(wait));
        let mut waiting = !wait.is_zero();
        loop {
            news.mark_unchanged();
            let page = self.events_now(cursor, limit)?;
            if !waiting || !page.events.is_empty() {
                return Ok(page);
            }
            tokio::select! {
                _ = news.changed() => {}
                () = &mut patience => waiting = false,
            }
        }
    }

    async fn forget_events(&self, before: Cursor) -> Result<(), EngineError> {
        let mut state = self.state();
        match self.place(&state, before) {
            Ok(place) => {
                state.log.drain(..place);
                state.forgotten += place;
                Ok(())
            }
            Err(EngineError::CursorLost { oldest }) if before.is_before(&oldest) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn barrier(&self) -> Result<(), EngineError> {
        Ok(())
    }

    async fn ready(&self) -> Result<Durability, EngineError> {
        Ok(Durability::Process)
    }
}

impl SoleWriter for Memory {}

#[derive(Debug, Default)]
struct State {
    /// The newest number of a commit or a write; never goes back.
    sequence: u64,
    entries: BTreeMap<Key, Entry>,
    log: Vec<Logged>,
    /// The number of events deleted from the beginning of the log.
    forgotten: usize,
}

/// An event and its commit time, which is never before that of the previous event.
#[derive(Debug)]
struct Logged {
    committed_at: Timestamp,
    value: Vec<u8>,
}

impl State {
    fn live(&self, key: &Key, now: Timestamp) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| is_live(entry, now))
    }

    fn meets(&self, operation: &Operation, now: Timestamp) -> bool {
        match (operation.expectation, self.live(&operation.key, now)) {
            (Expectation::Absent, found) => found.is_none(),
            (Expectation::Version(expected), found) => found.is_some_and(|entry| entry.version == expected),
        }
    }

    fn apply(&mut self, batch: &Batch, begun_at: Timestamp) {
        self.sequence += 1;
        for operation in batch.operations() {
            match &operation.change {
                Change::Keep => {}
                Change::Put { value, expires_at } => {
                    self.sequence += 1;
                    let version = Version(self.sequence);
                    let entry = Entry { version, value: value.clone(), expires_at: *expires_at };
                    self.entries.insert(operation.key.clone(), entry);
                }
                Change::Delete => {
                    self.entries.remove(&operation.key);
                }
            }
        }
        let committed_at = self.log.last().map_or(begun_at, |last| begun_at.max(last.committed_at));
        self.log.extend(batch.events().iter().map(|value| Logged { committed_at, value: value.clone() }));
    }
}

fn is_live(entry: &Entry, now: Timestamp) -> bool {
    entry.expires_at.is_none_or(|end| now < end)
}
