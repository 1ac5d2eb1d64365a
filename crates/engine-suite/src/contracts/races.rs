//! Concurrent callers, on several threads.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lychgate_engine::{EngineError, Entry, Expectation, Key, Revision};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::Subject;
use crate::subject::key;

const RACERS: usize = 64;

/// As with sixty-four first logins of one person, or sixty-four redemptions of one code.
pub async fn of_many_racers_one_wins(subject: Subject) {
    for round in 0..6_u8 {
        let prize = key(&format!("prize {round}"));
        let expectation = match round % 2 {
            0 => Expectation::Absent,
            _ => Expectation::Version(subject.put(&prize, b"unspent", None).await),
        };
        let start = Arc::new(Barrier::new(RACERS));
        let mut racers = JoinSet::new();
        for racer in 0..RACERS {
            let (subject, prize, start) = (subject.clone(), prize.clone(), start.clone());
            racers.spawn(async move {
                let name = format!("{round}/{racer}").into_bytes();
                // The other writes of a loser must not appear either.
                let batch = subject
                    .batch()
                    .put(Key::new(prize.space, name.clone()), Expectation::Absent, b"own".to_vec(), None)
                    .put(prize, expectation, name.clone(), None)
                    .event(name.clone());
                start.wait().await;
                (name, subject.engine().commit(batch).await)
            });
        }
        let mut winners = Vec::new();
        for (name, outcome) in racers.join_all().await {
            match outcome {
                Ok(_) => winners.push(name),
                Err(EngineError::Conflict(blamed)) => {
                    assert_eq!(blamed, prize);
                    assert_eq!(subject.read(&Key::new(prize.space, name)).await, None);
                }
                Err(other) => panic!("a loser is told of the conflict: {other:?}"),
            }
        }
        let [winner] = winners.as_slice() else { panic!("exactly one wins: {winners:?}") };
        assert_eq!(subject.read(&prize).await.map(|entry| entry.value).as_ref(), Some(winner));
        assert!(subject.read(&Key::new(prize.space, winner.clone())).await.is_some());
        assert_eq!(subject.log().await.len(), usize::from(round) + 1, "losers leave no event");
    }
}

/// Each of two batches checks the key that the other writes. In any serial order the second sees the first.
pub async fn no_two_batches_skew_each_other(subject: Subject) {
    for round in 0..64_u8 {
        let pair = [key(&format!("a {round}")), key(&format!("b {round}"))];
        let versions = [subject.put(&pair[0], b"on duty", None).await, subject.put(&pair[1], b"on duty", None).await];
        let start = Arc::new(Barrier::new(2));
        let mut leaving = JoinSet::new();
        for mine in [0, 1] {
            let (subject, start) = (subject.clone(), start.clone());
            let (mine, other) = ((pair[mine].clone(), versions[mine]), (pair[1 - mine].clone(), versions[1 - mine]));
            leaving.spawn(async move {
                let batch = subject.batch().delete(mine.0, mine.1).expect(other.0, Expectation::Version(other.1));
                start.wait().await;
                subject.engine().commit(batch).await
            });
        }
        let outcomes = leaving.join_all().await;
        let left = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let conflicts = outcomes.iter().filter(|outcome| matches!(outcome, Err(EngineError::Conflict(_)))).count();
        assert!(left <= 1 && left + conflicts == 2, "{outcomes:?}");
    }
}

/// Money moves between two accounts; every read sees the same sum.
pub async fn a_read_is_one_snapshot_across_keys(subject: Subject) {
    let accounts = [key("account a"), key("account b")];
    for account in &accounts {
        subject.put(account, &[100], None).await;
    }
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (subject, accounts, done) = (subject.clone(), accounts.clone(), done.clone());
        readers.spawn(async move {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(
                    balances(&subject, &accounts).await.iter().map(|(sum, _)| u32::from(*sum)).sum::<u32>(),
                    200
                );
                tokio::task::yield_now().await;
            }
        });
    }
    let mut movers = JoinSet::new();
    for mover in 0..4_u8 {
        let (subject, accounts) = (subject.clone(), accounts.clone());
        movers.spawn(async move {
            let mut moved = 0;
            while moved < 25 {
                let [(from, from_version), (to, to_version)] = balances(&subject, &accounts).await;
                let amount = if mover % 2 == 0 { from.min(3) } else { from / 2 };
                let batch = subject.batch().put(accounts[0].clone(), from_version, vec![from - amount], None).put(
                    accounts[1].clone(),
                    to_version,
                    vec![to + amount],
                    None,
                );
                match subject.engine().commit(batch).await {
                    Ok(_) => moved += 1,
                    Err(EngineError::Conflict(_)) => {}
                    Err(other) => panic!("only others' moves are in the way: {other:?}"),
                }
            }
        });
    }
    movers.join_all().await;
    done.store(true, Ordering::Relaxed);
    readers.join_all().await;
}

async fn balances(subject: &Subject, accounts: &[Key; 2]) -> [(u8, Expectation); 2] {
    let snapshot = subject.engine().read(accounts, subject.now()).await.expect("a read succeeds");
    let balance = |place: usize| {
        let entry = snapshot.entries[place].as_ref().expect("accounts are never closed");
        (entry.value[0], Expectation::Version(entry.version))
    };
    [balance(0), balance(1)]
}

/// Reads are linearizable: a read that starts after a commit returned sees it.
pub async fn a_read_sees_what_was_committed_before_it_began(subject: Subject) {
    const COMMITS: u64 = 200;
    let register = key("register");
    subject.put(&register, &0_u64.to_be_bytes(), None).await;
    let returned = Arc::new(AtomicU64::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (subject, register, returned) = (subject.clone(), register.clone(), returned.clone());
        readers.spawn(async move {
            let mut newest = 0;
            while newest < COMMITS {
                let known = returned.load(Ordering::SeqCst);
                let seen = number(&subject.read(&register).await.expect("it is never deleted").value);
                assert!(seen >= known, "{seen} was read after {known} had been committed");
                assert!(seen >= newest, "{seen} was read after {newest} had been read");
                newest = seen;
                tokio::task::yield_now().await;
            }
        });
    }
    for count in 1..=COMMITS {
        subject.put(&register, &count.to_be_bytes(), None).await;
        returned.store(count, Ordering::SeqCst);
    }
    readers.join_all().await;
}

/// Many callers at a time, as they share a barrier: each must still see the commit that precedes its own call.
pub async fn a_read_after_a_barrier_sees_what_was_committed_before_it(subject: Subject) {
    let mut callers = JoinSet::new();
    for caller in 0..16_u8 {
        let subject = subject.clone();
        callers.spawn(async move {
            let register = key(&format!("register {caller}"));
            for count in 0..8_u8 {
                subject.put(&register, &[count], None).await;
                subject.engine().barrier().await.expect("an open engine has a barrier");
                assert_eq!(subject.read(&register).await.map(|entry| entry.value), Some(vec![count]));
            }
        });
    }
    callers.join_all().await;
}

/// Each of four writers counts its own key up. Each read must show, of every writer, exactly the count that the writer's
/// commits had reached at the read's revision.
pub async fn a_read_sees_exactly_the_commits_up_to_its_revision(subject: Subject) {
    const WRITERS: u64 = 4;
    const COMMITS: u64 = 50;
    let keys: Vec<_> = (0..WRITERS).map(|writer| key(&format!("count of {writer}"))).collect();
    let (done, read) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let reader = tokio::spawn({
        let (subject, keys, done, read) = (subject.clone(), keys.clone(), done.clone(), read.clone());
        async move {
            let mut reads = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let snapshot = subject.engine().read(&keys, subject.now()).await.expect("a read succeeds");
                let count = |entry: &Option<Entry>| entry.as_ref().map_or(0, |entry| number(&entry.value));
                reads.push((snapshot.revision, snapshot.entries.iter().map(count).collect::<Vec<_>>()));
                read.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
            reads
        }
    });
    let mut writers = JoinSet::new();
    for (writer, key) in keys.into_iter().enumerate() {
        let (subject, read) = (subject.clone(), read.clone());
        writers.spawn(async move {
            let mut commits = Vec::new();
            for count in 1..=COMMITS {
                if count == COMMITS / 2 {
                    // The second read from here on has begun after the commit before.
                    let enough = read.load(Ordering::SeqCst) + 2;
                    while read.load(Ordering::SeqCst) < enough {
                        tokio::task::yield_now().await;
                    }
                }
                let expectation = Expectation::unchanged(subject.read(&key).await.as_ref());
                let batch = subject.batch().put(key.clone(), expectation, count.to_be_bytes().to_vec(), None);
                commits.push((subject.apply(batch).await, count));
            }
            (writer, commits)
        });
    }
    let commits: HashMap<usize, Vec<(Revision, u64)>> = writers.join_all().await.into_iter().collect();
    done.store(true, Ordering::Relaxed);
    let reads = reader.await.expect("the reader does not panic");
    assert!(reads.iter().any(|(_, counts)| counts.contains(&(COMMITS / 2 - 1))), "a read lies between the commits");
    for (revision, counts) in reads {
        for (writer, found) in counts.into_iter().enumerate() {
            let until = commits[&writer].iter().filter(|(commit, _)| commit.sequence <= revision.sequence);
            assert_eq!(found, until.map(|(_, count)| *count).max().unwrap_or(0), "writer {writer} at {revision:?}");
        }
    }
}

fn number(value: &[u8]) -> u64 {
    u64::from_be_bytes(value.try_into().expect("eight bytes"))
}
