//! The committer: one task with one connection. While a call is in flight, batches wait in a bounded queue, and the next
//! call carries all of them. So many writers share one round trip and one wait for the standbys.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lychgate_engine::{Batch, Cause, Clock, EngineError, Incarnation, Revision};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_postgres::Row;

use crate::connection::{CallError, Connection, Connector, Query};
use crate::database_clock::{ClockReading, micros};
use crate::group::{Arguments, signed};
use crate::lease::Lease;
use crate::{Options, unavailable};

/// Capacity of the queue. When it is full, callers wait.
const QUEUE: usize = 1024;

/// The largest number of batches in one call.
const GROUP: usize = 128;

/// The largest sum of the batches' bytes in one call, unless one batch is larger.
const GROUP_BYTES: usize = 2 << 20;

/// A call is made again this often after a deadlock or a serialization failure.
const REPETITIONS: usize = 3;

/// The age at which a reading of the database's clock is taken anew.
const CLOCK_READING_AGE: Duration = Duration::from_secs(10);

/// A handle to the task. When it is dropped, the task finishes the queue and ends.
#[derive(Debug)]
pub(crate) struct Committer {
    queue: mpsc::Sender<Job>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Job {
    batch: Batch,
    answer: oneshot::Sender<Answer>,
}

type Answer = Result<Revision, EngineError>;

impl Committer {
    /// Starts the task. `newest` learns the newest sequence of each call.
    pub(crate) fn start(
        connector: Arc<Connector>,
        lease: Arc<Lease>,
        clock: Arc<dyn Clock>,
        newest: watch::Sender<u64>,
        options: Options,
    ) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let state = State { connector, lease, clock: Arc::clone(&clock), newest, options, connection: None };
        tokio::spawn(state.run(jobs));
        Self { queue, clock }
    }

    /// Queues a batch and waits for the answer. A queued batch may be applied although its caller is gone.
    pub(crate) async fn commit(&self, batch: Batch) -> Answer {
        // The task refuses the batch after `not_after`.
        let remaining = self.clock.now().until(batch.not_after);
        let permit = match tokio::time::timeout(remaining, self.queue.reserve()).await {
            Ok(permit) => permit.map_err(unavailable)?,
            Err(elapsed) => return Err(unavailable(elapsed)),
        };
        let (answer, answered) = oneshot::channel();
        permit.send(Job { batch, answer });
        answered.await.unwrap_or_else(|gone| Err(EngineError::Unknown(gone.into())))
    }
}

/// The task's own data.
struct State {
    connector: Arc<Connector>,
    lease: Arc<Lease>,
    clock: Arc<dyn Clock>,
    newest: watch::Sender<u64>,
    options: Options,
    connection: Option<(Connection, ClockReading)>,
}

/// What is certain of a call's batches.
enum CallFailure {
    /// None was applied, and none will be.
    NotSent(CallError),
    /// Each may have been applied.
    Unknown(CallError),
}

/// The fate of a batch, by its place in the group.
type Fates = Vec<(usize, Fate)>;

enum Fate {
    Applied(Revision),
    /// The place of the operation that failed.
    Conflict(usize),
    TooLate,
}

impl State {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut waiting = VecDeque::new();
        let mut received = Vec::with_capacity(GROUP);
        loop {
            if waiting.len() < GROUP {
                if waiting.is_empty() {
                    if queue.recv_many(&mut received, GROUP).await == 0 {
                        return;
                    }
                    // Tasks about to commit run now and share the call.
                    tokio::task::yield_now().await;
                }
                while waiting.len() + received.len() < GROUP
                    && let Ok(job) = queue.try_recv()
                {
                    received.push(job);
                }
                waiting.extend(received.drain(..));
            }
            let group = self.next_group(&mut waiting);
            for job in self.commit(group).await.into_iter().rev() {
                waiting.push_front(job);
            }
        }
    }

    /// Takes the batches of the next call, and refuses those that are too late.
    fn next_group(&self, waiting: &mut VecDeque<Job>) -> Vec<Job> {
        let now = self.clock.now();
        let (mut group, mut bytes) = (Vec::new(), 0);
        while group.len() < GROUP
            && let Some(job) = waiting.pop_front()
        {
            if now >= job.batch.not_after {
                job.answer(Err(too_late()));
                continue;
            }
            bytes += job.bytes();
            if bytes > GROUP_BYTES && !group.is_empty() {
                waiting.push_front(job);
                break;
            }
            group.push(job);
        }
        group
    }

    /// Commits a group, answers its callers, and returns the jobs that are to be sent again: their deadline by the
    /// database's clock had passed, and by this process's it has not.
    async fn commit(&mut self, group: Vec<Job>) -> Vec<Job> {
        if group.is_empty() {
            return group;
        }
        let mut outcome = self.call(&group).await;
        for _ in 0..REPETITIONS {
            match &outcome {
                Err(CallFailure::NotSent(error)) if error.is_passing() => outcome = self.call(&group).await,
                _ => break,
            }
        }
        match outcome {
            Ok(fates) => self.answer(group, fates),
            Err(failure) => {
                let (error, is_unknown) = match failure {
                    CallFailure::NotSent(error) => (error, false),
                    CallFailure::Unknown(error) => (error, true),
                };
                let error: Arc<CallError> = Arc::new(error);
                tracing::debug!(error = &*error as &dyn std::error::Error, is_unknown, "a commit has failed");
                for job in group {
                    let cause: Cause = Box::new(Shared(Arc::clone(&error)));
                    job.answer(Err(if is_unknown { EngineError::Unknown(cause) } else { unavailable(cause) }));
                }
                Vec::new()
            }
        }
    }

    fn answer(&self, group: Vec<Job>, fates: Fates) -> Vec<Job> {
        let applied = fates.iter().filter_map(|(_, fate)| match fate {
            Fate::Applied(revision) => Some(revision.sequence),
            Fate::Conflict(_) | Fate::TooLate => None,
        });
        if let Some(sequence) = applied.max() {
            self.newest.send_if_modified(|newest| advance(newest, sequence));
        }
        let mut jobs: Vec<_> = group.into_iter().map(Some).collect();
        let mut again = Vec::new();
        let now = self.clock.now();
        for (place, fate) in fates {
            let Some(job) = jobs.get_mut(place).and_then(Option::take) else { continue };
            match fate {
                Fate::Applied(revision) => job.answer(Ok(revision)),
                Fate::Conflict(operation) => {
                    let failed = job.batch.operations().get(operation).map(|operation| operation.key.clone());
                    job.answer(
                        failed.map_or_else(
                            || Err(unavailable(CallError::Malformed)),
                            |key| Err(EngineError::Conflict(key)),
                        ),
                    );
                }
                Fate::TooLate if now < job.batch.not_after => again.push(job),
                Fate::TooLate => job.answer(Err(too_late())),
            }
        }
        again
    }

    async fn call(&mut self, group: &[Job]) -> Result<Fates, CallFailure> {
        let must_replicate = !self.options.allow_single;
        if must_replicate && self.lease.is_single() {
            return Err(CallFailure::NotSent(CallError::NotReplicated));
        }
        let deadline = tokio::time::Instant::now() + self.options.commit_timeout;
        // The field is empty during the call, so that a failure, or the end of this task, drops the connection.
        let (connection, reading) = self.ready_connection(deadline).await.map_err(CallFailure::NotSent)?;
        // In this order: a pause between the two makes the deadlines earlier.
        let instant = Instant::now();
        let now = self.clock.now();
        let limit = self.options.largest_clock_difference;
        if let Err(wrong) = reading.check(now, instant, limit) {
            self.connection = Some((connection, reading));
            return Err(CallFailure::NotSent(wrong.into()));
        }
        let database_now = reading.micros_at(instant);
        let with_deadline = |job: &'_ Job| database_now.saturating_add(micros(now.until(job.batch.not_after)));
        let batches: Vec<_> = group.iter().map(|job| (&job.batch, with_deadline(job))).collect();
        let arguments = Arguments::new(&batches, signed(now.millis()));
        within(deadline, connection.prepare(Query::Commit)).await.map_err(CallFailure::NotSent)?;
        // Before the commit is sent: the query that prepares a statement would clear the warning of a commit beside it.
        within(deadline, connection.prepare(Query::Standbys)).await.map_err(CallFailure::NotSent)?;
        let row = match within(deadline, commit(&connection, &arguments, must_replicate)).await {
            Ok(committed) => committed?,
            Err(error) => return Err(CallFailure::Unknown(error)),
        };
        self.connection = Some((connection, reading));
        fates(&row, &arguments.order).map_err(CallFailure::Unknown)
    }

    /// The connection, or a new one, and a reading that is young and that this process's clock agrees with, or a new one.
    async fn ready_connection(
        &mut self,
        deadline: tokio::time::Instant,
    ) -> Result<(Connection, ClockReading), CallError> {
        let (connection, reading) = match self.connection.take() {
            Some((connection, reading)) if connection.is_usable() => (connection, reading),
            _ => return self.connect().await,
        };
        let limit = self.options.largest_clock_difference;
        let is_right = reading.check(self.clock.now(), Instant::now(), limit).is_ok();
        let reading = match is_right && reading.taken.elapsed() < CLOCK_READING_AGE {
            true => reading,
            false => within(deadline, connection.read_clock()).await?,
        };
        Ok((connection, reading))
    }

    async fn connect(&self) -> Result<(Connection, ClockReading), CallError> {
        let connection = self.connector.connect().await?;
        let deadline = tokio::time::Instant::now() + self.options.commit_timeout;
        let reading = within(deadline, connection.read_clock()).await?;
        Ok((connection, reading))
    }
}

impl Job {
    fn answer(self, answer: Answer) {
        // A caller that is gone needs no answer.
        let _ = self.answer.send(answer);
    }

    fn bytes(&self) -> usize {
        let operations = self.batch.operations().iter().map(|operation| {
            let value = match &operation.change {
                lychgate_engine::Change::Put { value, .. } => value.len(),
                lychgate_engine::Change::Keep | lychgate_engine::Change::Delete => 0,
            };
            operation.key.bytes.len() + value
        });
        operations.sum::<usize>() + self.batch.events().iter().map(Vec::len).sum::<usize>()
    }
}

/// Calls the function. If the commit `must_replicate`, its outcome is unknown unless the server has synchronous standbys in
/// the call and after it: when `synchronous_standby_names` becomes empty, PostgreSQL ends all waits for standbys without a
/// warning.
async fn commit(
    connection: &Connection,
    arguments: &Arguments<'_>,
    must_replicate: bool,
) -> Result<Result<Row, CallFailure>, CallError> {
    let parameters = arguments.parameters();
    // Both are sent at once, and the server answers the second after it has committed the first.
    let (committed, standbys) = tokio::join!(connection.call_one(Query::Commit, &parameters), async {
        match must_replicate {
            true => connection.call_one(Query::Standbys, &[]).await.map(Some),
            false => Ok(None),
        }
    });
    let row = match committed {
        Ok(row) => row,
        Err(error) if error.is_rolled_back() => return Ok(Err(CallFailure::NotSent(error))),
        Err(error) => return Err(error),
    };
    if let Some(after) = standbys? {
        let (during, after): (&str, &str) = (row.try_get(2)?, after.try_get(0)?);
        if during.is_empty() || after.is_empty() {
            return Err(CallError::NotReplicated);
        }
    }
    Ok(Ok(row))
}

/// Reads the function's row.
fn fates(row: &Row, order: &[usize]) -> Result<Fates, CallError> {
    let incarnation = incarnation(row.try_get(0)?)?;
    let outcomes: Vec<i64> = row.try_get(1)?;
    if outcomes.len() != order.len() {
        return Err(CallError::Malformed);
    }
    let fate = |outcome: i64| match u64::try_from(outcome) {
        Ok(0) => Fate::TooLate,
        Ok(sequence) => Fate::Applied(Revision { incarnation, sequence }),
        Err(_) => Fate::Conflict(outcome.unsigned_abs() as usize - 1),
    };
    Ok(order.iter().zip(outcomes).map(|(place, outcome)| (*place, fate(outcome))).collect())
}

/// The 16 bytes of an incarnation.
pub(crate) fn incarnation(bytes: &[u8]) -> Result<Incarnation, CallError> {
    Ok(Incarnation(bytes.try_into().map_err(|_| CallError::Malformed)?))
}

/// Moves `newest` forwards.
pub(crate) fn advance(newest: &mut u64, sequence: u64) -> bool {
    let is_newer = *newest < sequence;
    *newest = (*newest).max(sequence);
    is_newer
}

pub(crate) async fn within<T>(
    deadline: tokio::time::Instant,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    tokio::time::timeout_at(deadline, call).await.unwrap_or(Err(CallError::TimedOut))
}

fn too_late() -> EngineError {
    unavailable("the batch came after its time")
}

/// One error of several callers.
#[derive(Clone, Debug)]
struct Shared(Arc<CallError>);

impl std::fmt::Display for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
