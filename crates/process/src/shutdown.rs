//! Graceful shutdown: signals request it, tasks observe it, and the process waits for tracked work before it ends.
//!
//! Work that must not be lost, such as the exchange of an upstream code or a running commit, is spawned on
//! [`Shutdown::tasks`].

use std::future::Future;
use std::io::{self, Read};
use std::time::Duration;
use std::{env, process, thread};

use tokio::signal::unix::{SignalKind, signal};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::supervisor;

/// If this environment variable is set, to any value, the end of standard input requests shutdown too. A parent that starts a
/// process with this variable and a pipe as standard input ends the process with itself, even if the parent is killed: the
/// kernel then closes the pipe.
pub const STOP_WITH_PARENT: &str = "LYCHGATE_STOP_WITH_PARENT";

/// The longest time from a signal to the end of the process. Supervisors kill after 30 s (Kubernetes) or later (systemd: 90 s).
/// The parts of a shutdown have bounds of their own that are shorter in sum: only a process that hangs gets here.
const LONGEST_SHUTDOWN: Duration = Duration::from_secs(28);

/// Requests and observes the shutdown of a process. Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    requested: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// A shutdown that only [`trigger`](Self::trigger) requests.
    pub fn new() -> Self {
        Self::default()
    }

    /// A shutdown that SIGINT and SIGTERM request as well, and the end of standard input if [`STOP_WITH_PARENT`] is set. The
    /// signals stay caught: a second one does not interrupt the shutdown.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime with I/O enabled, such as that of [`run`](crate::run).
    #[expect(clippy::expect_used, reason = "SIGINT and SIGTERM can be caught on every Unix, and `run` enables I/O")]
    pub fn listen() -> Self {
        let shutdown = Self::new();
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let mut signals = signal(kind).expect("a runtime with I/O is running");
            let requested = shutdown.requested.clone();
            tokio::spawn(async move {
                signals.recv().await;
                requested.cancel();
            });
        }
        tokio::spawn({
            let requested = shutdown.requested();
            async move {
                requested.await;
                supervisor::notify_stopping();
                // A thread, because the runtime may be what hangs.
                thread::spawn(|| end_after(LONGEST_SHUTDOWN, || process::exit(1)));
            }
        });
        if env::var_os(STOP_WITH_PARENT).is_some() {
            let requested = shutdown.requested.clone();
            // A blocking read of standard input cannot be cancelled, so it gets a thread that the process does not wait for.
            thread::spawn(move || {
                read_to_end(io::stdin().lock());
                requested.cancel();
            });
        }
        shutdown
    }

    /// A shutdown that is requested `delay` after this one, and shares its tracked tasks: for a server that first reports that it
    /// will end, and serves while balancers take notice.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime.
    pub fn delayed(&self, delay: Duration) -> Self {
        if delay.is_zero() {
            return self.clone();
        }
        let delayed = Self { requested: CancellationToken::new(), tasks: self.tasks.clone() };
        tokio::spawn({
            let (requested, delayed) = (self.requested(), delayed.clone());
            async move {
                requested.await;
                time::sleep(delay).await;
                delayed.trigger();
            }
        });
        delayed
    }

    /// Resolves when shutdown is requested, immediately if it already is.
    pub fn requested(&self) -> impl Future<Output = ()> + Send + 'static {
        self.requested.clone().cancelled_owned()
    }

    /// True after shutdown was requested.
    pub fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    /// Requests shutdown.
    pub fn trigger(&self) {
        self.requested.cancel();
    }

    /// The tracked tasks, which [`finish`](Self::finish) waits for.
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Requests shutdown and waits for the tracked tasks, for at most `timeout`. Call it when no new work is accepted.
    pub async fn finish(&self, timeout: Duration) {
        self.trigger();
        self.tasks.close();
        if time::timeout(timeout, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), timeout = ?timeout, "shutdown timed out; unfinished tasks are dropped");
        }
    }
}

/// Ends the process, by `exit`, if it has not ended by itself. It logs nothing: the log may be what hangs.
fn end_after<T>(limit: Duration, exit: impl FnOnce() -> T) -> T {
    thread::sleep(limit);
    exit()
}

/// Reads and discards input until it ends or fails.
fn read_to_end(mut input: impl Read) {
    let mut buffer = [0; 64];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn every_clone_observes_the_request_even_afterwards() {
        let shutdown = Shutdown::new();
        let clone = shutdown.clone();
        let waiting = tokio::spawn(clone.requested());
        assert!(!clone.is_requested());
        shutdown.trigger();
        waiting.await.unwrap();
        clone.requested().await;
        assert!(clone.is_requested());
    }

    #[tokio::test(start_paused = true)]
    async fn delayed_shutdown_follows_after_its_delay() {
        const DELAY: Duration = Duration::from_secs(3);
        let shutdown = Shutdown::new();
        let delayed = shutdown.delayed(DELAY);
        time::sleep(DELAY * 10).await;
        assert!(!delayed.is_requested());
        let requested = time::Instant::now();
        shutdown.trigger();
        delayed.requested().await;
        assert!((DELAY..DELAY + Duration::from_secs(1)).contains(&requested.elapsed()), "{:?}", requested.elapsed());
        assert!(shutdown.delayed(Duration::ZERO).is_requested());
    }

    #[tokio::test]
    async fn finish_waits_for_tracked_tasks() {
        let shutdown = Shutdown::new();
        let (begun, has_begun) = oneshot::channel();
        let requested = shutdown.requested();
        let task = shutdown.tasks().spawn(async move {
            begun.send(()).unwrap();
            requested.await;
            "done"
        });
        has_begun.await.unwrap();
        shutdown.finish(Duration::from_secs(60)).await;
        assert!(task.is_finished());
        assert_eq!(task.await.unwrap(), "done");
    }

    #[tokio::test]
    async fn finish_stops_waiting_at_its_timeout() {
        let shutdown = Shutdown::new();
        let task = shutdown.tasks().spawn(std::future::pending::<()>());
        shutdown.finish(Duration::from_millis(1)).await;
        assert!(!task.is_finished());
    }

    #[test]
    fn input_is_read_to_its_end() {
        read_to_end(&b"line\nand more"[..]);
    }
}
