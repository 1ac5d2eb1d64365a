//! The configuration of limits, and its defaults.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::class::Class;

/// The table `[limits]`. Missing keys have their defaults.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    registrations: AllowanceConfig,
    managements: AllowanceConfig,
    strangers: AllowanceConfig,
    browsers: AllowanceConfig,
    decisions: AllowanceConfig,
    codes: AllowanceConfig,
    refreshes: AllowanceConfig,
    introspections: AllowanceConfig,
    verifications: AllowanceConfig,
    documents: AllowanceConfig,
    unlisted: AllowanceConfig,
    failed_authentications: FailuresConfig,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct AllowanceConfig {
    prefix_per_minute: Option<NonZeroU32>,
    total_per_minute: Option<NonZeroU32>,
    prefix_concurrent: Option<NonZeroU32>,
    total_concurrent: Option<NonZeroU32>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct FailuresConfig {
    prefix_per_minute: Option<NonZeroU32>,
}

/// The limits of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) prefix_per_minute: NonZeroU32,
    pub(super) total_per_minute: NonZeroU32,
    pub(super) prefix_concurrent: NonZeroU32,
    pub(super) total_concurrent: NonZeroU32,
}

impl Allowance {
    /// The rate of a site, an IPv6 /48. It has twice what a prefix has, and never more than half of what all have together:
    /// a customer may have 65,536 prefixes of one site.
    pub(super) fn site_per_minute(&self) -> NonZeroU32 {
        of_site(self.prefix_per_minute, self.total_per_minute)
    }

    pub(super) fn site_concurrent(&self) -> NonZeroU32 {
        of_site(self.prefix_concurrent, self.total_concurrent)
    }
}

fn of_site(prefix: NonZeroU32, total: NonZeroU32) -> NonZeroU32 {
    let half = NonZeroU32::new(total.get() / 2).unwrap_or(NonZeroU32::MIN);
    prefix.saturating_mul(TWO).min(half)
}

const TWO: NonZeroU32 = not_zero(2);

impl LimitsConfig {
    pub(super) fn allowance(&self, class: Class) -> Allowance {
        let configured = match class {
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
        };
        let default = default_allowance(class);
        Allowance {
            prefix_per_minute: configured.prefix_per_minute.unwrap_or(default.prefix_per_minute),
            total_per_minute: configured.total_per_minute.unwrap_or(default.total_per_minute),
            prefix_concurrent: configured.prefix_concurrent.unwrap_or(default.prefix_concurrent),
            total_concurrent: configured.total_concurrent.unwrap_or(default.total_concurrent),
        }
    }

    /// The limit of wrong guesses of one client's secret from one site, and of one wrong secret from anywhere.
    pub(super) fn failures_per_minute(&self) -> NonZeroU32 {
        const DEFAULT: NonZeroU32 = not_zero(30);
        self.failed_authentications.prefix_per_minute.unwrap_or(DEFAULT)
    }
}

/// A prefix gets what a large one needs: hosted clients bring all of their users from a few prefixes (Claude's from eight
/// /24s), and an office has one address. The total of registrations, each kept for a day, is what a disk can bear.
const fn default_allowance(class: Class) -> Allowance {
    match class {
        Class::Registration | Class::Management => allowance(300, 3_000, 64, 256),
        Class::Stranger => allowance(1_200, 12_000, 128, 512),
        Class::Browser => allowance(3_000, 60_000, 256, 1_024),
        Class::Decision => allowance(600, 12_000, 64, 512),
        Class::Code => allowance(6_000, 120_000, 256, 1_024),
        Class::Refresh => allowance(30_000, 600_000, 512, 2_048),
        Class::Introspection => allowance(60_000, 1_200_000, 512, 2_048),
        Class::Verification => allowance(60_000, 600_000, 512, 2_048),
        Class::Document => allowance(30_000, 600_000, 512, 2_048),
        Class::Unlisted => allowance(300, 3_000, 64, 256),
    }
}

const fn allowance(
    prefix_per_minute: u32,
    total_per_minute: u32,
    prefix_concurrent: u32,
    total_concurrent: u32,
) -> Allowance {
    Allowance {
        prefix_per_minute: not_zero(prefix_per_minute),
        total_per_minute: not_zero(total_per_minute),
        prefix_concurrent: not_zero(prefix_concurrent),
        total_concurrent: not_zero(total_concurrent),
    }
}

#[expect(clippy::expect_used, reason = "evaluated at compile time")]
const fn not_zero(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("no default is zero")
}

#[cfg(test)]
impl LimitsConfig {
    /// All effective values, for comparison.
    pub(crate) fn effective(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        (Class::ALL.map(|class| self.allowance(class)), self.failures_per_minute())
    }
}
