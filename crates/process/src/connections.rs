//! Incoming connections: their number, their deadlines and their end, for every listener of every process.
//!
//! A peer that connects and sends nothing, or asks and does not read, costs a file descriptor and memory for as long as it
//! likes. So each connection takes a [`Place`], whose number is limited, in total and for each peer; has a deadline for its
//! first request, for reading what is written to it, and an age ([`GuardedStream`]); and is closed when its place is needed
//! for another and it has no request in progress. The rest of a body that no answer depends on is read within limits, without
//! a claim to the place ([`http`]).

mod by_state;
pub mod http;
mod places;
mod stream;

use std::net::IpAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

pub use places::{InUse, Place, PlaceHandle, Places};
pub use stream::GuardedStream;

/// Bounds of the connections of one listener.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// The number of connections.
    pub max: usize,
    /// The number of connections of one peer: an IPv4 address, or an IPv6 /64.
    pub max_per_peer: usize,
    /// Connections beyond these numbers that are accepted to answer probes, and to refuse anything else.
    pub reserve: usize,
    /// From the accept to the first request, TLS handshake included.
    pub first_request: Duration,
    /// The time that a write may wait for a peer that reads nothing.
    pub write: Duration,
    /// From the accept to the end of the connection, busy or not.
    pub age: Option<Duration>,
}

/// The age at which a connection in the reserve ends.
const RESERVE_AGE: Duration = Duration::from_secs(5);

/// The next connection that gets a place. A connection waits here while all places are in use.
///
/// Not cancel-safe: a connection that waits for a place is closed.
pub async fn accept(listener: &TcpListener, places: &Places) -> (GuardedStream<TcpStream>, IpAddr) {
    let (stream, peer) = next(listener).await;
    let place = places.take(peer).await;
    (GuardedStream::new(stream, place), peer)
}

/// Errors pass: the peer has disconnected again, or the process has too many open files until some are closed.
async fn next(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are written whole; waiting to fill a packet only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
                return (stream, peer.ip());
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
