//! A calendar day, for machines and for people.

use serde::Serialize;
use time::OffsetDateTime;

use crate::messages;

#[derive(Debug, Serialize)]
pub(super) struct Day {
    /// "2026-11-23"
    pub(super) machine: String,
    /// "23 November 2026"
    pub(super) human: String,
}

impl Day {
    /// The day of an instant, in UTC. `None` beyond the year 9999.
    pub(super) fn of(time: prost_types::Timestamp) -> Option<Self> {
        let date = OffsetDateTime::from_unix_timestamp(time.seconds).ok()?.date();
        Some(Self { machine: date.to_string(), human: messages::date(date) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_right_around_their_edges() {
        let day = |seconds| Day::of(prost_types::Timestamp { seconds, nanos: 0 });
        let expected = [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (1_709_164_800, "2024-02-29"),
            (1_709_251_200, "2024-03-01"),
            (1_735_689_599, "2024-12-31"),
        ];
        for (seconds, date) in expected {
            assert_eq!(day(seconds).expect("a day").machine, date);
        }
        assert_eq!(day(1_795_392_000).expect("a day").human, "23 November 2026");
        assert!(day(i64::MAX).is_none());
    }
}
