//! What holds while others are at work, with real threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lychgate_engine::stamps::Place;
use lychgate_engine::{EngineError, Expectation, Key, Revision};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::Subject;
use crate::subject::key;

const RACERS: usize = 64;

/// Sixty-four first logins of one person; sixty-four redemptions of one code.
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
                // What a loser would have written besides the prize must not appear either.
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

/// Two batches that each read what the other writes: serially, the second would have seen the first.
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

/// Money moves between two accounts; nobody ever sees more or less of it.
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

/// Two keys are always written together. Whoever remembers each of them from a read of its own, and goes by the stamps, sees
/// nothing older than what was acknowledged, or shown to any reader, before they looked, and both of the same moment.
pub async fn what_is_not_stamped_is_as_it_was_read(subject: Subject) {
    const WRITES: u64 = 300;
    if subject.engine().stamps().is_none() {
        return;
    }
    let pair = [key("left"), key("right")];
    let places = pair.each_ref().map(Place::of);
    let acknowledged = Arc::new(AtomicU64::new(0));
    for key in &pair {
        subject.put(key, &0_u64.to_be_bytes(), None).await;
    }
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (subject, pair, acknowledged) = (subject.clone(), pair.clone(), acknowledged.clone());
        readers.spawn(async move {
            let mut relied_on = 0_u64;
            while acknowledged.load(Ordering::Acquire) < WRITES {
                let [left, right] = [dated(&subject, &pair[0]).await, dated(&subject, &pair[1]).await];
                loop {
                    let floor = acknowledged.load(Ordering::Acquire);
                    let stamps = subject.engine().stamps().expect("it had some");
                    // It may show what nobody has been told of yet.
                    let (shown, _) = dated(&subject, &pair[1]).await;
                    if !(stamps.unwritten(&places[..1], left.1) && stamps.unwritten(&places[1..], right.1)) {
                        break;
                    }
                    assert_eq!(left.0, right.0, "both count");
                    assert!(left.0 >= floor.max(shown), "{} is older than {floor} or {shown}", left.0);
                    relied_on += 1;
                    if floor == WRITES {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            relied_on
        });
    }
    for n in 1..=WRITES {
        let mut batch = subject.batch();
        for key in &pair {
            let version = Expectation::unchanged(subject.read(key).await.as_ref());
            batch = batch.put(key.clone(), version, n.to_be_bytes().to_vec(), None);
        }
        subject.apply(batch).await;
        acknowledged.store(n, Ordering::Release);
        tokio::task::yield_now().await;
    }
    let relied_on: u64 = readers.join_all().await.into_iter().sum();
    assert!(relied_on > 0, "what was remembered was of use now and then");
}

/// What stands there, and as of when.
async fn dated(subject: &Subject, key: &Key) -> (u64, Revision) {
    let read = subject.engine().read(std::slice::from_ref(key), subject.now()).await.expect("a read succeeds");
    let entry = read.entries[0].as_ref().expect("it is never deleted");
    (number(&entry.value), read.revision)
}

async fn balances(subject: &Subject, accounts: &[Key; 2]) -> [(u8, Expectation); 2] {
    let snapshot = subject.engine().read(accounts, subject.now()).await.expect("a read succeeds");
    let balance = |place: usize| {
        let entry = snapshot.entries[place].as_ref().expect("accounts are never closed");
        (entry.value[0], Expectation::Version(entry.version))
    };
    [balance(0), balance(1)]
}

/// Whoever has been told of a commit can send anybody anywhere, and it is there.
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

fn number(value: &[u8]) -> u64 {
    u64::from_be_bytes(value.try_into().expect("eight bytes"))
}
