//! Access tokens of this control plane, verified as a resource server verifies them (RFC 9068 §4).

use jsonwebtoken::{Algorithm, DecodingKey, decode_header};
use lychgate_domain::id::GrantId;
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::Grant;
use serde::Deserialize;

use crate::ground::jws::verified;
use crate::issuers::IssuerContext;

/// The claims of an access token whose signature is good.
#[derive(Clone, Debug)]
pub(crate) struct AccessToken {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) exp: Timestamp,
    pub(crate) iat: Timestamp,
    pub(crate) jti: String,
    pub(crate) grant_id: GrantId,
}

impl AccessToken {
    /// `None` unless `token` is an access token that this issuer signed. Its expiry and its grant are not looked at.
    pub(super) fn verify(token: &str, serving: &IssuerContext) -> Option<Self> {
        let header = decode_header(token).ok()?;
        if header.typ.as_deref() != Some("at+jwt") {
            return None;
        }
        let published = serving.published_keys().iter().find(|key| Some(&key.kid) == header.kid.as_ref())?;
        // The key determines the algorithm, not the token (RFC 8725 §3.1).
        let algorithm: Algorithm = published.alg.parse().ok()?;
        let key = match published.kty.as_str() {
            "EC" => DecodingKey::from_ec_components(&published.x, &published.y),
            "OKP" => DecodingKey::from_ed_components(&published.x),
            "RSA" => DecodingKey::from_rsa_components(&published.n, &published.e),
            _ => return None,
        };
        let claims: AccessTokenJson = verified(token, &key.ok()?, algorithm)?;
        if claims.iss != serving.issuer.url.as_str() {
            return None;
        }
        Some(Self {
            iss: claims.iss,
            aud: claims.aud,
            sub: claims.sub,
            client_id: claims.client_id,
            scope: claims.scope,
            exp: Timestamp::from_seconds(claims.exp),
            iat: Timestamp::from_seconds(claims.iat),
            jti: claims.jti,
            grant_id: GrantId::parse(&claims.grant_id)?,
        })
    }
}

impl AccessToken {
    /// True if it has not expired. A token of the future, from before a step back of the clock, has expired: it would live for
    /// as long as the step.
    pub(super) fn is_in_time(&self, now: Timestamp) -> bool {
        now.age_of_record(self.iat).is_below(self.iat.until(self.exp))
    }

    /// True if `grant` is the one that it was issued under.
    pub(super) fn is_of(&self, grant: &Grant) -> bool {
        grant.client_id.as_str() == self.client_id && grant.resource == self.aud
    }
}

#[derive(Clone, Deserialize)]
struct AccessTokenJson {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    scope: String,
    exp: u64,
    iat: u64,
    jti: String,
    grant_id: String,
}
