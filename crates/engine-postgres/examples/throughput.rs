//! Prints commits per second of the engine with a synchronous standby, beside a bare loop over the same server: one prepared
//! upsert for each transaction, one connection for each writer. Both servers and all writers share this machine.

#![expect(clippy::expect_used, reason = "a measurement that panics has failed")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use lychgate_engine::{Batch, Clock, Engine, Expectation, Key, Space};
use lychgate_engine_postgres::Postgres;
use lychgate_test_postgres::Server;
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/support/mod.rs"]
mod support;

const DURATION: Duration = Duration::from_secs(5);
const VALUE: [u8; 200] = [7; 200];

#[tokio::main]
async fn main() {
    let (primary, _standby) = support::replicated();
    let engine = support::open(&support::prepared(&primary).await).await;
    let url = primary.database();
    let table = "CREATE TABLE bare (key bytea PRIMARY KEY, version bigint NOT NULL, value bytea NOT NULL)";
    connect(&url).await.batch_execute(table).await.expect("the table can be made");
    println!("{:>8} {:>10} {:>10} {:>10} {:>10}", "writers", "", "commits/s", "p50 ms", "p99 ms");
    for writers in [1, 8, 64] {
        report("bare", writers, bare(&url, writers).await);
        report("engine", writers, through_engine(&engine, writers).await);
    }
    drop(primary as Server);
}

/// The latency of every commit of the writers.
async fn through_engine(engine: &Arc<Postgres>, writers: usize) -> Vec<Duration> {
    let mut running = JoinSet::new();
    for writer in 0..writers {
        let engine = Arc::clone(engine);
        running.spawn(async move {
            let (begun, mut latencies) = (Instant::now(), Vec::new());
            while begun.elapsed() < DURATION {
                let now = support::WallClock.now();
                let key = Key::new(Space::Grants, format!("{writers}/{writer}/{}", latencies.len()));
                let batch = Batch::new(now, now + DURATION).put(key, Expectation::Absent, VALUE.into(), None);
                let sent = Instant::now();
                engine.commit(batch).await.expect("the commit succeeds");
                latencies.push(sent.elapsed());
            }
            latencies
        });
    }
    running.join_all().await.concat()
}

async fn bare(url: &str, writers: usize) -> Vec<Duration> {
    let mut running = JoinSet::new();
    for writer in 0..writers {
        let client = connect(url).await;
        running.spawn(async move {
            let upsert =
                "INSERT INTO bare VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE SET version = $2, value = $3";
            let upsert = client.prepare(upsert).await.expect("the statement can be prepared");
            let (begun, mut latencies) = (Instant::now(), Vec::new());
            while begun.elapsed() < DURATION {
                let key = format!("{writers}/{writer}/{}", latencies.len()).into_bytes();
                let sent = Instant::now();
                let row = client.execute(&upsert, &[&key, &1_i64, &VALUE.as_slice()]).await;
                row.expect("the commit succeeds");
                latencies.push(sent.elapsed());
            }
            latencies
        });
    }
    running.join_all().await.concat()
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server takes connections");
    tokio::spawn(connection);
    client
}

fn report(name: &str, writers: usize, mut latencies: Vec<Duration>) {
    latencies.sort();
    let millis = |part: f64| latencies[(latencies.len() as f64 * part) as usize].as_secs_f64() * 1e3;
    let rate = latencies.len() as f64 / DURATION.as_secs_f64();
    println!("{writers:>8} {name:>10} {rate:>10.0} {:>10.2} {:>10.2}", millis(0.5), millis(0.99));
}
