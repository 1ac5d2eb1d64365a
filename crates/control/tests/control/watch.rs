//! The change feed: every event once and in order, across failures.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lychgate_api::v1;
use lychgate_api::v1::watch_response::Update;
use lychgate_control::config::Role;
use lychgate_control::{Engine, Memory};
use lychgate_engine::{
    Batch, Cursor, Durability, EngineError, EventPage, Key, KeyRange, Limit, OpenEngine, Page, Revision, Snapshot,
    Space, Timestamp,
};
use lychgate_engine_suite::TestEntropy;
use lychgate_engine_suite::fault::Faulty;
use tokio::time::timeout;
use tonic::Streaming;

use crate::support::{
    ApiClient, App, Environment, Failure, Flow, ISSUER, READER_TOKEN, Refused as _, TIMEOUT, principal,
};

const SCOPED: &str = "token-of-the-reader-of-another-resource";

async fn environment() -> Environment {
    let mut env = Environment::new().await;
    let mut scoped = principal("scoped", Role::Reader, SCOPED);
    scoped.resources = Some(vec!["https://other.example/mcp".to_owned()]);
    env.config.principals.extend([principal("reader", Role::Reader, READER_TOKEN), scoped]);
    env.add_other_issuer();
    env
}

/// A watcher and its cursor.
struct Watcher {
    stream: Streaming<v1::WatchResponse>,
    cursor: String,
}

impl Watcher {
    async fn at(reader: &ApiClient, cursor: &str) -> Self {
        let request = v1::WatchRequest { issuer_id: ISSUER.to_owned(), cursor: cursor.to_owned() };
        Self { stream: reader.watch(request).await.unwrap(), cursor: cursor.to_owned() }
    }

    async fn next(&mut self) -> Result<Option<Update>, Failure> {
        let message = timeout(TIMEOUT, self.stream.message())
            .await
            .expect("the feed sends checkpoints")
            .map_err(Failure::from)?;
        let Some(message) = message else { return Ok(None) };
        self.cursor = message.cursor;
        Ok(message.update)
    }

    /// The next `count` changes, by kind and id.
    async fn changes(&mut self, count: usize) -> Vec<(String, String)> {
        let mut changes = Vec::new();
        while changes.len() < count {
            if let Update::Change(change) = self.next().await.unwrap().expect("the stream continues") {
                changes.push((change.kind, change.event_id));
            }
        }
        changes
    }

    /// The changes up to the next checkpoint.
    async fn rest(&mut self) -> Vec<v1::Change> {
        let mut changes = Vec::new();
        loop {
            match self.next().await.unwrap().expect("the stream continues") {
                Update::Change(change) => changes.push(change),
                Update::Checkpoint(_) => return changes,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_sees_past_and_future_changes_of_its_issuer_and_resources() {
    let env = environment().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    flow.tokens(&edge, &env.idp).await;
    Flow::at("other", App::configured()).tokens(&edge, &env.idp).await;
    let mut watcher = Watcher::at(&control.caller(READER_TOKEN), "").await;
    let seen = watcher.rest().await;
    let kinds: Vec<_> = seen.iter().map(|change| change.kind.as_str()).collect();
    assert_eq!(kinds, ["consent.approved", "grant.issued"], "changes of this issuer only");
    assert_eq!((seen[0].subject.as_str(), seen[0].client_id.as_str()), ("idp|alice", "app"));
    assert_eq!((&seen[0].scopes, seen[1].grant_id.len()), (&vec!["read".to_owned()], 22));
    assert!(Watcher::at(&control.caller(SCOPED), "").await.rest().await.is_empty());

    env.revoke_consent("alice", "app").await;
    assert_eq!(watcher.changes(1).await[0].0, "consent.revoked");
    let Update::Checkpoint(checkpoint) = watcher.next().await.unwrap().unwrap() else {
        panic!("expected a checkpoint")
    };
    let complete = checkpoint.complete_time.unwrap();
    assert_eq!(u64::try_from(complete.seconds).unwrap(), env.now().seconds());
    // Checkpoints come without changes, too.
    assert!(matches!(watcher.next().await.unwrap(), Some(Update::Checkpoint(_))));
}

/// Sixteen people at once, and watchers that connect and disconnect at any moment.
#[tokio::test(flavor = "multi_thread")]
async fn reconnecting_watchers_lose_and_repeat_no_change() {
    const PEOPLE: usize = 16;
    let env = Arc::new(environment().await);
    let control = env.start().await;
    let reader = control.caller(READER_TOKEN);
    let (edge, idp) = (control.edge(), Arc::clone(&env));
    let people = tokio::spawn(async move {
        let flows = (0..PEOPLE).map(|n| {
            let (edge, env) = (edge.clone(), Arc::clone(&idp));
            tokio::spawn(async move {
                let mut flow = Flow { person: format!("person-{n}"), ..Flow::new(App::configured()) };
                flow.tokens(&edge, &env.idp).await;
                env.revoke_consent(&flow.person, "app").await;
            })
        });
        for flow in flows.collect::<Vec<_>>() {
            flow.await.unwrap();
        }
    });
    let steady = tokio::spawn({
        let reader = reader.clone();
        async move { Watcher::at(&reader, "").await.changes(PEOPLE * 3).await }
    });
    let mut fickle = Vec::new();
    let mut cursor = String::new();
    while fickle.len() < PEOPLE * 3 {
        let mut watcher = Watcher::at(&reader, &cursor).await;
        fickle.extend(watcher.changes(1 + fickle.len() % 3).await);
        cursor = watcher.cursor;
    }
    people.await.unwrap();
    let steady = steady.await.unwrap();
    assert_eq!(steady, fickle);
    let later = Watcher::at(&reader, "").await.rest().await;
    let later: Vec<_> = later.into_iter().map(|change| (change.kind, change.event_id)).collect();
    assert_eq!(later, steady, "a later watcher sees the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_control_plane_and_resumes_at_another() {
    let env = environment().await;
    let control = env.start().await;
    let mut flow = Flow::new(App::configured());
    flow.tokens(&control.edge(), &env.idp).await;
    let mut watcher = Watcher::at(&control.caller(READER_TOKEN), "").await;
    assert_eq!(watcher.rest().await.len(), 2);
    let stopped = tokio::spawn(control.stop());
    let end = async { while watcher.next().await.unwrap().is_some() {} };
    timeout(TIMEOUT, end).await.expect("the stream ends");
    timeout(TIMEOUT, stopped).await.expect("a shutdown does not wait for watchers").unwrap();

    env.revoke_consent("alice", "app").await;
    let control = env.start().await;
    let mut watcher = Watcher::at(&control.caller(READER_TOKEN), &watcher.cursor).await;
    assert_eq!(watcher.rest().await.into_iter().map(|change| change.kind).collect::<Vec<_>>(), ["consent.revoked"]);
    let cursor = watcher.cursor.clone();
    control.kill();
    let control = env.start().await;
    flow.tokens(&control.edge(), &env.idp).await;
    let mut watcher = Watcher::at(&control.caller(READER_TOKEN), &cursor).await;
    assert_eq!(watcher.changes(2).await[0].0, "consent.approved");
}

/// Retains no event before a position.
#[derive(Debug)]
struct Compacted {
    inner: Memory,
    oldest: u128,
}

#[async_trait]
impl Engine for Compacted {
    async fn read(&self, keys: &[Key], now: Timestamp) -> Result<Snapshot, EngineError> {
        self.inner.read(keys, now).await
    }

    async fn scan(&self, space: Space, range: KeyRange, now: Timestamp, limit: Limit) -> Result<Page, EngineError> {
        self.inner.scan(space, range, now, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, EngineError> {
        self.inner.commit(batch).await
    }

    async fn events(&self, cursor: Cursor, wait: Duration, limit: usize) -> Result<EventPage, EngineError> {
        // A cursor of another history is as lost as one before the oldest event.
        let lost = |found: Cursor| EngineError::CursorLost { oldest: Cursor { position: self.oldest, ..found } };
        if cursor.position < self.oldest {
            return Err(lost(cursor));
        }
        self.inner.events(cursor, wait, limit).await.map_err(|error| match error {
            EngineError::CursorLost { oldest } => lost(oldest),
            other => other,
        })
    }

    async fn forget_events(&self, before: Cursor) -> Result<(), EngineError> {
        self.inner.forget_events(before).await
    }

    async fn barrier(&self) -> Result<(), EngineError> {
        self.inner.barrier().await
    }

    async fn ready(&self) -> Result<Durability, EngineError> {
        self.inner.ready().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_cursor_is_refused_with_the_oldest_cursor() {
    let mut env = environment().await;
    let control = env.start().await;
    Flow::new(App::configured()).tokens(&control.edge(), &env.idp).await;
    let mut watcher = Watcher::at(&control.caller(READER_TOKEN), "").await;
    watcher.changes(1).await;
    let elsewhere = watcher.cursor;
    let malformed = v1::WatchRequest { issuer_id: ISSUER.to_owned(), cursor: "yesterday".to_owned() };
    assert_eq!(control.caller(READER_TOKEN).watch(malformed).await.map(drop).reason(), "REQUEST_MALFORMED");

    // Another history, which has forgotten its beginning.
    let inner = Memory::new(env.clock.clone(), &TestEntropy);
    env.engine = Arc::new(Faulty::new(OpenEngine::shared(Arc::new(Compacted { inner, oldest: 1 }))));
    let control = env.start().await;
    let reader = control.caller(READER_TOKEN);
    Flow::new(App::configured()).tokens(&control.edge(), &env.idp).await;
    let mut whole = Watcher::at(&reader, "").await;
    let kept: Vec<_> = whole.rest().await.into_iter().map(|change| change.kind).collect();
    assert_eq!(kept, ["grant.issued"], "from the oldest retained event");
    let mut lost = Watcher::at(&reader, &elsewhere).await;
    let failure = lost.next().await.unwrap_err();
    assert_eq!(failure.reason, "CURSOR_LOST");
    let mut again = Watcher::at(&reader, &failure.metadata["oldest_cursor"]).await;
    let kept: Vec<_> = again.rest().await.into_iter().map(|change| change.kind).collect();
    assert_eq!(kept, ["grant.issued"]);
}

/// A slow reader delays no other, and is not buffered without end.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_watcher_is_dropped_and_resumes_at_its_cursor() {
    const COMMITS: usize = 400;
    let env = environment().await;
    let control = env.start().await;
    Flow::new(App::configured()).tokens(&control.edge(), &env.idp).await;
    let event = env.events().await.remove(0);
    let reader = control.caller(READER_TOKEN);
    let mut slow = Watcher::at(&reader, "").await;
    slow.rest().await;
    let mut quick = Watcher::at(&control.caller(READER_TOKEN), "").await;
    let mut quick_seen = quick.rest().await.len();
    for _ in 0..COMMITS {
        let batch = env.batch();
        let batch = (0..Batch::MAX_OPERATIONS).fold(batch, |batch, _| batch.event(event.clone()));
        env.engine.commit(batch).await.unwrap();
        quick_seen += quick.changes(Batch::MAX_OPERATIONS).await.len();
    }
    let mut slow_seen = 2;
    let dropped = async {
        loop {
            match slow.next().await {
                Ok(news) => slow_seen += usize::from(matches!(news, Some(Update::Change(_)))),
                Err(failure) => break failure,
            }
        }
    };
    let failure = timeout(TIMEOUT, dropped).await.expect("the slow stream ends");
    assert_eq!(failure.reason, "WATCH_TOO_SLOW");
    let mut again = Watcher::at(&reader, &slow.cursor).await;
    let missing = COMMITS * Batch::MAX_OPERATIONS + 2 - slow_seen;
    assert!(missing > 0);
    again.changes(missing).await;
    assert!(again.rest().await.is_empty());
    assert_eq!(quick_seen, COMMITS * Batch::MAX_OPERATIONS + 2, "the quick watcher missed nothing");
}
