//! A query's or form's parameters as a stranger sent them.

use crate::Refusal;

/// Names and values in the order received.
#[derive(Clone, Debug)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// More than any client sends; a ticket must fit into a URL.
    const MAX_BYTES: usize = 12 * 1024;
    const MAX_COUNT: usize = 64;

    pub fn new(pairs: Vec<(String, String)>) -> Result<Self, Refusal> {
        let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > Self::MAX_BYTES || pairs.len() > Self::MAX_COUNT {
            return Err(Refusal::RequestTooLarge("the query"));
        }
        Ok(Self(pairs))
    }

    /// The one value of `name`. An empty value is as good as none; a repeated name is refused (RFC 6749 §3.1). Were the
    /// first or the last to win, a proxy that picks the other one could be played against us.
    pub fn single(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        let mut values = self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(Refusal::ParameterRepeated(name));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    pub fn required(&self, name: &'static str) -> Result<&str, Refusal> {
        self.single(name)?.ok_or(Refusal::ParameterMissing(name))
    }

    /// The values of a name that may repeat (`resource`, RFC 8707 §2).
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}
