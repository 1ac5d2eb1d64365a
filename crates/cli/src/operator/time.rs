//! Points in time as arguments.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;

/// Parses an RFC 3339 time such as `2026-11-23T03:00:00Z`, or an age such as `15m`, `2h` or `3d`.
pub(super) fn parse(text: &str) -> Result<Timestamp, String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "an age counts back from this machine's clock; no rule of the product depends on it"
    )]
    let now = SystemTime::now();
    let ago = || {
        let unit = text.char_indices().next_back()?;
        let seconds = match unit.1 {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            _ => return None,
        };
        let span = Duration::from_secs(text[..unit.0].parse::<u32>().ok().map(u64::from)? * seconds);
        now.checked_sub(span).map(Timestamp::from)
    };
    ago()
        .or_else(|| text.parse().ok())
        .ok_or_else(|| "write 2026-11-23T03:00:00Z, or an age like 15m, 2h or 3d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ages_are_parsed() {
        assert_eq!(parse("1970-01-01T00:01:00Z").unwrap().seconds, 60);
        assert_eq!(parse("1970-01-01T02:01:00+02:00").unwrap().seconds, 60);
        let seconds = |text: &str| parse(text).unwrap().seconds;
        let hour = seconds("1h") - seconds("2h");
        assert!((3599..=3601).contains(&hour), "{hour}");
        assert!(seconds("1d") < seconds("90m") && seconds("90m") < seconds("10s"));
        for text in ["", "h", "1", "-1h", "1w", "1.5h", "é", "99999999999d", "yesterday"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
