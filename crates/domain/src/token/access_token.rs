//! Claims of access tokens (RFC 9068). The caller signs them.

use crate::flow::Issuance;
use crate::id;
use crate::issuer::Issuer;
use crate::keys::digest;
use crate::time::Timestamp;
use crate::token::Grant;

/// The claims of a JWT with `typ: at+jwt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessTokenClaims {
    /// The issuer.
    pub iss: String,
    /// One audience: the resource.
    pub aud: String,
    /// The subject.
    pub sub: String,
    /// The client.
    pub client_id: String,
    /// Space-separated.
    pub scope: String,
    /// The time of the issuance.
    pub iat: Timestamp,
    /// The end of the token.
    pub exp: Timestamp,
    /// The token's id, derived from grant, generation and attempt.
    pub jti: String,
    /// The grant.
    pub grant_id: String,
}

impl AccessTokenClaims {
    /// The access token of `issuance`, the same on every call. It never outlives its grant.
    pub fn new(grant: &Grant, issuance: &Issuance, issuer: &Issuer) -> Self {
        let jti = digest("jti", &[grant.id.bytes(), &issuance.generation.to_be_bytes(), issuance.attempt.bytes()]);
        Self {
            iss: issuer.url.as_str().to_owned(),
            aud: grant.resource.clone(),
            sub: grant.subject.as_str().to_owned(),
            client_id: grant.client_id.as_str().to_owned(),
            scope: issuance.scopes.to_string(),
            iat: issuance.at,
            exp: (issuance.at + issuer.lifetimes.access_token).min(grant.end),
            jti: id::encode(&jti[..16]),
            grant_id: grant.id.to_string(),
        }
    }

    /// `expires_in` (RFC 6749 §5.1), in seconds from `iat`.
    pub fn lifetime_seconds(&self) -> u64 {
        self.exp.seconds().saturating_sub(self.iat.seconds())
    }
}
