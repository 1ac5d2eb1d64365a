//! Engines on throwaway servers.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lychgate_engine::{Batch, Clock, Cursor, Engine, Expectation, Key, Revision, Space, Timestamp};
use lychgate_engine_postgres::{Options, Postgres, migrate};
use lychgate_engine_suite::TestEntropy;
use lychgate_test_postgres::{Server, Sync};

/// Longer than any wait here, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The system's clock.
#[derive(Debug)]
pub(crate) struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "the engine's clock and the server's must agree here")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
        Timestamp::EPOCH + since
    }
}

/// A primary with a synchronous standby, both as durable as in production.
pub(crate) fn replicated() -> (Server, Server) {
    let primary = Server::start(Sync::Full, "");
    let standby = primary.standby();
    primary.require_standby();
    (primary, standby)
}

/// A new database of a server, prepared.
pub(crate) async fn prepared(server: &Server) -> Options {
    let url = server.database().parse().expect("the fixture's URL can be parsed");
    migrate(&url, Arc::new(WallClock), &TestEntropy).await.expect("an empty database can be prepared");
    Options { allow_single: true, ..Options::new(url) }
}

pub(crate) async fn open(options: &Options) -> Arc<Postgres> {
    Arc::new(Postgres::open(options.clone(), Arc::new(WallClock)).await.expect("a prepared database opens"))
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(Space::Grants, name)
}

/// A batch that creates an entry and appends an event, both of this name, and may be applied for a minute.
pub(crate) fn creation(name: &str) -> Batch {
    let now = WallClock.now();
    Batch::new(now, now + PATIENCE).put(key(name), Expectation::Absent, name.into(), None).event(name.into())
}

pub(crate) async fn has(engine: &Postgres, name: &str) -> bool {
    let read = engine.read(&[key(name)], WallClock.now()).await.expect("a read succeeds");
    read.entries[0].is_some()
}

/// All events.
pub(crate) async fn log(engine: &Postgres) -> Vec<Vec<u8>> {
    let page = engine.events(origin(engine).await, Duration::ZERO, usize::MAX).await.expect("events can be read");
    page.events.into_iter().map(|event| event.value).collect()
}

pub(crate) async fn origin(engine: &Postgres) -> Cursor {
    let Revision { incarnation, .. } = engine.read(&[], WallClock.now()).await.expect("a read succeeds").revision;
    Cursor { incarnation, position: 0 }
}

/// Repeats an attempt until it returns a value.
pub(crate) async fn eventually<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = attempt().await {
            return value;
        }
        assert!(begun.elapsed() < PATIENCE, "it never succeeds");
        tokio::task::yield_now().await;
    }
}
