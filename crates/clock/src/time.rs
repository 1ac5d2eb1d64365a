//! Instants and clocks.

use std::fmt;
use std::time::Duration;

/// An instant in whole milliseconds since 1970-01-01T00:00:00Z. It fits 48 bits, like the time in time-ordered ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// The first instant that does not fit 48 bits (in the year 10889).
    const END: u64 = 1 << 48;

    /// The instant `millis` milliseconds after the epoch. Saturates at the last instant that fits.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.min(Self::END - 1))
    }

    /// The instant `seconds` seconds after the epoch. Saturates at the last instant that fits.
    pub fn from_seconds(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, as in JWT's `NumericDate` (RFC 7519 §2).
    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// The time from this instant to `later`; zero if `later` is not later. For the time that is left until a deadline. The
    /// time since something happened is an [`Age`].
    pub fn until(self, later: Timestamp) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }

    /// Reports whether `deadline` has not passed at this instant. A node set it `ahead` of its clock or less: a deadline that
    /// is further ahead (by more than [`CLOCK_SKEW`]) was set before a step back of the clock, and has passed.
    pub fn is_until(self, deadline: Timestamp, ahead: Duration) -> bool {
        self <= deadline && self.until(deadline) <= ahead + CLOCK_SKEW
    }

    /// The age, at this instant, of something that this process did at `then`.
    pub fn age_of(self, then: Timestamp) -> Age {
        Age(self.0.checked_sub(then.0).map(Duration::from_millis))
    }

    /// The age, at this instant, of something that a node did at `then`, as a record or a message says. The node's clock
    /// may be ahead by [`CLOCK_SKEW`].
    pub fn age_of_record(self, then: Timestamp) -> Age {
        if then.0 > self.0 && self.until(then) <= CLOCK_SKEW { Age(Some(Duration::ZERO)) } else { self.age_of(then) }
    }
}

/// The time since an instant. Ages are compared only with a limit, and an instant in the future is older than every
/// limit: after a step back of the clock, everything that was done before the step counts as old and is done again. If it
/// counted as new, it would stay new until the clock has caught up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age(
    /// `None`: in the future.
    Option<Duration>,
);

impl Age {
    /// Reports whether it is younger than `limit`.
    pub fn is_below(self, limit: Duration) -> bool {
        self.0.is_some_and(|age| age < limit)
    }

    /// Reports whether it is at most as old as `limit`.
    pub fn is_within(self, limit: Duration) -> bool {
        self.0.is_some_and(|age| age <= limit)
    }

    /// The rest of `whole` at this age; zero for something older, and for something in the future.
    pub fn rest_of(self, whole: Duration) -> Duration {
        self.0.map_or(Duration::ZERO, |age| whole.saturating_sub(age))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Timestamp;

    /// Saturates at the last instant that fits.
    fn add(self, duration: Duration) -> Timestamp {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(self.0.saturating_add(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1000, self.0 % 1000)
    }
}

/// A process's source of time.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The current instant.
    fn now(&self) -> Timestamp;
}

/// The largest difference between two nodes' clocks. A record that guards by its presence outlives what it guards by
/// this much.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    #[test]
    fn an_age_is_below_a_limit_only_from_its_instant_to_the_limit() {
        let limit = Duration::from_secs(10);
        let at = |ahead: i64| Timestamp(NOW.0.saturating_add_signed(ahead));
        for (ahead, is_below, is_within, rest) in [
            (0, true, true, 10_000),
            (-1, true, true, 9_999),
            (-9_999, true, true, 1),
            (-10_000, false, true, 0),
            (-10_001, false, false, 0),
            (1, false, false, 0),
            (3_600_000, false, false, 0),
        ] {
            let age = NOW.age_of(at(ahead));
            let found = (age.is_below(limit), age.is_within(limit), age.rest_of(limit).as_millis());
            assert_eq!(found, (is_below, is_within, rest), "{ahead} ms");
        }
    }

    #[test]
    fn records_of_other_nodes_may_be_ahead_by_the_clock_skew() {
        let limit = Duration::from_secs(10);
        for (ahead, is_below) in [(0, true), (1, true), (60, true), (61, false), (86_400, false)] {
            assert_eq!(NOW.age_of_record(NOW + Duration::from_secs(ahead)).is_below(limit), is_below, "{ahead} s");
        }
        assert!(!NOW.age_of_record(Timestamp(NOW.0 - 10_000)).is_below(limit));
    }

    #[test]
    fn a_deadline_that_is_too_far_ahead_has_passed() {
        let ahead = Duration::from_secs(10);
        for (left, is_until) in [(0, true), (1, true), (10_000, true), (70_000, true), (70_001, false)] {
            assert_eq!(NOW.is_until(NOW + Duration::from_millis(left), ahead), is_until, "{left} ms");
        }
        assert!(!NOW.is_until(Timestamp(NOW.0 - 1), ahead));
    }

    #[test]
    fn no_time_is_left_until_an_instant_that_has_passed() {
        assert_eq!(NOW.until(NOW + Duration::from_secs(3)), Duration::from_secs(3));
        assert_eq!((NOW + Duration::from_secs(3)).until(NOW), Duration::ZERO);
    }
}
