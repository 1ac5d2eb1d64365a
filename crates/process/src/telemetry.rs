//! Logs, on standard error.
//!
//! Never log tokens, codes, cookies, secrets, bodies, e-mail addresses or query strings. Texts that a stranger has chosen go
//! through [`cut`](strangers::cut), and lines about unknown callers through a [`LineLimit`](strangers::LineLimit).

mod buffered;
pub mod strangers;

use std::io::{self, IsTerminal, Stderr};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use self::buffered::BufferedLines;
use crate::ConfigError;

static STANDARD_ERROR: OnceLock<BufferedLines<Stderr>> = OnceLock::new();

/// The table `[telemetry]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Format of a log line.
    pub format: LogFormat,
    /// Filter directives of `tracing-subscriber`: `info`, `info,lychgate_control=debug`.
    pub filter: String,
}

/// Format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object.
    Json,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// Logs every event of this process to standard error; standard output is for the output of commands. `main` calls it once.
/// Further calls, in tests that share a process, keep the first configuration.
pub fn init(telemetry: &Telemetry) -> Result<(), ConfigError> {
    let filter = filter(telemetry)?;
    let writer = match STANDARD_ERROR.get() {
        Some(lines) => BoxMakeWriter::new(lines.clone()),
        // Without the buffer's thread, lines are written one by one.
        None => match BufferedLines::new(io::stderr()) {
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

/// Writes the buffered lines. Called last in a process.
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
    fn every_setting_has_a_default() {
        assert_eq!(parse::<Telemetry>("").unwrap(), Telemetry::default());
        let json = parse::<Telemetry>("format = \"json\"").unwrap();
        assert_eq!(json, Telemetry { format: LogFormat::Json, ..Telemetry::default() });
    }

    #[test]
    fn invalid_filter_is_refused() {
        let error = init(&Telemetry { filter: "info,=,".to_owned(), ..Telemetry::default() }).unwrap_err().to_string();
        assert!(error.starts_with("telemetry.filter: "), "{error}");
    }
}
