//! Lifetimes of everything that expires, as an operator configures them.

use std::time::Duration;

use crate::time::CLOCK_SKEW;

/// The configured lifetimes of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// From `/authorize` to the decision.
    pub ticket: Duration,
    /// From the decision to the callback.
    pub login: Duration,
    /// From the last callback to the end of the session.
    pub session: Duration,
    /// From the code to its redemption; RFC 6749 §4.1.2 recommends at most ten minutes.
    pub code: Duration,
    /// Of an access token.
    pub access_token: Duration,
    /// How long the previous refresh token returns its successor again.
    pub refresh_grace: Duration,
    /// A grant ends after this time without a refresh.
    pub grant_idle: Duration,
    /// A grant ends after this time in any case.
    pub grant: Duration,
    /// From the latest approval to the end of a consent.
    pub consent: Duration,
    /// A registration that never completed a flow.
    pub unused_registration: Duration,
    /// A registration after its last use.
    pub used_registration: Duration,
}

impl Lifetimes {
    /// How long a decision is kept. It outlives ticket, login and code together, so that a request cannot be decided a
    /// second time.
    pub fn decision(&self) -> Duration {
        self.ticket + self.login + self.code + CLOCK_SKEW
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const DAY: u64 = 24 * 60 * MINUTE;
        Self {
            ticket: Duration::from_secs(15 * MINUTE),
            login: Duration::from_secs(10 * MINUTE),
            session: Duration::from_secs(DAY / 2),
            code: Duration::from_secs(MINUTE),
            access_token: Duration::from_secs(10 * MINUTE),
            refresh_grace: Duration::from_secs(30),
            grant_idle: Duration::from_secs(30 * DAY),
            grant: Duration::from_secs(90 * DAY),
            consent: Duration::from_secs(365 * DAY),
            unused_registration: Duration::from_secs(DAY),
            used_registration: Duration::from_secs(365 * DAY),
        }
    }
}
