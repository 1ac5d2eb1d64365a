//! The handles that use cases work with, and the context of one call.
//!
//! A call's context is made once, with one issuer, one caller and one time. Each family of use cases is a small struct
//! over it ([`AuthorizationFlow`](crate::flow::AuthorizationFlow), [`TokenEndpoint`](crate::token::TokenEndpoint), …).

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use lychgate_domain::Refusal;
use lychgate_domain::capacity::{self, Growth};
use lychgate_domain::entropy::Entropy;
use lychgate_domain::event::{Event, EventKind, EventTarget};
use lychgate_domain::flow::Transition;
use lychgate_domain::id::Attempt;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::keys::Keys;
use lychgate_domain::time::{Clock, Timestamp};
use lychgate_domain::upstream::connection::Connection;
use lychgate_process::Shutdown;
use lychgate_store::Store;
use lychgate_store::connections::ConnectionUpdate;

use crate::client_metadata::Documents;
use crate::event_log::EventLog;
use crate::feed::Feed;
use crate::ground::caller::Caller;
use crate::ground::commit::Commit;
use crate::ground::error::Error;
use crate::ground::principal::Principals;
use crate::issuers::{IssuerContext, Issuers};
use crate::limits::{Limits, Redemption};
use crate::metrics::use_cases::{ConsentStep, UseCaseMetrics};
use crate::node::Node;
use crate::refreshes::Refreshes;

/// The handles of this process. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) issuers: Arc<Issuers>,
    pub(crate) documents: Documents,
    pub(crate) principals: Arc<Principals>,
    pub(crate) feed: Feed,
    pub(crate) log: EventLog,
    pub(crate) limits: Arc<Limits>,
    pub(crate) refreshes: Refreshes,
    pub(crate) metrics: UseCaseMetrics,
    pub(crate) node: Node,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) shutdown: Shutdown,
}

/// One call at one issuer.
#[derive(Clone, Debug)]
pub(crate) struct CallContext {
    pub(crate) state: State,
    pub(crate) caller: Arc<Caller>,
    pub(crate) serving: IssuerContext,
    /// The time of the call. A call that waits for another server goes on with [`CommandContext::at_present`].
    pub(crate) now: Timestamp,
}

/// A call that writes: its idempotency key makes a repetition recognisable.
#[derive(Clone, Debug)]
pub(crate) struct CommandContext {
    call: CallContext,
    /// The idempotency key, `attempt` on the wire. Everything the call writes is derived from it, so that the same call
    /// sent again finds what the first one wrote and gets the same reply.
    pub(crate) attempt: Attempt,
}

impl State {
    /// The context of a call. An issuer the caller may not speak of does not exist for it.
    pub(crate) async fn call(&self, caller: &Arc<Caller>, issuer_id: &str) -> Result<CallContext, Error> {
        let now = self.clock.now();
        let serving = self.issuers.find(issuer_id, &caller.principal, now).await?;
        Ok(CallContext { state: self.clone(), caller: Arc::clone(caller), serving, now })
    }

    /// The context of a call that uses keys for page tokens at most. Its keys are those that were read last: the keyring is
    /// not read for the call, even if that is due, so that a check of a consent costs its own read and no more.
    pub(crate) fn call_with_cached_keys(&self, caller: &Arc<Caller>, issuer_id: &str) -> Result<CallContext, Error> {
        let serving = self.issuers.find_with_cached_keys(issuer_id, &caller.principal)?;
        Ok(CallContext { state: self.clone(), caller: Arc::clone(caller), serving, now: self.clock.now() })
    }

    /// The context of a call that writes.
    pub(crate) async fn command(
        &self,
        caller: &Arc<Caller>,
        issuer_id: &str,
        attempt: Attempt,
    ) -> Result<CommandContext, Error> {
        Ok(self.call(caller, issuer_id).await?.command(attempt))
    }

    /// Whether the process is asked to end. Long work stops then, and says that it is not complete.
    pub(crate) fn is_ending(&self) -> bool {
        self.shutdown.is_requested()
    }

    /// Runs work that commits or calls out. It continues after the client has hung up, and shutdown waits for it, so that
    /// nothing acquired for a person is lost half-way.
    ///
    /// This is no `async fn`: its future would keep `work`, which is kilobytes, and every future around it would hold and
    /// move them, too.
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

impl CallContext {
    pub(crate) fn issuer(&self) -> &Issuer {
        &self.serving.issuer
    }

    pub(crate) fn keys(&self) -> &Keys {
        self.serving.keys()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.state.store
    }

    /// Replaces a connection, and counts the change of its state.
    pub(crate) async fn update_connection(&self, update: &ConnectionUpdate<'_>) -> Result<Commit, Error> {
        let commit = self.store().update_connection(self.issuer(), update, self.now).await?;
        if let Commit::Done(_) = commit {
            self.count_connection(update.read.map(|read| &read.value), Some(update.connection));
        }
        Ok(commit)
    }

    /// Counts a stored change of a connection.
    pub(crate) fn count_connection(&self, before: Option<&Connection>, after: Option<&Connection>) {
        self.state.metrics.connection(&self.issuer().id, before, after);
    }

    /// Counts a step of an authorization.
    pub(crate) fn count(&self, step: ConsentStep) {
        self.state.metrics.step(&self.issuer().id, step);
    }

    /// Checks that something new may begin: the store's disk has more free space than the reserve, or the free space is
    /// unknown.
    pub(crate) async fn admit(&self, growth: Growth) -> Result<(), Error> {
        let free = self.store().free_bytes().await.unwrap_or_else(|error| {
            tracing::warn!(
                error = format!("{:#}", anyhow::Error::new(error)),
                "cannot read the free space of the store"
            );
            None
        });
        Ok(capacity::admit(growth, free, self.state.limits.disk_reserve_bytes)?)
    }

    /// Admits the redemption of an upstream's code for the caller's client.
    pub(crate) fn admit_redemption(&self) -> Result<Redemption, Refusal> {
        self.state.limits.redemptions.admit(self.caller.address, self.now)
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.state.entropy
    }

    pub(crate) fn command(self, attempt: Attempt) -> CommandContext {
        CommandContext { call: self, attempt }
    }

    /// The same call at the present time, after it has waited for something.
    pub(crate) fn at_present(&self) -> Self {
        Self { now: self.state.clock.now(), ..self.clone() }
    }
}

impl CommandContext {
    /// The event of what this call does. Its id follows from the idempotency key, the kind and the time; the state of
    /// the record that it is committed with keeps a repetition from writing a second one.
    pub(crate) fn event(&self, kind: EventKind, about: impl Into<Option<EventTarget>>) -> Event {
        let caller = self.caller.for_events(self.issuer());
        Event::new(kind, about, &caller, self.attempt, self.now)
    }

    /// The events of one commit that has several, all about the same.
    pub(crate) fn events(&self, kinds: impl Iterator<Item = EventKind>, about: &EventTarget) -> Vec<Event> {
        let caller = self.caller.for_events(self.issuer());
        Event::several(kinds, about, &caller, self.attempt, self.now)
    }

    /// The transition of a record that this call makes.
    pub(crate) fn transition(&self) -> Transition {
        Transition { attempt: self.attempt, at: self.now }
    }

    /// The same call at the present time, after it has waited for something.
    pub(crate) fn at_present(&self) -> Self {
        self.call.at_present().command(self.attempt)
    }

    /// One of several writes of the same call, with an idempotency key of its own.
    pub(crate) fn with_attempt(&self, attempt: Attempt) -> Self {
        self.call.clone().command(attempt)
    }
}

impl Deref for CommandContext {
    type Target = CallContext;

    fn deref(&self) -> &CallContext {
        &self.call
    }
}
