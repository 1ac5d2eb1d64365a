//! Concurrent clients and people under faults, with every operation recorded.
//!
//! Each *user* is a client that one person uses: it registers, and goes through one of several scenarios. The number of answered
//! operations, not time, says when the next fault comes and when the run is over.

mod operator;
mod scenario;
mod user;

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cluster::{Cluster, Fault};
use crate::history::client::{Answer, Client, Operation};
use crate::history::{Availability, Recorder, check};
use crate::upstream::{Endpoint, Lie};
use operator::Operator;
use user::{Target, User};

/// The size of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Concurrent clients.
    pub clients: usize,
    /// The faults, one after the other.
    pub faults: Vec<Fault>,
    /// Answered operations before each fault and after the last one.
    pub operations_between: usize,
    /// The lifetime of the upstream's access tokens in seconds. A short one makes every exchange refresh them; a refresh whose
    /// outcome a fault hides may then ask the person to sign in.
    pub upstream_token_seconds: u64,
}

/// A lifetime of the upstream's tokens that outlasts every run.
pub const LONG: u64 = 36_000;

/// What a run did, and how it was answered.
#[derive(Debug)]
pub struct Report {
    pub users: usize,
    pub faults: Vec<Fault>,
    pub availability: Availability,
    pub took: Duration,
    /// Why operations have no answer, with their number.
    pub unanswered: BTreeMap<String, usize>,
    pub failed_starts: usize,
}

/// Users that are asked about at once.
const PARALLEL: usize = 8;

/// All that the clients share.
#[derive(Debug)]
struct Shared {
    /// An exchange may be answered by asking the person to sign in.
    may_ask_for_login: bool,
    target: Target,
    operator: Operator,
    recorder: Recorder<usize, Operation, Answer>,
    users: AtomicUsize,
    finished: Mutex<Vec<User>>,
    unanswered: Mutex<BTreeMap<String, usize>>,
}

impl Run {
    /// Runs the load on `cluster`, injects the faults, asks about everything again when all is repaired, and checks all
    /// histories.
    pub async fn on(self, cluster: &mut Cluster) -> Result<Report> {
        let begun = Instant::now();
        cluster.upstream().lie(Lie::Member(Endpoint::Token, "expires_in", json!(self.upstream_token_seconds)));
        let shared = Arc::new(Shared::new(cluster, self.upstream_token_seconds)?);
        let load = self.load(&shared, cluster).await;
        // A broken promise can show as an error of a client first: the history says more.
        shared.check(self.stale_reads()).map_err(|broken| match &load {
            Ok(_) => broken,
            Err(error) => anyhow!("{error:#}\n{broken:#}"),
        })?;
        let availability = load?;
        Ok(Report {
            users: shared.users.load(Ordering::Relaxed),
            faults: self.faults,
            availability,
            took: begun.elapsed(),
            unanswered: shared.unanswered.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            failed_starts: cluster.failed_starts,
        })
    }

    /// How old an answer about an access token may be. A primary that goes on after another one was promoted is read for two seconds, as
    /// docs/many-machines.md says.
    fn stale_reads(&self) -> Duration {
        match self.faults.iter().any(|fault| matches!(fault, Fault::FreezePrimary | Fault::KillManager)) {
            true => Duration::from_secs(2),
            false => Duration::ZERO,
        }
    }

    async fn load(&self, shared: &Arc<Shared>, cluster: &mut Cluster) -> Result<Availability> {
        let begun = Instant::now();
        let (stop, stopped) = watch::channel(false);
        let mut clients = JoinSet::new();
        for client in 0..self.clients {
            clients.spawn(client_loop(Arc::clone(shared), client, stopped.clone()));
        }
        let mut goal = self.operations_between;
        for fault in &self.faults {
            reach(shared, goal, &mut clients).await?;
            eprintln!("{:8.3} s: {fault:?}", begun.elapsed().as_secs_f64());
            cluster.inject(*fault).await?;
            goal = shared.recorder.answers() + self.operations_between;
        }
        reach(shared, goal, &mut clients).await?;
        stop.send(true)?;
        while let Some(ended) = clients.join_next().await {
            ended??;
        }
        let availability = Availability::of(shared.recorder.finish().values().flatten());
        shared.ask_again().await?;
        Ok(availability)
    }
}

/// Waits for `goal` answers; an error if a client ends before.
async fn reach(shared: &Shared, goal: usize, clients: &mut JoinSet<Result<()>>) -> Result<()> {
    /// Much longer than any outage of these tests: only a cluster that never recovers reaches it.
    const PATIENCE: Duration = Duration::from_secs(180);
    tokio::select! {
        () = shared.recorder.until_answers(goal) => Ok(()),
        Some(ended) = clients.join_next() => {
            ended??;
            Err(anyhow!("a client ended before the run"))
        }
        () = tokio::time::sleep(PATIENCE) => {
            let unanswered = shared.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
            bail!("{} answers, never {goal}; unanswered: {unanswered:?}", shared.recorder.answers())
        }
    }
}

async fn client_loop(shared: Arc<Shared>, client: usize, stopped: watch::Receiver<bool>) -> Result<()> {
    while !*stopped.borrow() {
        let number = shared.users.fetch_add(1, Ordering::Relaxed);
        let mut user = User::new(Arc::clone(&shared), client, number);
        scenario::run(&mut user).await?;
        shared.finished.lock().unwrap_or_else(PoisonError::into_inner).push(user);
    }
    Ok(())
}

impl Shared {
    fn new(cluster: &Cluster, upstream_token_seconds: u64) -> Result<Self> {
        Ok(Self {
            may_ask_for_login: upstream_token_seconds < LONG,
            target: Target::of(cluster)?,
            operator: Operator::of(cluster)?,
            recorder: Recorder::default(),
            users: AtomicUsize::new(0),
            finished: Mutex::default(),
            unanswered: Mutex::default(),
        })
    }

    fn count_unanswered(&self, why: &str) {
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        *unanswered.entry(why.to_owned()).or_default() += 1;
    }

    /// Asks about all that any client was told, now that everything runs: every question has an answer.
    async fn ask_again(&self) -> Result<()> {
        let users = std::mem::take(&mut *self.finished.lock().unwrap_or_else(PoisonError::into_inner));
        let asked = futures_util::stream::iter(&users).map(User::ask_again).buffer_unordered(PARALLEL);
        asked.try_collect().await
    }

    /// An answer about an access token that may be so old counts as one of an operation that began earlier.
    fn check(&self, stale_reads: Duration) -> Result<()> {
        let mut histories = self.recorder.finish();
        for event in histories.values_mut().flatten().filter(|event| matches!(event.operation, Operation::Use(..))) {
            event.invoked = event.invoked.saturating_sub(stale_reads);
        }
        let wrong = histories.iter().filter_map(|(user, history)| {
            let error = check(&Client, history).err()?;
            Some(format!("user {user}: {error}"))
        });
        let wrong: Vec<_> = wrong.collect();
        match wrong.is_empty() {
            true => Ok(()),
            false => bail!("{} of {} histories:\n{}", wrong.len(), histories.len(), wrong.join("\n")),
        }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { users, faults, availability, took, unanswered, failed_starts } = self;
        let (faults, took) = (faults.len(), took.as_secs());
        write!(f, "{faults} faults, {users} users, {availability}; {took} s in all; unanswered: {unanswered:?}")?;
        write!(f, "; control nodes that ended before they served: {failed_starts}")
    }
}
