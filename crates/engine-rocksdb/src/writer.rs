//! The one thread that writes. It takes whatever waits in the queue as a group, applies the batches in that order, and
//! answers all of them when the group's single synced write has returned: so 64 writers share one fsync, and the order
//! of the queue is the order of everything.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use lychgate_engine::{Batch, Change, Clock, Cursor, EngineError, Expectation, Key, Revision, Timestamp, Version};
use rocksdb::WriteBatch;
use tokio::sync::{mpsc, oneshot, watch};

use crate::database::{Database, ReadError};
use crate::layout::{self, EventKey, Header};
use crate::unavailable;

/// Batches that may wait. Beyond it callers wait with theirs.
const QUEUE: usize = 512;

/// Batches that share a write, at most.
const GROUP: usize = 128;

/// The way to the thread. Dropping it lets the thread finish what is queued, and waits for it.
#[derive(Debug)]
pub(crate) struct Writer {
    // Both are taken only when it is dropped.
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Job {
    Commit(Commit),
    Forget { before: Cursor, answer: oneshot::Sender<Result<(), EngineError>> },
}

#[derive(Debug)]
struct Commit {
    batch: Batch,
    answer: oneshot::Sender<Answer>,
}

type Answer = Result<Revision, EngineError>;

impl Writer {
    pub(crate) fn start(
        database: Arc<Database>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, watch::Receiver<u64>), StartError> {
        let sequence = database.sequence()?;
        let committed_at = database.newest_event()?.unwrap_or(Timestamp::from_millis(0));
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (news, newest) = watch::channel(sequence);
        let state = State { database, clock, sequence, committed_at, news };
        let thread = std::thread::Builder::new().name("rocksdb-writer".into()).spawn(move || state.run(jobs))?;
        Ok((Self { queue: Some(queue), thread: Some(thread) }, newest))
    }

    /// Once the batch is queued, it may be applied although nobody waits for the answer any more.
    pub(crate) async fn commit(&self, batch: Batch, clock: &dyn Clock) -> Answer {
        let queue = self.queue.as_ref().ok_or_else(|| unavailable("the writer has ended"))?;
        // After `not_after` the writer would refuse it anyway.
        let patience = batch.not_after.since(clock.now());
        let place = match tokio::time::timeout(patience, queue.reserve()).await {
            Ok(place) => place.map_err(unavailable)?,
            Err(elapsed) => return Err(unavailable(elapsed)),
        };
        let (answer, answered) = oneshot::channel();
        place.send(Job::Commit(Commit { batch, answer }));
        answered.await.unwrap_or_else(|gone| Err(EngineError::Unknown(gone.into())))
    }

    pub(crate) async fn forget(&self, before: Cursor) -> Result<(), EngineError> {
        let queue = self.queue.as_ref().ok_or_else(|| unavailable("the writer has ended"))?;
        let (answer, answered) = oneshot::channel();
        queue.send(Job::Forget { before, answer }).await.map_err(unavailable)?;
        answered.await.unwrap_or_else(|gone| Err(EngineError::Unknown(gone.into())))
    }

    pub(crate) fn is_running(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.is_closed())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the storage writer has panicked");
        }
    }
}

/// Why the writer could not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("no thread could be started")]
    Thread(#[from] std::io::Error),
}

/// What the thread owns.
struct State {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
    /// The newest number given to a write or a commit.
    sequence: u64,
    /// When the newest batch was committed.
    committed_at: Timestamp,
    news: watch::Sender<u64>,
}

impl State {
    fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.blocking_recv() {
            // On a busy machine whoever is about to commit gets to it now, and shares the fsync; else nobody waits.
            std::thread::yield_now();
            let rest = std::iter::from_fn(|| queue.try_recv().ok());
            let mut commits = Vec::with_capacity(GROUP);
            for job in std::iter::once(first).chain(rest).take(GROUP) {
                match job {
                    Job::Commit(commit) => commits.push(commit),
                    // What is forgotten was there before: commits of the same moment lie behind it.
                    Job::Forget { before, answer } => self.forget(before, answer),
                }
            }
            self.write(commits.into_iter());
        }
    }

    fn forget(&mut self, before: Cursor, answer: oneshot::Sender<Result<(), EngineError>>) {
        let forgotten = match self.database.forgetting(before) {
            Ok(Some(writes)) => match self.database.write(writes) {
                Ok(()) => Ok(()),
                Err(error) => give_up(error, Vec::new()),
            },
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        // Whoever does not wait any more does not want to know.
        let _ = answer.send(forgotten);
    }

    fn write(&mut self, jobs: impl Iterator<Item = Commit>) {
        let database = self.database.clone();
        let mut group = Group::new(&database, self.sequence, self.committed_at);
        // Also who conflicts is answered only after the write: what it conflicts with may be in this very group.
        let answers: Vec<_> =
            jobs.map(|Commit { batch, answer }| (answer, group.apply(&batch, self.clock.now()))).collect();
        let (sequence, committed_at) = (group.sequence, group.committed_at);
        if sequence > self.sequence {
            if let Err(error) = database.write(group.finish()) {
                give_up(error, answers);
            }
            (self.sequence, self.committed_at) = (sequence, committed_at);
            self.news.send_replace(sequence);
        }
        for (waiting, answer) in answers {
            // Whoever does not wait any more does not want to know.
            let _ = waiting.send(answer);
        }
    }
}

/// Ends the process. A write that failed may or may not be on the disk, and what is written after it may be lost with
/// it at the next start: after a failed fsync even success means nothing. Only opening the database anew tells which
/// commits there are, so nothing may be answered from this one any more.
fn give_up(error: rocksdb::Error, answers: Vec<(oneshot::Sender<Answer>, Answer)>) -> ! {
    tracing::error!(error = &error as &dyn std::error::Error, "a write to the database failed: the process ends");
    for (waiting, _) in answers {
        let _ = waiting.send(Err(EngineError::Unknown(Box::new(error.clone()))));
    }
    std::process::abort()
}

/// Batches that are written together. Each sees what those before it have staged.
struct Group<'a> {
    database: &'a Database,
    writes: WriteBatch,
    /// Keys that the group changes: what will stand there.
    staged: HashMap<Key, Option<Header>>,
    sequence: u64,
    committed_at: Timestamp,
    /// Kept from row to row for its allocation.
    row: Vec<u8>,
}

impl<'a> Group<'a> {
    fn new(database: &'a Database, sequence: u64, committed_at: Timestamp) -> Self {
        Self { database, writes: WriteBatch::new(), staged: HashMap::new(), sequence, committed_at, row: Vec::new() }
    }

    /// Stages the whole batch or nothing of it.
    fn apply(&mut self, batch: &Batch, now: Timestamp) -> Answer {
        if now >= batch.not_after {
            return Err(unavailable("the batch came after its time"));
        }
        for operation in batch.operations() {
            if !self.holds(&operation.key, operation.expectation, batch.now)? {
                return Err(EngineError::Conflict(operation.key.clone()));
            }
        }
        self.committed_at = self.committed_at.max(now);
        self.sequence += 1;
        for operation in batch.operations() {
            match &operation.change {
                Change::Keep => {}
                Change::Put { value, expires_at } => self.put(&operation.key, value, *expires_at),
                Change::Delete => self.delete(&operation.key),
            }
        }
        for (index, event) in (0..).zip(batch.events()) {
            self.append(EventKey { sequence: self.sequence, index }, event);
        }
        Ok(Revision { incarnation: self.database.incarnation(), sequence: self.sequence })
    }

    fn holds(&self, key: &Key, expectation: Expectation, now: Timestamp) -> Result<bool, ReadError> {
        let found = match self.staged.get(key) {
            Some(staged) => *staged,
            None => self.database.header(key)?,
        };
        let live = found.filter(|header| header.is_live(now));
        Ok(match expectation {
            Expectation::Absent => live.is_none(),
            Expectation::Version(expected) => live.is_some_and(|header| header.version == expected),
        })
    }

    /// Each write has a number of its own, so that no key's version can pass for another's.
    fn put(&mut self, key: &Key, value: &[u8], expires_at: Option<Timestamp>) {
        self.sequence += 1;
        let header = Header { version: Version(self.sequence), expires_at };
        self.row.clear();
        header.write(&mut self.row);
        self.row.extend(value);
        self.writes.put_cf(self.database.space(key.space), &key.bytes, &self.row);
        self.staged.insert(key.clone(), Some(header));
    }

    fn delete(&mut self, key: &Key) {
        self.writes.delete_cf(self.database.space(key.space), &key.bytes);
        self.staged.insert(key.clone(), None);
    }

    fn append(&mut self, place: EventKey, event: &[u8]) {
        self.row.clear();
        layout::write_event(self.committed_at, event, &mut self.row);
        self.writes.put_cf(self.database.family(layout::EVENTS), place.bytes(), &self.row);
    }

    /// With the sequence, so that no number is given again after the next start.
    fn finish(mut self) -> WriteBatch {
        self.writes.put(layout::SEQUENCE_KEY, self.sequence.to_be_bytes());
        self.writes
    }
}
