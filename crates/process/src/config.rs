//! Reads the configuration: one TOML file for each process, before anything else starts.
//!
//! A process refuses to start with an unknown key and prints one line with file, line, key and remedy. If a misspelt key were
//! ignored, the operator would believe a setting to be in force that is not.

pub mod example;
mod explain;
mod secret;

use std::error::Error;
use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

pub use secret::Secret;

use crate::one_line;

/// Reads the TOML file at `path`. All structs in `T` must have `#[serde(deny_unknown_fields)]`.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| {
        ConfigError::new("", format_args!("cannot be read: {error}"), "check the path").in_file(path)
    })?;
    parse(&text).map_err(|error| error.in_file(path))
}

/// Reads a configuration from a string.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    let document = toml::Deserializer::parse(text).map_err(|error| explain::syntax(text, &error))?;
    serde_path_to_error::deserialize(document).map_err(|error| explain::value(text, &error))
}

/// Adds the file to a [`ConfigError`] that has none; returns any other error unchanged. For checks long after the file was
/// read.
pub fn name_file(error: anyhow::Error, path: &Path) -> anyhow::Error {
    match error.downcast::<ConfigError>() {
        Ok(error) => error.in_file(path).into(),
        Err(error) => error,
    }
}

/// A refused configuration. Displayed as one line, `FILE:LINE: KEY: PROBLEM; REMEDY`, without the parts that are unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: Option<PathBuf>,
    line: Option<usize>,
    key: String,
    problem: String,
    remedy: String,
}

impl ConfigError {
    /// An error about `key`, such as `issuers[0].url`; empty if no single key is wrong. `problem` continues the key ("is not a
    /// URL"); `remedy` is an instruction ("write https://HOST"). Neither may contain a secret.
    pub fn new(key: impl Into<String>, problem: impl Display, remedy: impl Display) -> Self {
        Self {
            file: None,
            line: None,
            key: key.into(),
            problem: one_line(&problem.to_string()),
            remedy: one_line(&remedy.to_string()),
        }
    }

    /// Adds the file, unless the error already has one.
    pub fn in_file(mut self, path: &Path) -> Self {
        self.file.get_or_insert_with(|| path.to_owned());
        self
    }

    /// Replaces the key, for a setting that is read from one key and passed on under another: the operator knows the first.
    pub fn map_key(mut self, map: impl FnOnce(&str) -> String) -> Self {
        self.key = map(&self.key);
        self
    }

    /// Adds the line, counted from 1.
    fn at_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

impl Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{}:{line}: ", file.display())?,
            (Some(file), None) => write!(f, "{}: ", file.display())?,
            (None, Some(line)) => write!(f, "line {line}: ")?,
            (None, None) => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

impl Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_file_is_named() {
        let error = load::<toml::Table>(Path::new("/nowhere/edge.toml")).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/edge.toml: cannot be read: "), "{error}");
    }

    #[test]
    fn error_of_a_later_check_is_one_line() {
        let error = ConfigError::new("listen", "is not loopback\nand has no [tls]", "add [tls]");
        assert_eq!(error.to_string(), "listen: is not loopback and has no [tls]; add [tls]");
        let named = error.in_file(Path::new("a.toml")).in_file(Path::new("b.toml"));
        assert_eq!(named.to_string(), "a.toml: listen: is not loopback and has no [tls]; add [tls]");
    }

    #[test]
    fn only_a_configuration_error_is_given_a_file() {
        let config = ConfigError::new("listen", "is taken", "choose another");
        let named = name_file(config.into(), Path::new("a.toml"));
        assert_eq!(named.to_string(), "a.toml: listen: is taken; choose another");
        assert_eq!(name_file(anyhow::anyhow!("no disk"), Path::new("a.toml")).to_string(), "no disk");
    }
}
