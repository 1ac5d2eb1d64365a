//! The places of connections: how many there are, and which connection loses its place to another.
//!
//! When all places are taken, the connection that has been without a request for the longest time is closed for the new one,
//! and within a peer's share, that peer's. A connection with a request in progress keeps its place.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::by_state::ConnectionCounts;
use super::{ConnectionLimits, RESERVE_AGE};

/// The shortest time between two log lines that all places are in use.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The places of one listener. Clones share them.
#[derive(Clone, Debug)]
pub struct Places(Arc<Shared>);

struct Shared {
    limits: ConnectionLimits,
    /// True for a peer that has no share: a proxy that speaks for many clients.
    is_exempt: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    taken: Mutex<Taken>,
    freed: Notify,
    /// Cancels the token of every connection.
    all: CancellationToken,
}

#[derive(Default)]
struct Taken {
    connections: HashMap<u64, Entry>,
    /// Connections without a request in progress, as `(since, id)`; `since` counts events and orders them.
    idle: BTreeSet<(u64, u64)>,
    by_peer: HashMap<IpAddr, usize>,
    in_reserve: usize,
    counter: u64,
    logged_at: Option<Instant>,
}

struct Entry {
    /// The peer whose share the connection counts against.
    peer: Option<IpAddr>,
    is_reserve: bool,
    closing: CancellationToken,
    requests: usize,
    idle_since: u64,
    is_used: Arc<AtomicBool>,
}

/// One connection's place. Dropping it frees the place: the connection's socket must be closed before.
#[derive(Debug)]
pub struct Place(PlaceHandle);

/// Names a place. It does not keep the place: the place may be free already.
#[derive(Clone)]
pub struct PlaceHandle {
    shared: Arc<Shared>,
    id: u64,
    is_reserve: bool,
    is_used: Arc<AtomicBool>,
    lingers: Arc<AtomicBool>,
    closing: CancellationToken,
}

/// A request in progress. While it exists, its connection keeps its place.
#[derive(Debug)]
pub struct InUse(PlaceHandle);

impl Places {
    /// Places within `limits`. Peers for which `is_exempt` is true have no share.
    pub fn new(limits: ConnectionLimits, is_exempt: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            limits,
            is_exempt: Box::new(is_exempt),
            taken: Mutex::default(),
            freed: Notify::new(),
            all: CancellationToken::new(),
        }))
    }

    /// A place for a connection from `peer`. Waits while all places are in use.
    pub async fn take(&self, peer: IpAddr) -> Place {
        loop {
            let freed = self.0.freed.notified();
            if let Some(place) = self.try_take(peer) {
                return place;
            }
            freed.await;
        }
    }

    /// Closes the connections that have had no request yet.
    pub fn close_unused(&self) {
        let taken = self.0.taken();
        let unused = taken.connections.values().filter(|entry| !entry.is_used.load(Ordering::Relaxed));
        unused.for_each(|entry| entry.closing.cancel());
    }

    /// Closes every connection, also later ones.
    pub fn close_all(&self) {
        self.0.all.cancel();
    }

    /// The number of connections.
    pub fn taken(&self) -> usize {
        self.0.taken().connections.len()
    }

    pub(super) fn counts(&self) -> ConnectionCounts {
        let mut counts = ConnectionCounts::default();
        for entry in self.0.taken().connections.values() {
            let of_its_state = match entry {
                entry if entry.closing.is_cancelled() => &mut counts.closing,
                entry if entry.requests > 0 => &mut counts.in_use,
                entry if entry.is_used.load(Ordering::Relaxed) => &mut counts.idle,
                _ => &mut counts.unused,
            };
            *of_its_state += 1;
        }
        counts
    }

    /// A place, if there is one. If there is none, a connection without a request is being closed, if there is one.
    fn try_take(&self, peer: IpAddr) -> Option<Place> {
        let limits = &self.0.limits;
        let share = (!(self.0.is_exempt)(peer)).then(|| key(peer));
        let mut taken = self.0.taken();
        let of_peer = share.and_then(|peer| taken.by_peer.get(&peer).copied()).unwrap_or_default();
        let is_share_used = of_peer >= limits.max_per_peer;
        if !is_share_used && taken.connections.len() - taken.in_reserve < limits.max {
            return Some(self.enter(&mut taken, share, false));
        }
        let of_share = if is_share_used { share } else { None };
        let is_closing =
            taken.close_longest_idle(|entry| !entry.is_reserve && (of_share.is_none() || entry.peer == of_share));
        if is_closing {
            return None;
        }
        if taken.log_is_due() {
            tracing::warn!(connections = taken.connections.len(), "all connections that are permitted are in use");
        }
        if taken.in_reserve < limits.reserve {
            return Some(self.enter(&mut taken, None, true));
        }
        taken.close_longest_idle(|entry| entry.is_reserve);
        None
    }

    fn enter(&self, taken: &mut Taken, peer: Option<IpAddr>, is_reserve: bool) -> Place {
        let (id, closing, is_used) = (taken.count(), self.0.all.child_token(), Arc::new(AtomicBool::new(false)));
        let entry = Entry {
            peer,
            is_reserve,
            closing: closing.clone(),
            requests: 0,
            idle_since: id,
            is_used: Arc::clone(&is_used),
        };
        taken.connections.insert(id, entry);
        taken.idle.insert((id, id));
        taken.in_reserve += usize::from(is_reserve);
        if let Some(peer) = peer {
            *taken.by_peer.entry(peer).or_default() += 1;
        }
        let lingers = Arc::new(AtomicBool::new(false));
        Place(PlaceHandle { shared: Arc::clone(&self.0), id, is_reserve, is_used, lingers, closing })
    }
}

impl Shared {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        // No code panics between two writes under this lock, so its data is consistent even after a panic.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Closes the connection that is idle for the longest time among those that `may_close` admits. It keeps its place until
    /// its socket is closed. False if there is none.
    fn close_longest_idle(&mut self, may_close: impl Fn(&Entry) -> bool) -> bool {
        let connections = &self.connections;
        let found = self.idle.iter().find(|(_, id)| connections.get(id).is_some_and(&may_close)).copied();
        let Some(idle) = found else { return false };
        self.idle.remove(&idle);
        if let Some(entry) = self.connections.get(&idle.1) {
            entry.closing.cancel();
        }
        true
    }

    fn log_is_due(&mut self) -> bool {
        let is_due = self.logged_at.is_none_or(|at| at.elapsed() >= LOG_INTERVAL);
        if is_due {
            self.logged_at = Some(Instant::now());
        }
        is_due
    }
}

impl Place {
    /// The name of the place, for requests of its connection.
    pub fn handle(&self) -> PlaceHandle {
        self.0.clone()
    }

    /// Resolves when the connection has to end.
    pub(super) fn closing(&self) -> WaitForCancellationFutureOwned {
        self.0.closing.clone().cancelled_owned()
    }

    pub(super) fn is_used(&self) -> bool {
        self.0.is_used.load(Ordering::Relaxed)
    }

    pub(super) fn lingers(&self) -> bool {
        self.0.lingers.load(Ordering::Relaxed)
    }

    pub(super) fn limits(&self) -> ConnectionLimits {
        let limits = self.0.shared.limits;
        if self.0.is_reserve { ConnectionLimits { age: Some(RESERVE_AGE), ..limits } } else { limits }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.0.shared.taken();
        let Some(entry) = taken.connections.remove(&self.0.id) else { return };
        taken.idle.remove(&(entry.idle_since, self.0.id));
        taken.in_reserve -= usize::from(entry.is_reserve);
        if let Some(peer) = entry.peer {
            match taken.by_peer.get_mut(&peer) {
                Some(others) if *others > 1 => *others -= 1,
                Some(_) | None => drop(taken.by_peer.remove(&peer)),
            }
        }
        drop(taken);
        self.0.shared.freed.notify_waiters();
    }
}

impl PlaceHandle {
    /// True for a connection beyond the limits, which is for probes only.
    pub fn is_reserve(&self) -> bool {
        self.is_reserve
    }

    /// Begins a request of the connection.
    pub fn begin_request(&self) -> InUse {
        self.occupy();
        InUse(self.clone())
    }

    /// Keeps the place for as long as the connection lasts.
    pub fn keep(&self) {
        if !self.is_used.load(Ordering::Relaxed) {
            self.occupy();
        }
    }

    /// Lets the connection read on for a moment when it is closed, because its peer is still sending.
    pub fn linger(&self) {
        self.lingers.store(true, Ordering::Relaxed);
    }

    fn occupy(&self) {
        self.is_used.store(true, Ordering::Relaxed);
        let mut taken = self.shared.taken();
        let Some(entry) = taken.connections.get_mut(&self.id) else { return };
        entry.requests += 1;
        let idle = (entry.idle_since, self.id);
        taken.idle.remove(&idle);
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut taken = self.0.shared.taken();
        let now = taken.count();
        let Some(entry) = taken.connections.get_mut(&self.0.id) else { return };
        entry.requests -= 1;
        if entry.requests == 0 && !entry.closing.is_cancelled() {
            entry.idle_since = now;
            taken.idle.insert((now, self.0.id));
            drop(taken);
            // A connection that waits for a place may now have this one.
            self.0.shared.freed.notify_waiters();
        }
    }
}

/// The part of an address that one machine may choose freely counts as one peer.
fn key(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl fmt::Debug for PlaceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaceHandle")
            .field("id", &self.id)
            .field("is_reserve", &self.is_reserve)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn places(max: usize, max_per_peer: usize, reserve: usize) -> Places {
        let second = Duration::from_secs(1);
        let limits = ConnectionLimits { max, max_per_peer, reserve, first_request: second, write: second, age: None };
        Places::new(limits, |peer| peer == ip("10.0.0.1"))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_closing(place: &Place) -> bool {
        place.0.closing.is_cancelled()
    }

    /// The place that can be had without waiting.
    fn now(places: &Places, peer: &str) -> Option<Place> {
        let taking = pin!(places.take(ip(peer)));
        match taking.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(place) => Some(place),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn connection_without_a_request_makes_room_and_one_with_a_request_does_not() {
        let places = places(2, 2, 0);
        let busy = now(&places, "192.0.2.1").unwrap();
        let request = busy.handle().begin_request();
        let silent = now(&places, "192.0.2.2").unwrap();
        let (waiting, closed) = (places.take(ip("192.0.2.3")), silent.closing());
        let (third, ()) = tokio::join!(waiting, async {
            closed.await;
            drop(silent);
        });
        assert!(!is_closing(&busy) && !is_closing(&third));
        let of_third = third.handle().begin_request();
        assert!(now(&places, "192.0.2.4").is_none(), "all are busy");
        assert!(!is_closing(&busy) && !is_closing(&third));
        drop((request, of_third));
        assert!(now(&places, "192.0.2.4").is_none(), "it waits for a socket to close");
        assert!(is_closing(&busy) && !is_closing(&third), "the one whose request ended first");
        drop(busy);
        assert!(now(&places, "192.0.2.4").is_some());
    }

    #[tokio::test]
    async fn peer_beyond_its_share_displaces_only_itself() {
        let places = places(100, 2, 0);
        let other = now(&places, "192.0.2.9").unwrap();
        for (peer, same) in [("192.0.2.1", "::ffff:192.0.2.1"), ("2001:db8::1", "2001:db8::2:3:4:5")] {
            let [first, second] = [now(&places, peer).unwrap(), now(&places, same).unwrap()];
            assert!(now(&places, peer).is_none());
            assert!(is_closing(&first) && !is_closing(&second) && !is_closing(&other), "{peer}");
            drop(first);
            assert!(now(&places, same).is_some(), "{peer}");
        }
        let far = now(&places, "2001:db8:0:1::1").unwrap();
        assert!(!is_closing(&far), "another /64 is another peer");
    }

    #[tokio::test]
    async fn trusted_proxy_has_no_share() {
        let places = places(10, 2, 0);
        let held: Vec<_> = (0..10).map(|_| now(&places, "10.0.0.1").unwrap()).collect();
        assert!(!held.iter().any(is_closing));
        drop(held);
        assert_eq!(places.taken(), 0);
        assert!(places.0.taken().by_peer.is_empty() && places.0.taken().idle.is_empty(), "nothing is left of them");
    }

    #[tokio::test]
    async fn reserve_is_open_when_all_others_are_busy() {
        let places = places(1, 1, 2);
        let busy = now(&places, "192.0.2.1").unwrap();
        let request = busy.handle().begin_request();
        assert!(!busy.handle().is_reserve());
        let [first, second] = [now(&places, "192.0.2.1").unwrap(), now(&places, "192.0.2.2").unwrap()];
        assert!(first.handle().is_reserve() && second.handle().is_reserve());
        assert_eq!(first.limits().age, Some(RESERVE_AGE));
        assert!(now(&places, "192.0.2.3").is_none());
        assert!(is_closing(&first) && !is_closing(&second) && !is_closing(&busy), "the reserve makes room for itself");
        drop((first, second));
        assert!(now(&places, "192.0.2.3").unwrap().handle().is_reserve());
        drop((request, busy));
        assert!(!now(&places, "192.0.2.3").unwrap().handle().is_reserve());
    }

    #[tokio::test]
    async fn kept_place_is_never_given_away() {
        let places = places(1, 1, 0);
        let place = now(&places, "192.0.2.1").unwrap();
        place.handle().keep();
        place.handle().keep();
        drop(place.handle().begin_request());
        assert!(now(&places, "192.0.2.2").is_none());
        assert!(!is_closing(&place));
        places.close_unused();
        assert!(!is_closing(&place));
        places.close_all();
        assert!(is_closing(&place));
    }

    #[tokio::test]
    async fn unused_connections_can_be_closed_alone() {
        let places = places(2, 2, 0);
        let [used, unused] = [now(&places, "192.0.2.1").unwrap(), now(&places, "192.0.2.1").unwrap()];
        drop(used.handle().begin_request());
        places.close_unused();
        assert!(is_closing(&unused) && !is_closing(&used));
    }

    #[tokio::test]
    async fn each_connection_is_counted_in_the_state_that_it_is_in() {
        let places = places(4, 4, 0);
        let held: Vec<_> = (0..4).map(|_| now(&places, "192.0.2.1").unwrap()).collect();
        let request = held[0].handle().begin_request();
        drop(held[1].handle().begin_request());
        assert!(now(&places, "192.0.2.2").is_none(), "the one that has waited longest is closed for it");
        let counted = places.counts();
        assert_eq!(counted, ConnectionCounts { unused: 1, idle: 1, in_use: 1, closing: 1 });
        drop(request);
        let counted = places.counts();
        assert_eq!(counted, ConnectionCounts { unused: 1, idle: 2, in_use: 0, closing: 1 });
    }

    #[tokio::test]
    async fn request_may_outlast_its_connection() {
        let places = places(1, 1, 0);
        let place = now(&places, "192.0.2.1").unwrap();
        let (request, handle) = (place.handle().begin_request(), place.handle());
        drop(place);
        drop(request);
        drop(handle.begin_request());
        handle.keep();
        assert!(places.0.taken().idle.is_empty());
        assert!(now(&places, "192.0.2.1").is_some());
    }
}
