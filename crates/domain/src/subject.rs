//! Who somebody is, as far as an upstream can tell.

use std::fmt;

/// `upstream-id|stable-id`: the configured id of the upstream, and what that upstream never gives to anybody else.
/// Never a login name or an e-mail address. Everything after the first `|` is the upstream's, as it came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

impl Subject {
    /// OIDC Core §2: a `sub` has at most 255 ASCII characters. Control characters are refused, so that a subject can
    /// stand in a log line.
    pub fn new(upstream: &UpstreamId, stable_id: &str) -> Option<Self> {
        let printable = |byte: u8| matches!(byte, 0x20..=0x7E);
        let acceptable = (1..=255).contains(&stable_id.len()) && stable_id.bytes().all(printable);
        acceptable.then(|| Self(format!("{}|{stable_id}", upstream.as_str())))
    }

    /// As somebody writes it down. That it has the form says nothing of whether there is such a person.
    pub fn parse(text: &str) -> Option<Self> {
        let (upstream, stable_id) = text.split_once('|')?;
        Self::new(&UpstreamId::parse(upstream)?, stable_id)
    }

    /// As read from a record of ours.
    pub fn from_record(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the upstream: ids of upstreams have no bar.
    pub fn stable_id(&self) -> &str {
        self.0.split_once('|').map_or(&*self.0, |(_, stable_id)| stable_id)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An upstream's configured id: 1 to 32 of `[a-z0-9-]`. It is part of every subject: to rename it is to forget them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpstreamId(String);

impl UpstreamId {
    pub fn parse(text: &str) -> Option<Self> {
        crate::id::IssuerId::parse(text).map(|id| Self(id.as_str().to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
