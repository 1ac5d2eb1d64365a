//! Limits the number of requests in progress, in total and per prefix.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::client_address::Prefix;

#[derive(Debug)]
pub(super) struct ConcurrencyLimiter {
    per_prefix: usize,
    per_site: usize,
    total: usize,
    in_progress: Mutex<InProgress>,
}

/// Counts only requests in progress, so it has no more entries than there are connections.
#[derive(Debug, Default)]
struct InProgress {
    total: usize,
    /// By prefix and by site, unless they are the same.
    by_prefix: HashMap<Prefix, usize>,
}

/// The right to process one request. Dropping it releases its slot, however the request ended.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    limiter: &'a ConcurrencyLimiter,
    prefix: Prefix,
}

/// The limit that refused a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtCapacity {
    /// Of a prefix or a site.
    Prefix(Prefix),
    Total,
}

impl ConcurrencyLimiter {
    pub(super) fn new(per_prefix: usize, per_site: usize, total: usize) -> Self {
        Self { per_prefix, per_site, total, in_progress: Mutex::default() }
    }

    pub(super) fn acquire(&self, prefix: Prefix) -> Result<Permit<'_>, AtCapacity> {
        let mut in_progress = self.in_progress();
        let free = self.total.saturating_sub(in_progress.total);
        if free == 0 {
            return Err(AtCapacity::Total);
        }
        for (prefix, limit) in networks(prefix).zip([self.per_prefix, self.per_site]) {
            let held = in_progress.by_prefix.get(&prefix).copied().unwrap_or_default();
            // A network never has more than what is left for all others, so that no few networks take everything.
            if held >= limit.min(free) {
                return Err(AtCapacity::Prefix(prefix));
            }
        }
        in_progress.total += 1;
        for prefix in networks(prefix) {
            *in_progress.by_prefix.entry(prefix).or_default() += 1;
        }
        Ok(Permit { limiter: self, prefix })
    }

    fn in_progress(&self) -> MutexGuard<'_, InProgress> {
        // No code panics between two writes under this lock, so its data is consistent even after a panic.
        self.in_progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut in_progress = self.limiter.in_progress();
        in_progress.total -= 1;
        for prefix in networks(self.prefix) {
            match in_progress.by_prefix.get_mut(&prefix) {
                Some(others) if *others > 1 => *others -= 1,
                Some(_) | None => drop(in_progress.by_prefix.remove(&prefix)),
            }
        }
    }
}

/// A prefix, and the site above it if that is another one.
fn networks(prefix: Prefix) -> impl Iterator<Item = Prefix> {
    let site = Some(prefix.site()).filter(|site| *site != prefix);
    std::iter::once(prefix).chain(site)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    /// However many prefixes take what they can get and keep it, another one gets a permit.
    #[test]
    fn greedy_prefixes_leave_permits_for_others() {
        for greedy in [1, 4, 20, 100] {
            let limiter = ConcurrencyLimiter::new(128, 256, 512);
            let mut held = Vec::new();
            for round in 0..512 {
                for n in 0..greedy {
                    held.extend(limiter.acquire(Prefix::of(IpAddr::from([10, 0, n, 1]))));
                }
                let others: Vec<_> =
                    (0..3).map(|n| limiter.acquire(Prefix::of(IpAddr::from([192, 0, n, 1])))).collect();
                assert!(others.iter().all(Result::is_ok), "{greedy} prefixes, round {round}");
            }
        }
    }

    #[test]
    fn permits_are_counted_per_prefix_and_in_total_and_released() {
        let prefix = |n| Prefix::of(IpAddr::from([n, 0, 0, 1]));
        let limiter = ConcurrencyLimiter::new(2, 9, 3);
        let first = [limiter.acquire(prefix(1)).expect("a permit"), limiter.acquire(prefix(1)).expect("a permit")];
        assert_eq!(limiter.acquire(prefix(1)).expect_err("at capacity"), AtCapacity::Prefix(prefix(1)));
        let other = limiter.acquire(prefix(2)).expect("a permit");
        assert_eq!(limiter.acquire(prefix(3)).expect_err("at capacity"), AtCapacity::Total);
        drop(other);
        drop(limiter.acquire(prefix(3)).expect("a permit again"));
        drop(first);
        let in_progress = limiter.in_progress();
        assert!(in_progress.by_prefix.is_empty() && in_progress.total == 0, "finished requests leave no entry");
    }

    #[test]
    fn a_site_has_a_limit_above_its_prefixes() {
        let prefix = |n: u16| Prefix::of(IpAddr::from([0x2001, 0xdb8, 1, n, 0, 0, 0, 1]));
        let limiter = ConcurrencyLimiter::new(2, 3, 10);
        let held: Vec<_> = (0..3).map(|n| limiter.acquire(prefix(n)).expect("a permit")).collect();
        assert_eq!(limiter.acquire(prefix(4)).expect_err("at capacity"), AtCapacity::Prefix(prefix(4).site()));
        drop(limiter.acquire(Prefix::of(IpAddr::from([0x2001, 0xdb8, 2, 0, 0, 0, 0, 1]))).expect("another site"));
        drop(held);
        drop(limiter.acquire(prefix(4)).expect("a permit again"));
        let in_progress = limiter.in_progress();
        assert!(in_progress.by_prefix.is_empty() && in_progress.total == 0, "finished requests leave no entry");
    }
}
