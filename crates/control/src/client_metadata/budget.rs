//! How many documents are fetched at once, and how many in a time: in all and from one host, apart for what is known and
//! what is not.

use std::collections::HashMap;
use std::time::Duration;

use lychgate_domain::time::Timestamp;

/// Who shares a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Somebody consented to it.
    Consented,
    /// It was good before. Apart from the first: anybody can have a thousand good documents, on a host that others are on.
    Served,
    /// Nobody knows whether there is such a document.
    New,
}

#[derive(Debug)]
pub(super) struct Budgets {
    consented: Budget,
    served: Budget,
    new: Budget,
}

impl Default for Budgets {
    fn default() -> Self {
        let known = Limits { in_all: Limit { at_once: 64, a_second: 50 }, a_host: Limit { at_once: 16, a_second: 10 } };
        let others = Limits { in_all: Limit { at_once: 32, a_second: 10 }, a_host: Limit { at_once: 8, a_second: 2 } };
        Self { consented: Budget::new(known), served: Budget::new(others), new: Budget::new(others) }
    }
}

impl Budgets {
    /// The right to one fetch from `host`, to be given back; or how long to wait before asking again.
    pub(super) fn take(&mut self, lane: Lane, host: &str, now: Timestamp) -> Result<(), Duration> {
        self.of(lane).take(host, now)
    }

    pub(super) fn give_back(&mut self, lane: Lane, host: &str) {
        self.of(lane).give_back(host);
    }

    fn of(&mut self, lane: Lane) -> &mut Budget {
        match lane {
            Lane::Consented => &mut self.consented,
            Lane::Served => &mut self.served,
            Lane::New => &mut self.new,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    in_all: Limit,
    a_host: Limit,
}

#[derive(Clone, Copy, Debug)]
struct Limit {
    at_once: usize,
    /// On average; [`WINDOW`] of them may come together.
    a_second: u32,
}

/// What was not used up in so long is not there any more.
const WINDOW: Duration = Duration::from_secs(10);
/// To whom nothing more exact can be said.
const SOON: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Budget {
    limits: Limits,
    in_all: Meter,
    hosts: HashMap<String, Meter>,
}

impl Budget {
    fn new(limits: Limits) -> Self {
        Self { limits, in_all: Meter::default(), hosts: HashMap::new() }
    }

    fn take(&mut self, host: &str, now: Timestamp) -> Result<(), Duration> {
        // What is not busy and has its whole budget need not be remembered: so `in_all` bounds this map, too.
        self.hosts.retain(|_, meter| meter.at_once > 0 || meter.spent_until > now);
        let of_host = match self.hosts.get_mut(host) {
            Some(meter) => meter.after(self.limits.a_host, now),
            None => Meter::default().after(self.limits.a_host, now),
        };
        let in_all = self.in_all.after(self.limits.in_all, now);
        let of_host = of_host?;
        self.in_all = in_all?;
        self.hosts.insert(host.to_owned(), of_host);
        Ok(())
    }

    fn give_back(&mut self, host: &str) {
        self.in_all.at_once -= 1;
        if let Some(meter) = self.hosts.get_mut(host) {
            meter.at_once -= 1;
        }
    }
}

/// A leaky bucket, as the instant at which it is empty again.
#[derive(Clone, Copy, Debug)]
struct Meter {
    at_once: usize,
    spent_until: Timestamp,
}

impl Default for Meter {
    fn default() -> Self {
        Self { at_once: 0, spent_until: Timestamp::EPOCH }
    }
}

impl Meter {
    /// As it is after one more.
    fn after(&mut self, limit: Limit, now: Timestamp) -> Result<Self, Duration> {
        // A clock that was set back must not leave the bucket full until it is there again.
        self.spent_until = self.spent_until.clamp(now, now + WINDOW);
        if self.at_once >= limit.at_once {
            return Err(SOON);
        }
        let spent_until = self.spent_until + Duration::from_secs(1) / limit.a_second;
        if spent_until > now + WINDOW {
            return Err(spent_until.since(now + WINDOW).max(SOON));
        }
        Ok(Self { at_once: self.at_once + 1, spent_until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    /// Fetches that end at once.
    fn fetched(budgets: &mut Budgets, lane: Lane, host: &str, asked: usize, now: Timestamp) -> usize {
        (0..asked).filter(|_| budgets.take(lane, host, now).map(|()| budgets.give_back(lane, host)).is_ok()).count()
    }

    /// Requirements: D7.
    #[test]
    fn junk_ids_on_a_famous_host_cost_junk_ids_only() {
        let mut budgets = Budgets::default();
        assert_eq!(fetched(&mut budgets, Lane::New, "famous.example", 1000, NOW), 20);
        assert_eq!(budgets.take(Lane::New, "famous.example", NOW), Err(SOON));
        assert_eq!(fetched(&mut budgets, Lane::New, "other.example", 1, NOW), 1);
        assert_eq!(fetched(&mut budgets, Lane::Served, "famous.example", 1000, NOW), 20);
        assert_eq!(fetched(&mut budgets, Lane::Consented, "famous.example", 1000, NOW), 100);
        let later = NOW + Duration::from_secs(3);
        assert_eq!(fetched(&mut budgets, Lane::New, "famous.example", 1000, later), 6);
    }

    /// Requirements: D7.
    #[test]
    fn no_number_of_hosts_exceeds_what_is_fetched_in_all() {
        let mut budgets = Budgets::default();
        let hosts = |budgets: &mut Budgets, now| {
            (0..1000).map(|n| fetched(budgets, Lane::New, &format!("{n}.example"), 1, now)).sum::<usize>()
        };
        assert_eq!(hosts(&mut budgets, NOW), 100);
        assert_eq!(budgets.new.hosts.len(), 100);
        assert_eq!(hosts(&mut budgets, NOW + WINDOW), 100);
        assert_eq!(budgets.new.hosts.len(), 100);
        assert_eq!(fetched(&mut budgets, Lane::Consented, "real.example", 1, NOW), 1);
    }

    #[test]
    fn slow_hosts_occupy_only_so_much() {
        let mut budgets = Budgets::default();
        let held =
            |budgets: &mut Budgets, host: &str| (0..100).filter(|_| budgets.take(Lane::New, host, NOW).is_ok()).count();
        assert_eq!([0, 1, 2, 3, 4].map(|n| held(&mut budgets, &format!("{n}.example"))), [8, 8, 8, 8, 0]);
        assert_eq!(budgets.take(Lane::New, "4.example", NOW), Err(SOON));
        budgets.give_back(Lane::New, "0.example");
        assert_eq!(held(&mut budgets, "4.example"), 1);
        assert!(budgets.take(Lane::Consented, "0.example", NOW).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_close_a_budget() {
        let mut budgets = Budgets::default();
        let ahead = NOW + Duration::from_secs(86_400);
        assert_eq!(fetched(&mut budgets, Lane::New, "app.example", 100, ahead), 20);
        assert_eq!(fetched(&mut budgets, Lane::New, "app.example", 100, NOW), 0);
        assert_eq!(fetched(&mut budgets, Lane::New, "app.example", 100, NOW + Duration::from_secs(1)), 2);
    }
}
