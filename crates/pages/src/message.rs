//! A sentence that has no language yet.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The id of a message and its arguments. In a template, `{{say x}}` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Of a message in `templates/locales/*.ftl`; `error-x.title` is an attribute of one.
    pub(crate) id: String,
    pub(crate) args: Map<String, Value>,
}

impl Message {
    /// The message `id`.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), args: Map::new() }
    }

    /// Adds an argument: a text, a number, or one of [`crate::value`].
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        // Values of this crate have string keys only, so that they always convert.
        self.args.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }
}
