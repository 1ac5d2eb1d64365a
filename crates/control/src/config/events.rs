//! Retention of events, and the addresses of callers in them.

use std::time::Duration;

use lychgate_domain::event::Retention;
use lychgate_domain::issuer::AddressPolicy;
use lychgate_process::config::ConfigError;
use serde::{Deserialize, Serialize};

/// The event log's settings; all issuers share it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventsConfig {
    pub keep_seconds: u64,
    pub feed_seconds: u64,
    pub digest_seconds: u64,
}

impl Default for EventsConfig {
    fn default() -> Self {
        let Retention { keep, feed, seal_after } = Retention::default();
        Self { keep_seconds: keep.as_secs(), feed_seconds: feed.as_secs(), digest_seconds: seal_after.as_secs() }
    }
}

const DAY: u64 = 86_400;

impl EventsConfig {
    pub fn retention(&self) -> Result<Retention, ConfigError> {
        let Self { keep_seconds, feed_seconds, digest_seconds } = *self;
        let bounded = |name: &str, seconds: u64, min: u64, max: u64| {
            if (min..=max).contains(&seconds) {
                return Ok(Duration::from_secs(seconds));
            }
            let key = format!("events.{name}");
            Err(ConfigError::new(key, format_args!("is {seconds}"), format_args!("use {min} to {max} seconds")))
        };
        let keep = bounded("keep_seconds", keep_seconds, DAY, 3650 * DAY)?;
        let feed = bounded("feed_seconds", feed_seconds, 3600, 3650 * DAY)?;
        if feed > keep {
            return Err(ConfigError::new(
                "events.feed_seconds",
                format_args!("is {feed_seconds}, and events are gone after {keep_seconds}"),
                "use no more than keep_seconds",
            ));
        }
        Ok(Retention { keep, feed, seal_after: bounded("digest_seconds", digest_seconds, 60, 7 * DAY)? })
    }
}

/// The event settings of one issuer.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct IssuerEventsConfig {
    pub addresses: AddressesConfig,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressesConfig {
    #[default]
    None,
    Prefix,
    Full,
}

impl From<AddressesConfig> for AddressPolicy {
    fn from(addresses: AddressesConfig) -> Self {
        match addresses {
            AddressesConfig::None => AddressPolicy::None,
            AddressesConfig::Prefix => AddressPolicy::Prefix,
            AddressesConfig::Full => AddressPolicy::Full,
        }
    }
}
