//! The database's clock, as seen from this process.

use std::time::{Duration, Instant};

use lychgate_engine::Timestamp;

/// One reading of the database's clock: the database read it between `before` and `after`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockReading {
    /// Microseconds since the epoch.
    pub database_micros: i64,
    /// This process's clock before the request and after the answer.
    pub before: Timestamp,
    pub after: Timestamp,
    /// The instant of `after`.
    pub taken: Instant,
}

impl ClockReading {
    /// The database's time at `instant`, in microseconds: never later than it is, and earlier by the reading's round trip
    /// at most.
    pub(crate) fn micros_at(&self, instant: Instant) -> i64 {
        self.database_micros.saturating_add(micros(instant.saturating_duration_since(self.taken)))
    }

    /// The smallest difference between the two clocks that explains the reading, if this process's clock shows `now` at
    /// `instant`.
    pub(crate) fn difference(&self, now: Timestamp, instant: Instant) -> Duration {
        let earliest = Timestamp::from_millis(u64::try_from(self.micros_at(instant) / 1000).unwrap_or(0));
        let latest = earliest + self.before.until(self.after);
        latest.until(now).max(now.until(earliest))
    }

    /// This process's time at which the database's clock showed `database`, or an earlier one; `database` itself if the
    /// database's clock is behind.
    pub(crate) fn no_later_than(&self, database: Timestamp) -> Timestamp {
        // Rounded up.
        let read = Timestamp::from_millis(u64::try_from(self.database_micros / 1000).unwrap_or(0).saturating_add(1));
        earlier(database, self.before.until(read))
    }

    /// Refuses a clock of this process that shows `now` at `instant` and differs from the database's by more than `limit`.
    pub(crate) fn check(&self, now: Timestamp, instant: Instant, limit: Duration) -> Result<(), WrongClock> {
        let difference = self.difference(now, instant);
        if difference > limit { Err(WrongClock(difference)) } else { Ok(()) }
    }
}

/// The instant that is `by` before `instant`.
pub(crate) fn earlier(instant: Timestamp, by: Duration) -> Timestamp {
    let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(instant.millis().saturating_sub(by))
}

/// This process's clock differs too much from the database's.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this machine's clock differs from the database's by {} seconds; synchronize the clocks of both", .0.as_secs())]
pub struct WrongClock(Duration);

pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(database_millis: i64, before: u64, after: u64) -> ClockReading {
        ClockReading {
            database_micros: database_millis * 1000,
            before: Timestamp::from_millis(before),
            after: Timestamp::from_millis(after),
            taken: Instant::now(),
        }
    }

    #[test]
    fn a_difference_is_what_the_round_trip_does_not_explain() {
        for (database, before, after, difference) in
            [(1000, 1000, 1000, 0), (1500, 1000, 2000, 0), (900, 1000, 2000, 100), (2300, 1000, 2000, 300)]
        {
            let reading = reading(database, before, after);
            let found = reading.difference(reading.after, reading.taken);
            assert_eq!(found, Duration::from_millis(difference), "{database} between {before} and {after}");
        }
    }

    #[test]
    fn a_clock_is_refused_when_it_differs_by_more_than_the_limit() {
        let (reading, limit) = (reading(1000, 1000, 1000), Duration::from_millis(300));
        let later = reading.taken + Duration::from_secs(2);
        for (now, is_right) in [(3000, true), (3300, true), (3301, false), (2700, true), (2699, false)] {
            assert_eq!(reading.check(Timestamp::from_millis(now), later, limit).is_ok(), is_right, "{now}");
        }
    }

    #[test]
    fn a_time_of_the_database_is_converted_if_its_clock_is_ahead() {
        for (database, before, time, converted) in [(5000, 2000, 5500, 2499), (2000, 5000, 5500, 5500)] {
            let found = reading(database, before, before).no_later_than(Timestamp::from_millis(time));
            assert_eq!(found, Timestamp::from_millis(converted), "{database} at {before}");
        }
    }

    #[test]
    fn the_databases_time_advances_with_this_processs_instants() {
        let reading = reading(5, 0, 0);
        assert_eq!(reading.micros_at(reading.taken), 5000);
        assert_eq!(reading.micros_at(reading.taken + Duration::from_millis(7)), 12_000);
    }
}
