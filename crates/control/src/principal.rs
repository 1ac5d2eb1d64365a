//! Named callers of gRPC: who they are, and what they may call.

use std::collections::HashSet;
use std::sync::Arc;

use lychgate_domain::id::IssuerId;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::config::Role;

/// A caller whose token was good.
#[derive(Clone, Debug)]
pub struct Principal {
    pub name: String,
    pub role: Role,
    /// SHA-256 of its bearer tokens; the tokens themselves are kept nowhere.
    pub token_digests: Vec<[u8; 32]>,
    /// `None`: all.
    pub issuers: Option<HashSet<IssuerId>>,
    /// URIs of the resources it speaks for, or may ask about; `None`: all.
    pub resources: Option<HashSet<String>>,
}

impl Principal {
    pub fn may_speak_of(&self, issuer: &IssuerId) -> bool {
        self.issuers.as_ref().is_none_or(|issuers| issuers.contains(issuer))
    }

    pub fn may_speak_of_resource(&self, uri: &str) -> bool {
        self.resources.as_ref().is_none_or(|resources| resources.contains(uri))
    }
}

/// Everybody there is.
#[derive(Debug)]
pub struct Principals(Vec<Arc<Principal>>);

impl Principals {
    pub fn new(principals: Vec<Principal>) -> Self {
        Self(principals.into_iter().map(Arc::new).collect())
    }

    /// Whose `token` it is. Every digest is compared, in constant time, whether or not one has matched.
    pub fn by_token(&self, token: &str) -> Option<&Arc<Principal>> {
        let digest = Sha256::digest(token);
        let mut found = None;
        for principal in &self.0 {
            for known in &principal.token_digests {
                if bool::from(known.ct_eq(digest.as_slice())) {
                    found = Some(principal);
                }
            }
        }
        found
    }
}

/// The roles that may call a method, by its gRPC path. Whatever is not listed is denied.
pub fn roles(path: &str) -> &'static [Role] {
    match path {
        "/lychgate.v1.AuthorizationService/Begin"
        | "/lychgate.v1.AuthorizationService/Show"
        | "/lychgate.v1.AuthorizationService/Decide"
        | "/lychgate.v1.AuthorizationService/FinishLogin"
        | "/lychgate.v1.AuthorizationService/ConfirmLogin"
        | "/lychgate.v1.TokenService/Exchange"
        | "/lychgate.v1.TokenService/Revoke"
        | "/lychgate.v1.RegistrationService/Register"
        | "/lychgate.v1.RegistrationService/Read"
        | "/lychgate.v1.RegistrationService/Update"
        | "/lychgate.v1.RegistrationService/Delete"
        | "/lychgate.v1.AccountService/Show"
        | "/lychgate.v1.AccountService/SignIn"
        | "/lychgate.v1.AccountService/Revoke"
        | "/lychgate.v1.AccountService/SignOut" => &[Role::Edge],
        "/lychgate.v1.TokenService/Introspect" => &[Role::Edge, Role::Resource],
        "/lychgate.v1.ConsentService/Check" | "/lychgate.v1.ConsentService/BatchCheck" => &[Role::Checker],
        "/lychgate.v1.ConsentService/Get"
        | "/lychgate.v1.ConsentService/List"
        | "/lychgate.v1.ConsentService/Watch" => &[Role::Reader, Role::Operator],
        "/lychgate.v1.IssuerService/List" | "/lychgate.v1.IssuerService/Describe" => {
            &[Role::Edge, Role::Reader, Role::Operator]
        }
        "/lychgate.v1.AdminService/ListKeys"
        | "/lychgate.v1.AdminService/RotateKeys"
        | "/lychgate.v1.AdminService/ListClients"
        | "/lychgate.v1.AdminService/GetClient"
        | "/lychgate.v1.AdminService/DisableClient"
        | "/lychgate.v1.AdminService/EnableClient"
        | "/lychgate.v1.AdminService/ListGrants"
        | "/lychgate.v1.AdminService/GetGrant"
        | "/lychgate.v1.AdminService/Revoke"
        | "/lychgate.v1.AdminService/RevokeSubjects"
        | "/lychgate.v1.AdminService/ListEvents" => &[Role::Operator],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(name: &str, tokens: &[&str]) -> Principal {
        let token_digests = tokens.iter().map(|token| Sha256::digest(token).into()).collect();
        Principal { name: name.to_owned(), role: Role::Edge, token_digests, issuers: None, resources: None }
    }

    #[test]
    fn a_token_names_its_principal_and_no_other() {
        let principals = Principals::new(vec![principal("one", &["old", "new"]), principal("two", &["other"])]);
        let name = |token| principals.by_token(token).map(|principal| principal.name.as_str());
        assert_eq!((name("old"), name("new"), name("other")), (Some("one"), Some("one"), Some("two")));
        assert_eq!((name(""), name("ol"), name("oldnew")), (None, None, None));
        let digest: String = Sha256::digest("old").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(name(&digest), None, "the digest is not the token");
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

    #[test]
    fn what_is_not_listed_is_denied_to_everybody() {
        for path in [
            "",
            "/",
            "/lychgate.v1.TokenService/",
            "/lychgate.v1.TokenService/exchange",
            "/lychgate.v2.TokenService/Exchange",
        ] {
            assert!(roles(path).is_empty(), "{path}");
        }
    }
}
