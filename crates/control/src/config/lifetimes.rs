//! The lifetimes of an issuer's logins, codes, tokens, consents and registrations.

use std::time::Duration;

use lychgate_domain::lifetimes::Lifetimes;
use lychgate_process::config::ConfigError;
use serde::{Deserialize, Serialize};

/// Lifetimes in seconds; `control.example.toml` shows the defaults.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LifetimesConfig {
    pub ticket_seconds: u64,
    pub login_seconds: u64,
    pub session_seconds: u64,
    pub code_seconds: u64,
    pub access_token_seconds: u64,
    pub refresh_grace_seconds: u64,
    pub grant_idle_seconds: u64,
    pub grant_seconds: u64,
    pub consent_seconds: u64,
    pub unused_registration_seconds: u64,
    pub used_registration_seconds: u64,
}

impl Default for LifetimesConfig {
    fn default() -> Self {
        let lifetimes = Lifetimes::default();
        Self {
            ticket_seconds: lifetimes.ticket.as_secs(),
            login_seconds: lifetimes.login.as_secs(),
            session_seconds: lifetimes.session.as_secs(),
            code_seconds: lifetimes.code.as_secs(),
            access_token_seconds: lifetimes.access_token.as_secs(),
            refresh_grace_seconds: lifetimes.refresh_grace.as_secs(),
            grant_idle_seconds: lifetimes.grant_idle.as_secs(),
            grant_seconds: lifetimes.grant.as_secs(),
            consent_seconds: lifetimes.consent.as_secs(),
            unused_registration_seconds: lifetimes.unused_registration.as_secs(),
            used_registration_seconds: lifetimes.used_registration.as_secs(),
        }
    }
}

impl LifetimesConfig {
    pub(super) fn lifetimes(&self, at: &str) -> Result<Lifetimes, ConfigError> {
        let bounded = |name: &str, seconds: u64, min: u64, max: u64| {
            if (min..=max).contains(&seconds) {
                return Ok(Duration::from_secs(seconds));
            }
            Err(ConfigError::new(
                format!("{at}.{name}"),
                format_args!("is {seconds}"),
                format_args!("use {min} to {max} seconds"),
            ))
        };
        const DAY: u64 = 86_400;
        let lifetimes = Lifetimes {
            ticket: bounded("ticket_seconds", self.ticket_seconds, 1, 3600)?,
            login: bounded("login_seconds", self.login_seconds, 1, 3600)?,
            session: bounded("session_seconds", self.session_seconds, 1, 30 * DAY)?,
            // OAuth 2.1 §4.1.2: ten minutes at the most.
            code: bounded("code_seconds", self.code_seconds, 1, 600)?,
            access_token: bounded("access_token_seconds", self.access_token_seconds, 1, 3600)?,
            refresh_grace: bounded("refresh_grace_seconds", self.refresh_grace_seconds, 0, 300)?,
            grant_idle: bounded("grant_idle_seconds", self.grant_idle_seconds, 1, 3650 * DAY)?,
            grant: bounded("grant_seconds", self.grant_seconds, 1, 3650 * DAY)?,
            consent: bounded("consent_seconds", self.consent_seconds, 1, 3650 * DAY)?,
            unused_registration: bounded(
                "unused_registration_seconds",
                self.unused_registration_seconds,
                1,
                3650 * DAY,
            )?,
            used_registration: bounded("used_registration_seconds", self.used_registration_seconds, 1, 3650 * DAY)?,
        };
        if lifetimes.consent < lifetimes.grant {
            return Err(ConfigError::new(
                format!("{at}.consent_seconds"),
                "is less than grant_seconds",
                "a grant ends with its consent: make it at least as long",
            ));
        }
        if lifetimes.unused_registration < lifetimes.ticket + lifetimes.login + lifetimes.code {
            return Err(ConfigError::new(
                format!("{at}.unused_registration_seconds"),
                "is shorter than one login may take",
                "make it longer than ticket, login and code together",
            ));
        }
        Ok(lifetimes)
    }
}
