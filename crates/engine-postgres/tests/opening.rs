//! Which databases the engine opens, and when it is ready.

#![expect(clippy::expect_used, reason = "a test that panics has failed")]

use std::sync::Arc;
use std::time::Duration;

use lychgate_engine::{Clock, Durability, Engine, EngineError, Timestamp};
use lychgate_engine_postgres::{Migration, OpenError, Options, Postgres, migrate};
use lychgate_engine_suite::{TestClock, TestEntropy};
use lychgate_test_postgres::Server;

use support::{WallClock, creation, open, origin, prepared, replicated};

#[expect(dead_code, reason = "each test file uses a part of it")]
mod support;

async fn refusal(options: &Options) -> OpenError {
    Postgres::open(options.clone(), Arc::new(WallClock)).await.expect_err("the database is refused")
}

async fn migration(options: &Options) -> Result<Migration, OpenError> {
    migrate(&options.url, Arc::new(WallClock), &TestEntropy).await
}

fn unprepared(server: &Server) -> (Options, String) {
    let url = server.database();
    let name = url.split(['/', '?']).nth(3).expect("the URL names a database").to_owned();
    (Options::new(url.parse().expect("the fixture's URL can be parsed")), name)
}

#[tokio::test]
async fn a_database_without_the_schema_is_refused() {
    let server = Server::shared();
    let (options, _) = unprepared(server);
    let refused = refusal(&options).await;
    assert!(matches!(refused, OpenError::NoSchema(_)), "{refused:?}");
    assert!(refused.to_string().contains("lychgate storage migrate"), "{refused}");
}

#[tokio::test]
async fn a_newer_format_is_refused_and_not_changed() {
    let server = Server::shared();
    let (options, database) = unprepared(server);
    assert_eq!(migration(&options).await.expect("an empty database can be prepared"), Migration::Created);
    server.sql_in(&database, "UPDATE lychgate.store SET format = 2; ALTER TABLE lychgate.store ADD COLUMN more text");
    assert!(matches!(refusal(&options).await, OpenError::Newer { found: 2, .. }));
    assert!(matches!(migration(&options).await, Err(OpenError::Newer { found: 2, .. })));
    assert_eq!(server.sql_in(&database, "SELECT format FROM lychgate.store"), "2");
}

#[tokio::test]
async fn foreign_tables_are_refused_and_not_changed() {
    let server = Server::shared();
    for tables in [
        "CREATE SCHEMA lychgate; CREATE TABLE lychgate.consents (id int)",
        "CREATE SCHEMA lychgate; CREATE TABLE lychgate.store (format integer, incarnation bytea)",
        "CREATE SCHEMA lychgate; CREATE TABLE lychgate.store (format integer, incarnation bytea);
         INSERT INTO lychgate.store VALUES (1, '')",
    ] {
        let (options, database) = unprepared(server);
        server.sql_in(&database, tables);
        let before = server.sql_in(&database, "SELECT count(*) FROM pg_class");
        assert!(matches!(refusal(&options).await, OpenError::Foreign(_)), "{tables}");
        assert!(matches!(migration(&options).await, Err(OpenError::Foreign(_))), "{tables}");
        assert_eq!(server.sql_in(&database, "SELECT count(*) FROM pg_class"), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_migrations_create_the_schema_once() {
    let server = Server::shared();
    let (options, _) = unprepared(server);
    let (one, other) = tokio::join!(migration(&options), migration(&options));
    let mut made = [one.expect("one succeeds"), other.expect("the other succeeds")];
    made.sort_by_key(|migration| *migration == Migration::Current);
    assert_eq!(made, [Migration::Created, Migration::Current]);

    // Beside an open engine, it changes nothing.
    let engine = open(&Options { allow_single: true, ..options.clone() }).await;
    engine.commit(creation("a")).await.expect("the commit succeeds");
    assert_eq!(migration(&options).await.expect("it can run again"), Migration::Current);
    engine.commit(creation("b")).await.expect("the commit succeeds");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_an_error_without_the_password() {
    let url = "postgresql://gate:hunter2@/store?host=/nowhere".parse().expect("the URL can be parsed");
    let options = Options { connect_timeout: Duration::from_millis(200), ..Options::new(url) };
    let refused = refusal(&options).await;
    assert!(matches!(refused, OpenError::Failed(..)), "{refused:?}");
    assert!(!format!("{refused:?} {refused} {options:?}").contains("hunter2"));
}

/// The causes of the errors of a node whose clock is wrong.
async fn causes(engine: &Postgres) -> [String; 3] {
    let origin = origin(engine).await;
    let outcomes = [
        engine.ready().await.map(drop),
        engine.commit(creation("wrong")).await.map(drop),
        engine.forget_events(origin).await,
    ];
    outcomes.map(|outcome| match outcome {
        Err(EngineError::Unavailable(cause)) => cause.to_string(),
        other => panic!("expected to be unavailable: {other:?}"),
    })
}

#[tokio::test]
async fn a_node_whose_clock_differs_from_the_databases_neither_opens_nor_commits() {
    const DAY: Duration = Duration::from_secs(86_400);
    let server = Server::shared();
    let options = prepared(server).await;
    let refused = Postgres::open(options.clone(), Arc::new(TestClock::default())).await;
    let refused = refused.expect_err("the clock is years behind").to_string();
    assert!(refused.contains("synchronize the clocks") && !refused.contains('\n'), "{refused}");

    let clock = Arc::new(TestClock::new(WallClock.now()));
    let engine = Postgres::open(options.clone(), clock.clone()).await.expect("the clock is right");
    engine.commit(creation("right")).await.expect("the clock is right");
    let difference = engine.clock_difference().await.expect("the database answers").expect("it has a clock");
    assert!(difference < Duration::from_secs(3600), "{difference:?}");
    // The default is two seconds.
    assert_eq!(options.largest_clock_difference, Duration::from_secs(2));
    let yesterday = Timestamp::from_millis(WallClock.now().millis() - DAY.as_millis() as u64);
    for wrong in [yesterday, WallClock.now() + Duration::from_secs(60)] {
        clock.set(wrong);
        let difference = engine.clock_difference().await.expect("the database answers").expect("it has a clock");
        assert!(difference > Duration::from_secs(2), "{difference:?}");
        for cause in causes(&engine).await {
            assert!(cause.contains("synchronize the clocks"), "{cause}");
        }
    }
    clock.set(WallClock.now());
    engine.commit(creation("right again")).await.expect("the clock is right again");
    assert_eq!(open(&options).await.ready().await.expect("the system's clock is right"), Durability::LocalDisk);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_whether_commits_are_replicated() {
    let (primary, standby) = replicated();
    let options = Options { allow_single: false, ..prepared(&primary).await };
    let engine = open(&options).await;
    assert_eq!(engine.ready().await.expect("a standby follows"), Durability::Replicated);

    primary.sql("ALTER SYSTEM SET synchronous_standby_names = ''");
    primary.sql("SELECT pg_reload_conf()");
    drop(standby);
    let refused = support::eventually(async || engine.ready().await.err()).await;
    for refused in [refused, engine.commit(creation("a")).await.expect_err("the commit could be lost")] {
        let EngineError::Unavailable(cause) = refused else { panic!("expected to be unavailable: {refused:?}") };
        assert!(cause.to_string().contains("synchronous_standby_names"), "{cause}");
    }
    let single = open(&Options { allow_single: true, ..options }).await;
    assert_eq!(single.ready().await.expect("it may be single"), Durability::LocalDisk);
    single.commit(creation("a")).await.expect("it may be single");
}
