//! Settings of the engine.

use std::time::Duration;

use crate::DatabaseUrl;

/// The database and how it is used.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database.
    pub url: DatabaseUrl,
    /// The largest number of connections for reads. Commits use one more, and so does the proof that the server is still
    /// the primary.
    pub read_connections: usize,
    /// Accept a server without a synchronous standby: commits then do not survive the loss of its disk.
    pub allow_single: bool,
    /// A node whose clock differs more from the database's does not open it, is not ready and commits nothing. Two nodes
    /// within it differ at most by twice as much, which is far below the [`CLOCK_SKEW`] that the port bounds it by.
    ///
    /// [`CLOCK_SKEW`]: lychgate_engine::CLOCK_SKEW
    pub largest_clock_difference: Duration,
    /// The time to connect to a host, until the connection can be used.
    pub connect_timeout: Duration,
    /// The time for a call that commits. When it has passed, the outcome of the call's batches is unknown.
    pub commit_timeout: Duration,
    /// The time for a read, with the wait for a connection.
    pub read_timeout: Duration,
    /// The pause between two sweeps of expired entries.
    pub sweep_interval: Duration,
}

impl Options {
    /// The defaults for a database.
    pub fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            read_connections: 8,
            allow_single: false,
            largest_clock_difference: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(3),
            commit_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(3),
            sweep_interval: Duration::from_secs(60),
        }
    }
}
