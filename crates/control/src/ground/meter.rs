//! A leaky bucket, by the process's clock.

use std::time::Duration;

use lychgate_domain::time::Timestamp;

/// Fills by what is poured in, and empties steadily: a second of its level in a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    /// The time that it takes to empty, from `at` on.
    level: Duration,
    at: Timestamp,
}

impl Default for Meter {
    fn default() -> Self {
        Self { level: Duration::ZERO, at: Timestamp::EPOCH }
    }
}

impl Meter {
    /// The level at `now`. After a step back of the clock, what was poured in before it counts as old, and the bucket is
    /// empty.
    pub(crate) fn level(&self, now: Timestamp) -> Duration {
        now.age_of(self.at).rest_of(self.level)
    }

    /// The bucket with `amount` more in it.
    pub(crate) fn pour(&self, amount: Duration, now: Timestamp) -> Self {
        Self { level: self.level(now) + amount, at: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_with_time_and_with_a_step_back_of_the_clock() {
        let (now, seconds) = (Timestamp::from_seconds(1_000), Duration::from_secs);
        let meter = Meter::default().pour(seconds(3), now).pour(seconds(4), now);
        for (at, level) in [(1_000, 7), (1_004, 3), (1_007, 0), (2_000, 0), (999, 0), (0, 0)] {
            assert_eq!(meter.level(Timestamp::from_seconds(at)), seconds(level), "{at}");
        }
        let earlier = Timestamp::from_seconds(10);
        assert_eq!(meter.pour(seconds(2), earlier).level(earlier), seconds(2));
    }
}
