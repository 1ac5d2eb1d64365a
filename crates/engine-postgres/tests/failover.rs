//! One engine with two servers, of which the standby takes over.

#![expect(clippy::expect_used, reason = "a test that panics has failed")]

use std::sync::Arc;

use lychgate_engine::{Clock, Engine};
use lychgate_engine_postgres::{Options, Postgres};
use lychgate_test_postgres::Server;

use support::{WallClock, creation, eventually, has, key, log, open, prepared, replicated};

mod support;

/// An engine that knows both servers, the standby first, and one that knows the standby only, once it takes writes.
async fn both(primary: &Server, standby: &Server) -> (Arc<Postgres>, Options) {
    let options = prepared(primary).await;
    let database = primary.sql("SELECT datname FROM pg_database WHERE datname LIKE 'test_%'");
    let [first, second] = [standby, primary].map(|server| server.directory().display().to_string());
    let url = format!("postgresql://postgres@/{database}?host={first}&host={second}");
    let url = url.parse().expect("the URL can be parsed");
    let engine = open(&Options { url, ..options.clone() }).await;
    let url = standby.url(&database).parse().expect("the fixture's URL can be parsed");
    (engine, Options { url, ..options })
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_go_on_at_the_new_primary() {
    let (old, new) = replicated();
    let (engine, _) = both(&old, &new).await;
    engine.commit(creation("before")).await.expect("a standby follows");
    old.kill();
    new.sql("SELECT pg_promote()");
    eventually(async || engine.commit(creation("after")).await.ok()).await;
    assert!(has(&engine, "before").await && has(&engine, "after").await);
    assert_eq!(log(&engine).await, [&b"before"[..], b"after"]);
}

/// The old primary still answers on the connections that the engine has.
#[tokio::test(flavor = "multi_thread")]
async fn a_barrier_moves_reads_to_the_new_primary() {
    let (old, new) = replicated();
    let (engine, of_new) = both(&old, &new).await;
    engine.commit(creation("before")).await.expect("a standby follows");
    assert!(has(&engine, "before").await);
    new.sql("SELECT pg_promote()");
    open(&of_new).await.commit(creation("after")).await.expect("the new primary takes commits");

    eventually(async || engine.barrier().await.ok()).await;
    let read = engine.read(&[key("after")], WallClock.now()).await.expect("the new primary can be read");
    assert!(read.entries[0].is_some());
}
