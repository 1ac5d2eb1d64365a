//! What a process says about itself while it works: logs, on standard error.
//!
//! What is never logged, by anybody: tokens, codes, cookies, secrets, bodies, e-mail addresses, query strings.

use std::io::{self, IsTerminal};

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::ConfigError;

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
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(telemetry)?)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let _already_set = match telemetry.format {
        LogFormat::Text => subscriber.finish().try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).finish().try_init(),
    };
    Ok(())
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
