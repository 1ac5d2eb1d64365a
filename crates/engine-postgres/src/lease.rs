//! The lease of reads: a task proves about twice a second that the server is still the primary, and reads are answered
//! only while a proof is young. Without it, an old primary that was cut off from its standbys would be read for as long as
//! it runs, although another server takes commits. The lease bounds that by [`LEASE`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::connection::{CallError, Connection, Connector};
use crate::database_clock::ClockReading;

/// The age of a proof's beginning up to which reads are answered.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// The pause between two proofs.
const INTERVAL: Duration = Duration::from_millis(500);

/// The pause after a proof that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Some server was the primary at some instant after `started`: it committed a transaction on its synchronous standbys.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub started: Instant,
    /// The server, as in [`Connection::server`].
    pub server: Arc<str>,
    /// Its setting of synchronous standbys is not empty.
    pub is_replicated: bool,
    pub clock: ClockReading,
}

impl Proof {
    fn is_young(&self) -> bool {
        self.started.elapsed() < LEASE
    }
}

/// The newest proof, and the task that makes the next.
#[derive(Debug)]
pub(crate) struct Lease {
    newest: watch::Receiver<Option<Proof>>,
    /// Asks for a proof without a pause before it.
    ask: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Lease {
    pub(crate) fn start(connector: Arc<Connector>, timeout: Duration) -> Self {
        let (proofs, newest) = watch::channel(None);
        let ask = Arc::new(Notify::new());
        let prover = Prover { connector, proofs, ask: Arc::clone(&ask), timeout, connection: None };
        Self { newest, ask, task: tokio::spawn(prover.run()) }
    }

    /// The newest proof, if it is young; otherwise waits for the next.
    pub(crate) async fn valid(&self) -> Result<Proof, CallError> {
        self.proof(Proof::is_young).await
    }

    /// Waits for a proof that began after this call. Concurrent calls share one.
    pub(crate) async fn renewed(&self) -> Result<Proof, CallError> {
        let called = Instant::now();
        self.proof(|proof| proof.started >= called).await
    }

    /// Reports that the server of the newest proof has no synchronous standby.
    pub(crate) fn is_single(&self) -> bool {
        self.newest.borrow().as_ref().is_some_and(|proof| !proof.is_replicated)
    }

    /// The server of the newest proof.
    pub(crate) fn server(&self) -> Option<Arc<str>> {
        self.newest.borrow().as_ref().map(|proof| Arc::clone(&proof.server))
    }

    async fn proof(&self, is_wanted: impl Fn(&Proof) -> bool) -> Result<Proof, CallError> {
        let mut newest = self.newest.clone();
        loop {
            if let Some(proof) = newest.borrow_and_update().as_ref().filter(|proof| is_wanted(proof)) {
                return Ok(proof.clone());
            }
            self.ask.notify_one();
            newest.changed().await.map_err(|_| CallError::NotProven)?;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Prover {
    connector: Arc<Connector>,
    proofs: watch::Sender<Option<Proof>>,
    ask: Arc<Notify>,
    timeout: Duration,
    connection: Option<Connection>,
}

impl Prover {
    async fn run(mut self) {
        let mut is_failing = false;
        loop {
            let started = Instant::now();
            match tokio::time::timeout(self.timeout, self.prove(started)).await.unwrap_or(Err(CallError::TimedOut)) {
                Ok(proof) => {
                    self.report(&proof, is_failing);
                    is_failing = false;
                    self.proofs.send_replace(Some(proof));
                    // The permit of a call during the proof is kept: that call waits for another proof.
                    let _ = tokio::time::timeout(INTERVAL, self.ask.notified()).await;
                }
                Err(error) => {
                    if !is_failing {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(
                            error,
                            "the database does not confirm that it is the primary: reads are refused"
                        );
                    }
                    is_failing = true;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn prove(&mut self, started: Instant) -> Result<Proof, CallError> {
        // Taken out: a connection that failed is dropped.
        let connection = match self.connection.take().filter(Connection::is_usable) {
            Some(connection) => connection,
            None => self.connector.connect().await?,
        };
        let clock = connection.read_clock().await?;
        let standbys = connection.barrier().await?;
        let server = Arc::clone(&connection.server);
        self.connection = Some(connection);
        Ok(Proof { started, server, is_replicated: !standbys.is_empty(), clock })
    }

    fn report(&self, proof: &Proof, was_failing: bool) {
        let before = self.proofs.borrow().as_ref().map(|before| (Arc::clone(&before.server), before.is_replicated));
        if was_failing || before.as_ref().is_some_and(|(server, _)| *server != proof.server) {
            tracing::info!(server = %proof.server, "the database has confirmed that it is the primary");
        }
        if before.is_some_and(|(_, was_replicated)| was_replicated) && !proof.is_replicated {
            tracing::warn!(
                "the database has no synchronous standby any more: commits do not survive the loss of its disk"
            );
        }
    }
}
