//! Token buckets, one per key, in bounded memory.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

/// The number of keys that have a bucket. An attacker with more prefixes than this gets a fresh bucket for each.
pub(super) const MAX_KEYS: usize = 16_384;

/// A bucket for each key. It is full at first and holds the tokens of one minute.
#[derive(Debug)]
pub(super) struct Buckets<K: Clone + Eq + Hash, C: Clock> {
    limiter: RateLimiter<Access<K>, States<K>, C, NoOpMiddleware<C::Instant>>,
}

impl<K: Clone + Eq + Hash, C: Clock> Buckets<K, C> {
    pub(super) fn new(per_minute: NonZeroU32, clock: C) -> Self {
        Self { limiter: RateLimiter::new(Quota::per_minute(per_minute), States::default(), clock) }
    }

    /// Takes one token. `Err` is the time until the bucket has one.
    pub(super) fn draw(&self, key: &K) -> Result<(), Duration> {
        self.access(&Access::Draw(key.clone()))
    }

    /// `Ok` if the bucket has a token. `Err` is the time until it has one.
    pub(super) fn check(&self, key: &K) -> Result<(), Duration> {
        self.access(&Access::Check(key.clone()))
    }

    fn access(&self, access: &Access<K>) -> Result<(), Duration> {
        self.limiter.check_key(access).map_err(|until| until.wait_time_from(self.limiter.clock().now()))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Access<K> {
    Draw(K),
    Check(K),
}

/// The state of at most [`MAX_KEYS`] buckets. A new key evicts the oldest, and the bucket of that key is then full again. So a
/// flood of addresses cannot lock out other clients, and an attacker gains no more tokens than its addresses have anyway.
#[derive(Debug)]
struct States<K>(Mutex<Kept<K>>);

#[derive(Debug)]
struct Kept<K> {
    states: HashMap<K, Nanos>,
    by_age: VecDeque<K>,
}

impl<K> Default for States<K> {
    fn default() -> Self {
        Self(Mutex::new(Kept { states: HashMap::new(), by_age: VecDeque::new() }))
    }
}

impl<K: Clone + Eq + Hash> Kept<K> {
    fn put(&mut self, key: &K, state: Nanos) {
        if let Some(known) = self.states.get_mut(key) {
            *known = state;
            return;
        }
        if self.by_age.len() == MAX_KEYS
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.states.remove(&oldest);
        }
        self.states.insert(key.clone(), state);
        self.by_age.push_back(key.clone());
    }
}

impl<K: Clone + Eq + Hash> StateStore for States<K> {
    type Key = Access<K>;

    fn measure_and_replace<T, F, E>(&self, access: &Access<K>, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // No code panics between two writes under this lock, so its data is consistent even after a panic.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Access::Draw(key) | Access::Check(key)) = access;
        let (outcome, state) = measure(kept.states.get(key).copied())?;
        match access {
            Access::Draw(key) => kept.put(key, state),
            Access::Check(_) => {}
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::client_address::Prefix;

    fn buckets(per_minute: u32, clock: &FakeRelativeClock) -> Buckets<Prefix, FakeRelativeClock> {
        Buckets::new(per_minute.try_into().expect("not zero"), clock.clone())
    }

    fn prefix(n: u32) -> Prefix {
        Prefix::of(Ipv6Addr::from(u128::from(n) << 64).into())
    }

    #[test]
    fn bucket_is_full_at_first_and_again_after_a_minute() {
        let clock = FakeRelativeClock::default();
        let buckets = buckets(3, &clock);
        for _ in 0..2 {
            for _ in 0..3 {
                assert_eq!(buckets.draw(&prefix(1)), Ok(()));
            }
            assert_eq!(buckets.draw(&prefix(1)), Err(Duration::from_secs(20)));
            assert_eq!(buckets.draw(&prefix(2)), Ok(()), "another key, another bucket");
            clock.advance(Duration::from_secs(60));
        }
    }

    #[test]
    fn checking_takes_no_token() {
        let clock = FakeRelativeClock::default();
        let buckets = buckets(1, &clock);
        for _ in 0..3 {
            assert_eq!(buckets.check(&prefix(1)), Ok(()));
        }
        assert_eq!(buckets.draw(&prefix(1)), Ok(()));
        assert_eq!(buckets.check(&prefix(1)), Err(Duration::from_secs(60)));
        clock.advance(Duration::from_secs(60));
        assert_eq!(buckets.check(&prefix(1)), Ok(()));
    }

    /// Requirements: R15.
    #[test]
    fn memory_is_bounded_for_a_hundred_thousand_addresses() {
        let buckets = buckets(1, &FakeRelativeClock::default());
        for n in 0..100_000 {
            assert_eq!(buckets.draw(&prefix(n)), Ok(()), "a flood of others does not lock it out");
        }
        assert!(buckets.draw(&prefix(99_999)).is_err(), "the latest keys are kept");
        assert_eq!(buckets.draw(&prefix(0)), Ok(()), "the first keys are forgotten");
        let kept = buckets.limiter.into_state_store().0.into_inner().expect("no test panicked");
        assert_eq!((kept.states.len(), kept.by_age.len()), (MAX_KEYS, MAX_KEYS));
        assert!(kept.states.capacity() <= 4 * MAX_KEYS);
    }
}
