//! The writer's thread. It takes the waiting batches as a group, applies them in the order of the queue, and answers all
//! of them when the group's single synced write has returned. So 64 writers share one fsync, and the order of the queue
//! is the order of commits and events.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use lychgate_engine::{Batch, Change, Clock, Cursor, EngineError, Expectation, Key, Revision, Timestamp, Version};
use rocksdb::WriteBatch;
use tokio::sync::{mpsc, oneshot, watch};

use crate::database::{Database, ReadError};
use crate::layout::{self, EventKey, Header};
use crate::unavailable;

/// Capacity of the queue. When it is full, callers wait.
const QUEUE: usize = 512;

/// The largest number of batches in one write.
const GROUP: usize = 128;

/// A handle to the thread. Dropping it lets the thread finish the queue and waits for its end.
#[derive(Debug)]
pub(crate) struct Writer {
    // Both are `Some` until `drop`.
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

    /// Queues a batch and waits for the answer. A queued batch may be applied although its caller is gone.
    pub(crate) async fn commit(&self, batch: Batch, clock: &dyn Clock) -> Answer {
        let queue = self.queue.as_ref().ok_or_else(|| unavailable("the writer has ended"))?;
        // The writer refuses the batch after `not_after`.
        let remaining = clock.now().until(batch.not_after);
        let permit = match tokio::time::timeout(remaining, queue.reserve()).await {
            Ok(permit) => permit.map_err(unavailable)?,
            Err(elapsed) => return Err(unavailable(elapsed)),
        };
        let (answer, answered) = oneshot::channel();
        permit.send(Job::Commit(Commit { batch, answer }));
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

/// Why the thread could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("no thread could be started")]
    Thread(#[from] std::io::Error),
}

/// The thread's own data.
struct State {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
    /// The newest sequence given to a write or a commit.
    sequence: u64,
    /// The commit time of the newest batch.
    committed_at: Timestamp,
    news: watch::Sender<u64>,
}

impl State {
    fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.blocking_recv() {
            // On a busy machine, tasks about to commit run now and share the fsync. On an idle one this costs nothing.
            std::thread::yield_now();
            let rest = std::iter::from_fn(|| queue.try_recv().ok());
            let mut commits = Vec::with_capacity(GROUP);
            for job in std::iter::once(first).chain(rest).take(GROUP) {
                match job {
                    Job::Commit(commit) => commits.push(commit),
                    // Before the group's commits: these append events after every existing cursor.
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
        // A caller that is gone needs no answer.
        let _ = answer.send(forgotten);
    }

    fn write(&mut self, jobs: impl Iterator<Item = Commit>) {
        let database = self.database.clone();
        let mut group = Group::new(&database, self.sequence, self.committed_at);
        // A conflict, too, is answered after the write: the commit it conflicts with may be in this group.
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
            // A caller that is gone needs no answer.
            let _ = waiting.send(answer);
        }
    }
}

/// Ends the process. A failed write may or may not be on the disk, and later writes may be lost with it at the next
/// start: after a failed fsync even a success proves nothing. Only reopening the database tells which commits exist, so
/// this process must not answer anything from it again.
fn give_up(error: rocksdb::Error, answers: Vec<(oneshot::Sender<Answer>, Answer)>) -> ! {
    tracing::error!(error = &error as &dyn std::error::Error, "a write to the database failed: the process ends");
    for (waiting, _) in answers {
        let _ = waiting.send(Err(EngineError::Unknown(Box::new(error.clone()))));
    }
    std::process::abort()
}

/// Batches that are written together. Each sees the staged changes of those before it.
struct Group<'a> {
    database: &'a Database,
    writes: WriteBatch,
    /// The new header of each key that the group changes; `None` for a deleted key.
    staged: HashMap<Key, Option<Header>>,
    sequence: u64,
    committed_at: Timestamp,
    /// A buffer, reused for every row.
    row: Vec<u8>,
}

impl<'a> Group<'a> {
    fn new(database: &'a Database, sequence: u64, committed_at: Timestamp) -> Self {
        Self { database, writes: WriteBatch::new(), staged: HashMap::new(), sequence, committed_at, row: Vec::new() }
    }

    /// Stages the whole batch or none of it.
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

    /// Each write has its own sequence, so that no key's version equals another's.
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

    /// Adds the sequence, so that no number is used again after the next start.
    fn finish(mut self) -> WriteBatch {
        self.writes.put(layout::SEQUENCE_KEY, self.sequence.to_be_bytes());
        self.writes
    }
}
