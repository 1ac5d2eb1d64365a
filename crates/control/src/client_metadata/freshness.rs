//! The freshness lifetime of an answer: by its headers (RFC 9111 §4.2), within our own bounds.

use std::time::Duration;

use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES};
use http::{HeaderMap, HeaderName};
use lychgate_domain::time::Timestamp;

/// The minimum, also for `no-store` and `no-cache`: the steps of one authorization must see the same document.
pub(super) const MIN: Duration = Duration::from_secs(60);
const MAX: Duration = Duration::from_secs(24 * 3600);
/// The lifetime of an answer without freshness headers.
const UNSAID: Duration = Duration::from_secs(300);

/// The lifetime from `now`, when the answer arrived.
pub(super) fn lifetime(headers: &HeaderMap, now: Timestamp) -> Duration {
    let lifetime = match directives(headers) {
        Directives { forbidden: true, .. } => Duration::ZERO,
        Directives { max_age: Some(max_age), .. } => max_age,
        Directives { max_age: None, .. } => match headers.get(EXPIRES) {
            // An invalid date, such as "0", has expired (RFC 9111 §5.3).
            Some(_) => {
                at(headers, EXPIRES).map_or(Duration::ZERO, |expires| at(headers, DATE).unwrap_or(now).until(expires))
            }
            None => UNSAID,
        },
    };
    let age = headers.get(AGE).map_or(Duration::ZERO, |age| age.to_str().map_or(MAX, seconds));
    lifetime.saturating_sub(age).clamp(MIN, MAX)
}

#[derive(Debug, Default)]
struct Directives {
    /// no-store or no-cache.
    forbidden: bool,
    /// The shortest of repeated directives.
    max_age: Option<Duration>,
}

/// The directives of all Cache-Control headers. This is a shared cache, so `s-maxage` precedes `max-age`.
fn directives(headers: &HeaderMap) -> Directives {
    let mut found = Directives::default();
    let (mut private, mut shared) = (None, None);
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    for directive in values.flat_map(|value| value.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let shorter = |known: Option<Duration>| {
            let said = seconds(value);
            Some(known.map_or(said, |known| known.min(said)))
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => found.forbidden = true,
            "max-age" => private = shorter(private),
            "s-maxage" => shared = shorter(shared),
            _ => {}
        }
    }
    found.max_age = shared.or(private);
    found
}

/// An invalid number is zero; one too large is the largest (RFC 9111 §1.2.2).
fn seconds(text: &str) -> Duration {
    let digits = text.trim().trim_matches('"');
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Duration::ZERO;
    }
    Duration::from_secs(digits.parse().unwrap_or(u64::MAX))
}

fn at(headers: &HeaderMap, name: HeaderName) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()?;
    Some(Timestamp::from_seconds(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    /// Tue, 15 Nov 1994 08:12:31 GMT.
    const NOW: Timestamp = Timestamp::EPOCH;

    fn kept(headers: &[(&'static str, &'static str)]) -> u64 {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        lifetime(&headers, NOW + Duration::from_secs(784_887_151)).as_secs()
    }

    /// Requirements: D7.
    #[test]
    fn a_lifetime_follows_the_headers_between_a_minute_and_a_day() {
        const DAY: u64 = 86_400;
        for (headers, seconds) in [
            (&[][..], 300),
            (&[("cache-control", "max-age=600")], 600),
            (&[("cache-control", "Public , MAX-AGE = \"600\"")], 600),
            (&[("cache-control", "max-age=600"), ("age", "500")], 100),
            (&[("cache-control", "max-age=600"), ("age", "590")], 60),
            (&[("cache-control", "max-age=600"), ("age", "soon")], 600),
            (&[("cache-control", "max-age=600"), ("age", "99999999999999999999")], 60),
            (&[("cache-control", "max-age=0")], 60),
            (&[("cache-control", "max-age=-1")], 60),
            (&[("cache-control", "max-age=x")], 60),
            (&[("cache-control", "max-age")], 60),
            (&[("cache-control", "max-age=31536000")], DAY),
            (&[("cache-control", "max-age=99999999999999999999")], DAY),
            (&[("cache-control", "max-age=600, s-maxage=900")], 900),
            (&[("cache-control", "max-age=600, max-age=900")], 600),
            (&[("cache-control", "no-store")], 60),
            (&[("cache-control", "max-age=600, no-store")], 60),
            (&[("cache-control", "no-cache"), ("expires", "Tue, 15 Nov 1994 09:12:31 GMT")], 60),
            (&[("expires", "Tue, 15 Nov 1994 08:22:31 GMT")], 600),
            (&[("expires", "Tue, 15 Nov 1994 08:22:31 GMT"), ("date", "Tue, 15 Nov 1994 08:20:31 GMT")], 120),
            (&[("expires", "Tue, 15 Nov 1994 08:22:31 GMT"), ("cache-control", "max-age=90")], 90),
            (&[("expires", "Thu, 15 Nov 1984 08:22:31 GMT")], 60),
            (&[("expires", "0")], 60),
            (&[("expires", "Mon, 15 Nov 2094 08:22:31 GMT")], DAY),
        ] {
            assert_eq!(kept(headers), seconds, "{headers:?}");
        }
    }
}
