//! Configuration: one TOML file per process, read once, before anything else happens.
//!
//! A file that is not understood to the last key refuses to start, with one line that names file, line, key and remedy. A
//! misspelt key that is silently ignored is a setting that somebody believes to be in force.

mod explain;
mod secret;

use std::error::Error;
use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

pub use secret::Secret;

use crate::one_line;

/// Reads the TOML file at `path`. The structs of `T` say `#[serde(deny_unknown_fields)]`.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| {
        ConfigError::new("", format_args!("cannot be read: {error}"), "check the path").in_file(path)
    })?;
    parse(&text).map_err(|error| error.in_file(path))
}

/// The same for a text that lies in no file.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| explain::explain(text, &error))
}

/// Names the file in an error that is a [`ConfigError`] without one; leaves any other error as it is. For checks made
/// long after the file was read.
pub fn name_file(error: anyhow::Error, path: &Path) -> anyhow::Error {
    match error.downcast::<ConfigError>() {
        Ok(error) => error.in_file(path).into(),
        Err(error) => error,
    }
}

/// Why a configuration is refused. One line: `FILE:LINE: KEY: PROBLEM; REMEDY`, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: Option<PathBuf>,
    line: Option<usize>,
    key: String,
    problem: String,
    remedy: String,
}

impl ConfigError {
    /// For checks that only the owner of `key` can make (`issuers[0].url`, say; empty if no key is at fault). `problem`
    /// continues the key ("is not a URL"), `remedy` is what to do ("write https://HOST"). Neither may hold a secret.
    pub fn new(key: impl Into<String>, problem: impl Display, remedy: impl Display) -> Self {
        Self {
            file: None,
            line: None,
            key: key.into(),
            problem: one_line(&problem.to_string()),
            remedy: one_line(&remedy.to_string()),
        }
    }

    /// Names the file, unless one is named already.
    pub fn in_file(mut self, path: &Path) -> Self {
        self.file.get_or_insert_with(|| path.to_owned());
        self
    }

    /// For who reads a setting from one key and hands it on under another: the person knows the first one.
    pub fn map_key(mut self, map: impl FnOnce(&str) -> String) -> Self {
        self.key = map(&self.key);
        self
    }

    /// Counted from 1.
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
    fn a_file_that_is_not_there_is_named() {
        let error = load::<toml::Table>(Path::new("/nowhere/edge.toml")).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/edge.toml: cannot be read: "), "{error}");
    }

    #[test]
    fn a_check_made_elsewhere_is_one_line_too() {
        let error = ConfigError::new("listen", "is not loopback\nand has no [tls]", "add [tls]");
        assert_eq!(error.to_string(), "listen: is not loopback and has no [tls]; add [tls]");
        let named = error.in_file(Path::new("a.toml")).in_file(Path::new("b.toml"));
        assert_eq!(named.to_string(), "a.toml: listen: is not loopback and has no [tls]; add [tls]");
    }

    #[test]
    fn only_an_error_of_configuration_is_given_a_file() {
        let config = ConfigError::new("listen", "is taken", "choose another");
        let named = name_file(config.into(), Path::new("a.toml"));
        assert_eq!(named.to_string(), "a.toml: listen: is taken; choose another");
        assert_eq!(name_file(anyhow::anyhow!("no disk"), Path::new("a.toml")).to_string(), "no disk");
    }
}
