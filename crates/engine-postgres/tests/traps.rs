//! Servers that fail: what was acknowledged is there, what is not certain is not reported as certain.

#![expect(clippy::expect_used, reason = "a test that panics has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lychgate_engine::{Clock, Cursor, Engine, EngineError, Revision};
use lychgate_engine_postgres::{Options, Postgres};
use lychgate_test_postgres::{Server, Signal, Sync};
use tokio::task::JoinSet;

use support::{PATIENCE, WallClock, creation, eventually, has, key, log, open, origin, prepared, replicated};

mod support;

/// The time after which reads of a server that is cut off are refused.
const LEASE: Duration = Duration::from_secs(2);

/// Timeouts of a second, so that tests wait less.
async fn hasty(server: &Server) -> Options {
    let second = Duration::from_secs(1);
    Options { commit_timeout: second, connect_timeout: second, read_timeout: second, ..prepared(server).await }
}

/// Sends a batch until its outcome is known.
async fn settled(engine: &Postgres, name: &str, batch: &lychgate_engine::Batch) -> Result<Revision, EngineError> {
    let outcome = eventually(async || match engine.commit(batch.clone()).await {
        Err(EngineError::Unknown(_) | EngineError::Unavailable(_)) => None,
        outcome => Some(outcome),
    });
    let outcome = outcome.await;
    assert!(has(engine, name).await);
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_a_standby_is_unknown_and_lands_once() {
    let (primary, standby) = replicated();
    let options = hasty(&primary).await;
    let engine = open(&options).await;
    engine.commit(creation("before")).await.expect("a standby follows");
    standby.kill();

    let (batch, begun) = (creation("during"), Instant::now());
    let outcome = engine.commit(batch.clone()).await;
    assert!(matches!(outcome, Err(EngineError::Unknown(_))), "{outcome:?}");
    assert!(begun.elapsed() < options.commit_timeout + PATIENCE / 10, "{:?}", begun.elapsed());
    let outcome = engine.commit(creation("after it")).await;
    assert!(matches!(outcome, Err(EngineError::Unknown(_) | EngineError::Unavailable(_))), "{outcome:?}");

    standby.launch();
    match settled(&engine, "during", &batch).await {
        Ok(_) => {}
        Err(EngineError::Conflict(found)) => assert_eq!(found, key("during")),
        Err(other) => panic!("it has landed, or does so now: {other:?}"),
    }
    let landed = log(&engine).await.into_iter().filter(|event| event == b"during").count();
    assert_eq!(landed, 1);
}

/// A caller must not learn of a commit that can still be lost, not even by a conflict.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_reported_only_once_a_standby_has_what_it_saw() {
    let (primary, standby) = replicated();
    let options = hasty(&primary).await;
    let engine = open(&options).await;
    engine.commit(creation("a")).await.expect("a standby follows");
    let conflict = engine.commit(creation("a")).await;
    assert!(matches!(conflict, Err(EngineError::Conflict(_))), "{conflict:?}");
    standby.kill();
    let outcome = engine.commit(creation("a")).await;
    assert!(matches!(outcome, Err(EngineError::Unknown(_))), "{outcome:?}");
    standby.launch();
    assert!(matches!(settled(&engine, "a", &creation("a")).await, Err(EngineError::Conflict(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_cancelled_in_its_wait_for_a_standby_is_unknown() {
    let (primary, standby) = replicated();
    let engine = open(&Options { commit_timeout: PATIENCE, ..prepared(&primary).await }).await;
    engine.commit(creation("before")).await.expect("a standby follows");
    standby.kill();
    let committing = tokio::spawn({
        let engine = engine.clone();
        async move { engine.commit(creation("cancelled")).await }
    });
    let waits = "wait_event = 'SyncRep' AND query LIKE '%commit_batches%'";
    primary.wait_until(&format!("SELECT count(*) > 0 FROM pg_stat_activity WHERE {waits}"));
    primary.sql(&format!("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {waits}"));
    let outcome = committing.await.expect("the caller does not panic");
    assert!(matches!(outcome, Err(EngineError::Unknown(_))), "{outcome:?}");
}

/// PostgreSQL ends the wait with success and without a warning. A cluster manager does this when all standbys are lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_no_longer_waits_for_a_standby_is_unknown() {
    let (primary, standby) = replicated();
    let options = Options { allow_single: false, commit_timeout: PATIENCE, ..prepared(&primary).await };
    let engine = open(&options).await;
    engine.commit(creation("before")).await.expect("a standby follows");
    standby.kill();
    let committing = tokio::spawn({
        let engine = engine.clone();
        async move { engine.commit(creation("not replicated")).await }
    });
    let waits = "wait_event = 'SyncRep' AND query LIKE '%commit_batches%'";
    primary.wait_until(&format!("SELECT count(*) > 0 FROM pg_stat_activity WHERE {waits}"));
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = ''");
    primary.sql("SELECT pg_reload_conf()");
    let outcome = committing.await.expect("the caller does not panic");
    let Err(EngineError::Unknown(cause)) = outcome else { panic!("expected to be unknown: {outcome:?}") };
    assert!(cause.to_string().contains("synchronous_standby_names"), "{cause}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_server_loses_nothing_that_was_acknowledged() {
    const WRITERS: usize = 8;
    let server = Server::start(Sync::Full, "");
    let engine = open(&hasty(&server).await).await;
    let (done, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (engine, done, acknowledged) = (engine.clone(), done.clone(), acknowledged.clone());
        writers.spawn(async move {
            let mut mine = Vec::new();
            for number in 0.. {
                if done.load(Ordering::SeqCst) {
                    break;
                }
                let name = format!("{writer}/{number}");
                match engine.commit(creation(&name)).await {
                    Ok(_) => {
                        mine.push(name);
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                    Err(EngineError::Unknown(_) | EngineError::Unavailable(_)) => tokio::task::yield_now().await,
                    Err(other) => panic!("nothing else is in the way: {other:?}"),
                }
            }
            mine
        });
    }
    let more = async |number: usize| {
        let enough = acknowledged.load(Ordering::SeqCst) + number;
        eventually(async || (acknowledged.load(Ordering::SeqCst) >= enough).then_some(())).await;
    };
    for _ in 0..2 {
        more(100).await;
        server.kill();
        server.launch();
    }
    more(100).await;
    done.store(true, Ordering::SeqCst);
    let names: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    let events = log(&engine).await;
    for name in names {
        assert!(has(&engine, &name).await, "{name} was acknowledged");
        assert_eq!(events.iter().filter(|event| **event == name.as_bytes()).count(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_ends_calls_in_time() {
    let server = Server::start(Sync::Off, "");
    let options = hasty(&server).await;
    let engine = open(&options).await;
    engine.commit(creation("before")).await.expect("the commit succeeds");
    server.signal_all(Signal::STOP);

    let begun = Instant::now();
    let outcome = engine.commit(creation("during")).await;
    assert!(matches!(outcome, Err(EngineError::Unknown(_))), "{outcome:?}");
    let outcome = engine.read(&[], WallClock.now()).await;
    assert!(matches!(outcome, Err(EngineError::Unavailable(_))), "{outcome:?}");
    let outcome = engine.ready().await;
    assert!(matches!(outcome, Err(EngineError::Unavailable(_))), "{outcome:?}");
    assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());

    server.signal_all(Signal::CONT);
    eventually(async || engine.commit(creation("after")).await.ok()).await;
    assert!(has(&engine, "after").await);
}

/// The old primary answers the engine, but has no standby any more. Another server takes commits.
#[tokio::test(flavor = "multi_thread")]
async fn reads_of_a_primary_that_was_cut_off_end_with_the_lease() {
    let (old, new) = replicated();
    let engine = open(&hasty(&old).await).await;
    assert!(!has(&engine, "after").await);
    new.sql("SELECT pg_promote()");
    let promoted = Instant::now();
    let refused = eventually(async || {
        let begun = Instant::now();
        let outcome = engine.read(&[key("after")], WallClock.now()).await;
        assert!(outcome.is_err() || begun - promoted < LEASE, "a read was answered after the lease");
        outcome.err()
    });
    let refused = refused.await;
    assert!(matches!(refused, EngineError::Unavailable(_)), "{refused:?}");
    let outcome = engine.barrier().await;
    assert!(matches!(outcome, Err(EngineError::Unavailable(_))), "{outcome:?}");
}

/// Another server may take commits from the instant on at which the standby was lost.
#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_events_is_complete_to_an_instant_after_the_loss_of_the_standby() {
    let (primary, standby) = replicated();
    let engine = open(&hasty(&primary).await).await;
    let origin = origin(&engine).await;
    standby.kill();
    let lost = WallClock.now();
    let mut pages = 0;
    let refused = eventually(async || match engine.events(origin, Duration::ZERO, 10).await {
        Ok(page) => {
            assert!(page.complete_to <= lost, "{} is after {lost}", page.complete_to);
            pages += 1;
            None
        }
        Err(error) => Some(error),
    });
    let refused = refused.await;
    assert!(matches!(refused, EngineError::Unavailable(_)), "{refused:?}");
    assert!(pages > 0, "reads go on until the end of the lease");
}

/// The position may be one of a server that has taken over.
#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_is_ahead_is_lost_only_after_a_barrier() {
    let (primary, standby) = replicated();
    let engine = open(&hasty(&primary).await).await;
    engine.commit(creation("a")).await.expect("a standby follows");
    let end = engine.events(origin(&engine).await, Duration::ZERO, 10).await.expect("events can be read").next;
    let ahead = Cursor { position: end.position + (1 << 32), ..end };
    let outcome = engine.events(ahead, Duration::ZERO, 10).await;
    assert!(matches!(outcome, Err(EngineError::CursorLost { .. })), "{outcome:?}");
    engine.barrier().await.expect("a standby follows");
    standby.kill();
    let outcome = engine.events(ahead, Duration::ZERO, 10).await;
    assert!(matches!(outcome, Err(EngineError::Unavailable(_))), "{outcome:?}");
}

/// A server that recovers shows a commit that no standby has, because its wait for one ended with the crash.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_recovered_in_place_is_read_once_its_standby_has_everything() {
    let (primary, standby) = replicated();
    let options = hasty(&primary).await;
    let engine = open(&options).await;
    engine.commit(creation("before")).await.expect("a standby follows");
    standby.kill();
    let outcome = engine.commit(creation("at risk")).await;
    assert!(matches!(outcome, Err(EngineError::Unknown(_))), "{outcome:?}");
    primary.kill();
    primary.launch();
    let database = primary.sql("SELECT datname FROM pg_database WHERE datname LIKE 'test_%'");
    let shown = primary.sql_in(&database, "SELECT count(*) FROM lychgate.entries WHERE key = 'at risk'");
    assert_eq!(shown, "1", "the server itself shows the commit");

    let outcome = engine.read(&[key("at risk")], WallClock.now()).await;
    assert!(matches!(outcome, Err(EngineError::Unavailable(_))), "{outcome:?}");
    standby.launch();
    let read = eventually(async || engine.read(&[key("at risk")], WallClock.now()).await.ok()).await;
    assert!(read.entries[0].is_some());
}

/// The proof of the lease is from before the crash: when one of its processes crashes, PostgreSQL ends all sessions, recovers,
/// and stays the same server.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_recovered_from_a_crashed_session_is_read_after_a_barrier() {
    let (primary, standby) = replicated();
    let options = Options { commit_timeout: PATIENCE, ..hasty(&primary).await };
    let engine = open(&options).await;
    engine.commit(creation("before")).await.expect("a standby follows");
    let database = primary.sql("SELECT datname FROM pg_database WHERE datname LIKE 'test_%'");
    engine.barrier().await.expect("a standby follows");
    standby.kill();
    let committing = tokio::spawn({
        let engine = engine.clone();
        async move { engine.commit(creation("at risk")).await }
    });
    let waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%commit_batches%'";
    primary.wait_until(&format!("SELECT count(*) > 0 {waits}"));
    primary.signal_one(&primary.sql(&format!("SELECT pid {waits}")), Signal::KILL);
    let outcome = committing.await.expect("the caller does not panic");
    assert!(matches!(outcome, Err(EngineError::Unknown(_))), "{outcome:?}");
    let shown = "SELECT count(*) FROM lychgate.entries WHERE key = 'at risk'";
    eventually(async || {
        let output = primary.psql(&database, shown).output().expect("psql can be run");
        (output.stdout == b"1\n").then_some(())
    })
    .await;

    let outcome = engine.read(&[key("at risk")], WallClock.now()).await;
    assert!(matches!(outcome, Err(EngineError::Unavailable(_))), "{outcome:?}");
    standby.launch();
    let read = eventually(async || engine.read(&[key("at risk")], WallClock.now()).await.ok()).await;
    assert!(read.entries[0].is_some());
}
