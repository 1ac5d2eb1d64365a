//! The database on disk: it survives a restart, belongs to one process, and drops expired rows.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lychgate_engine::{Batch, CLOCK_SKEW, Clock, Cursor, Engine, EngineError, EventPage, Expectation, Key, Space};
use lychgate_engine_rocksdb::{OpenError, Options, RocksDb};
use lychgate_engine_suite::{TestClock, TestEntropy};
use rocksdb::{DB, IteratorMode};
use tempfile::TempDir;

fn open(path: &Path, clock: &Arc<TestClock>) -> Result<RocksDb, OpenError> {
    RocksDb::open(path, Options::default(), clock.clone(), &TestEntropy)
}

fn batch(clock: &TestClock) -> Batch {
    Batch::new(clock.now(), clock.now() + Duration::from_secs(10))
}

fn key(name: impl Into<Vec<u8>>) -> Key {
    Key::new(Space::Grants, name)
}

fn directory() -> (TempDir, PathBuf, Arc<TestClock>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    (directory, path, Arc::default())
}

async fn events(engine: &RocksDb, from: Cursor) -> EventPage {
    engine.events(from, Duration::ZERO, usize::MAX).await.unwrap()
}

#[tokio::test]
async fn entries_events_and_cursors_survive_a_restart() {
    let (_directory, path, clock) = directory();
    let end = clock.now() + Duration::from_secs(1);
    let engine = open(&path, &clock).unwrap();
    let origin = Cursor { incarnation: engine.read(&[], end).await.unwrap().revision.incarnation, position: 0 };
    for name in ["a", "b", "c"] {
        let batch = batch(&clock).put(key(name), Expectation::Absent, name.into(), end).event(name.into());
        engine.commit(batch).await.unwrap();
    }
    let c = engine.read(&[key("c")], clock.now()).await.unwrap().entries[0].clone().unwrap();
    engine.commit(batch(&clock).delete(key("c"), c.version)).await.unwrap();
    let keys = [key("a"), key("b"), key("c")];
    let (before, log) = (engine.read(&keys, clock.now()).await.unwrap(), events(&engine, origin).await);
    drop(engine);

    let engine = open(&path, &clock).unwrap();
    assert_eq!(engine.read(&keys, clock.now()).await.unwrap(), before);
    assert_eq!(events(&engine, origin).await, log);

    let again = batch(&clock).put(key("c"), Expectation::Absent, b"c".to_vec(), None).event(b"d".to_vec());
    let revision = engine.commit(again).await.unwrap();
    assert!(revision.sequence > before.revision.sequence);
    let remade = engine.read(&[key("c")], clock.now()).await.unwrap().entries[0].clone().unwrap();
    assert!(remade.version > c.version, "no version is used again after a restart");
    let news = events(&engine, log.next).await.events;
    assert_eq!(news.into_iter().map(|event| event.value).collect::<Vec<_>>(), [b"d"], "cursors outlast a restart");
}

#[tokio::test]
async fn forgotten_events_stay_forgotten_after_a_restart_and_leave_the_disk() {
    let (_directory, path, clock) = directory();
    let engine = open(&path, &clock).unwrap();
    let origin = Cursor { incarnation: engine.read(&[], clock.now()).await.unwrap().revision.incarnation, position: 0 };
    for name in ["one", "two", "three"] {
        engine.commit(batch(&clock).event(name.into())).await.unwrap();
    }
    let log = events(&engine, origin).await;
    engine.forget_events(log.events[1].cursor).await.unwrap();
    drop(engine);

    let engine = open(&path, &clock).unwrap();
    match engine.events(origin, Duration::ZERO, 1).await {
        Err(EngineError::CursorLost { oldest }) => assert_eq!(oldest, log.events[1].cursor),
        other => panic!("expected the cursor to be lost: {other:?}"),
    }
    assert_eq!(events(&engine, log.events[1].cursor).await.events, log.events[2..]);
    engine.commit(batch(&clock).event(b"four".to_vec())).await.unwrap();
    let later = events(&engine, log.events[2].cursor).await.events;
    assert_eq!((later.len(), &later[0].value), (1, &b"four".to_vec()));
    engine.compact().await.unwrap();
    drop(engine);
    assert_eq!(on_disk(&path, "events").len(), 2);
}

#[tokio::test]
async fn completeness_never_goes_back_when_the_clock_does() {
    let (_directory, path, clock) = directory();
    let begin = clock.now();
    let engine = open(&path, &clock).unwrap();
    clock.advance(CLOCK_SKEW);
    let newest = clock.now();
    engine.commit(batch(&clock).event(b"early".to_vec())).await.unwrap();
    drop(engine);

    clock.set(begin);
    let engine = open(&path, &clock).unwrap();
    engine.commit(batch(&clock).event(b"late".to_vec())).await.unwrap();
    clock.set(newest + CLOCK_SKEW);
    let origin = Cursor { incarnation: engine.read(&[], begin).await.unwrap().revision.incarnation, position: 0 };
    let page = engine.events(origin, Duration::ZERO, 1).await.unwrap();
    assert_eq!(page.complete_to, newest, "the second event counts as committed no earlier than the first");
}

#[tokio::test]
async fn a_database_has_one_owner() {
    let (_directory, path, clock) = directory();
    let engine = open(&path, &clock).unwrap();
    let refused = open(&path, &clock).unwrap_err();
    assert!(matches!(refused, OpenError::InUse(_)), "{refused:?}");
    assert!(refused.to_string().ends_with("is in use by another process"), "{refused}");
    drop(engine);
    open(&path, &clock).unwrap();
}

#[tokio::test]
async fn other_users_may_not_enter_the_directory() {
    let (_directory, path, clock) = directory();
    let nested = path.join("deeper");
    drop(open(&nested, &clock).unwrap());
    for made in [&path, &nested] {
        assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test]
async fn expired_rows_leave_the_disk() {
    let (_directory, path, clock) = directory();
    let engine = open(&path, &clock).unwrap();
    let end = clock.now() + Duration::from_secs(1);
    for (name, expires_at) in [("expired", Some(end)), ("unexpired", Some(end + CLOCK_SKEW)), ("lasting", None)] {
        let batch = batch(&clock).put(key(name), Expectation::Absent, name.into(), expires_at).event(name.into());
        engine.commit(batch).await.unwrap();
    }
    // A caller's clock may still be behind this one.
    clock.set(end + 2 * CLOCK_SKEW);
    engine.compact().await.unwrap();
    drop(engine);
    assert_eq!(on_disk(&path, "grants"), ["expired", "lasting", "unexpired"]);

    clock.advance(Duration::from_millis(1));
    let engine = open(&path, &clock).unwrap();
    engine.compact().await.unwrap();
    let again = batch(&clock).put(key("expired"), Expectation::Absent, b"2".to_vec(), None);
    engine.commit(again).await.unwrap();
    let entries = engine.read(&[key("expired")], clock.now()).await.unwrap().entries;
    assert_eq!(entries[0].as_ref().map(|entry| entry.value.clone()), Some(b"2".to_vec()));
    engine.compact().await.unwrap();
    let version = entries[0].as_ref().unwrap().version;
    engine.commit(batch(&clock).delete(key("expired"), version)).await.unwrap();
    engine.compact().await.unwrap();
    drop(engine);
    assert_eq!(on_disk(&path, "grants"), ["lasting", "unexpired"]);
    assert_eq!(on_disk(&path, "events").len(), 3, "the log is not swept");
}

fn on_disk(path: &Path, family: &str) -> Vec<String> {
    let mut options = rocksdb::Options::default();
    // RocksDB 11.8.1 crashes here without this option.
    options.set_track_and_verify_wals_in_manifest(true);
    let db = DB::open_cf_for_read_only(&options, path, [family], false).unwrap();
    let rows = db.iterator_cf(db.cf_handle(family).unwrap(), IteratorMode::Start);
    rows.map(|row| String::from_utf8_lossy(&row.unwrap().0).into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_share_the_fsync() {
    const COMMITS: u64 = 64 * 20;
    let (_directory, path, clock) = directory();
    let options = Options { statistics: true, ..Options::default() };
    let engine = Arc::new(RocksDb::open(&path, options, clock.clone(), &TestEntropy).unwrap());
    let before = syncs(&engine);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..64_u8 {
        let (engine, clock) = (engine.clone(), clock.clone());
        writers.spawn(async move {
            for number in 0..20 {
                let batch = batch(&clock).put(key([writer, number]), Expectation::Absent, vec![number], None);
                engine.commit(batch).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let synced = syncs(&engine) - before;
    assert!((1..COMMITS / 2).contains(&synced), "{synced} syncs for {COMMITS} commits");
}

/// The number of syncs of the write-ahead log so far.
fn syncs(engine: &RocksDb) -> u64 {
    let statistics = engine.statistics().unwrap();
    let line = statistics.lines().find(|line| line.starts_with("rocksdb.wal.synced")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn another_programs_database_is_neither_opened_nor_changed() {
    let clock = Arc::default();
    let mut create = rocksdb::Options::default();
    create.create_if_missing(true);
    create.create_missing_column_families(true);
    for families in [&[][..], &["grants"], &["unknown"]] {
        let directory = tempfile::tempdir().unwrap();
        let db = DB::open_cf(&create, directory.path(), families).unwrap();
        db.put("theirs", "1").unwrap();
        drop(db);
        let before = DB::list_cf(&create, directory.path()).unwrap();
        let refused = open(directory.path(), &clock).unwrap_err();
        assert!(matches!(refused, OpenError::Foreign(_)), "{families:?}: {refused:?}");
        assert_eq!(DB::list_cf(&create, directory.path()).unwrap(), before);
    }
}

/// After an interrupted first start, and after an update to a version with more spaces.
#[tokio::test]
async fn missing_families_are_made() {
    let (_directory, path, clock) = directory();
    let engine = open(&path, &clock).unwrap();
    engine.commit(batch(&clock).put(key("a"), Expectation::Absent, vec![], None)).await.unwrap();
    drop(engine);
    let families = DB::list_cf(&rocksdb::Options::default(), &path).unwrap();
    let mut db = DB::open_cf(&rocksdb::Options::default(), &path, families).unwrap();
    db.drop_cf("counters").unwrap();
    drop(db);
    let engine = open(&path, &clock).unwrap();
    assert!(engine.read(&[key("a")], clock.now()).await.unwrap().entries[0].is_some());
    engine.commit(batch(&clock).put(Key::new(Space::Counters, "c"), Expectation::Absent, vec![], None)).await.unwrap();
}

#[tokio::test]
async fn another_format_is_refused() {
    let (_directory, path, clock) = directory();
    drop(open(&path, &clock).unwrap());
    let families = DB::list_cf(&rocksdb::Options::default(), &path).unwrap();
    let db = DB::open_cf(&rocksdb::Options::default(), &path, families).unwrap();
    db.put("format", 2_u32.to_be_bytes()).unwrap();
    drop(db);
    let refused = open(&path, &clock).unwrap_err();
    assert!(matches!(refused, OpenError::Format { found: 2, .. }), "{refused:?}");
    assert!(refused.to_string().ends_with("has format 2; this version reads format 1"), "{refused}");
}

/// A record that was cut off was never acknowledged. A damaged one was, and the records after it must not vanish silently.
#[tokio::test]
async fn a_torn_tail_is_cut_off_and_damage_is_refused() {
    let (_directory, path, clock) = directory();
    let engine = open(&path, &clock).unwrap();
    for number in 0..10_u8 {
        let put = batch(&clock).put(key([number]), Expectation::Absent, vec![number; 100], None);
        engine.commit(put).await.unwrap();
    }
    drop(engine);
    let log = write_ahead_log(&path);
    let intact = fs::read(&log).unwrap();

    let mut damaged = intact.clone();
    damaged[intact.len() / 2] ^= 1;
    fs::write(&log, damaged).unwrap();
    let refused = open(&path, &clock).unwrap_err();
    assert!(matches!(refused, OpenError::Failed(..)), "{refused:?}");

    fs::write(&log, &intact[..intact.len() - 10]).unwrap();
    let engine = open(&path, &clock).unwrap();
    let keys: Vec<_> = (0..10_u8).map(|number| key([number])).collect();
    let found = engine.read(&keys, clock.now()).await.unwrap().entries;
    assert!(found[..9].iter().all(Option::is_some) && found[9].is_none());
}

/// A search for secrets in a database finds them in the log of a killed process, which holds keys, values and events in
/// plain. A table is compressed and would hide them.
#[tokio::test]
async fn the_log_holds_values_in_plain_and_a_table_does_not() {
    let (_directory, path, clock) = directory();
    let engine = open(&path, &clock).unwrap();
    // Repetitive text, which compresses. Sealed and encoded values do not, so they are found in tables, too.
    let texts: Vec<_> = (0..64).map(|n| format!("{n:02}-{}", "a secret ".repeat(10))).collect();
    for text in &texts {
        let put = batch(&clock).put(key(text.as_str()), Expectation::Absent, text.clone().into_bytes(), None);
        engine.commit(put.event(format!("event {text}").into_bytes())).await.unwrap();
    }
    let log = fs::read(write_ahead_log(&path)).unwrap();
    let count = |content: &[u8], text: &str| content.windows(text.len()).filter(|at| *at == text.as_bytes()).count();
    // A log is written in blocks; text on their border is split.
    let whole = texts.iter().filter(|text| count(&log, text) == 3).count();
    assert!(whole >= texts.len() - log.len() / (32 << 10), "only {whole} of {} are found whole", texts.len());

    engine.compact().await.unwrap();
    drop(engine);
    let files = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
    let tables: Vec<_> = files.filter(|file| file.extension().is_some_and(|extension| extension == "sst")).collect();
    assert!(!tables.is_empty());
    let found = |text: &&String| tables.iter().any(|table| count(&fs::read(table).unwrap(), text) > 0);
    assert!(texts.iter().filter(found).count() < texts.len() / 2, "if tables are not compressed, search them, too");
    assert_eq!(on_disk(&path, "grants").len(), texts.len());
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A directory that exists with other permissions, as an administrator or an older version made it.
#[tokio::test]
async fn a_database_that_others_can_read_is_made_private() {
    let (_directory, path, clock) = directory();
    fs::create_dir(&path).unwrap();
    set_mode(&path, 0o755);
    let engine = open(&path, &clock).unwrap();
    engine.commit(batch(&clock).put(key("a"), Expectation::Absent, vec![1], None)).await.unwrap();
    engine.compact().await.unwrap();
    drop(engine);
    assert_eq!(mode(&path), 0o700);

    let elsewhere = path.with_file_name("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    set_mode(&elsewhere, 0o644);
    symlink(&elsewhere, path.join("LOG.old.1")).unwrap();
    for open_to in [0o755, 0o775, 0o2770, 0o701, 0o750] {
        // RocksDB may have removed it.
        let _ = fs::remove_file(path.join("LOG.old.1"));
        set_mode(&path, open_to);
        for file in fs::read_dir(&path).unwrap() {
            set_mode(&file.unwrap().path(), 0o664);
        }
        symlink(&elsewhere, path.join("LOG.old.1")).unwrap();
        let before: Vec<_> = fs::read_dir(&path).unwrap().map(|file| file.unwrap().path()).collect();
        drop(open(&path, &clock).unwrap());
        assert_eq!(mode(&path), 0o700, "{open_to:o}");
        // RocksDB keeps these; others it makes anew, with the permissions that the process's mask leaves.
        let kept = |file: &&PathBuf| file.extension().is_some_and(|kind| kind == "sst") || file.ends_with("LOCK");
        let modes: Vec<_> = before.iter().filter(kept).filter(|file| file.exists()).map(|file| mode(file)).collect();
        assert!(modes.len() > 1 && modes.iter().all(|mode| *mode == 0o600), "{modes:?} in {open_to:o}");
        assert_eq!(mode(&elsewhere), 0o644, "a file elsewhere is left alone");
    }
}

/// The path may be a mistake: a directory of other things keeps its permissions.
#[tokio::test]
async fn a_directory_with_other_things_is_refused_unless_it_is_private() {
    for strange in ["notes.txt", "lost+found", "abc.log", "12.sst.bak"] {
        let (_directory, path, clock) = directory();
        fs::create_dir(&path).unwrap();
        fs::write(path.join(strange), "").unwrap();
        set_mode(&path.join(strange), 0o644);
        set_mode(&path, 0o755);
        let refused = open(&path, &clock).unwrap_err();
        assert!(matches!(refused, OpenError::NotPrivate { mode: 0o755, .. }), "{strange}: {refused:?}");
        assert!(refused.to_string().contains(&format!("{} (mode 0755)", path.display())), "{refused}");
        assert_eq!((mode(&path), mode(&path.join(strange))), (0o755, 0o644), "{strange}");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "nothing is written");
        set_mode(&path, 0o700);
        drop(open(&path, &clock).unwrap());
        assert_eq!(mode(&path.join(strange)), 0o644, "{strange}");
    }
}

fn write_ahead_log(path: &Path) -> PathBuf {
    let files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let logs = files.filter(|file| file.extension().is_some_and(|extension| extension == "log"));
    logs.max_by_key(|log| fs::metadata(log).unwrap().len()).unwrap()
}
