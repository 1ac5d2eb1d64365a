//! What every use case works with, and the promise that none is cut short.

use std::future::Future;
use std::sync::Arc;

use lychgate_domain::entropy::Entropy;
use lychgate_domain::event::Retention;
use lychgate_domain::time::Clock;
use lychgate_process::Shutdown;
use lychgate_store::Store;

use crate::client_metadata::Documents;
use crate::event_log::EventLog;
use crate::feed::Feed;
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::ground::principal::Principals;
use crate::issuers::{Issuers, Serving};

/// Everything a use case needs. Clones are the same.
#[derive(Clone, Debug)]
pub struct Control {
    pub(crate) store: Store,
    pub(crate) issuers: Arc<Issuers>,
    pub(crate) documents: Documents,
    pub(crate) principals: Arc<Principals>,
    pub(crate) feed: Feed,
    pub(crate) log: EventLog,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) shutdown: Shutdown,
}

impl Control {
    pub fn new(
        store: Store,
        issuers: Arc<Issuers>,
        documents: Documents,
        principals: Arc<Principals>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        shutdown: Shutdown,
    ) -> Self {
        let feed = Feed::new(store.clone(), shutdown.clone());
        let log = EventLog::new(Retention::default());
        Self { store, issuers, documents, principals, feed, log, clock, entropy, shutdown }
    }

    /// The same, which keeps events for so long.
    pub fn retaining(self, retention: Retention) -> Self {
        Self { log: EventLog::new(retention), ..self }
    }

    pub(crate) async fn issuer(&self, id: &str, caller: &Caller) -> Result<Serving, Error> {
        Ok(self.issuers.find(id, &caller.principal, self.clock.now()).await?)
    }

    /// Whether the process is asked to end: what takes long stops, and says that it is not done.
    pub(crate) fn is_ending(&self) -> bool {
        self.shutdown.is_requested()
    }

    /// Runs what commits or calls out. It goes on when the client has gone, and shutdown waits for it: nothing that was
    /// acquired for somebody is lost half-way.
    ///
    /// Not an `async fn`: those keep what they were given, and `work` is kilobytes that every future around it would
    /// hold and move, too.
    pub(crate) fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let running = self.shutdown.tasks().spawn(work);
        async move {
            match running.await {
                Ok(result) => result,
                Err(error) => Err(Error::Fault(anyhow::Error::new(error).context("a use case panicked"))),
            }
        }
    }
}
