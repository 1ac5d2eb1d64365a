//! News of commits for calls that wait for events. Commits of this process are news at once; those of other nodes are
//! found by one shared poll, which runs only while a call waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::committer::advance;
use crate::reads::Reads;

/// The pause between two polls.
const INTERVAL: Duration = Duration::from_millis(100);

/// The sequence of the newest commit that this process knows.
#[derive(Debug)]
pub(crate) struct Waiting {
    news: watch::Sender<u64>,
    begun: Arc<Notify>,
    poll: JoinHandle<()>,
}

impl Waiting {
    pub(crate) fn start(reads: Arc<Reads>, news: watch::Sender<u64>) -> Self {
        let begun = Arc::new(Notify::new());
        let poll = tokio::spawn(poll(reads, news.clone(), Arc::clone(&begun)));
        Self { news, begun, poll }
    }

    /// News from now on. The poll runs while the receiver exists.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        let receiver = self.news.subscribe();
        self.begun.notify_one();
        receiver
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.poll.abort();
    }
}

async fn poll(reads: Arc<Reads>, news: watch::Sender<u64>, begun: Arc<Notify>) {
    loop {
        begun.notified().await;
        loop {
            tokio::time::sleep(INTERVAL).await;
            if news.receiver_count() == 0 {
                break;
            }
            match reads.sequence().await {
                Ok(sequence) => drop(news.send_if_modified(|newest| advance(newest, sequence))),
                Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "cannot look for new events"),
            }
        }
    }
}
