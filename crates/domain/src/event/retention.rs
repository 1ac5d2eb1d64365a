//! Retention of events: how long they are kept for the audit and for the feed, and when they are sealed.
//!
//! The audit looks into the past, the feed follows; each has a horizon of its own. An event is deleted only after a
//! signed digest has covered it.

use std::time::Duration;

use crate::time::Timestamp;

/// The configured retention of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Events are kept at least this long, and at most about a day longer.
    pub keep: Duration,
    /// A follower of the feed that was away for longer has to begin anew.
    pub feed: Duration,
    /// An event waits at most this long for its digest.
    pub seal_after: Duration,
}

const DAY: u64 = 86_400;

impl Default for Retention {
    fn default() -> Self {
        let days = |days| Duration::from_secs(days * DAY);
        Self { keep: days(400), feed: days(7), seal_after: Duration::from_secs(3600) }
    }
}

impl Retention {
    /// The most events of one sealed range.
    pub const MAX_RANGE: u64 = 10_000;

    /// Events before this time may be deleted. It advances once a day, because every advance is recorded in a digest.
    pub fn forget_before(&self, now: Timestamp) -> Timestamp {
        let seconds = now.seconds().saturating_sub(self.keep.as_secs());
        Timestamp::from_seconds(seconds - seconds % DAY)
    }

    /// Events before this time are not served to the feed.
    pub fn feed_from(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(
            now.millis() - u64::try_from(self.feed.as_millis()).unwrap_or(u64::MAX).min(now.millis()),
        )
    }

    /// True if the unsealed events, `count` of them with the oldest at `oldest`, are to be sealed now.
    pub fn is_due(&self, count: u64, oldest: Timestamp, now: Timestamp) -> bool {
        count > 0 && (count >= Self::MAX_RANGE || !now.age_of_record(oldest).is_below(self.seal_after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn events_are_deleted_at_most_a_day_after_their_retention() {
        let retention = Retention::default();
        for event in [at(0), at(DAY - 1), at(DAY), at(7 * DAY + 12_345)] {
            let kept = |age: u64| event >= retention.forget_before(at(event.seconds() + age));
            assert!(kept(0) && kept(400 * DAY - 1) && kept(400 * DAY), "{event}");
            assert!(!kept(401 * DAY), "{event}");
        }
        // It does not move within a day.
        let days: Vec<_> = (0..DAY).step_by(60).map(|second| retention.forget_before(at(500 * DAY + second))).collect();
        assert!(days.iter().all(|before| *before == days[0]));
        assert_eq!(retention.forget_before(at(5)), at(0), "before the first retention has passed");
    }

    #[test]
    fn the_feed_reaches_back_for_its_configured_time() {
        let retention = Retention::default();
        assert_eq!(retention.feed_from(at(8 * DAY)), at(DAY));
        assert_eq!(retention.feed_from(at(DAY)), at(0));
    }

    #[test]
    fn waiting_events_are_sealed_in_time() {
        let retention = Retention::default();
        assert!(!retention.is_due(0, at(0), at(10 * DAY)), "there is nothing to seal");
        assert!(!retention.is_due(1, at(10), at(3609)) && retention.is_due(1, at(10), at(3610)));
        assert!(!retention.is_due(Retention::MAX_RANGE - 1, at(10), at(10)));
        assert!(retention.is_due(Retention::MAX_RANGE, at(10), at(10)));
    }
}
