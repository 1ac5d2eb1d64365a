//! The feed of events for many watchers. One tail for the whole process waits for new events and passes them to all
//! watchers that have caught up; a watcher that has not reads the log by itself until it has.
//!
//! No event is skipped or delivered twice: a watcher continues at its own cursor, and takes from the tail only what begins
//! exactly there. Cursors are compared for equality only, since their order belongs to the engine.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lychgate_domain::Refusal;
use lychgate_engine::Cursor;
use lychgate_process::Shutdown;
use lychgate_store::Store;
use lychgate_store::events::Events;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};

use crate::ground::error::Error;

/// A checkpoint is sent this often without events: well within the second for which callers may trust their copy.
const HEARTBEAT: Duration = Duration::from_millis(400);

/// Events that are delivered together, at most.
const PAGE: usize = 256;

/// Pages kept for watchers that are slower than the tail. With [`PAGE`], this bounds the cost of slow watchers.
const BACKLOG: usize = 64;

/// The metrics of the feed.
#[derive(Clone, Debug, Default)]
pub(crate) struct FeedMetrics {
    watchers: Gauge,
    complete_to: Gauge<f64, AtomicU64>,
}

impl FeedMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("lychgate_feed_watchers", "The number of calls of Watch", metrics.watchers.clone());
        registry.register(
            "lychgate_feed_complete_to_timestamp_seconds",
            "The instant up to which the feed was last read whole, in seconds since 1970; it goes on only while there are watchers",
            metrics.complete_to.clone(),
        );
        metrics
    }

    fn read(&self, page: &Events) {
        self.complete_to.set(page.complete_to.millis() as f64 / 1000.0);
    }
}

/// Clones share the tail.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    store: Store,
    shutdown: Shutdown,
    metrics: FeedMetrics,
    tail: Arc<Mutex<Option<Sender<Arc<Tailed>>>>>,
}

/// One watcher.
#[derive(Debug)]
pub(crate) struct Watch {
    feed: Feed,
    at: Cursor,
    /// The tail, once the watcher has caught up.
    tail: Option<Receiver<Arc<Tailed>>>,
    is_lost: bool,
    _counted: Counted,
}

/// Counts as a watcher until it is dropped.
#[derive(Debug)]
struct Counted(Gauge);

impl Counted {
    fn new(watchers: &Gauge) -> Self {
        watchers.inc();
        Self(watchers.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A page that the tail has read, and the cursor before it.
#[derive(Debug)]
struct Tailed {
    from: Cursor,
    page: Events,
}

impl Feed {
    pub(crate) fn new(store: Store, shutdown: Shutdown, metrics: FeedMetrics) -> Self {
        Self { store, shutdown, metrics, tail: Arc::default() }
    }

    pub(crate) fn watch(&self, at: Cursor) -> Watch {
        let counted = Counted::new(&self.metrics.watchers);
        Watch { feed: self.clone(), at, tail: None, is_lost: false, _counted: counted }
    }

    /// A watcher whose cursor is lost. Its first read fails and names `oldest`, where the feed begins.
    pub(crate) fn lost(&self, oldest: Cursor) -> Watch {
        Watch { is_lost: true, ..self.watch(oldest) }
    }

    /// Subscribes to the tail. The first watcher starts it at `at`, the end of the log that it has just seen.
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

    /// Runs the tail until it has no watchers. If the log cannot be read, each watcher finds out by its own read.
    async fn follow(self, sender: Sender<Arc<Tailed>>, mut from: Cursor) {
        loop {
            let read = self.store.events(from, HEARTBEAT, PAGE).await;
            let mut tail = self.tail();
            match read {
                Ok(page) if sender.receiver_count() > 0 => {
                    self.metrics.read(&page);
                    let next = page.next;
                    // Fails only if every watcher has left.
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
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// The next events, or a checkpoint without events. `None` at shutdown, which would otherwise wait for the watchers.
    pub(crate) async fn next(&mut self) -> Result<Option<Events>, Error> {
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
                // Read once more: an event may have come before the tail was joined, and the tail would show it only later.
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
        self.feed.metrics.read(&page);
        self.at = page.next;
        Ok(page)
    }
}

impl Tailed {
    /// The events of the page that come right after `at`; `None` if `at` is not in the page.
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
        // A watcher at any other cursor reads the log.
        assert_eq!((after(9), after(15), after(21)), (None, None, None));
        let elsewhere = Cursor { incarnation: Incarnation([2; 16]), ..cursor(11) };
        assert!(tailed.after(elsewhere).is_none());
    }
}
