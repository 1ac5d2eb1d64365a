//! The event log, followed by many: one tail for the whole process waits for what comes, and hands it to all who have
//! caught up. Whoever has not reads the log alone until they have.
//!
//! It never skips an event and never hands one out twice: a watcher goes on at its own cursor, and takes from the tail
//! only what begins exactly there. Cursors are compared for equality and nothing else, since their order is the engine's.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use lychgate_domain::Refusal;
use lychgate_engine::Cursor;
use lychgate_process::Shutdown;
use lychgate_store::Store;
use lychgate_store::events::Events;
use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};

use crate::ground::error::Error;

/// Without news there is word this often: well within the second for which callers may believe what they know.
const HEARTBEAT: Duration = Duration::from_millis(400);

/// Events that are handed on together, at most.
const PAGE: usize = 256;

/// Pages kept for whoever is slower than the tail. Together with [`PAGE`] it bounds what slow readers cost.
const BACKLOG: usize = 64;

/// Clones are the same.
#[derive(Clone, Debug)]
pub struct Feed {
    store: Store,
    shutdown: Shutdown,
    tail: Arc<Mutex<Option<Sender<Arc<Tailed>>>>>,
}

/// One who watches.
#[derive(Debug)]
pub struct Watch {
    feed: Feed,
    at: Cursor,
    /// Once it has caught up.
    tail: Option<Receiver<Arc<Tailed>>>,
    is_lost: bool,
}

/// What the tail has read, and from where on.
#[derive(Debug)]
struct Tailed {
    from: Cursor,
    page: Events,
}

impl Feed {
    pub fn new(store: Store, shutdown: Shutdown) -> Self {
        Self { store, shutdown, tail: Arc::default() }
    }

    pub fn watch(&self, at: Cursor) -> Watch {
        Watch { feed: self.clone(), at, tail: None, is_lost: false }
    }

    /// One who cannot go on where they were, and is told so: everything that is news begins at `oldest`.
    pub fn lost(&self, oldest: Cursor) -> Watch {
        Watch { is_lost: true, ..self.watch(oldest) }
    }

    /// The tail; it begins at `at`, the end of the log as its first watcher has just seen it, if there is none yet.
    fn join(&self, at: Cursor) -> Receiver<Arc<Tailed>> {
        let mut tail = self.tail();
        if let Some(sender) = &*tail {
            return sender.subscribe();
        }
        let (sender, receiver) = broadcast::channel(BACKLOG);
        *tail = Some(sender.clone());
        tokio::spawn(self.clone().follow(sender, at));
        receiver
    }

    /// Until nobody watches. If the log cannot be read, everybody finds that out alone.
    async fn follow(self, sender: Sender<Arc<Tailed>>, mut from: Cursor) {
        loop {
            let read = self.store.events(from, HEARTBEAT, PAGE).await;
            let mut tail = self.tail();
            match read {
                Ok(page) if sender.receiver_count() > 0 => {
                    let next = page.next;
                    // Whoever has left meanwhile does not want it.
                    let _ = sender.send(Arc::new(Tailed { from, page }));
                    from = next;
                }
                Ok(_) | Err(_) => {
                    *tail = None;
                    return;
                }
            }
        }
    }

    fn tail(&self) -> MutexGuard<'_, Option<Sender<Arc<Tailed>>>> {
        self.tail.lock().expect("nothing panics while it holds the tail")
    }
}

impl Watch {
    /// What comes next; without events, a checkpoint. `None` when the process ends: otherwise it would wait for its watchers.
    pub async fn next(&mut self) -> Result<Option<Events>, Error> {
        if self.is_lost {
            return Err(Error::CursorLost(self.at));
        }
        let requested = self.feed.shutdown.requested();
        tokio::select! {
            page = self.read() => page.map(Some),
            () = requested => Ok(None),
        }
    }

    async fn read(&mut self) -> Result<Events, Error> {
        loop {
            let Some(tail) = &mut self.tail else {
                let page = self.read_log().await?;
                if !page.events.is_empty() {
                    return Ok(page);
                }
                self.tail = Some(self.feed.join(self.at));
                // Once more: something may have come before the tail was joined, and would be noticed at its next word only.
                return self.read_log().await;
            };
            match tail.recv().await {
                Ok(tailed) => match tailed.after(self.at) {
                    Some(page) => {
                        self.at = page.next;
                        return Ok(page);
                    }
                    None => self.tail = None,
                },
                Err(RecvError::Lagged(_)) => return Err(Refusal::WatchTooSlow.into()),
                Err(RecvError::Closed) => self.tail = None,
            }
        }
    }

    async fn read_log(&mut self) -> Result<Events, Error> {
        let page = self.feed.store.events(self.at, Duration::ZERO, PAGE).await?;
        self.at = page.next;
        Ok(page)
    }
}

impl Tailed {
    /// What of it comes right after `at`; `None` if `at` is not in it.
    fn after(&self, at: Cursor) -> Option<Events> {
        let seen = match self.from == at {
            true => 0,
            false => self.page.events.iter().position(|logged| logged.cursor == at)? + 1,
        };
        Some(Events { events: self.page.events[seen..].to_vec(), ..self.page })
    }
}

#[cfg(test)]
mod tests {
    use lychgate_domain::event::{Event, EventCaller, EventKind};
    use lychgate_domain::id::Attempt;
    use lychgate_domain::keys::rotation::RotationUrgency;
    use lychgate_domain::time::Timestamp;
    use lychgate_engine::Incarnation;
    use lychgate_store::events::LoggedEvent;

    use super::*;

    fn cursor(position: u128) -> Cursor {
        Cursor { incarnation: Incarnation([1; 16]), position }
    }

    fn logged(position: u128) -> LoggedEvent {
        let kind = EventKind::KeysRotated { keys: Vec::new(), urgency: RotationUrgency::Planned };
        let caller = EventCaller { principal: String::new(), request_id: String::new(), address: None };
        let event = Event::new(kind, None, &caller, Attempt::from_bytes([1; 16]), Timestamp::EPOCH);
        LoggedEvent { cursor: cursor(position), issuer: String::new(), event }
    }

    #[test]
    fn a_watcher_takes_from_the_tail_exactly_what_comes_after_it() {
        let page = Events {
            events: vec![logged(11), logged(12), logged(20)],
            next: cursor(20),
            complete_to: Timestamp::EPOCH,
        };
        let tailed = Tailed { from: cursor(10), page };
        let after = |at| {
            let events = tailed.after(cursor(at))?.events;
            Some(events.iter().map(|logged| logged.cursor.position).collect::<Vec<_>>())
        };
        assert_eq!(after(10), Some(vec![11, 12, 20]));
        assert_eq!(after(11), Some(vec![12, 20]));
        assert_eq!(after(20), Some(vec![]));
        // Whoever is at a place that is not in it reads the log.
        assert_eq!((after(9), after(15), after(21)), (None, None, None));
        let elsewhere = Cursor { incarnation: Incarnation([2; 16]), ..cursor(11) };
        assert!(tailed.after(elsewhere).is_none());
    }
}
