//! Values that a language or a direction of writing affects: hosts, days, durations, and names that an operator may translate.

use lychgate_api::v1::Website;
use serde::Serialize;
use time::OffsetDateTime;

use crate::message::Message;

/// A value of a template that is more than a text. `{{show x}}` renders it, and messages render it as an argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Value {
    /// A host of the web, with its registrable domain set apart.
    Host {
        /// Before the registrable domain: "login.".
        before: String,
        /// The registrable domain; the whole host if it has none.
        domain: String,
        /// After it: ":8443".
        after: String,
        /// The host in Unicode, if it is another text.
        unicode: String,
    },
    /// A calendar day, in UTC.
    Day {
        /// The year.
        year: i32,
        /// From 1.
        month: u8,
        /// From 1.
        day: u8,
    },
    /// An instant to the minute, in UTC.
    Minute {
        /// The year.
        year: i32,
        /// From 1.
        month: u8,
        /// From 1.
        day: u8,
        /// "14:05"
        time: String,
    },
    /// A duration, in its most natural unit.
    Duration {
        /// At least 1.
        count: i64,
        /// The unit of `count`.
        unit: Unit,
    },
    /// A text of the operator, which a brand may translate.
    Own {
        /// What is translated, see [`Own`].
        key: String,
        /// The text without a translation.
        text: String,
    },
    /// A link within a sentence.
    Link {
        /// Our own, or an operator's.
        uri: String,
        /// The words of the link.
        text: Message,
        /// True to open it beside the page, which would lose what was ticked.
        beside: bool,
    },
    /// A text as it was sent: an address, a number, a path. Always written from left to right.
    Code {
        /// The text.
        text: String,
    },
}

/// A unit of durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// 60 seconds.
    Minutes,
    /// 60 minutes.
    Hours,
    /// 24 hours.
    Days,
}

impl Value {
    /// The host of a website.
    pub fn host(website: &Website) -> Self {
        let (name, port) =
            website.host.rsplit_once(':').filter(|(_, port)| is_port(port)).unwrap_or((&website.host, ""));
        let domain = website.registrable_domain.as_str();
        let before = if domain.is_empty() { "" } else { name.strip_suffix(domain).unwrap_or_default() };
        Self::Host {
            before: before.to_owned(),
            domain: name[before.len()..].to_owned(),
            after: if port.is_empty() { String::new() } else { format!(":{port}") },
            unicode: website.unicode_host.clone(),
        }
    }

    /// A link to a page of ours.
    pub fn link(uri: impl Into<String>, text: Message) -> Self {
        Self::Link { uri: uri.into(), text, beside: false }
    }

    /// A text that is always written from left to right.
    pub fn code(text: impl Into<String>) -> Self {
        Self::Code { text: text.into() }
    }

    /// The day of an instant, in UTC. `None` beyond the year 9999.
    pub fn day(time: prost_types::Timestamp) -> Option<Self> {
        let date = OffsetDateTime::from_unix_timestamp(time.seconds).ok()?.date();
        Some(Self::Day { year: date.year(), month: date.month().into(), day: date.day() })
    }

    /// The minute of an instant, in UTC. `None` beyond the year 9999.
    pub fn minute(time: prost_types::Timestamp) -> Option<Self> {
        let at = OffsetDateTime::from_unix_timestamp(time.seconds).ok()?;
        let time = format!("{:02}:{:02}", at.hour(), at.minute());
        Some(Self::Minute { year: at.year(), month: at.month().into(), day: at.day(), time })
    }

    /// A duration, rounded up: access must not last longer than the page says.
    pub fn duration(seconds: i64) -> Self {
        const MINUTE: i64 = 60;
        const HOUR: i64 = 60 * MINUTE;
        const DAY: i64 = 24 * HOUR;
        let (length, unit) = match seconds {
            _ if seconds <= HOUR => (MINUTE, Unit::Minutes),
            _ if seconds <= DAY => (HOUR, Unit::Hours),
            _ => (DAY, Unit::Days),
        };
        Self::Duration { count: seconds.max(1).saturating_add(length - 1) / length, unit }
    }

    /// The name of a resource, which a brand may translate.
    pub fn resource(uri: &str, name: &str) -> Self {
        Self::Own { key: Own::resource(uri), text: if name.is_empty() { uri } else { name }.to_owned() }
    }

    /// The description of a scope, which a brand may translate.
    pub fn scope(resource: &str, scope: &str, description: &str) -> Self {
        let text = if description.is_empty() { scope } else { description };
        Self::Own { key: Own::scope(resource, scope), text: text.to_owned() }
    }
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The keys of an operator's texts that a brand may translate.
#[derive(Clone, Copy, Debug)]
pub struct Own;

impl Own {
    /// The key of a resource's name.
    pub fn resource(uri: &str) -> String {
        format!("resource {uri}")
    }

    /// The key of a scope's description.
    pub fn scope(resource: &str, scope: &str) -> String {
        format!("scope {resource} {scope}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn website(host: &str, domain: &str) -> Website {
        Website { host: host.to_owned(), registrable_domain: domain.to_owned(), ..Default::default() }
    }

    #[test]
    fn registrable_domain_is_set_apart() {
        for (host, domain, expected) in [
            ("claude.ai", "claude.ai", ("", "claude.ai", "")),
            ("claude.ai.evil.example", "evil.example", ("claude.ai.", "evil.example", "")),
            ("a.evil.example:8443", "evil.example", ("a.", "evil.example", ":8443")),
            ("203.0.113.7:444", "", ("", "203.0.113.7", ":444")),
            ("[2001:db8::7]", "", ("", "[2001:db8::7]", "")),
            ("[2001:db8::7]:444", "", ("", "[2001:db8::7]", ":444")),
            ("github.io", "", ("", "github.io", "")),
            ("a.example", "other.example", ("", "a.example", "")),
        ] {
            let (before, shown, after) = expected;
            let (before, shown, after) = (before.to_owned(), shown.to_owned(), after.to_owned());
            let value = Value::Host { before, domain: shown, after, unicode: String::new() };
            assert_eq!(Value::host(&website(host, domain)), value, "{host}");
        }
    }

    #[test]
    fn days_are_right_around_their_edges() {
        let expected = [
            (0, (1970, 1, 1)),
            (86_399, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (951_782_400, (2000, 2, 29)),
            (1_709_251_200, (2024, 3, 1)),
            (1_735_689_599, (2024, 12, 31)),
        ];
        for (seconds, (year, month, day)) in expected {
            let value = Value::day(prost_types::Timestamp { seconds, nanos: 0 });
            assert_eq!(value, Some(Value::Day { year, month, day }), "{seconds}");
        }
        assert!(Value::day(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }).is_none());
    }

    #[test]
    fn durations_are_rounded_up() {
        use Unit::{Days, Hours, Minutes};
        let expected = [
            (0, 1, Minutes),
            (60, 1, Minutes),
            (61, 2, Minutes),
            (3_600, 60, Minutes),
            (3_601, 2, Hours),
            (86_400, 24, Hours),
            (86_401, 2, Days),
            (90 * 86_400, 90, Days),
        ];
        for (seconds, count, unit) in expected {
            assert_eq!(Value::duration(seconds), Value::Duration { count, unit }, "{seconds}");
        }
    }
}
