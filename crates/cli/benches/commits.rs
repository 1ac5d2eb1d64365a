//! Commits, reads and sizes of the engines, in one run: RocksDB, PostgreSQL with a synchronous standby, and for scale a bare loop
//! over each: synced writes of one thread for each writer to RocksDB, and one prepared upsert for each transaction, one connection for
//! each writer, to the same PostgreSQL server. `make bench` prints it; nothing is asserted. Servers, writers and readers share this machine.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lychgate_control::{SystemClock, SystemEntropy};
use lychgate_engine::{Batch, Clock as _, Engine, Expectation, Key, KeyRange, Limit, Space, Timestamp};
use lychgate_engine_postgres::{Options, Postgres, migrate};
use lychgate_engine_rocksdb::RocksDb;
use lychgate_test_postgres::{Server, Sync};
use rocksdb::{DB, WriteOptions};
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

const DURATION: Duration = Duration::from_secs(5);
/// A grant of one client, as it is stored.
const VALUE: [u8; 300] = [7; 300];
const RECORDS: usize = 1_000_000;
const READERS: usize = 8;
/// Longer than an expired record is kept.
const EXPIRED: Duration = Duration::from_secs(600);
/// The records of one batch while a store is filled.
const FILLED_AT_ONCE: usize = 120;

#[tokio::main]
async fn main() -> Result<()> {
    let primary = Server::start(Sync::Full, "");
    let standby = primary.standby();
    primary.require_standby();
    let url = primary.database();
    let directory = tempfile::tempdir()?;
    let engines: [(&str, Arc<dyn Engine>); 2] =
        [("RocksDB", rocksdb(directory.path())?), ("PostgreSQL", postgres(&url).await?)];
    let bare = primary.database();
    let table = "CREATE TABLE bare (key bytea PRIMARY KEY, version bigint NOT NULL, value bytea NOT NULL)";
    connect(&bare).await?.batch_execute(table).await?;

    let bare_directory = tempfile::tempdir()?;
    let bare_rocksdb = Arc::new(DB::open_default(bare_directory.path())?);

    println!("{:>8} {:>22} {:>10} {:>9} {:>9}", "writers", "", "commits/s", "p50 ms", "p99 ms");
    for writers in [1, 8, 64] {
        for (name, engine) in &engines {
            report(&format!("{writers:>8} {name:>22}"), commits(engine, "empty", writers).await?);
        }
        report(&format!("{writers:>8} {:>22}", "bare RocksDB loop"), bare_writes(&bare_rocksdb, writers).await?);
        report(&format!("{writers:>8} {:>22}", "bare PostgreSQL loop"), bare_commits(&bare, writers).await?);
    }
    println!(
        "\n{:>22} {:>10} {:>12} {:>9} {:>9} {:>16}",
        "records", "", "reads/s", "p50 ms", "p99 ms", "a page of 100, ms"
    );
    for (name, engine) in &engines {
        look(&format!("{:>22} {name:>10}", "those of above"), engine).await?;
        let begun = Instant::now();
        fill(engine, Space::Consents, None).await?;
        let took = begun.elapsed().as_secs_f64();
        look(&format!("{:>22} {name:>10}", "and a million more"), engine).await?;
        println!("{:>22} {name:>10} {:>12.0} records/s while it was filled", "", RECORDS as f64 / took);
    }
    println!("\nbytes of a record of {} bytes with its key, after a million:", VALUE.len());
    let entries = primary
        .sql_in(database(&url)?, "SELECT pg_total_relation_size('lychgate.entries') / count(*) FROM lychgate.entries");
    println!("{:>22} {:>10}", "PostgreSQL", entries.trim());
    for (name, engine) in &engines {
        fill(engine, Space::Assertions, Some(EXPIRED)).await?;
        println!("\na million expired records were added to {name}; the commits of 8 writers");
        report("   before the sweep", commits(engine, "before", 8).await?);
        if *name == "PostgreSQL" {
            let sweeping = Options { sweep_interval: Duration::ZERO, ..Options::new(url.parse()?) };
            let sweeping = Postgres::open(sweeping, Arc::new(SystemClock)).await?;
            report("   during the sweep", commits(engine, "during", 8).await?);
            drop(sweeping);
            let count = "SELECT count(*) FROM lychgate.entries WHERE expires_at IS NOT NULL";
            let left: usize = primary.sql_in(database(&url)?, count).trim().parse()?;
            let swept = (RECORDS - left) as f64 / DURATION.as_secs_f64();
            println!("   {swept:.0} records/s were swept meanwhile, {left} are left");
        }
    }
    drop((engines, standby));
    Ok(())
}

fn rocksdb(directory: &Path) -> Result<Arc<dyn Engine>> {
    let options = lychgate_engine_rocksdb::Options::default();
    Ok(Arc::new(RocksDb::open(directory, options, Arc::new(SystemClock), &SystemEntropy)?))
}

async fn postgres(url: &str) -> Result<Arc<dyn Engine>> {
    let url: lychgate_engine_postgres::DatabaseUrl = url.parse()?;
    migrate(&url, Arc::new(SystemClock), &SystemEntropy).await?;
    Ok(Arc::new(Postgres::open(Options::new(url), Arc::new(SystemClock)).await?))
}

/// The latency of every commit of the writers. Each run has keys of its own.
async fn commits(engine: &Arc<dyn Engine>, run: &'static str, writers: usize) -> Result<Vec<Duration>> {
    in_parallel(writers, |writer| {
        let engine = Arc::clone(engine);
        async move {
            let mut latencies = Vec::new();
            let begun = Instant::now();
            while begun.elapsed() < DURATION {
                let now = SystemClock.now();
                let key = Key::new(Space::Grants, format!("{run}/{writers}/{writer}/{}", latencies.len()));
                let batch = Batch::new(now, now + DURATION).put(key, Expectation::Absent, VALUE.into(), None);
                let sent = Instant::now();
                engine.commit(batch).await?;
                latencies.push(sent.elapsed());
            }
            Ok(latencies)
        }
    })
    .await
}

async fn bare_writes(database: &Arc<DB>, writers: usize) -> Result<Vec<Duration>> {
    in_parallel(writers, |writer| {
        let database = Arc::clone(database);
        let thread = tokio::task::spawn_blocking(move || {
            let mut synced = WriteOptions::default();
            synced.set_sync(true);
            let mut latencies = Vec::new();
            let begun = Instant::now();
            while begun.elapsed() < DURATION {
                let sent = Instant::now();
                database.put_opt(format!("{writers}/{writer}/{}", latencies.len()), VALUE, &synced)?;
                latencies.push(sent.elapsed());
            }
            Ok(latencies)
        });
        async { thread.await? }
    })
    .await
}

async fn bare_commits(url: &str, writers: usize) -> Result<Vec<Duration>> {
    in_parallel(writers, |writer| {
        let url = url.to_owned();
        async move {
            let client = connect(&url).await?;
            let upsert =
                "INSERT INTO bare VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE SET version = $2, value = $3";
            let upsert = client.prepare(upsert).await?;
            let mut latencies = Vec::new();
            let begun = Instant::now();
            while begun.elapsed() < DURATION {
                let key = format!("{writers}/{writer}/{}", latencies.len()).into_bytes();
                let sent = Instant::now();
                client.execute(&upsert, &[&key, &1_i64, &VALUE.as_slice()]).await?;
                latencies.push(sent.elapsed());
            }
            Ok(latencies)
        }
    })
    .await
}

/// Adds a million records, which expired this long ago.
async fn fill(engine: &Arc<dyn Engine>, space: Space, expired: Option<Duration>) -> Result<()> {
    let each = RECORDS / READERS;
    in_parallel(READERS, |writer| {
        let engine = Arc::clone(engine);
        async move {
            for first in (0..each).step_by(FILLED_AT_ONCE) {
                let now = SystemClock.now();
                let batch = Batch::new(now, now + Duration::from_secs(60));
                let expires_at = expired.map(|ago| Timestamp::from_millis(now.millis() - ago.as_millis() as u64));
                let put = |batch: Batch, n| {
                    batch.put(filled(space, writer, n), Expectation::Absent, VALUE.into(), expires_at)
                };
                engine.commit((first..each.min(first + FILLED_AT_ONCE)).fold(batch, put)).await?;
            }
            Ok(Vec::new())
        }
    })
    .await
    .map(drop)
}

fn filled(space: Space, writer: usize, n: usize) -> Key {
    Key::new(space, format!("{writer}/{n:016}"))
}

/// Reads of one key at a time, and one page of a listing.
async fn look(name: &str, engine: &Arc<dyn Engine>) -> Result<()> {
    let latencies = in_parallel(READERS, |reader| {
        let engine = Arc::clone(engine);
        async move {
            let mut latencies = Vec::new();
            let begun = Instant::now();
            while begun.elapsed() < DURATION {
                // A large odd number: the keys come in no order.
                let key = filled(Space::Consents, reader, latencies.len() * 48_271 % (RECORDS / READERS));
                let sent = Instant::now();
                engine.read(&[key], SystemClock.now()).await?;
                latencies.push(sent.elapsed());
            }
            Ok(latencies)
        }
    })
    .await?;
    let sent = Instant::now();
    let limit = Limit { results: 100, rows: 100 };
    engine.scan(Space::Consents, KeyRange::prefix(b"3/"), SystemClock.now(), limit).await?;
    let page = sent.elapsed().as_secs_f64() * 1e3;
    let (rate, p50, p99) = summary(latencies);
    println!("{name} {rate:>12.0} {p50:>9.3} {p99:>9.3} {page:>16.2}");
    Ok(())
}

async fn in_parallel<F>(tasks: usize, task: impl Fn(usize) -> F) -> Result<Vec<Duration>>
where
    F: Future<Output = Result<Vec<Duration>>> + Send + 'static,
{
    let mut running: JoinSet<_> = (0..tasks).map(task).collect();
    let mut all = Vec::new();
    while let Some(done) = running.join_next().await {
        all.extend(done??);
    }
    Ok(all)
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn database(url: &str) -> Result<&str> {
    url.split(['/', '?']).nth(3).context("the URL names a database")
}

fn report(name: &str, latencies: Vec<Duration>) {
    let (rate, p50, p99) = summary(latencies);
    println!("{name} {rate:>10.0} {p50:>9.2} {p99:>9.2}");
}

/// Per second; the median and the 99th percentile in milliseconds.
fn summary(mut latencies: Vec<Duration>) -> (f64, f64, f64) {
    latencies.sort();
    let at =
        |part: f64| latencies.get((latencies.len() as f64 * part) as usize).map_or(0.0, |at| at.as_secs_f64() * 1e3);
    (latencies.len() as f64 / DURATION.as_secs_f64(), at(0.5), at(0.99))
}
