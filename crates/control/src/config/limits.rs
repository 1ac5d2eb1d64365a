//! The budgets that all calls share.

use std::num::NonZeroU32;

use lychgate_process::config::ConfigError;
use serde::{Deserialize, Serialize};

/// The table `[limits]`. Missing keys have their defaults.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    pub prefix_failed_logins_per_minute: u32,
    pub total_failed_logins_per_minute: u32,
    pub registrations: u64,
    pub registration_megabytes: u64,
    pub disk_reserve_megabytes: u64,
}

impl Default for LimitsConfig {
    /// At the edge's default of 3,000 registrations a minute, a registration that no grant was made for yet outlives the
    /// half hour that its first login may take.
    fn default() -> Self {
        Self {
            prefix_failed_logins_per_minute: 30,
            total_failed_logins_per_minute: 300,
            registrations: 100_000,
            registration_megabytes: 512,
            disk_reserve_megabytes: 256,
        }
    }
}

/// The budgets, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowances {
    /// Failed logins a minute, from one network and in all.
    pub(crate) failed_logins_by_network: NonZeroU32,
    pub(crate) failed_logins: NonZeroU32,
    pub(crate) registrations: RegistrationBound,
    /// Below this much free space on the store's disk, nothing new begins.
    pub(crate) disk_reserve_bytes: u64,
}

/// The most registrations that one issuer keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RegistrationBound {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

/// A million is a day of as many failed logins as an upstream bears, and more registrations than a node can count.
const MAX: u32 = 1_000_000;
const MEGABYTE: u64 = 1024 * 1024;

impl LimitsConfig {
    pub(crate) fn allowances(&self) -> Result<Allowances, ConfigError> {
        let out_of_range = |key: &str, found: u64, range: &str| {
            ConfigError::new(format!("limits.{key}"), format_args!("is {found}"), format_args!("use {range}"))
        };
        let failures = |key, per_minute: u32| {
            let allowed = NonZeroU32::new(per_minute).filter(|per_minute| per_minute.get() <= MAX);
            allowed.ok_or_else(|| out_of_range(key, per_minute.into(), "1 to 1000000"))
        };
        let at_least_one = |key, found: u64, max: u64| match found {
            found if (1..=max).contains(&found) => Ok(found),
            found => Err(out_of_range(key, found, &format!("1 to {max}"))),
        };
        let megabytes = at_least_one("registration_megabytes", self.registration_megabytes, MAX.into())?;
        Ok(Allowances {
            failed_logins_by_network: failures(
                "prefix_failed_logins_per_minute",
                self.prefix_failed_logins_per_minute,
            )?,
            failed_logins: failures("total_failed_logins_per_minute", self.total_failed_logins_per_minute)?,
            registrations: RegistrationBound {
                count: at_least_one("registrations", self.registrations, (10 * MAX).into())?,
                bytes: megabytes * MEGABYTE,
            },
            disk_reserve_bytes: self.disk_reserve_megabytes.saturating_mul(MEGABYTE),
        })
    }
}
