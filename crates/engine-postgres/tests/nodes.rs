//! Several engines, and other sessions, on one database.

#![expect(clippy::expect_used, reason = "a test that panics has failed")]

use std::sync::Arc;
use std::time::Duration;

use lychgate_engine::{Batch, CLOCK_SKEW, Clock, Engine, EngineError, Expectation, Key, Space, Timestamp};
use lychgate_engine_postgres::{Options, Postgres};
use lychgate_engine_suite::TestClock;
use lychgate_test_postgres::Server;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

use support::{PATIENCE, WallClock, creation, eventually, has, key, log, open, origin, prepared};

#[expect(dead_code, reason = "each test file uses a part of it")]
mod support;

/// Another session of the database, which the engine does not know.
async fn session(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server takes connections");
    tokio::spawn(connection);
    client
}

fn database(options: &Options) -> String {
    let shown = format!("{:?}", options.url);
    shown.trim_start_matches("DatabaseUrl(").split(' ').next().expect("the database comes first").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racers_on_two_nodes_one_wins_and_both_tails_agree() {
    const RACERS: usize = 64;
    const ROUNDS: usize = 3;
    let server = Server::shared();
    let options = prepared(server).await;
    let nodes = [open(&options).await, open(&options).await];
    let tails = nodes.clone().map(|node| {
        tokio::spawn(async move {
            let (mut cursor, mut seen) = (origin(&node).await, Vec::new());
            while seen.len() < ROUNDS * (2 * RACERS + 1) {
                let page = node.events(cursor, PATIENCE, 50).await.expect("events can be read");
                assert!(!page.events.is_empty(), "events were skipped: only {} of them came", seen.len());
                cursor = page.next;
                seen.extend(page.events.into_iter().map(|event| event.value));
            }
            seen
        })
    });
    for round in 0..ROUNDS {
        let start = Arc::new(Barrier::new(2 * RACERS));
        let mut racers = JoinSet::new();
        for racer in 0..2 * RACERS {
            let (node, start) = (nodes[racer % 2].clone(), start.clone());
            racers.spawn(async move {
                start.wait().await;
                let prize = creation(&format!("prize {round}"));
                let won = match node.commit(prize).await {
                    Ok(_) => true,
                    Err(EngineError::Conflict(_)) => false,
                    Err(other) => panic!("a loser is told of the conflict: {other:?}"),
                };
                node.commit(creation(&format!("{round}/{racer}"))).await.expect("its own key is free");
                won
            });
        }
        let winners = racers.join_all().await.into_iter().filter(|won| *won).count();
        assert_eq!(winners, 1);
    }
    let [one, other] = tails;
    let (one, other) = (one.await.expect("a tail ends"), other.await.expect("a tail ends"));
    assert_eq!(one, other);
    assert_eq!(one, log(&nodes[0]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_another_node_ends_the_wait_for_events() {
    let server = Server::shared();
    let options = prepared(server).await;
    let (one, other) = (open(&options).await, open(&options).await);
    let cursor = origin(&other).await;
    let waiting = tokio::spawn(async move { other.events(cursor, PATIENCE, 10).await });
    one.commit(creation("a")).await.expect("the commit succeeds");
    let page = tokio::time::timeout(PATIENCE / 2, waiting).await.expect("the commit ends the wait");
    assert_eq!(page.expect("the waiter does not panic").expect("events can be read").events.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_after_a_barrier_sees_the_commit_of_another_node() {
    let server = Server::shared();
    let options = prepared(server).await;
    let (one, other) = (open(&options).await, open(&options).await);
    for round in 0..20 {
        let name = round.to_string();
        one.commit(creation(&name)).await.expect("the commit succeeds");
        other.barrier().await.expect("the server is the primary");
        assert!(has(&other, &name).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_time_passed_in_the_wait_for_the_lock_is_not_applied() {
    let server = Server::shared();
    let options = prepared(server).await;
    let engine = open(&options).await;
    engine.commit(creation("before")).await.expect("the commit succeeds");
    let url = server.url(&database(&options));
    let blocker = session(&url).await;
    blocker.batch_execute("BEGIN; SELECT FROM lychgate.store FOR UPDATE").await.expect("the row can be locked");

    let mut batch = creation("late");
    batch.not_after = WallClock.now() + Duration::from_millis(300);
    let not_after = batch.not_after;
    let waiting = tokio::spawn({
        let engine = engine.clone();
        async move { engine.commit(batch).await }
    });
    let watcher = session(&url).await;
    let is_waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%commit_batches%'
        AND datname = current_database()";
    eventually(async || watcher.query_opt(is_waiting, &[]).await.expect("the view can be read")).await;
    eventually(async || (WallClock.now() > not_after).then_some(())).await;
    blocker.batch_execute("COMMIT").await.expect("the lock can be given back");

    let outcome = waiting.await.expect("the caller does not panic");
    assert!(matches!(outcome, Err(EngineError::Unavailable(_))), "{outcome:?}");
    assert!(!has(&engine, "late").await);
    assert_eq!(log(&engine).await, [b"before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_transaction_does_not_hold_the_feed_back() {
    let server = Server::shared();
    let options = prepared(server).await;
    let engine = open(&options).await;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id()";
    let (here, elsewhere) = (session(&server.url(&database(&options))).await, session(&server.database()).await);
    for transaction in [&here, &elsewhere] {
        transaction.batch_execute(begin).await.expect("a transaction can begin");
    }
    let mut cursor = origin(&engine).await;
    for round in 0..3 {
        let name = round.to_string();
        engine.commit(creation(&name)).await.expect("the commit succeeds");
        let page = engine.events(cursor, Duration::ZERO, 10).await.expect("events can be read");
        assert_eq!(page.events.iter().map(|event| &event.value[..]).collect::<Vec<_>>(), [name.as_bytes()]);
        cursor = page.next;
    }
    for transaction in [here, elsewhere] {
        transaction.batch_execute("COMMIT").await.expect("it is still open");
    }
}

/// The system's clock, set back.
#[derive(Debug)]
struct Behind(Duration);

impl Clock for Behind {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(WallClock.now().millis() - self.0.as_millis() as u64)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ahead_does_not_move_the_times_of_commits() {
    let server = Server::shared();
    let options = sweeping(server).await;
    let ahead = Arc::new(TestClock::new(WallClock.now() + Duration::from_secs(86_400)));
    let ahead = Postgres::open(options.clone(), ahead).await.expect("a prepared database opens");
    let mut batch = creation("ahead");
    batch.not_after = batch.not_after + Duration::from_secs(86_400);
    ahead.commit(batch).await.expect("the commit succeeds");
    open(&options).await.commit(creation("right")).await.expect("the commit succeeds");
    let future = "SELECT count(*) FROM lychgate.events
        WHERE committed_at > extract(epoch FROM clock_timestamp()) * 1000";
    assert_eq!(server.sql_in(&database(&options), future), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_page_is_complete_to_an_instant_of_its_readers_clock() {
    let server = Server::shared();
    let options = sweeping(server).await;
    let clock = Arc::new(Behind(Duration::from_secs(1)));
    let reader = Postgres::open(options.clone(), clock.clone()).await.expect("a prepared database opens");
    let writer = open(&options).await;
    let begun = clock.now();
    for name in ["a", "b"] {
        writer.commit(creation(name)).await.expect("the commit succeeds");
    }
    let committed = clock.now();
    let origin = origin(&reader).await;
    let empty = async || {
        let end = reader.events(origin, Duration::ZERO, 2).await.expect("events can be read").next;
        reader.events(end, Duration::ZERO, 1).await.expect("events can be read")
    };
    // Later than the second event by the writer's clock.
    eventually(async || (empty().await.complete_to > committed + Duration::from_secs(2)).then_some(())).await;
    let page = reader.events(origin, Duration::ZERO, 1).await.expect("events can be read");
    assert_eq!(page.events.len(), 1);
    assert!(page.complete_to <= committed, "{} is after {committed}", page.complete_to);
    assert!(page.complete_to + PATIENCE > begun, "{} is long before {begun}", page.complete_to);
}

/// A new database, whose engine sweeps all the time and accepts every clock.
async fn sweeping(server: &Server) -> Options {
    let sweep_interval = Duration::from_millis(20);
    Options { sweep_interval, largest_clock_difference: Duration::MAX, ..prepared(server).await }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_is_ahead_sweeps_no_entry_that_others_may_see() {
    const DAY: Duration = Duration::from_secs(86_400);
    let server = Server::shared();
    let options = sweeping(server).await;
    let database = database(&options);
    let entry = |name: &str, end: Timestamp| {
        let values = format!("1, '{name}', 1, {}, ''", end.millis());
        server.sql_in(&database, &format!("INSERT INTO lychgate.entries VALUES ({values})"));
    };
    let now = WallClock.now();
    entry("live", now + CLOCK_SKEW);
    entry("old", Timestamp::from_millis(now.millis() - DAY.as_millis() as u64));
    let ahead = Arc::new(TestClock::new(now + DAY));
    let _engine = Postgres::open(options, ahead).await.expect("a prepared database opens");
    let names = || server.sql_in(&database, "SELECT key FROM lychgate.entries");
    let swept = eventually(async || Some(names()).filter(|names| !names.contains("\\x6f6c64"))).await;
    assert_eq!(swept, "\\x6c697665");
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_entries_are_swept_and_renewed_ones_stay() {
    let server = Server::shared();
    let clock = Arc::new(TestClock::default());
    let options = sweeping(server).await;
    let engine = Postgres::open(options.clone(), clock.clone()).await.expect("a prepared database opens");
    let end = clock.now() + Duration::from_secs(1);
    let put_until = |name: &str, end| {
        Batch::new(clock.now(), clock.now() + PATIENCE).put(key(name), Expectation::Absent, vec![1], end)
    };
    let put = |name: &str| put_until(name, end);
    engine.commit(put("renewed")).await.expect("the commit succeeds");
    let database = database(&options);
    let renewer = session(&server.url(&database)).await;
    let renew = "BEGIN; UPDATE lychgate.entries SET expires_at = NULL WHERE key = 'renewed'";
    renewer.batch_execute(renew).await.expect("the row can be changed");
    let count =
        |name: &str| server.sql_in(&database, &format!("SELECT count(*) FROM lychgate.entries WHERE key = '{name}'"));
    let sweeps = async |name: &str| {
        engine.commit(put(name)).await.expect("the commit succeeds");
        eventually(async || (count(name) == "0").then_some(())).await;
    };

    // At the last instant at which a caller may still see the entry, an older one is swept and it is not.
    engine.commit(put("in time")).await.expect("the commit succeeds");
    clock.set(end + 2 * CLOCK_SKEW);
    let earlier = Timestamp::from_millis(end.millis() - 1);
    engine.commit(put_until("earlier", earlier)).await.expect("the commit succeeds");
    eventually(async || (count("earlier") == "0").then_some(())).await;
    assert_eq!(count("in time"), "1");
    clock.set(end + 2 * CLOCK_SKEW + Duration::from_millis(1));
    sweeps("while the row is locked").await;
    assert_eq!(count("renewed"), "1");
    renewer.batch_execute("COMMIT").await.expect("the change can be committed");
    sweeps("after the row was renewed").await;
    assert_eq!(count("renewed"), "1");
    let found = engine.read(&[Key::new(Space::Grants, "renewed")], clock.now()).await.expect("a read succeeds");
    assert!(found.entries[0].is_some());
}
