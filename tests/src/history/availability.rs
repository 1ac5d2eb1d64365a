//! How much was answered, and the longest time in which nothing was.

use std::fmt::{Display, Formatter};
use std::time::Duration;

use super::Event;

/// The availability over a set of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Availability {
    pub operations: usize,
    pub answered: usize,
    /// The longest time between two answers, to any clients.
    pub longest_gap: Duration,
    /// When the longest gap began.
    pub gap_at: Duration,
    /// The longest time that an answered operation took.
    pub slowest: Duration,
}

impl Availability {
    pub fn of<'a, O: 'a, A: 'a>(events: impl IntoIterator<Item = &'a Event<O, A>>) -> Self {
        let mut result = Self::default();
        let (mut answers, mut invocations) = (Vec::new(), Vec::new());
        for event in events {
            result.operations += 1;
            invocations.push(event.invoked);
            if let Some((_, at)) = event.answered {
                result.slowest = result.slowest.max(at.saturating_sub(event.invoked));
                answers.push(at);
            }
        }
        result.answered = answers.len();
        answers.sort_unstable();
        invocations.sort_unstable();
        let mut last = invocations.first().copied().unwrap_or_default();
        for answer in answers {
            let gap = answer.saturating_sub(last);
            if gap > result.longest_gap {
                (result.longest_gap, result.gap_at) = (gap, last);
            }
            last = answer;
        }
        result
    }
}

impl Display for Availability {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { operations, answered, longest_gap, gap_at, slowest } = self;
        write!(
            f,
            "{operations} operations, {answered} answered; longest time without any answer {:.2} s (at {:.1} s); slowest answer {:.2} s",
            longest_gap.as_secs_f64(),
            gap_at.as_secs_f64(),
            slowest.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_is_between_two_answers() {
        let seconds = Duration::from_secs;
        let event = |invoked, answered: Option<u64>| Event {
            client: 0,
            operation: (),
            invoked: seconds(invoked),
            answered: answered.map(|at| ((), seconds(at))),
        };
        assert_eq!(Availability::of::<(), ()>([]), Availability::default());
        // The unanswered operation closes no gap.
        let events = [event(1, Some(2)), event(2, Some(10)), event(3, None), event(4, Some(5)), event(6, Some(6))];
        let found = Availability::of(&events);
        let expected = Availability {
            operations: 5,
            answered: 4,
            longest_gap: seconds(4),
            gap_at: seconds(6),
            slowest: seconds(8),
        };
        assert_eq!(found, expected);
    }
}
