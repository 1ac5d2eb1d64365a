//! Texts for people.

use lychgate_domain::display::displayable;
use lychgate_process::config::ConfigError;

/// A text that a page shows.
pub(super) fn display_text(key: &str, text: &str) -> Result<String, ConfigError> {
    displayable(text, 200).ok_or_else(|| ConfigError::new(key, "is empty", "write the text that people should read"))
}
