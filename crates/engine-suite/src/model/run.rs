//! One engine and one model, driven together.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use lychgate_engine::{
    Batch, CLOCK_SKEW, Change, Cursor, EngineError, Entry, Expectation, InvalidBatch, Key, KeyRange, Limit, Revision,
    Timestamp, Version,
};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;

use super::command::{Act, Command, Guess, Place, Skew, Step};
use crate::Subject;

type Verdict = Result<(), TestCaseError>;

/// The engine, and the model's state.
pub(super) struct Run {
    subject: Subject,
    entries: BTreeMap<Key, Entry>,
    log: Vec<Vec<u8>>,
    /// Cursors that the engine returned, each with the number of events before it.
    cursors: Vec<(Cursor, usize)>,
    /// The oldest cursor that is not lost.
    oldest: (Cursor, usize),
    /// The engine chooses versions, but none twice.
    versions: HashMap<Key, Vec<Version>>,
    revision: Revision,
}

/// The model's prediction for a commit.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Applied,
    Conflict(Key),
    Unavailable,
    Repeated(Key),
}

impl Run {
    pub(super) async fn new(subject: Subject) -> Self {
        let origin = subject.origin().await;
        Self {
            subject,
            entries: BTreeMap::new(),
            log: Vec::new(),
            cursors: vec![(origin, 0)],
            oldest: (origin, 0),
            versions: HashMap::new(),
            revision: Revision { incarnation: origin.incarnation, sequence: 0 },
        }
    }

    pub(super) async fn step(&mut self, command: Command) -> Verdict {
        match command {
            Command::Advance { millis } => {
                self.subject.clock.advance(Duration::from_millis(millis));
                Ok(())
            }
            Command::Commit { skew, late, steps, events } => self.commit(skew, late, steps, events).await,
            Command::Read { skew, keys } => self.read(skew, keys).await,
            Command::Scan { skew, from, to, results, rows } => {
                let range = KeyRange { from: from.key().bytes, to: to.map(|to| to.key().bytes) };
                self.scan(skew, from, range, Limit { results, rows }).await
            }
            Command::Events { cursor, limit } => self.events(cursor, limit).await,
            Command::Forget { cursor } => self.forget(cursor).await,
        }
    }

    async fn commit(&mut self, skew: Skew, late: bool, steps: Vec<Step>, events: u8) -> Verdict {
        let now = self.skewed(skew);
        let patience = if late { Duration::ZERO } else { Duration::from_secs(1) };
        let mut batch = Batch::new(now, self.subject.now() + patience);
        for Step { place, guess, act } in steps {
            let (key, expectation) = (place.key(), self.expectation(&place.key(), guess, now));
            batch = match (act, expectation) {
                (Act::Put { value, lifetime }, _) => {
                    batch.put(key, expectation, value, lifetime.map(|lifetime| self.skewed(lifetime)))
                }
                (Act::Delete, Expectation::Version(version)) => batch.delete(key, version),
                // An absent key cannot be deleted.
                (Act::Delete | Act::Keep, _) => batch.expect(key, expectation),
            };
        }
        for number in 0..events {
            batch = batch.event([self.log.len().to_be_bytes().as_slice(), &[number]].concat());
        }

        let expected = self.outcome(&batch, late);
        let answer = self.subject.engine().commit(batch.clone()).await;
        let applied = answer.as_ref().ok().copied();
        let outcome = match answer {
            Ok(_) => Outcome::Applied,
            Err(EngineError::Conflict(key)) => Outcome::Conflict(key),
            Err(EngineError::Unavailable(_)) => Outcome::Unavailable,
            Err(EngineError::Invalid(InvalidBatch::RepeatedKey(key))) => Outcome::Repeated(key),
            Err(other) => return Err(TestCaseError::fail(format!("{expected:?} became {other:?}"))),
        };
        prop_assert_eq!(outcome, expected);
        if let Some(revision) = applied {
            prop_assert!(revision.sequence > self.revision.sequence, "a commit moves the revision on");
            self.seen(revision)?;
            self.apply(batch).await?;
        }
        Ok(())
    }

    fn outcome(&self, batch: &Batch, late: bool) -> Outcome {
        let mut keys = HashSet::new();
        if let Some(repeated) = batch.operations().iter().find(|operation| !keys.insert(&operation.key)) {
            return Outcome::Repeated(repeated.key.clone());
        }
        if late {
            return Outcome::Unavailable;
        }
        let failed = batch.operations().iter().find(|operation| match operation.expectation {
            Expectation::Absent => self.live(&operation.key, batch.now).is_some(),
            Expectation::Version(version) => {
                self.live(&operation.key, batch.now).is_none_or(|entry| entry.version != version)
            }
        });
        failed.map_or(Outcome::Applied, |failed| Outcome::Conflict(failed.key.clone()))
    }

    async fn apply(&mut self, batch: Batch) -> Verdict {
        self.log.extend_from_slice(batch.events());
        // The earliest `now` of any caller: an entry that is absent then is absent for good.
        let earliest = self.skewed(-(CLOCK_SKEW.as_millis() as i64));
        for operation in batch.operations() {
            let key = &operation.key;
            match &operation.change {
                Change::Keep => {}
                Change::Delete => {
                    self.entries.remove(key);
                }
                Change::Put { value, expires_at } => {
                    self.entries.remove(key);
                    let found = self.subject.read_at(key, earliest).await;
                    if expires_at.is_some_and(|end| end <= earliest) {
                        prop_assert_eq!(found, None);
                        continue;
                    }
                    let version = found.as_ref().map_or(Version(0), |entry| entry.version);
                    let entry = Entry { version, value: value.clone(), expires_at: *expires_at };
                    prop_assert_eq!(found.as_ref(), Some(&entry));
                    let versions = self.versions.entry(key.clone()).or_default();
                    prop_assert!(!versions.contains(&version), "{:?} of {:?} was used again", version, key);
                    versions.push(version);
                    self.entries.insert(key.clone(), entry);
                }
            }
        }
        Ok(())
    }

    async fn read(&mut self, skew: Skew, places: Vec<Place>) -> Verdict {
        let now = self.skewed(skew);
        let keys: Vec<_> = places.into_iter().map(Place::key).collect();
        let snapshot = self.subject.engine().read(&keys, now).await.map_err(unexpected)?;
        let expected: Vec<_> = keys.iter().map(|key| self.live(key, now).cloned()).collect();
        prop_assert_eq!(snapshot.entries, expected);
        self.seen(snapshot.revision)
    }

    /// Reads page by page and compares the whole. The pages themselves depend on expired rows that an engine has not removed.
    async fn scan(&mut self, skew: Skew, from: Place, mut range: KeyRange, limit: Limit) -> Verdict {
        let (now, space) = (self.skewed(skew), from.key().space);
        let expected: Vec<_> = self
            .entries
            .range(from.key()..)
            .filter(|(key, entry)| key.space == space && entry.expires_at.is_none_or(|end| now < end))
            .filter(|(key, _)| range.to.as_ref().is_none_or(|to| key.bytes < *to))
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect();
        let mut found = Vec::new();
        loop {
            let page = self.subject.engine().scan(space, range.clone(), now, limit).await.map_err(unexpected)?;
            prop_assert!(page.entries.len() <= limit.results.min(limit.rows));
            self.seen(page.revision)?;
            found.extend(page.entries);
            let Some(next) = page.next else { break };
            prop_assert!(next > range.from, "every page gets on");
            range.from = next;
        }
        prop_assert_eq!(found, expected);
        Ok(())
    }

    async fn events(&mut self, cursor: Index, limit: usize) -> Verdict {
        let (cursor, begin) = *cursor.get(&self.cursors);
        let page = match self.subject.engine().events(cursor, Duration::ZERO, limit).await {
            Err(EngineError::CursorLost { oldest }) if begin < self.oldest.1 => {
                prop_assert_eq!(oldest, self.oldest.0);
                return Ok(());
            }
            page => page.map_err(unexpected)?,
        };
        prop_assert!(begin >= self.oldest.1, "forgotten events are not read");
        let end = self.log.len().min(begin + limit);
        let found: Vec<_> = page.events.iter().map(|event| event.value.clone()).collect();
        prop_assert_eq!(&found, &self.log[begin..end]);
        prop_assert_eq!(page.next, page.events.last().map_or(cursor, |event| event.cursor));
        prop_assert!(page.complete_to <= self.subject.now(), "nothing is complete beyond now");
        self.cursors.extend(page.events.iter().map(|event| event.cursor).zip(begin + 1..));
        Ok(())
    }

    async fn forget(&mut self, cursor: Index) -> Verdict {
        let place = *cursor.get(&self.cursors);
        self.subject.engine().forget_events(place.0).await.map_err(unexpected)?;
        if place.1 > self.oldest.1 {
            self.oldest = place;
        }
        Ok(())
    }

    fn live(&self, key: &Key, now: Timestamp) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| entry.expires_at.is_none_or(|end| now < end))
    }

    fn expectation(&self, key: &Key, guess: Guess, now: Timestamp) -> Expectation {
        match (guess, self.versions.get(key)) {
            (Guess::Right, _) => Expectation::unchanged(self.live(key, now)),
            (Guess::Absent, _) => Expectation::Absent,
            (Guess::Version(index), Some(versions)) => Expectation::Version(*index.get(versions)),
            (Guess::Version(_), None) => Expectation::Version(Version(u64::MAX)),
        }
    }

    fn seen(&mut self, revision: Revision) -> Verdict {
        prop_assert_eq!(revision.incarnation, self.revision.incarnation);
        prop_assert!(revision.sequence >= self.revision.sequence, "a revision never goes back");
        self.revision = revision;
        Ok(())
    }

    /// An instant near the engine's now.
    fn skewed(&self, millis: i64) -> Timestamp {
        Timestamp::from_millis(self.subject.now().millis().saturating_add_signed(millis))
    }
}

fn unexpected(error: EngineError) -> TestCaseError {
    TestCaseError::fail(format!("unexpected: {error:?}"))
}
