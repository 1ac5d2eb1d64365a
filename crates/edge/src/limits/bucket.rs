//! Token buckets, one per key, in bounded memory.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

/// Keys remembered at once. Whoever has more addresses than this has as many fresh buckets, too.
pub(super) const MAX_KEYS: usize = 16_384;

/// A bucket for each key. It holds what is poured in within a minute, and is full at first.
#[derive(Debug)]
pub(super) struct Buckets<K: Clone + Eq + Hash, C: Clock> {
    limiter: RateLimiter<Touch<K>, States<K>, C, NoOpMiddleware<C::Instant>>,
}

impl<K: Clone + Eq + Hash, C: Clock> Buckets<K, C> {
    pub(super) fn new(per_minute: NonZeroU32, clock: C) -> Self {
        Self { limiter: RateLimiter::new(Quota::per_minute(per_minute), States::default(), clock) }
    }

    /// Takes one out; from an empty bucket nothing, but the time until there is one.
    pub(super) fn draw(&self, key: &K) -> Result<(), Duration> {
        self.check(&Touch::Draw(key.clone()))
    }

    /// Whether there is one to take.
    pub(super) fn look(&self, key: &K) -> Result<(), Duration> {
        self.check(&Touch::Look(key.clone()))
    }

    fn check(&self, touch: &Touch<K>) -> Result<(), Duration> {
        self.limiter.check_key(touch).map_err(|until| until.wait_time_from(self.limiter.clock().now()))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Touch<K> {
    Draw(K),
    Look(K),
}

/// At most [`MAX_KEYS`]. The oldest key makes room: forgetting gives back what was drawn, so a flood of addresses cannot
/// lock anybody out, and it gains an attacker nothing but what each of those addresses had anyway.
#[derive(Debug)]
struct States<K>(Mutex<Remembered<K>>);

#[derive(Debug)]
struct Remembered<K> {
    states: HashMap<K, Nanos>,
    by_age: VecDeque<K>,
}

impl<K> Default for States<K> {
    fn default() -> Self {
        Self(Mutex::new(Remembered { states: HashMap::new(), by_age: VecDeque::new() }))
    }
}

impl<K: Clone + Eq + Hash> Remembered<K> {
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
    type Key = Touch<K>;

    fn measure_and_replace<T, F, E>(&self, touch: &Touch<K>, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut remembered = self.0.lock().expect("nothing panics while holding it");
        let (Touch::Draw(key) | Touch::Look(key)) = touch;
        let (outcome, state) = measure(remembered.states.get(key).copied())?;
        match touch {
            Touch::Draw(key) => remembered.put(key, state),
            Touch::Look(_) => {}
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
    fn a_bucket_is_full_at_first_and_again_after_a_minute() {
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
    fn looking_takes_nothing() {
        let clock = FakeRelativeClock::default();
        let buckets = buckets(1, &clock);
        for _ in 0..3 {
            assert_eq!(buckets.look(&prefix(1)), Ok(()));
        }
        assert_eq!(buckets.draw(&prefix(1)), Ok(()));
        assert_eq!(buckets.look(&prefix(1)), Err(Duration::from_secs(60)));
        clock.advance(Duration::from_secs(60));
        assert_eq!(buckets.look(&prefix(1)), Ok(()));
    }

    /// Requirements: R15.
    #[test]
    fn a_hundred_thousand_addresses_take_no_more_room_than_the_cap() {
        let buckets = buckets(1, &FakeRelativeClock::default());
        for n in 0..100_000 {
            assert_eq!(buckets.draw(&prefix(n)), Ok(()), "a flood of others locks nobody out");
        }
        assert!(buckets.draw(&prefix(99_999)).is_err(), "who came late is remembered");
        assert_eq!(buckets.draw(&prefix(0)), Ok(()), "who came first is forgotten");
        let remembered = buckets.limiter.into_state_store().0.into_inner().expect("nobody panicked");
        assert_eq!((remembered.states.len(), remembered.by_age.len()), (MAX_KEYS, MAX_KEYS));
        assert!(remembered.states.capacity() <= 4 * MAX_KEYS);
    }
}
