//! Parameters of a query or form, as they were sent.

use crate::Refusal;

/// Names and values in the order received.
#[derive(Clone, Debug)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// More than any client sends; a ticket must fit into a URL.
    const MAX_BYTES: usize = 12 * 1024;
    const MAX_COUNT: usize = 64;

    /// Refuses more than 64 parameters or 12 KiB with [`Refusal::RequestTooLarge`].
    pub fn new(pairs: Vec<(String, String)>) -> Result<Self, Refusal> {
        let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > Self::MAX_BYTES || pairs.len() > Self::MAX_COUNT {
            return Err(Refusal::RequestTooLarge("the query"));
        }
        Ok(Self(pairs))
    }

    /// The value of `name`; an empty one counts as missing. A repeated parameter is refused (RFC 6749 §3.1): a proxy in
    /// front might check one of its values while we use the other.
    ///
    /// Refuses with [`Refusal::ParameterRepeated`].
    pub fn single(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        let mut values = self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(Refusal::ParameterRepeated(name));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    /// The value of `name`. Refuses with [`Refusal::ParameterMissing`] or [`Refusal::ParameterRepeated`].
    pub fn required(&self, name: &'static str) -> Result<&str, Refusal> {
        self.single(name)?.ok_or(Refusal::ParameterMissing(name))
    }

    /// The values of a parameter that may be repeated (`resource`, RFC 8707 §2).
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}
