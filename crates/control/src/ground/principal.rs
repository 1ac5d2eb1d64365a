//! Named callers of gRPC: who they are, and what they may call.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use lychgate_domain::id::IssuerId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::certificate::SubjectName;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Serves browsers and clients.
    Edge,
    /// Asks whether a consent stands.
    Checker,
    /// Lists and watches.
    Reader,
    /// An MCP server.
    Resource,
    /// A person with grpcurl at 3 a.m.
    Operator,
}

/// A caller that showed who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub name: String,
    pub role: Role,
    /// SHA-256 of its bearer tokens; the tokens themselves are kept nowhere.
    pub token_digests: Vec<TokenDigest>,
    /// Names that certificates give it.
    pub certificate_sans: Vec<SubjectName>,
    /// `None`: all.
    pub issuers: Option<HashSet<IssuerId>>,
    /// URIs of the resources it speaks for, or may ask about; `None`: all.
    pub resources: Option<HashSet<String>>,
}

/// SHA-256 of a bearer token.
pub type TokenDigest = [u8; 32];

impl Principal {
    pub fn may_speak_of(&self, issuer: &IssuerId) -> bool {
        self.issuers.as_ref().is_none_or(|issuers| issuers.contains(issuer))
    }

    pub fn may_speak_of_resource(&self, uri: &str) -> bool {
        self.resources.as_ref().is_none_or(|resources| resources.contains(uri))
    }

    /// Whether `other` is the same caller with the same rights, however either shows it.
    pub fn is_as_free_as(&self, other: &Self) -> bool {
        let Self { name, role, token_digests: _, certificate_sans: _, issuers, resources } = self;
        (name, role, issuers, resources) == (&other.name, &other.role, &other.issuers, &other.resources)
    }

    /// The only resource it speaks for; `None` if there are several.
    pub fn only_resource(&self) -> Option<&str> {
        let mut own = self.resources.iter().flatten();
        own.next().filter(|_| own.next().is_none()).map(String::as_str)
    }
}

/// What a caller showed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    pub token: Option<&'a TokenDigest>,
    /// The names in its certificate, which has been verified.
    pub certificate: Option<&'a [SubjectName]>,
}

/// Why nobody is who showed it. As the caller is told, which learns nothing of anybody else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unidentified {
    #[error("send metadata authorization: Bearer TOKEN of a configured principal, or a client certificate of one")]
    Nothing,
    #[error("the bearer token is no configured principal's")]
    Token,
    #[error("no configured principal has a name of the client certificate ({0}): add one to its certificate_sans")]
    Certificate(String),
    #[error("the client certificate has names of several principals: leave it those of one")]
    Several,
    #[error("the bearer token and the client certificate are two principals': send one of them")]
    Contradiction,
}

/// Everybody there is, until others take their place.
#[derive(Debug)]
pub struct Principals(RwLock<Arc<[Arc<Principal>]>>);

/// The names of those who are not as they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<String>,
}

impl Principals {
    pub fn new(principals: Vec<Principal>) -> Self {
        Self(RwLock::new(principals.into_iter().map(Arc::new).collect()))
    }

    /// From the next call on there are `others`.
    pub fn replace(&self, others: Principals) -> Changes {
        let others = others.all();
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changes = Changes::between(&current, &others);
        *current = others;
        changes
    }

    fn all(&self) -> Arc<[Arc<Principal>]> {
        // What is swapped in one piece is whole also after a panic.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who showed it. Two proofs must be the same principal's: neither is passed over for the other, so that whoever took
    /// one from a caller cannot hide behind one of its own.
    pub fn identify(&self, shown: Shown<'_>) -> Result<Arc<Principal>, Unidentified> {
        let all = self.all();
        let by_token = shown.token.map(|digest| by_digest(&all, digest).ok_or(Unidentified::Token)).transpose()?;
        let by_certificate = shown.certificate.map(|names| by_names(&all, names)).transpose()?;
        match (by_token, by_certificate) {
            (Some(one), Some(other)) if one.name != other.name => Err(Unidentified::Contradiction),
            (Some(principal), _) | (None, Some(principal)) => Ok(Arc::clone(principal)),
            (None, None) => Err(Unidentified::Nothing),
        }
    }

    /// Whose `token` it is.
    pub fn by_token(&self, token: &str) -> Option<Arc<Principal>> {
        by_digest(&self.all(), &digest(token)).cloned()
    }
}

pub fn digest(token: &str) -> TokenDigest {
    Sha256::digest(token).into()
}

/// Every digest is compared, in constant time, whether or not one has matched.
fn by_digest<'a>(all: &'a [Arc<Principal>], digest: &TokenDigest) -> Option<&'a Arc<Principal>> {
    let mut found = None;
    for principal in all {
        for known in &principal.token_digests {
            if bool::from(known.ct_eq(digest)) {
                found = Some(principal);
            }
        }
    }
    found
}

/// The one principal that is known by one of `names`.
fn by_names<'a>(all: &'a [Arc<Principal>], names: &[SubjectName]) -> Result<&'a Arc<Principal>, Unidentified> {
    let is_named = |principal: &&Arc<Principal>| principal.certificate_sans.iter().any(|name| names.contains(name));
    let mut named = all.iter().filter(is_named);
    match (named.next(), named.next()) {
        (Some(principal), None) => Ok(principal),
        (Some(_), Some(_)) => Err(Unidentified::Several),
        (None, _) => Err(Unidentified::Certificate(listed(names))),
    }
}

/// Enough of them to know the certificate by.
fn listed(names: &[SubjectName]) -> String {
    match names {
        [] => "it has no DNS name and no URI".to_owned(),
        names => names.iter().take(4).map(SubjectName::to_string).collect::<Vec<_>>().join(", "),
    }
}

impl Changes {
    fn between(before: &[Arc<Principal>], after: &[Arc<Principal>]) -> Self {
        let named = |all: &'_ [Arc<Principal>], name: &str| all.iter().find(|one| one.name == name).cloned();
        let mut changes = Self::default();
        for one in after {
            match named(before, &one.name) {
                None => changes.added.push(one.name.clone()),
                Some(was) if was != *one => changes.changed.push(one.name.clone()),
                Some(_) => {}
            }
        }
        changes.removed =
            before.iter().filter(|one| named(after, &one.name).is_none()).map(|one| one.name.clone()).collect();
        changes
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [("added", &self.added), ("removed", &self.removed), ("changed", &self.changed)];
        let said = kinds.iter().filter(|(_, names)| !names.is_empty());
        let said: Vec<_> = said.map(|(kind, names)| format!("{kind}: {}", names.join(", "))).collect();
        f.write_str(&said.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(name: &str, tokens: &[&str]) -> Principal {
        let token_digests = tokens.iter().map(|token| digest(token)).collect();
        let certificate_sans = Vec::new();
        Principal {
            name: name.to_owned(),
            role: Role::Edge,
            token_digests,
            certificate_sans,
            issuers: None,
            resources: None,
        }
    }

    fn named(names: &[&str], principal: Principal) -> Principal {
        Principal { certificate_sans: sans(names), ..principal }
    }

    fn sans(names: &[&str]) -> Vec<SubjectName> {
        names.iter().map(|name| SubjectName::parse(name).unwrap()).collect()
    }

    #[test]
    fn a_token_names_its_principal_and_no_other() {
        let principals = Principals::new(vec![principal("one", &["old", "new"]), principal("two", &["other"])]);
        let name = |token| principals.by_token(token).map(|principal| principal.name.clone());
        let expected = ["one", "one", "two"].map(|name| Some(name.to_owned()));
        assert_eq!(["old", "new", "other"].map(name), expected);
        assert_eq!(["", "ol", "oldnew"].map(name), [None, None, None]);
        let digest: String = digest("old").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(name(&digest), None, "the digest is not the token");
    }

    #[test]
    fn a_certificate_is_somebodys_by_a_whole_name_of_one_principal() {
        let principals = Principals::new(vec![
            named(&["edge-1.internal", "spiffe://example/edge"], principal("one", &[])),
            named(&["edge-2.internal"], principal("two", &[])),
        ]);
        let name = |names: &[SubjectName]| {
            principals.identify(Shown { token: None, certificate: Some(names) }).map(|one| one.name.clone())
        };
        for (names, expected) in [
            (&["edge-1.internal"][..], "one"),
            (&["spiffe://example/edge"], "one"),
            (&["unknown.internal", "edge-1.internal", "spiffe://example/edge"], "one"),
            (&["edge-2.internal", "spiffe://example/else"], "two"),
        ] {
            assert_eq!(name(&sans(names)), Ok(expected.to_owned()), "{names:?}");
        }
        for other in ["internal", "1.internal", "x.edge-1.internal", "spiffe://example/edge/x", "spiffe://example/Edge"]
        {
            let refused = name(&sans(&[other]));
            assert_eq!(refused, Err(Unidentified::Certificate(other.to_owned())));
        }
        assert_eq!(
            name(&[SubjectName::Dns("*.internal".to_owned())]),
            Err(Unidentified::Certificate("*.internal".to_owned()))
        );
        // The kind is part of a name.
        assert!(name(&[SubjectName::Uri("edge-1.internal".to_owned())]).is_err());
        assert!(name(&[]).unwrap_err().to_string().contains("it has no DNS name and no URI"));
        assert_eq!(name(&sans(&["edge-1.internal", "edge-2.internal"])), Err(Unidentified::Several));
    }

    #[test]
    fn two_proofs_are_one_principals_or_nobodys() {
        let principals = Principals::new(vec![
            named(&["edge-1.internal"], principal("one", &["token-1"])),
            named(&["edge-2.internal"], principal("two", &["token-2"])),
        ]);
        let name = |token: &str, san: &str| {
            let shown = Shown { token: Some(&digest(token)), certificate: Some(&sans(&[san])) };
            principals.identify(shown).map(|one| one.name.clone())
        };
        assert_eq!(name("token-1", "edge-1.internal"), Ok("one".to_owned()));
        assert_eq!(name("token-1", "edge-2.internal"), Err(Unidentified::Contradiction));
        assert_eq!(name("token-2", "edge-1.internal"), Err(Unidentified::Contradiction));
        assert_eq!(name("wrong", "edge-1.internal"), Err(Unidentified::Token));
        assert_eq!(name("token-1", "unknown"), Err(Unidentified::Certificate("unknown".to_owned())));
        assert_eq!(principals.identify(Shown::default()), Err(Unidentified::Nothing));
    }

    #[test]
    fn whoever_takes_their_place_is_told_by_name() {
        let principals =
            Principals::new(vec![principal("one", &["a"]), principal("two", &["b"]), principal("three", &[])]);
        let others = vec![named(&["c"], principal("three", &[])), principal("one", &["a"]), principal("four", &["d"])];
        let changes = principals.replace(Principals::new(others.clone()));
        assert_eq!(changes.to_string(), "added: four; removed: two; changed: three");
        assert!(principals.by_token("b").is_none() && principals.by_token("d").is_some());
        assert!(principals.replace(Principals::new(others)).is_empty());
    }

    #[test]
    fn a_new_token_is_the_same_freedom_and_another_role_or_scope_is_not() {
        let one = principal("one", &["a"]);
        assert!(one.is_as_free_as(&named(&["x"], principal("one", &["b"]))));
        assert!(!one.is_as_free_as(&principal("two", &["a"])));
        assert!(!one.is_as_free_as(&Principal { role: Role::Operator, ..one.clone() }));
        assert!(!one.is_as_free_as(&Principal { issuers: Some(HashSet::new()), ..one.clone() }));
        assert!(!one.is_as_free_as(&Principal { resources: Some(HashSet::new()), ..one.clone() }));
    }

    #[test]
    fn whoever_is_scoped_may_speak_of_its_own_issuers_only() {
        let id = |text| IssuerId::parse(text).unwrap();
        let all = principal("all", &[]);
        let one = Principal { issuers: Some(HashSet::from([id("main")])), ..all.clone() };
        let none = Principal { issuers: Some(HashSet::new()), ..all.clone() };
        let may = |principal: &Principal| [id("main"), id("other")].map(|issuer| principal.may_speak_of(&issuer));
        assert_eq!((may(&all), may(&one), may(&none)), ([true, true], [true, false], [false, false]));
    }
}
