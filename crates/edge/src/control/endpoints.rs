//! The endpoints of the control plane: each address of each configured URL, with a channel of its own and its health.
//!
//! A call goes to an endpoint of the best health that any has, there to the one with the fewest calls in progress. An endpoint that
//! cannot be reached gets none. One that reports "not serving", because it drains or its store is not ready, gets calls only if
//! no endpoint serves: a single control plane that drains still answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use lychgate_api::channel::{AuthenticatedChannel, ChannelError, Target};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use super::health::{Health, NodeHealth, watch};
use super::resolution::keep_resolved;
use crate::failure::{found_no_server, is_unreachable};

/// All endpoints, and the tasks that keep them up to date, which end with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pool: Arc<Pool>,
    _resolving: Arc<Vec<AbortOnDropHandle<()>>>,
}

#[derive(Debug, Default)]
struct Pool {
    nodes: RwLock<Vec<Arc<Node>>>,
    /// Notified when an endpoint appears or gets better.
    better: Arc<Notify>,
    /// Notified when an endpoint is lost: its name may have other addresses now.
    lost: Arc<Notify>,
    turn: AtomicUsize,
}

/// One endpoint.
#[derive(Debug)]
pub(super) struct Node {
    /// The index of its target.
    target: usize,
    /// `None` if the target's URL has an address for its host.
    address: Option<SocketAddr>,
    channel: AuthenticatedChannel,
    health: Arc<NodeHealth>,
    in_flight: AtomicUsize,
    _watching: AbortOnDropHandle<()>,
}

/// A call in progress at an endpoint.
#[derive(Debug)]
pub(super) struct Choice(Arc<Node>);

impl Endpoints {
    /// Begins to resolve names and to watch the health of endpoints. Channels connect by themselves.
    pub(crate) fn open(targets: Vec<Target>) -> Result<Self, ChannelError> {
        let pool = Arc::new(Pool::default());
        let mut resolving = Vec::new();
        for (n, target) in targets.into_iter().enumerate() {
            if target.is_name() {
                let (lost, pool) = (Arc::clone(&pool.lost), Arc::clone(&pool));
                let replace = move |target: &Target, addresses: &[SocketAddr]| pool.replace(n, target, addresses);
                resolving.push(AbortOnDropHandle::new(tokio::spawn(keep_resolved(target, lost, replace))));
            } else {
                let node = pool.node(n, &target, None)?;
                pool.write().push(Arc::new(node));
            }
        }
        Ok(Self { pool, _resolving: Arc::new(resolving) })
    }

    /// Resolves when an endpoint appears or gets better after this call.
    pub(super) fn better(&self) -> Notified<'_> {
        self.pool.better.notified()
    }

    /// The endpoint for a call that was sent to `tried` already. `None` if all endpoints of the best health are among them, or
    /// none can be reached.
    pub(super) fn choose(&self, tried: &[Arc<Node>]) -> Option<Choice> {
        let nodes = self.pool.read();
        let turn = self.pool.turn.fetch_add(1, Ordering::Relaxed);
        let best = nodes.iter().map(|node| node.health.current()).min()?;
        if best == Health::Unreachable {
            return None;
        }
        let (earlier, later) = nodes.split_at(turn % nodes.len());
        let untried = |node: &&Arc<Node>| !tried.iter().any(|tried| Arc::ptr_eq(tried, node));
        let equals = later.iter().chain(earlier).filter(|node| node.health.current() == best).filter(untried);
        // The first of several with as many calls, so that the turn decides.
        let chosen = equals.min_by_key(|node| node.in_flight.load(Ordering::Relaxed))?;
        chosen.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(Choice(Arc::clone(chosen)))
    }

    /// The number of endpoints of each health.
    pub(super) fn count(&self) -> [(Health, usize); Health::ALL.len()] {
        let nodes = self.pool.read();
        Health::ALL.map(|health| (health, nodes.iter().filter(|node| node.health.current() == health).count()))
    }
}

impl Pool {
    /// Makes `addresses` the endpoints of the target `n`. An endpoint that stays keeps its connection and its health.
    fn replace(&self, n: usize, target: &Target, addresses: &[SocketAddr]) {
        let mut nodes = self.write();
        let is_gone = |node: &Node| node.target == n && !node.address.is_some_and(|at| addresses.contains(&at));
        nodes.retain(|node| {
            if is_gone(node) {
                tracing::info!(endpoint = node.health.name(), "the name of an endpoint no longer has its address");
            }
            !is_gone(node)
        });
        for address in addresses {
            if nodes.iter().any(|node| node.target == n && node.address == Some(*address)) {
                continue;
            }
            match self.node(n, target, Some(*address)) {
                Ok(node) => nodes.push(Arc::new(node)),
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::error!(endpoint = %target, %address, error, "cannot use an address of an endpoint");
                }
            }
        }
        drop(nodes);
        self.better.notify_waiters();
    }

    fn node(&self, n: usize, target: &Target, address: Option<SocketAddr>) -> Result<Node, ChannelError> {
        let (channel, name) = match address {
            Some(address) => (target.channel_to(address)?, format!("{target} at {address}")),
            None => (target.channel()?, target.to_string()),
        };
        let health = Arc::new(NodeHealth::new(name, Arc::clone(&self.better), Arc::clone(&self.lost)));
        let watching = tokio::spawn(watch(channel.clone(), Arc::clone(&health)));
        let in_flight = AtomicUsize::new(0);
        Ok(Node { target: n, address, channel, health, in_flight, _watching: AbortOnDropHandle::new(watching) })
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Vec<Arc<Node>>> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Vec<Arc<Node>>> {
        self.nodes.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Choice {
    pub(super) fn channel(&self) -> AuthenticatedChannel {
        self.0.channel.clone()
    }

    /// Takes notice of a failed call, and ends the choice.
    pub(super) fn failed(self, status: &Status) -> Arc<Node> {
        if found_no_server(status) {
            self.0.health.set(Health::Unreachable);
        }
        if is_unreachable(status) {
            self.0.health.check();
        }
        Arc::clone(&self.0)
    }
}

impl Drop for Choice {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use lychgate_api::channel::Credentials;

    use super::*;

    fn target(url: &str) -> Target {
        Target::new(url, None, Credentials { token: Some("t"), certificate: None }).expect("a good URL")
    }

    /// Endpoints on ports where nothing listens. Their watchers do not run before the test first waits.
    fn endpoints(number: u16) -> Endpoints {
        let targets = (1..=number).map(|port| target(&format!("http://127.0.0.1:{port}"))).collect();
        Endpoints::open(targets).expect("endpoints")
    }

    fn set(endpoints: &Endpoints, healths: &[Health]) {
        for (node, health) in endpoints.pool.read().iter().zip(healths) {
            node.health.set(*health);
        }
    }

    /// The targets of the endpoints that calls get, one after the other, each of which is in progress from then on.
    fn chosen(endpoints: &Endpoints, calls: usize) -> Vec<usize> {
        let choices: Vec<_> = (0..calls).filter_map(|_| endpoints.choose(&[])).collect();
        let mut targets: Vec<_> = choices.iter().map(|choice| choice.0.target).collect();
        targets.sort_unstable();
        targets
    }

    #[tokio::test]
    async fn calls_go_to_endpoints_of_the_best_health_that_any_has() {
        use Health::{NotServing, Serving, Unknown, Unreachable};
        let endpoints = endpoints(3);
        for (healths, expected) in [
            ([Serving, Serving, Serving], vec![0, 0, 1, 1, 2, 2]),
            ([Serving, NotServing, Serving], vec![0, 0, 0, 2, 2, 2]),
            ([Unreachable, NotServing, Serving], vec![2; 6]),
            ([Unknown, Serving, Unreachable], vec![1; 6]),
            ([NotServing, Unreachable, NotServing], vec![0, 0, 0, 2, 2, 2]),
            ([Unreachable, Unreachable, Unreachable], vec![]),
        ] {
            set(&endpoints, &healths);
            assert_eq!(chosen(&endpoints, 6), expected, "{healths:?}");
        }
    }

    #[tokio::test]
    async fn busy_endpoint_gets_no_call_that_another_can_take() {
        let endpoints = endpoints(2);
        set(&endpoints, &[Health::Serving; 2]);
        let busy: Vec<_> = (0..8).filter_map(|_| endpoints.choose(&[])).collect();
        let (stuck, done): (Vec<_>, Vec<_>) = busy.into_iter().partition(|choice| choice.0.target == 0);
        drop(done);
        assert_eq!(chosen(&endpoints, 4), [1; 4]);
        drop(stuck);
    }

    #[tokio::test]
    async fn repeated_call_goes_to_another_endpoint() {
        let endpoints = endpoints(2);
        set(&endpoints, &[Health::Serving, Health::Serving]);
        let failed = Status::unavailable("a proxy in between");
        let first = endpoints.choose(&[]).expect("an endpoint").failed(&failed);
        let second = endpoints.choose(&[Arc::clone(&first)]).expect("another").failed(&failed);
        assert_ne!(first.target, second.target);
        assert!(endpoints.choose(&[first, second]).is_none(), "each was tried");
    }

    #[tokio::test]
    async fn endpoint_that_refuses_connections_gets_no_calls() {
        let endpoints = endpoints(1);
        let refused = Status::from_error(Box::new(tonic::ConnectError("refused".into())));
        endpoints.choose(&[]).expect("an endpoint").failed(&refused);
        assert!(endpoints.choose(&[]).is_none());
    }

    #[tokio::test]
    async fn addresses_of_a_name_are_added_and_removed_and_those_that_stay_keep_their_connection() {
        let endpoints = endpoints(1);
        let (pool, name) = (&endpoints.pool, target("http://localhost:1"));
        let at = |last: u8| SocketAddr::from(([127, 0, 0, last], 1));
        let addresses = || pool.read().iter().filter_map(|node| node.address).collect::<Vec<_>>();
        pool.replace(7, &name, &[at(2), at(3)]);
        assert_eq!(addresses(), [at(2), at(3)]);
        let kept = Arc::clone(&pool.read()[2]);
        let better = endpoints.better();
        pool.replace(7, &name, &[at(3), at(4)]);
        better.await;
        assert_eq!(addresses(), [at(3), at(4)]);
        assert!(Arc::ptr_eq(&pool.read()[1], &kept));
        assert_eq!(pool.read()[0].address, None, "another target's endpoint stays");
        // The resolver's answer cannot send a token over a network.
        pool.replace(7, &name, &[SocketAddr::from(([192, 0, 2, 1], 1))]);
        assert_eq!(addresses(), []);
    }
}
