//! Checkpoints: whole copies of the files of a database that takes commits.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lychgate_engine::{Batch, CheckpointError, Clock as _, Cursor, Engine as _, Expectation, Key, Space, Timestamp};
use lychgate_engine_rocksdb::{Options, RocksDb};
use lychgate_engine_suite::{TestClock, TestEntropy};

fn open(path: &Path, clock: &Arc<TestClock>) -> RocksDb {
    RocksDb::open(path, Options::default(), clock.clone(), &TestEntropy).unwrap()
}

async fn put(engine: &RocksDb, n: u32, now: Timestamp) {
    let batch = Batch::new(now, now + Duration::from_secs(9));
    let (one, two) = (Key::new(Space::Grants, n.to_be_bytes()), Key::new(Space::Consents, n.to_be_bytes()));
    let batch = batch.put(one, Expectation::Absent, vec![1; 100], None).put(two, Expectation::Absent, vec![2], None);
    engine.commit(batch.event(n.to_be_bytes().to_vec())).await.unwrap();
}

/// How many of the records 0, 1, 2 … are there; each is whole, in both spaces and in the log, and none is missing in between.
async fn records(engine: &RocksDb, now: Timestamp) -> u32 {
    let incarnation = engine.read(&[], now).await.unwrap().revision.incarnation;
    let first = Cursor { incarnation, position: 0 };
    let events = engine.events(first, Duration::ZERO, 100_000).await.unwrap().events;
    for (n, event) in (0_u32..).zip(&events) {
        assert_eq!(event.value, n.to_be_bytes());
        let keys = [Space::Grants, Space::Consents].map(|space| Key::new(space, n.to_be_bytes()));
        assert!(engine.read(&keys, now).await.unwrap().entries.iter().all(Option::is_some), "record {n}");
    }
    let next = Key::new(Space::Grants, u32::try_from(events.len()).unwrap().to_be_bytes());
    assert_eq!(engine.read(&[next], now).await.unwrap().entries, [None]);
    u32::try_from(events.len()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_under_load_has_every_commit_before_it_and_none_in_part() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::<TestClock>::default());
    let now = clock.now();
    let path = directory.path().join("store");
    let engine = Arc::new(open(&path, &clock));
    for n in 0..100 {
        put(&engine, n, now).await;
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writer = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move {
            let mut n = 100;
            while !*stopped.borrow() {
                put(&engine, n, now).await;
                n += 1;
            }
            n
        }
    });
    let checkpoints = engine.checkpoints();
    let copied = directory.path().join("copied");
    let made = tokio::task::spawn_blocking(move || checkpoints.checkpoint().unwrap()).await.unwrap();
    fs::create_dir(&copied).unwrap();
    for entry in fs::read_dir(made.directory()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copied.join(entry.file_name())).unwrap();
    }
    drop(made);
    stop.send(true).unwrap();
    let written = writer.await.unwrap();
    let found = records(&open(&copied, &clock), now).await;
    assert!((100..=written).contains(&found), "{found} of {written}");
    assert_eq!(records(&engine, now).await, written);
}

#[tokio::test]
async fn there_is_one_checkpoint_at_a_time_and_its_files_end_with_it() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::<TestClock>::default());
    let path = directory.path().join("store");
    let engine = open(&path, &clock);
    let checkpoints = engine.checkpoints();
    let beside = directory.path().join("store.checkpoint");
    // An earlier process ended in the middle of one.
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join("CURRENT"), b"half").unwrap();
    let first = checkpoints.checkpoint().unwrap();
    assert_eq!(first.directory(), beside);
    assert!(matches!(checkpoints.checkpoint(), Err(CheckpointError::Busy)));
    assert!(beside.join("CURRENT").exists(), "the refused one deletes nothing");
    drop(first);
    assert!(!beside.exists());
    checkpoints.checkpoint().unwrap();
    assert!(!beside.exists());
}
