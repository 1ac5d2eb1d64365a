//! Named callers of gRPC: who they are, and what they may call.

use std::collections::HashSet;

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
}

impl Principal {
    pub fn may_speak_of(&self, issuer: &IssuerId) -> bool {
        self.issuers.as_ref().is_none_or(|issuers| issuers.contains(issuer))
    }
}

/// Everybody there is.
#[derive(Debug)]
pub struct Principals(Vec<Principal>);

impl Principals {
    pub fn new(principals: Vec<Principal>) -> Self {
        Self(principals)
    }

    /// Whose `token` it is. Every digest is compared, in constant time, whether or not one has matched.
    pub fn by_token(&self, token: &str) -> Option<&Principal> {
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
        | "/lychgate.v1.TokenService/Exchange"
        | "/lychgate.v1.RegistrationService/Register" => &[Role::Edge],
        "/lychgate.v1.IssuerService/List" | "/lychgate.v1.IssuerService/Describe" => {
            &[Role::Edge, Role::Reader, Role::Operator]
        }
        _ => &[],
    }
}
