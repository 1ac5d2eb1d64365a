//! What a process says about itself while it works: logs, on standard error.
//!
//! What is never logged, by anybody: tokens, codes, cookies, secrets, bodies, e-mail addresses, query strings.

mod lines;

use std::io::{self, IsTerminal, Stderr};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use self::lines::Lines;
use crate::ConfigError;

static STANDARD_ERROR: OnceLock<Lines<Stderr>> = OnceLock::new();

/// The table `[telemetry]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    pub format: LogFormat,
    /// `tracing-subscriber`'s directives: `info`, `info,lychgate_control=debug`.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object per line.
    Json,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// Sends every event of this process to standard error; standard output belongs to what a command prints. Called once,
/// by `main`; whoever calls it again (tests in one process) keeps the first one's.
pub fn init(telemetry: &Telemetry) -> Result<(), ConfigError> {
    let filter = filter(telemetry)?;
    let writer = match STANDARD_ERROR.get() {
        Some(lines) => BoxMakeWriter::new(lines.clone()),
        // Without a thread of its own, line by line.
        None => match Lines::new(io::stderr()) {
            Ok(lines) => BoxMakeWriter::new(STANDARD_ERROR.get_or_init(|| lines).clone()),
            Err(_) => BoxMakeWriter::new(io::stderr),
        },
    };
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(io::stderr().is_terminal());
    let _already_set = match telemetry.format {
        LogFormat::Text => subscriber.finish().try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).finish().try_init(),
    };
    Ok(())
}

/// Writes what has been said and waits for others. The last thing a process does.
pub(crate) fn finish() {
    if let Some(lines) = STANDARD_ERROR.get() {
        lines.write_all();
    }
}

fn filter(telemetry: &Telemetry) -> Result<EnvFilter, ConfigError> {
    EnvFilter::builder().parse(&telemetry.filter).map_err(|error| {
        ConfigError::new(
            "telemetry.filter",
            error,
            "write a level or directives, as in \"info,lychgate_control=debug\"",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn everything_has_a_default() {
        assert_eq!(parse::<Telemetry>("").unwrap(), Telemetry::default());
        let json = parse::<Telemetry>("format = \"json\"").unwrap();
        assert_eq!(json, Telemetry { format: LogFormat::Json, ..Telemetry::default() });
    }

    #[test]
    fn a_filter_that_is_none_is_refused() {
        let error = init(&Telemetry { filter: "info,=,".to_owned(), ..Telemetry::default() }).unwrap_err().to_string();
        assert!(error.starts_with("telemetry.filter: "), "{error}");
    }
}
