//! Principals: the named callers of gRPC, their credentials, roles and scopes.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
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
    /// Checks consents.
    Checker,
    /// Lists and watches issuers and consents.
    Reader,
    /// An MCP server.
    Resource,
    /// A person with grpcurl at 3 a.m.
    Operator,
}

/// A named caller with its credentials and rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub name: String,
    pub role: Role,
    /// SHA-256 digests of its bearer tokens. The tokens are not stored.
    pub token_digests: Vec<TokenDigest>,
    /// Alternative names of its certificates.
    pub certificate_sans: Vec<SubjectName>,
    /// `None`: all.
    pub issuers: Option<HashSet<IssuerId>>,
    /// URIs of the resources it serves or may ask about; `None`: all.
    pub resources: Option<HashSet<String>>,
}

/// SHA-256 of a bearer token.
pub(crate) type TokenDigest = [u8; 32];

impl Principal {
    pub fn may_access(&self, issuer: &IssuerId) -> bool {
        self.issuers.as_ref().is_none_or(|issuers| issuers.contains(issuer))
    }

    pub fn may_access_resource(&self, uri: &str) -> bool {
        self.resources.as_ref().is_none_or(|resources| resources.contains(uri))
    }

    /// True if `other` has the same name and rights, regardless of credentials.
    pub fn has_same_rights_as(&self, other: &Self) -> bool {
        let Self { name, role, token_digests: _, certificate_sans: _, issuers, resources } = self;
        (name, role, issuers, resources) == (&other.name, &other.role, &other.issuers, &other.resources)
    }

    /// Its only resource; `None` if there are several.
    pub fn only_resource(&self) -> Option<&str> {
        let mut own = self.resources.iter().flatten();
        own.next().filter(|_| own.next().is_none()).map(String::as_str)
    }
}

/// The credentials that a caller presented.
#[derive(Clone, Copy, Debug, Default)]
pub struct PresentedCredentials<'a> {
    pub token: Option<&'a TokenDigest>,
    /// The names in its verified certificate.
    pub certificate: Option<&'a [SubjectName]>,
}

/// Why authentication failed. Shown to the caller; reveals nothing about other principals.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    #[error("send metadata authorization: Bearer TOKEN of a configured principal, or a client certificate of one")]
    Nothing,
    #[error("the bearer token belongs to no configured principal")]
    Token,
    #[error("no configured principal has a name of the client certificate ({0}): add one to its certificate_sans")]
    Certificate(String),
    #[error("the client certificate has names of several principals: use names of one principal only")]
    Several,
    #[error("the bearer token and the client certificate belong to different principals: send one of them")]
    Contradiction,
}

/// The principals in force. They can be replaced while calls run.
#[derive(Debug)]
pub struct Principals(ArcSwap<Vec<Arc<Principal>>>);

/// The names of added, removed and changed principals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<String>,
}

impl Principals {
    pub fn new(principals: Vec<Principal>) -> Self {
        Self(ArcSwap::from_pointee(principals.into_iter().map(Arc::new).collect()))
    }

    /// Replaces the principals, from the next call on.
    pub fn replace(&self, others: Principals) -> Changes {
        let others = others.0.into_inner();
        let before = self.0.swap(Arc::clone(&others));
        Changes::between(&before, &others)
    }

    /// Authenticates a caller. Two credentials must belong to one principal: neither is ignored in favour of the
    /// other, so a stolen credential cannot hide behind the thief's own.
    pub fn authenticate(&self, shown: PresentedCredentials<'_>) -> Result<Arc<Principal>, AuthenticationError> {
        let all = self.0.load();
        let by_token =
            shown.token.map(|digest| by_digest(&all, digest).ok_or(AuthenticationError::Token)).transpose()?;
        let by_certificate = shown.certificate.map(|names| by_names(&all, names)).transpose()?;
        match (by_token, by_certificate) {
            (Some(one), Some(other)) if one.name != other.name => Err(AuthenticationError::Contradiction),
            (Some(principal), _) | (None, Some(principal)) => Ok(Arc::clone(principal)),
            (None, None) => Err(AuthenticationError::Nothing),
        }
    }

    /// The principal of a bearer token.
    pub fn by_token(&self, token: &str) -> Option<Arc<Principal>> {
        by_digest(&self.0.load(), &digest(token)).cloned()
    }

    /// The principal of a token, if it has this name. The token is compared in constant time; the name is no secret.
    pub fn by_token_and_name(&self, token: &str, name: Option<&str>) -> Option<Arc<Principal>> {
        self.by_token(token).filter(|principal| name.is_none_or(|name| principal.name == name))
    }
}

pub(crate) fn digest(token: &str) -> TokenDigest {
    Sha256::digest(token).into()
}

/// Compares with every digest in constant time, whether or not one has matched.
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

/// The one principal that has one of `names`.
fn by_names<'a>(all: &'a [Arc<Principal>], names: &[SubjectName]) -> Result<&'a Arc<Principal>, AuthenticationError> {
    let is_named = |principal: &&Arc<Principal>| principal.certificate_sans.iter().any(|name| names.contains(name));
    let mut named = all.iter().filter(is_named);
    match (named.next(), named.next()) {
        (Some(principal), None) => Ok(principal),
        (Some(_), Some(_)) => Err(AuthenticationError::Several),
        (None, _) => Err(AuthenticationError::Certificate(listed(names))),
    }
}

/// Enough names to recognise the certificate.
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
    fn a_token_with_another_principals_name_finds_no_principal() {
        let principals = Principals::new(vec![principal("one", &["old", "new"]), principal("two", &["other"])]);
        let name =
            |name, token| principals.by_token_and_name(token, Some(name)).map(|principal| principal.name.clone());
        assert_eq!([name("one", "old"), name("one", "new")], [Some("one".to_owned()), Some("one".to_owned())]);
        for (other, token) in [("two", "old"), ("One", "old"), ("", "old"), ("one", "other"), ("one", ""), ("", "")] {
            assert_eq!(name(other, token), None, "{other:?} {token:?}");
        }
    }

    #[test]
    fn a_certificate_needs_a_whole_name_of_exactly_one_principal() {
        let principals = Principals::new(vec![
            named(&["edge-1.internal", "spiffe://example/edge"], principal("one", &[])),
            named(&["edge-2.internal"], principal("two", &[])),
        ]);
        let name = |names: &[SubjectName]| {
            principals
                .authenticate(PresentedCredentials { token: None, certificate: Some(names) })
                .map(|one| one.name.clone())
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
            assert_eq!(refused, Err(AuthenticationError::Certificate(other.to_owned())));
        }
        assert_eq!(
            name(&[SubjectName::Dns("*.internal".to_owned())]),
            Err(AuthenticationError::Certificate("*.internal".to_owned()))
        );
        // A DNS name and a URI with the same text are different names.
        assert!(name(&[SubjectName::Uri("edge-1.internal".to_owned())]).is_err());
        assert!(name(&[]).unwrap_err().to_string().contains("it has no DNS name and no URI"));
        assert_eq!(name(&sans(&["edge-1.internal", "edge-2.internal"])), Err(AuthenticationError::Several));
    }

    #[test]
    fn two_credentials_must_belong_to_one_principal() {
        let principals = Principals::new(vec![
            named(&["edge-1.internal"], principal("one", &["token-1"])),
            named(&["edge-2.internal"], principal("two", &["token-2"])),
        ]);
        let name = |token: &str, san: &str| {
            let shown = PresentedCredentials { token: Some(&digest(token)), certificate: Some(&sans(&[san])) };
            principals.authenticate(shown).map(|one| one.name.clone())
        };
        assert_eq!(name("token-1", "edge-1.internal"), Ok("one".to_owned()));
        assert_eq!(name("token-1", "edge-2.internal"), Err(AuthenticationError::Contradiction));
        assert_eq!(name("token-2", "edge-1.internal"), Err(AuthenticationError::Contradiction));
        assert_eq!(name("wrong", "edge-1.internal"), Err(AuthenticationError::Token));
        assert_eq!(name("token-1", "unknown"), Err(AuthenticationError::Certificate("unknown".to_owned())));
        assert_eq!(principals.authenticate(PresentedCredentials::default()), Err(AuthenticationError::Nothing));
    }

    #[test]
    fn a_replacement_reports_added_removed_and_changed_names() {
        let principals =
            Principals::new(vec![principal("one", &["a"]), principal("two", &["b"]), principal("three", &[])]);
        let others = vec![named(&["c"], principal("three", &[])), principal("one", &["a"]), principal("four", &["d"])];
        let changes = principals.replace(Principals::new(others.clone()));
        assert_eq!(changes.to_string(), "added: four; removed: two; changed: three");
        assert!(principals.by_token("b").is_none() && principals.by_token("d").is_some());
        assert!(principals.replace(Principals::new(others)).is_empty());
    }

    #[test]
    fn a_new_token_keeps_the_rights_and_another_role_or_scope_does_not() {
        let one = principal("one", &["a"]);
        assert!(one.has_same_rights_as(&named(&["x"], principal("one", &["b"]))));
        assert!(!one.has_same_rights_as(&principal("two", &["a"])));
        assert!(!one.has_same_rights_as(&Principal { role: Role::Operator, ..one.clone() }));
        assert!(!one.has_same_rights_as(&Principal { issuers: Some(HashSet::new()), ..one.clone() }));
        assert!(!one.has_same_rights_as(&Principal { resources: Some(HashSet::new()), ..one.clone() }));
    }

    #[test]
    fn a_scoped_principal_reaches_its_own_issuers_only() {
        let id = |text| IssuerId::parse(text).unwrap();
        let all = principal("all", &[]);
        let one = Principal { issuers: Some(HashSet::from([id("main")])), ..all.clone() };
        let none = Principal { issuers: Some(HashSet::new()), ..all.clone() };
        let may = |principal: &Principal| [id("main"), id("other")].map(|issuer| principal.may_access(&issuer));
        assert_eq!((may(&all), may(&one), may(&none)), ([true, true], [true, false], [false, false]));
    }
}
