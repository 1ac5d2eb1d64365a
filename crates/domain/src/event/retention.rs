//! How long events are kept, for whom, and when what has gathered is sealed.
//!
//! The log is read by two: whoever looks into the past (the audit), and whoever follows (the feed). Each has a horizon of
//! its own. Nothing is forgotten before a signed digest has said that it was there.

use std::time::Duration;

use crate::time::Timestamp;

/// What an operator says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Events are kept at least so long, and not much more than a day longer.
    pub keep: Duration,
    /// Whoever follows, and was away for longer, begins anew.
    pub feed: Duration,
    /// An event waits at most so long for its digest.
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
    /// So many events make a range at the most.
    pub const MAX_RANGE: u64 = 10_000;

    /// What happened before it may be forgotten. It moves on once a day: each time, a digest says so.
    pub fn forget_before(&self, now: Timestamp) -> Timestamp {
        let seconds = now.seconds().saturating_sub(self.keep.as_secs());
        Timestamp::from_seconds(seconds - seconds % DAY)
    }

    /// What happened before it is no news.
    pub fn feed_from(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(
            now.millis() - u64::try_from(self.feed.as_millis()).unwrap_or(u64::MAX).min(now.millis()),
        )
    }

    /// Whether events of which the oldest happened at `oldest`, `count` of them, are to be sealed.
    pub fn is_due(&self, count: u64, oldest: Timestamp, now: Timestamp) -> bool {
        count > 0 && (count >= Self::MAX_RANGE || oldest + self.seal_after <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn nothing_is_forgotten_before_its_time_nor_much_later() {
        let retention = Retention::default();
        for event in [at(0), at(DAY - 1), at(DAY), at(7 * DAY + 12_345)] {
            let kept = |age: u64| event >= retention.forget_before(at(event.seconds() + age));
            assert!(kept(0) && kept(400 * DAY - 1) && kept(400 * DAY), "{event}");
            assert!(!kept(401 * DAY), "{event}");
        }
        // Within a day it stands still.
        let days: Vec<_> = (0..DAY).step_by(60).map(|second| retention.forget_before(at(500 * DAY + second))).collect();
        assert!(days.iter().all(|before| *before == days[0]));
        assert_eq!(retention.forget_before(at(5)), at(0), "before there was anything");
    }

    #[test]
    fn the_feed_reaches_back_as_far_as_it_says() {
        let retention = Retention::default();
        assert_eq!(retention.feed_from(at(8 * DAY)), at(DAY));
        assert_eq!(retention.feed_from(at(DAY)), at(0));
    }

    #[test]
    fn what_waits_is_sealed_in_time() {
        let retention = Retention::default();
        assert!(!retention.is_due(0, at(0), at(10 * DAY)), "there is nothing to seal");
        assert!(!retention.is_due(1, at(10), at(3609)) && retention.is_due(1, at(10), at(3610)));
        assert!(!retention.is_due(Retention::MAX_RANGE - 1, at(10), at(10)));
        assert!(retention.is_due(Retention::MAX_RANGE, at(10), at(10)));
    }
}
