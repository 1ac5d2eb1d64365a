//! The budget of failed redemptions: how many codes that the upstream refuses are sent to it.
//!
//! A stranger can approve an authorization, come back with a made-up code, and do so again: each time the upstream's token
//! endpoint is called. A redemption is admitted before its login is claimed, so that a refused one can be tried again, and
//! counts while it runs and for a while after it failed. One that succeeded leaves nothing behind.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lychgate_domain::Refusal;
use lychgate_domain::time::Timestamp;
use lychgate_process::network::Network;

use crate::ground::meter::Meter;

/// A budget is that of one minute, and comes back evenly.
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub(crate) struct Redemptions(Arc<Mutex<Counts>>);

#[derive(Debug)]
struct Counts {
    by_network: NonZeroU32,
    total: NonZeroU32,
    all: Used,
    /// Networks with a running redemption, or with one that failed within a minute: no more than `total` allows.
    networks: HashMap<Network, Used>,
}

/// The used part of a budget.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    running: u32,
    failed: Meter,
}

/// An admitted redemption. Dropping it ends it without a failure.
#[derive(Debug)]
pub(crate) struct Redemption {
    counts: Redemptions,
    /// The client's network and the site above it, each with its budget.
    networks: Vec<(Network, NonZeroU32)>,
}

impl Redemptions {
    /// Budgets for failures a minute: of one network, and in all.
    pub(crate) fn new(by_network: NonZeroU32, total: NonZeroU32) -> Self {
        let counts = Counts { by_network, total, all: Used::default(), networks: HashMap::new() };
        Self(Arc::new(Mutex::new(counts)))
    }

    /// Admits a redemption for a client at `address`; one without an address counts in all only. Refuses with
    /// [`Refusal::TooManyFailedLogins`].
    pub(crate) fn admit(&self, address: Option<IpAddr>, now: Timestamp) -> Result<Redemption, Refusal> {
        let mut counts = self.counts();
        let networks = counts.budgets(address);
        counts.networks.retain(|_, used| used.running > 0 || !used.failed.level(now).is_zero());
        let used = |network| counts.networks.get(network).copied().unwrap_or_default();
        let is_free = networks.iter().all(|(network, budget)| used(network).has_room(*budget, now));
        if !is_free || !counts.all.has_room(counts.total, now) {
            return Err(Refusal::TooManyFailedLogins);
        }
        counts.all.running += 1;
        for (network, _) in &networks {
            counts.networks.entry(*network).or_default().running += 1;
        }
        Ok(Redemption { counts: self.clone(), networks })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // No code panics between two writes under this lock, so its data is consistent even after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// The networks that count a redemption from `address`. A site has twice what a network has.
    fn budgets(&self, address: Option<IpAddr>) -> Vec<(Network, NonZeroU32)> {
        let Some(network) = address.map(Network::of) else { return Vec::new() };
        let (of_network, of_site) =
            (self.by_network, self.by_network.saturating_mul(NonZeroU32::MIN.saturating_add(1)));
        let site = Some(network.site()).filter(|site| *site != network);
        std::iter::once((network, of_network)).chain(site.map(|site| (site, of_site))).collect()
    }
}

impl Used {
    /// True if one more redemption may fail in a budget of `per_minute`, should all running ones fail.
    fn has_room(&self, per_minute: NonZeroU32, now: Timestamp) -> bool {
        let one = MINUTE / per_minute.get();
        self.failed.level(now) + one * (self.running + 1) <= one * per_minute.get()
    }

    fn fail(&mut self, per_minute: NonZeroU32, now: Timestamp) {
        self.failed = self.failed.pour(MINUTE / per_minute.get(), now);
    }
}

impl Redemption {
    /// Ends the redemption; a failure counts. `redeemed` is the upstream's answer to the code.
    pub(crate) fn end<T, E>(self, redeemed: &Result<T, E>, now: Timestamp) {
        if redeemed.is_err() {
            self.fail(now);
        }
    }

    fn fail(&self, now: Timestamp) {
        let mut counts = self.counts.counts();
        let total = counts.total;
        counts.all.fail(total, now);
        for (network, budget) in &self.networks {
            if let Some(used) = counts.networks.get_mut(network) {
                used.fail(*budget, now);
            }
        }
    }
}

impl Drop for Redemption {
    fn drop(&mut self) {
        let mut counts = self.counts.counts();
        counts.all.running -= 1;
        for (network, _) in &self.networks {
            if let Some(used) = counts.networks.get_mut(network) {
                used.running -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn redemptions(by_network: u32, total: u32) -> Redemptions {
        Redemptions::new(by_network.try_into().unwrap(), total.try_into().unwrap())
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    /// Failures that are admitted, one after the other.
    fn failures(redemptions: &Redemptions, address: Option<IpAddr>, asked: usize, now: Timestamp) -> usize {
        let admitted = (0..asked).filter_map(|_| redemptions.admit(address, now).ok());
        admitted.map(|redemption| redemption.end(&Err::<(), ()>(()), now)).count()
    }

    #[test]
    fn only_failures_of_the_network_use_its_budget_up() {
        let redemptions = redemptions(3, 100);
        for _ in 0..1000 {
            drop(redemptions.admit(ip("203.0.113.1"), NOW).unwrap());
        }
        assert_eq!(failures(&redemptions, ip("203.0.113.1"), 10, NOW), 3);
        assert_eq!(redemptions.admit(ip("203.0.113.99"), NOW).unwrap_err(), Refusal::TooManyFailedLogins);
        assert!(redemptions.admit(ip("203.0.114.1"), NOW).is_ok(), "another network");
        assert!(redemptions.admit(None, NOW).is_ok());
        assert_eq!(failures(&redemptions, ip("203.0.113.1"), 10, NOW + Duration::from_secs(20)), 1);
        assert_eq!(failures(&redemptions, ip("203.0.113.1"), 10, NOW + Duration::from_secs(200)), 3);
    }

    #[test]
    fn running_redemptions_count_as_if_they_failed() {
        let redemptions = redemptions(3, 5);
        let running: Vec<_> = (0..10).filter_map(|_| redemptions.admit(ip("203.0.113.1"), NOW).ok()).collect();
        assert_eq!(running.len(), 3);
        let others: Vec<_> =
            (0..10).filter_map(|n| redemptions.admit(ip(&format!("198.51.{n}.1")), NOW).ok()).collect();
        assert_eq!(others.len(), 2, "five in all");
        drop((running, others));
        assert_eq!(failures(&redemptions, ip("203.0.113.1"), 10, NOW), 3);
    }

    #[test]
    fn a_site_has_what_two_of_its_networks_have_and_all_have_a_total() {
        let redemptions = redemptions(3, 10);
        let of_site: usize =
            (0..100).map(|n| failures(&redemptions, ip(&format!("2001:db8:1:{n:x}::1")), 10, NOW)).sum();
        assert_eq!(of_site, 6);
        let of_all: usize = (0..100).map(|n| failures(&redemptions, ip(&format!("203.0.{n}.1")), 10, NOW)).sum();
        assert_eq!(of_all, 4);
        assert!(redemptions.counts().networks.len() <= 2 * 10, "memory is bounded by the total");
        assert_eq!(redemptions.admit(None, NOW).unwrap_err(), Refusal::TooManyFailedLogins);
    }

    #[test]
    fn a_clock_set_back_frees_the_budgets() {
        let (redemptions, ahead) = (redemptions(3, 3), NOW + Duration::from_secs(86_400));
        assert_eq!(failures(&redemptions, ip("203.0.113.1"), 10, ahead), 3);
        assert_eq!(failures(&redemptions, ip("203.0.113.1"), 10, NOW), 3);
    }
}
