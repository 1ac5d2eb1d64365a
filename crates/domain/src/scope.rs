//! Scopes, RFC 6749 §3.3.

use std::collections::BTreeSet;
use std::fmt;

use crate::Refusal;

/// One scope token: printable ASCII without space, quotation mark and backslash, at most 128 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(String);

impl Scope {
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        ((1..=128).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A set of scopes; `Display` is the space-separated form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    const MAX: usize = 64;

    /// The space-separated form of a request; order and repetition mean nothing.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let scopes = text.split(' ').filter(|scope| !scope.is_empty());
        let scopes: BTreeSet<_> = scopes.map(Scope::parse).collect::<Option<_>>().ok_or(Refusal::ScopeInvalid)?;
        if scopes.len() > Self::MAX { Err(Refusal::ScopeInvalid) } else { Ok(Self(scopes)) }
    }

    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.contains(scope)
    }

    pub fn is_subset(&self, other: &Scopes) -> bool {
        self.0.is_subset(&other.0)
    }

    pub fn union(&self, other: &Scopes) -> Scopes {
        Self(self.0.union(&other.0).cloned().collect())
    }

    pub fn without(mut self, scope: &str) -> Scopes {
        self.0.retain(|s| s.as_str() != scope);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, scope) in self.0.iter().enumerate() {
            write!(f, "{}{}", if n == 0 { "" } else { " " }, scope.as_str())?;
        }
        Ok(())
    }
}
