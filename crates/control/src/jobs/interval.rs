//! The intervals of background jobs.

use std::time::Duration;

use lychgate_domain::time::Timestamp;

/// The time between two rounds of a job, by the process's clock. After a step back of the clock the next round is due at once:
/// otherwise the job would rest until the clock has caught up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    every: Duration,
    last: Option<Timestamp>,
}

impl Interval {
    /// The first round is due at once.
    pub(super) fn new(every: Duration) -> Self {
        Self { every, last: None }
    }

    /// The first round is due `every` after `last`.
    pub(super) fn since(last: Timestamp, every: Duration) -> Self {
        Self { every, last: Some(last) }
    }

    /// Reports whether a round is due.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.last.is_none_or(|last| !now.age_of(last).is_below(self.every))
    }

    /// The next round is due an interval after this one.
    pub(super) fn done(&mut self, now: Timestamp) {
        self.last = Some(now);
    }

    /// When the next round is due; `None` for at once.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.last.map(|last| last + self.every)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVERY: Duration = Duration::from_secs(60);

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_round_is_due_after_its_interval_and_after_any_step_back() {
        assert!(Interval::new(EVERY).is_due(at(0)));
        let interval = Interval::since(at(1_000_000), EVERY);
        assert_eq!(interval.next(), Some(at(1_060_000)));
        for (now, is_due) in
            [(1_000_000, false), (1_059_999, false), (1_060_000, true), (2_000_000, true), (999_999, true), (0, true)]
        {
            assert_eq!(interval.is_due(at(now)), is_due, "{now}");
        }
    }

    proptest! {
        /// On any course of the clock, a job rests only within an interval after its last round.
        #[test]
        fn no_course_of_the_clock_lets_a_job_rest_for_longer(course in prop::collection::vec(0..400_000_u64, 1..50)) {
            let mut interval = Interval::new(EVERY);
            let mut last = None;
            for now in course.into_iter().map(at) {
                let rests = last.is_some_and(|last: Timestamp| last <= now && last.until(now) < EVERY);
                prop_assert_eq!(interval.is_due(now), !rests);
                if !rests {
                    interval.done(now);
                    last = Some(now);
                }
            }
        }
    }
}
