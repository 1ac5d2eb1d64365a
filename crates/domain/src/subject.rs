//! Subjects: the identity of people, as an upstream asserts it.

use std::fmt;

/// `upstream-id|stable-id`: the upstream's configured id, and an id that the upstream never reassigns. Never a login
/// name or e-mail address. The part after the first `|` is kept as the upstream sent it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

impl Subject {
    /// `None` unless `stable_id` has 1 to 255 printable ASCII characters (OIDC Core §2). Control characters are
    /// refused, so that a subject can stand in a log line.
    pub fn new(upstream: &UpstreamId, stable_id: &str) -> Option<Self> {
        let printable = |byte: u8| matches!(byte, 0x20..=0x7E);
        let acceptable = (1..=255).contains(&stable_id.len()) && stable_id.bytes().all(printable);
        acceptable.then(|| Self(format!("{}|{stable_id}", upstream.as_str())))
    }

    /// Parses the form that people write. It does not say that such a person exists.
    pub fn parse(text: &str) -> Option<Self> {
        let (upstream, stable_id) = text.split_once('|')?;
        Self::new(&UpstreamId::parse(upstream)?, stable_id)
    }

    /// A subject from a stored record.
    pub fn from_record(text: String) -> Self {
        Self(text)
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The upstream's own id of the person. Upstream ids contain no `|`.
    pub fn stable_id(&self) -> &str {
        self.0.split_once('|').map_or(&*self.0, |(_, stable_id)| stable_id)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An upstream's configured id: 1 to 32 of `[a-z0-9-]`. It is part of every subject: renaming it makes every person a
/// new one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpstreamId(String);

impl UpstreamId {
    /// `None` unless the text has the form of an id.
    pub fn parse(text: &str) -> Option<Self> {
        crate::id::IssuerId::parse(text).map(|id| Self(id.as_str().to_owned()))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
