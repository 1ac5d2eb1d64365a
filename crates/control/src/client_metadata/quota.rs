//! Quotas of fetches: parallel and per second, in total and per host, apart for each class of documents.

use std::collections::HashMap;
use std::time::Duration;

use lychgate_domain::time::Timestamp;

use crate::ground::meter::Meter;

/// The class of documents that shares a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QuotaClass {
    /// Some person consented to the client.
    Consented,
    /// A cached document of a stranger. Apart from `Consented`: anyone can publish a thousand valid documents on a
    /// shared host.
    Served,
    /// An unknown URL of a host that has a public address.
    New,
    /// The look-up of the host of an unknown URL. Apart from `New`: most made-up hosts do not exist, and that is found so
    /// fast that they would use up what real hosts need.
    Name,
}

#[derive(Debug)]
pub(super) struct Quotas {
    consented: Quota,
    served: Quota,
    new: Quota,
    name: Quota,
}

impl Default for Quotas {
    fn default() -> Self {
        let known =
            Limits { total: Limit { parallel: 64, per_second: 50 }, per_host: Limit { parallel: 16, per_second: 10 } };
        let others =
            Limits { total: Limit { parallel: 32, per_second: 10 }, per_host: Limit { parallel: 8, per_second: 2 } };
        // A look-up costs the name server one question and one answer. More than the edge lets strangers ask for.
        let names =
            Limits { total: Limit { parallel: 128, per_second: 400 }, per_host: Limit { parallel: 8, per_second: 10 } };
        Self {
            consented: Quota::new(known),
            served: Quota::new(others),
            new: Quota::new(others),
            name: Quota::new(names),
        }
    }
}

impl Quotas {
    /// Takes the permission for one fetch from `host`, or returns how long to wait.
    pub(super) fn take(&mut self, class: QuotaClass, host: &str, now: Timestamp) -> Result<(), Duration> {
        self.of(class).take(host, now)
    }

    pub(super) fn release(&mut self, class: QuotaClass, host: &str) {
        self.of(class).release(host);
    }

    fn of(&mut self, class: QuotaClass) -> &mut Quota {
        match class {
            QuotaClass::Consented => &mut self.consented,
            QuotaClass::Served => &mut self.served,
            QuotaClass::New => &mut self.new,
            QuotaClass::Name => &mut self.name,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    total: Limit,
    per_host: Limit,
}

#[derive(Clone, Copy, Debug)]
struct Limit {
    parallel: usize,
    /// The average rate; a burst may use the rate of one [`WINDOW`].
    per_second: u32,
}

/// The window after which unused rate expires.
const WINDOW: Duration = Duration::from_secs(10);
/// The wait if no more precise one is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Quota {
    limits: Limits,
    total: Use,
    hosts: HashMap<String, Use>,
}

impl Quota {
    fn new(limits: Limits) -> Self {
        Self { limits, total: Use::default(), hosts: HashMap::new() }
    }

    fn take(&mut self, host: &str, now: Timestamp) -> Result<(), Duration> {
        // An idle host with its whole quota need not be stored: so `total` bounds this map, too.
        self.hosts.retain(|_, used| used.parallel > 0 || !used.rate.level(now).is_zero());
        let of_host = self.hosts.get(host).copied().unwrap_or_default().after(self.limits.per_host, now)?;
        self.total = self.total.after(self.limits.total, now)?;
        self.hosts.insert(host.to_owned(), of_host);
        Ok(())
    }

    fn release(&mut self, host: &str) {
        self.total.parallel -= 1;
        if let Some(used) = self.hosts.get_mut(host) {
            used.parallel -= 1;
        }
    }
}

/// The used part of a quota.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    parallel: usize,
    rate: Meter,
}

impl Use {
    /// The used part after one more fetch.
    fn after(self, limit: Limit, now: Timestamp) -> Result<Self, Duration> {
        if self.parallel >= limit.parallel {
            return Err(RETRY_AFTER);
        }
        let rate = self.rate.pour(Duration::from_secs(1) / limit.per_second, now);
        if rate.level(now) > WINDOW {
            return Err((rate.level(now) - WINDOW).max(RETRY_AFTER));
        }
        Ok(Self { parallel: self.parallel + 1, rate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    /// Fetches that end immediately; returns how many were permitted.
    fn fetched(quotas: &mut Quotas, class: QuotaClass, host: &str, asked: usize, now: Timestamp) -> usize {
        (0..asked).filter(|_| quotas.take(class, host, now).map(|()| quotas.release(class, host)).is_ok()).count()
    }

    /// Requirements: D7.
    #[test]
    fn unknown_urls_of_a_host_do_not_use_up_other_quotas() {
        let mut quotas = Quotas::default();
        assert_eq!(fetched(&mut quotas, QuotaClass::New, "famous.example", 1000, NOW), 20);
        assert_eq!(quotas.take(QuotaClass::New, "famous.example", NOW), Err(RETRY_AFTER));
        assert_eq!(fetched(&mut quotas, QuotaClass::New, "other.example", 1, NOW), 1);
        assert_eq!(fetched(&mut quotas, QuotaClass::Served, "famous.example", 1000, NOW), 20);
        assert_eq!(fetched(&mut quotas, QuotaClass::Consented, "famous.example", 1000, NOW), 100);
        let later = NOW + Duration::from_secs(3);
        assert_eq!(fetched(&mut quotas, QuotaClass::New, "famous.example", 1000, later), 6);
    }

    /// Requirements: D7.
    #[test]
    fn the_total_quota_holds_over_any_number_of_hosts() {
        let mut quotas = Quotas::default();
        let hosts = |quotas: &mut Quotas, now| {
            (0..1000).map(|n| fetched(quotas, QuotaClass::New, &format!("{n}.example"), 1, now)).sum::<usize>()
        };
        assert_eq!(hosts(&mut quotas, NOW), 100);
        assert_eq!(quotas.new.hosts.len(), 100);
        assert_eq!(hosts(&mut quotas, NOW + WINDOW), 100);
        assert_eq!(quotas.new.hosts.len(), 100);
        assert_eq!(fetched(&mut quotas, QuotaClass::Consented, "real.example", 1, NOW), 1);
    }

    #[test]
    fn slow_hosts_occupy_a_bounded_share() {
        let mut quotas = Quotas::default();
        let held = |quotas: &mut Quotas, host: &str| {
            (0..100).filter(|_| quotas.take(QuotaClass::New, host, NOW).is_ok()).count()
        };
        assert_eq!([0, 1, 2, 3, 4].map(|n| held(&mut quotas, &format!("{n}.example"))), [8, 8, 8, 8, 0]);
        assert_eq!(quotas.take(QuotaClass::New, "4.example", NOW), Err(RETRY_AFTER));
        quotas.release(QuotaClass::New, "0.example");
        assert_eq!(held(&mut quotas, "4.example"), 1);
        assert!(quotas.take(QuotaClass::Consented, "0.example", NOW).is_ok());
    }

    #[test]
    fn a_clock_set_back_does_not_block_a_quota() {
        let mut quotas = Quotas::default();
        let ahead = NOW + Duration::from_secs(86_400);
        assert_eq!(fetched(&mut quotas, QuotaClass::New, "app.example", 100, ahead), 20);
        assert_eq!(fetched(&mut quotas, QuotaClass::New, "app.example", 100, NOW), 20, "a new window begins");
        assert_eq!(fetched(&mut quotas, QuotaClass::New, "app.example", 100, NOW), 0);
        assert_eq!(fetched(&mut quotas, QuotaClass::New, "app.example", 100, NOW + Duration::from_secs(1)), 2);
    }

    #[test]
    fn look_ups_of_names_share_no_quota_with_fetches() {
        let mut quotas = Quotas::default();
        let hosts = |quotas: &mut Quotas| {
            (0..10_000).map(|n| fetched(quotas, QuotaClass::Name, &format!("{n}.invalid"), 1, NOW)).sum::<usize>()
        };
        assert_eq!(hosts(&mut quotas), 4_000);
        assert_eq!(fetched(&mut quotas, QuotaClass::New, "app.example", 1, NOW), 1);
    }
}
