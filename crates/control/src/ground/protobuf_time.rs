//! Times and durations as protobuf's well-known types.

use std::time::Duration;

use lychgate_domain::time::Timestamp;

/// To the second.
pub(crate) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: i64::try_from(at.seconds()).unwrap_or(i64::MAX), nanos: 0 }
}

/// To the millisecond.
pub(crate) fn instant(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { nanos: (at.millis() % 1000) as i32 * 1_000_000, ..timestamp(at) }
}

pub(crate) fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration { seconds: seconds(duration), nanos: 0 }
}

/// To the nanosecond.
pub(crate) fn exact_duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration { seconds: seconds(duration), nanos: duration.subsec_nanos() as i32 }
}

pub(crate) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
