//! An orderly end: who asks for it, who hears of it, and what it waits for.
//!
//! Whatever has been acquired for somebody (an upstream's code, a commit under way) is finished before the process ends;
//! such work is spawned on [`Shutdown::tasks`].

use std::future::Future;
use std::io::{self, Read};
use std::time::Duration;
use std::{env, thread};

use tokio::signal::unix::{SignalKind, signal};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// If this environment variable is set (to anything), the end of standard input is a request to end, too. Whoever starts
/// a process with a pipe there and this variable takes it along, however the starter itself ends: a pipe is closed also
/// by SIGKILL.
pub const STOP_WITH_PARENT: &str = "LYCHGATE_STOP_WITH_PARENT";

/// Asks a process to end, and lets it finish. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    requested: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// One that only [`trigger`](Self::trigger) sets off.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that SIGINT and SIGTERM set off as well, and the end of standard input if [`STOP_WITH_PARENT`] says so. They
    /// keep their meaning for the rest of the process: a second signal does not cut short what the first one began.
    ///
    /// # Panics
    /// Outside of a tokio runtime with its I/O enabled, as [`run`](crate::run) builds it.
    pub fn listen() -> Self {
        let shutdown = Self::new();
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let mut signals =
                signal(kind).expect("SIGINT and SIGTERM can be caught, and a runtime with I/O is running");
            let requested = shutdown.requested.clone();
            tokio::spawn(async move {
                signals.recv().await;
                requested.cancel();
            });
        }
        if env::var_os(STOP_WITH_PARENT).is_some() {
            let requested = shutdown.requested.clone();
            // A thread of its own, which the process's end need not wait for: a read of standard input cannot be cancelled.
            thread::spawn(move || {
                read_to_end(io::stdin().lock());
                requested.cancel();
            });
        }
        shutdown
    }

    /// Resolves once the end has been asked for; at once if it already was.
    pub fn requested(&self) -> impl Future<Output = ()> + Send + 'static {
        self.requested.clone().cancelled_owned()
    }

    pub fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    pub fn trigger(&self) {
        self.requested.cancel();
    }

    /// What [`finish`](Self::finish) waits for.
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Waits for the tracked tasks, `timeout` at most. Called last, when nothing new is accepted any more.
    pub async fn finish(&self, timeout: Duration) {
        self.trigger();
        self.tasks.close();
        if time::timeout(timeout, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), timeout = ?timeout, "ended before its work was done");
        }
    }
}

/// Whatever comes is thrown away; an input that cannot be read has ended, too.
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
    async fn every_clone_hears_of_it_also_afterwards() {
        let shutdown = Shutdown::new();
        let clone = shutdown.clone();
        let waiting = tokio::spawn(clone.requested());
        assert!(!clone.is_requested());
        shutdown.trigger();
        waiting.await.unwrap();
        clone.requested().await;
        assert!(clone.is_requested());
    }

    #[tokio::test]
    async fn finish_waits_for_what_was_begun() {
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
    async fn finish_waits_no_longer_than_it_was_told() {
        let shutdown = Shutdown::new();
        let task = shutdown.tasks().spawn(std::future::pending::<()>());
        shutdown.finish(Duration::from_millis(1)).await;
        assert!(!task.is_finished());
    }

    #[test]
    fn input_is_read_to_its_end_whatever_comes() {
        read_to_end(&b"line\nand more"[..]);
    }
}
