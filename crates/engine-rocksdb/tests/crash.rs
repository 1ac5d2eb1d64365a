//! Processes that die while they write: every acknowledged commit is there, and no commit is there in part.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lychgate_engine::{Batch, Clock, Cursor, Engine, Expectation, Key, KeyRange, Limit, Space};
use lychgate_engine_rocksdb::{OpenError, Options, RocksDb};
use lychgate_engine_suite::{TestClock, TestEntropy};

const PATH: &str = "LYCHGATE_TEST_CRASH_PATH";
const ROUND: &str = "LYCHGATE_TEST_CRASH_ROUND";
const VALUE_BYTES: &str = "LYCHGATE_TEST_CRASH_VALUE_BYTES";

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

fn open(path: &Path) -> Result<RocksDb, OpenError> {
    RocksDb::open(path, Options::default(), Arc::<TestClock>::default(), &TestEntropy)
}

/// Writes until the process dies, and names every batch that was acknowledged.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the other tests here, as a process of its own"]
async fn child() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let round = std::env::var(ROUND).unwrap();
    let value = vec![7; std::env::var(VALUE_BYTES).unwrap().parse().unwrap()];
    let engine = Arc::new(open(Path::new(&path)).unwrap());
    let now = TestClock::default().now();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let (engine, round, value) = (engine.clone(), round.clone(), value.clone());
        writers.spawn(async move {
            for number in 0.. {
                let name = format!("{round}.{writer}.{number}");
                let batch = Batch::new(now, now + Duration::from_secs(10))
                    .put(Key::new(Space::Grants, name.clone()), Expectation::Absent, value.clone(), None)
                    .put(Key::new(Space::Consents, name.clone()), Expectation::Absent, value.clone(), None)
                    .event(name.clone().into_bytes());
                engine.commit(batch).await.unwrap();
                eprintln!("answered {name}");
            }
        });
    }
    writers.join_all().await;
}

fn command(program: &Path, path: &Path, round: u32, value_bytes: usize) -> Command {
    let mut command = Command::new(program);
    command.env(PATH, path).env(ROUND, round.to_string()).env(VALUE_BYTES, value_bytes.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

const CHILD: [&str; 4] = ["--ignored", "--exact", "child", "--nocapture"];

#[tokio::test]
async fn acknowledged_commits_survive_sigkill() {
    let directory = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let mut answered = Vec::new();
    for round in 0..20 {
        let mut child = command(&program, directory.path(), round, 100).args(CHILD).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        for _ in 0..20 + 13 * round {
            answered.extend(next_answer(&mut lines));
        }
        if round == 0 {
            let refused = open(directory.path()).unwrap_err();
            assert!(matches!(refused, OpenError::InUse(_)), "{refused:?}");
        }
        child.kill().unwrap();
        // Lines that the child wrote before it died.
        while let Some(name) = next_answer(&mut lines) {
            answered.push(name);
        }
        assert_eq!(child.wait().unwrap().signal(), Some(SIGKILL));
        assert_all_there_and_whole(directory.path(), &answered).await;
    }
    assert!(answered.len() > 2_000);
}

/// A full disk: the process ends itself, and no acknowledged commit is lost.
#[tokio::test]
async fn a_failed_write_ends_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    // No file may grow beyond half a mebibyte. The attempt is an error, not a signal.
    let script = "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\"";
    let mut shell = command(Path::new("sh"), directory.path(), 0, 10_000);
    let mut child = shell.args(["-c", script]).arg(program).args(CHILD).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut answered = Vec::new();
    while let Some(name) = next_answer(&mut lines) {
        answered.push(name);
    }
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(SIGABRT), "{rest}");
    assert!(!answered.is_empty());
    assert_all_there_and_whole(directory.path(), &answered).await;
}

/// The next acknowledged batch; `None` at the end of the output or at a line of another kind.
fn next_answer(lines: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    Some(line.strip_prefix("answered ")?.strip_suffix('\n')?.to_owned())
}

async fn assert_all_there_and_whole(path: &Path, answered: &[String]) {
    let engine = open(path).unwrap();
    let now = TestClock::default().now();
    let mut parts = BTreeMap::<String, u32>::new();
    for space in [Space::Grants, Space::Consents] {
        let all = Limit { results: usize::MAX, rows: usize::MAX };
        let page = engine.scan(space, KeyRange::prefix(b""), now, all).await.unwrap();
        for (key, _) in page.entries {
            *parts.entry(String::from_utf8(key.bytes).unwrap()).or_default() += 1;
        }
    }
    let incarnation = engine.read(&[], now).await.unwrap().revision.incarnation;
    let origin = Cursor { incarnation, position: 0 };
    for event in engine.events(origin, Duration::ZERO, usize::MAX).await.unwrap().events {
        *parts.entry(String::from_utf8(event.value).unwrap()).or_default() += 1;
    }
    let torn: Vec<_> = parts.iter().filter(|(_, parts)| **parts != 3).collect();
    assert!(torn.is_empty(), "there in part: {torn:?}");
    let there: HashSet<_> = parts.keys().collect();
    let lost: Vec<_> = answered.iter().filter(|name| !there.contains(name)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}
