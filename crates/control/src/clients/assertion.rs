//! The form and the signature of a `client_assertion` (RFC 7523). Its claims are checked by the domain.

use jsonwebtoken::{Algorithm, DecodingKey, Header, decode_header};
use lychgate_domain::Refusal;
use lychgate_domain::authentication::{self, AssertionClaims};
use lychgate_domain::client::jwk::{KeyParameters, PublicJwk, SignatureAlgorithm};
use lychgate_domain::id::decode_vec;
use lychgate_domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::ground::jws::verified;

const MAX_BYTES: usize = 8 * 1024;

/// A well-formed assertion. Neither its signature nor its claims have been checked.
pub(crate) struct Assertion {
    token: String,
    header: Header,
    algorithm: SignatureAlgorithm,
    claims: AssertionClaims,
}

impl std::fmt::Debug for Assertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Assertion({:?}, ..)", self.claims.sub)
    }
}

impl Assertion {
    pub(crate) fn parse(kind: Option<&str>, token: &str) -> Result<Self, Refusal> {
        let invalid = Refusal::ClientAssertionInvalid;
        if kind != Some(authentication::CLIENT_ASSERTION_TYPE) {
            return Err(invalid("client_assertion_type must be the one of RFC 7523, for a JWT"));
        }
        let unreadable = || invalid("the client_assertion is not a JWT in compact form");
        if token.len() > MAX_BYTES {
            return Err(invalid("a client_assertion has at most 8192 characters"));
        }
        let header = decode_header(token).map_err(|_| unreadable())?;
        // RFC 8725 §3.1: an allow-list. With a MAC, a public key would be enough to sign.
        let algorithm = algorithm(header.alg).ok_or(invalid("sign with RS256, PS256, ES256 or EdDSA"))?;
        // RFC 8725 §3.11: a JWT that a client has signed for another use is no assertion.
        let of_another_type = header
            .typ
            .as_deref()
            .is_some_and(|typ| !["jwt", "client-authentication+jwt"].contains(&&*typ.to_ascii_lowercase()));
        if of_another_type {
            return Err(invalid("the client_assertion's typ is not a client assertion's"));
        }
        // RFC 7515 §4.1.11: a critical extension must be understood, and none is.
        if header.crit.is_some() {
            return Err(invalid("leave crit out of the header of a client_assertion"));
        }
        let payload = token.split('.').nth(1).and_then(decode_vec).ok_or_else(unreadable)?;
        let claims: AssertionJson = serde_json::from_slice(&payload).map_err(|_| unreadable())?;
        Ok(Self { token: token.to_owned(), header, algorithm, claims: claims.into() })
    }

    pub(crate) fn claims(&self) -> &AssertionClaims {
        &self.claims
    }

    /// Whether one of `keys` signed it.
    pub(crate) fn was_signed_by(&self, keys: &[PublicJwk]) -> bool {
        let mut candidates = keys.iter().filter(|key| key.may_have_signed(self.algorithm, self.header.kid.as_deref()));
        candidates.any(|key| {
            let key = match &key.parameters {
                KeyParameters::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
                KeyParameters::Ec { x, y } => DecodingKey::from_ec_components(x, y),
                KeyParameters::Okp { x } => DecodingKey::from_ed_components(x),
            };
            key.is_ok_and(|key| verified::<Value>(&self.token, &key, self.header.alg).is_some())
        })
    }
}

fn algorithm(named: Algorithm) -> Option<SignatureAlgorithm> {
    match named {
        Algorithm::RS256 => Some(SignatureAlgorithm::Rs256),
        Algorithm::PS256 => Some(SignatureAlgorithm::Ps256),
        Algorithm::ES256 => Some(SignatureAlgorithm::Es256),
        Algorithm::EdDSA => Some(SignatureAlgorithm::EdDsa),
        _ => None,
    }
}

#[derive(Deserialize)]
struct AssertionJson {
    iss: String,
    sub: String,
    aud: Option<Value>,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    jti: Option<String>,
}

impl From<AssertionJson> for AssertionClaims {
    fn from(claims: AssertionJson) -> Self {
        // RFC 7519 §2 NumericDate: it may have a fraction. `as` saturates: a negative date or NaN is long past.
        let time = |date: f64| Timestamp::from_seconds(date as u64);
        Self {
            iss: claims.iss,
            sub: claims.sub,
            aud: match claims.aud {
                Some(Value::String(one)) => Some(one),
                Some(_) | None => None,
            },
            exp: time(claims.exp),
            nbf: claims.nbf.map(time),
            iat: claims.iat.map(time),
            jti: claims.jti,
        }
    }
}
