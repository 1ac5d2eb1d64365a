//! Scopes (RFC 6749 §3.3).

use std::fmt;

use crate::Refusal;

/// One scope: printable ASCII without space, quotation mark and backslash, at most 128 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Box<str>);

impl Scope {
    /// `None` unless the text is one scope token.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        ((1..=128).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A sorted set of scopes. `Display` is the space-separated form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Box<[Scope]>);

impl Scopes {
    /// Parses the space-separated form; order and repetition do not matter. The number of scopes is bounded by the
    /// configuration, which defines each of them, and the length of the text by that of the request. Refuses with
    /// [`Refusal::ScopeInvalid`] (RFC 6749 §3.3).
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let scopes = text.split(' ').filter(|scope| !scope.is_empty());
        scopes.map(Scope::parse).collect::<Option<_>>().ok_or(Refusal::ScopeInvalid)
    }

    /// True if `scope` is in the set.
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.binary_search(scope).is_ok()
    }

    /// True if all its scopes are in `other`.
    pub fn is_subset(&self, other: &Scopes) -> bool {
        self.iter().all(|scope| other.contains(scope))
    }

    /// The scopes of both sets.
    pub fn union(&self, other: &Scopes) -> Scopes {
        self.iter().chain(other.iter()).cloned().collect()
    }

    /// The set without `scope`.
    pub fn without(self, scope: &str) -> Scopes {
        self.0.into_iter().filter(|s| s.as_str() != scope).collect()
    }

    /// True if it has no scope.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes in order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut scopes: Vec<_> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes.into())
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
