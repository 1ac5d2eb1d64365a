//! Rate and concurrency limits for each class of requests, per address prefix and in total.
//!
//! They keep a flood from costing more than the control plane can bear. They must not let an attacker lock others out. So a
//! refused request does not draw on a shared bucket, each [`Class`] has buckets of its own, and a wrong secret counts against
//! that secret ([`failures`]). The totals are the last line of defence: an attacker with twenty sites can use up one class,
//! but not the others.
//!
//! Each edge counts for itself, in memory. The limits of several edges behind a balancer add up.

mod bucket;
mod class;
mod concurrency;
mod config;
mod failures;
mod metrics;

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use lychgate_api::Reason;

use crate::client_address::Prefix;
use crate::failure::Failure;
use bucket::Buckets;
use concurrency::{AtCapacity, ConcurrencyLimiter, Permit};

pub(crate) use class::{Class, RouteLimit};
pub use config::LimitsConfig;
use failures::{FAILED_AUTHENTICATIONS, Failures};
pub(crate) use metrics::LimitMetrics;

/// The outcome of a request that a limit does not refuse.
const ADMITTED: &str = "admitted";

const ONCE_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN;

#[derive(Debug)]
pub(crate) struct Limits<C: Clock = DefaultClock> {
    registrations: Limit<C>,
    managements: Limit<C>,
    strangers: Limit<C>,
    browsers: Limit<C>,
    decisions: Limit<C>,
    codes: Limit<C>,
    refreshes: Limit<C>,
    introspections: Limit<C>,
    verifications: Limit<C>,
    documents: Limit<C>,
    unlisted: Limit<C>,
    failures: Failures<C>,
    /// Limits the log lines about each exhausted limit.
    logged: Buckets<Exhausted, C>,
    metrics: LimitMetrics,
}

/// The limits of one class.
#[derive(Debug)]
struct Limit<C: Clock> {
    by_prefix: Buckets<Prefix, C>,
    by_site: Buckets<Prefix, C>,
    total: Buckets<(), C>,
    concurrency: ConcurrencyLimiter,
}

/// A limit that refused a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Exhausted {
    PrefixRate(Class, Prefix),
    TotalRate(Class),
    PrefixConcurrency(Class, Prefix),
    TotalConcurrency(Class),
    /// Of the prefix from which the last guess came.
    Failures(Prefix),
}

impl<C: Clock + Clone> Limits<C> {
    pub(crate) fn new(config: &LimitsConfig, clock: C, metrics: LimitMetrics) -> Self {
        let limit = |class| {
            let allowance = config.allowance(class);
            Limit {
                by_prefix: Buckets::new(allowance.prefix_per_minute, clock.clone()),
                by_site: Buckets::new(allowance.site_per_minute(), clock.clone()),
                total: Buckets::new(allowance.total_per_minute, clock.clone()),
                concurrency: ConcurrencyLimiter::new(
                    allowance.prefix_concurrent.get() as usize,
                    allowance.site_concurrent().get() as usize,
                    allowance.total_concurrent.get() as usize,
                ),
            }
        };
        Self {
            registrations: limit(Class::Registration),
            managements: limit(Class::Management),
            strangers: limit(Class::Stranger),
            browsers: limit(Class::Browser),
            decisions: limit(Class::Decision),
            codes: limit(Class::Code),
            refreshes: limit(Class::Refresh),
            introspections: limit(Class::Introspection),
            verifications: limit(Class::Verification),
            documents: limit(Class::Document),
            unlisted: limit(Class::Unlisted),
            failures: Failures::new(config.failures_per_minute(), &clock),
            logged: Buckets::new(ONCE_PER_MINUTE, clock),
            metrics,
        }
    }

    /// Admits one request, which is in progress until the permit is dropped. 429 beyond a rate, 503 at capacity.
    ///
    /// The prefix's own bucket comes first, then that of its site: a request that one refuses must not draw on the next.
    pub(crate) fn admit(&self, class: Class, prefix: Prefix) -> Result<Permit<'_>, Failure> {
        let limit = self.of(class);
        let refuse = |exhausted| move |wait| self.too_many_requests(exhausted, wait);
        limit.by_prefix.draw(&prefix).map_err(refuse(Exhausted::PrefixRate(class, prefix)))?;
        let site = prefix.site();
        if site != prefix {
            limit.by_site.draw(&site).map_err(refuse(Exhausted::PrefixRate(class, site)))?;
        }
        limit.total.draw(&()).map_err(refuse(Exhausted::TotalRate(class)))?;
        let permit = limit.concurrency.acquire(prefix).map_err(|limit| {
            self.report(&match limit {
                AtCapacity::Prefix(of) => Exhausted::PrefixConcurrency(class, of),
                AtCapacity::Total => Exhausted::TotalConcurrency(class),
            });
            Failure::new(Reason::AtCapacity)
        })?;
        self.metrics.count(class.as_str(), ADMITTED);
        Ok(permit)
    }

    fn of(&self, class: Class) -> &Limit<C> {
        match class {
            Class::Registration => &self.registrations,
            Class::Management => &self.managements,
            Class::Stranger => &self.strangers,
            Class::Browser => &self.browsers,
            Class::Decision => &self.decisions,
            Class::Code => &self.codes,
            Class::Refresh => &self.refreshes,
            Class::Introspection => &self.introspections,
            Class::Verification => &self.verifications,
            Class::Document => &self.documents,
            Class::Unlisted => &self.unlisted,
        }
    }

    fn too_many_requests(&self, exhausted: Exhausted, wait: Duration) -> Failure {
        self.report(&exhausted);
        Failure::too_many_requests(wait)
    }

    /// Counts a refusal, and logs an exhausted limit once a minute: a flood of requests must not become a flood of log lines.
    fn report(&self, exhausted: &Exhausted) {
        let (class, key, prefix) = match exhausted {
            Exhausted::PrefixRate(class, prefix) => (class.as_str(), "prefix_per_minute", Some(prefix)),
            Exhausted::TotalRate(class) => (class.as_str(), "total_per_minute", None),
            Exhausted::PrefixConcurrency(class, prefix) => (class.as_str(), "prefix_concurrent", Some(prefix)),
            Exhausted::TotalConcurrency(class) => (class.as_str(), "total_concurrent", None),
            Exhausted::Failures(prefix) => (FAILED_AUTHENTICATIONS, "prefix_per_minute", Some(prefix)),
        };
        self.metrics.count(class, key);
        if self.logged.draw(exhausted).is_err() {
            return;
        }
        let prefix = prefix.map(tracing::field::display);
        tracing::warn!(limit.class = class, limit.key = key, client.prefix = prefix, "limit reached");
    }
}

#[cfg(test)]
mod tests;
