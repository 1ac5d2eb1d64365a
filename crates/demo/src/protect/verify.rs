//! Verifies access tokens (RFC 9068 §4, RFC 8725 §3).

use jsonwebtoken::{Header, Validation, decode, decode_header};
use serde::Deserialize;

use super::keys::{IssuerKeys, Lookup};
use super::{Caller, Resource};

/// Tolerated difference between the issuer's clock and ours.
const LEEWAY_SECONDS: u64 = 10;

/// Verifies access tokens of one issuer for one resource.
#[derive(Debug)]
pub struct Verifier {
    issuer: String,
    audience: String,
    keys: IssuerKeys,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unverified {
    /// The token is invalid. The reason contains nothing of the token.
    Invalid(&'static str),
    /// The issuer's keys cannot be fetched.
    Unavailable,
}

/// The claims of a token with valid signature, issuer, audience and lifetime.
#[derive(Deserialize)]
struct Claims {
    /// A list of audiences is refused, even if it contains this resource: each of the other resources could use the token here.
    aud: String,
    sub: String,
    client_id: String,
    #[serde(default)]
    scope: String,
    exp: u64,
    grant_id: Option<String>,
}

impl Verifier {
    /// A verifier for tokens of `resource`.
    pub fn new(resource: &Resource, keys: IssuerKeys) -> Self {
        Self { issuer: resource.issuer.clone(), audience: resource.identifier.clone(), keys }
    }

    /// Verifies `token` and returns its caller.
    pub async fn verify(&self, token: &str) -> Result<Caller, Unverified> {
        let header =
            decode_header(token).map_err(|_| Unverified::Invalid("this is not a JWT with a known algorithm"))?;
        let kid = check_header(&header)?;
        let key = match self.keys.find(kid).await {
            Lookup::Found(key) => key,
            Lookup::Unknown => return Err(Unverified::Invalid("the issuer has no such key")),
            Lookup::Unavailable => return Err(Unverified::Unavailable),
        };
        // The key decides the algorithm. If the token's header did, an attacker could use the public key as an HMAC secret.
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        let claims = decode::<Claims>(token, &key.public, &validation).map_err(|error| reason(&error))?.claims;
        if claims.aud != self.audience {
            return Err(Unverified::Invalid("the token is for another resource"));
        }
        Ok(Caller {
            sub: claims.sub,
            client_id: claims.client_id,
            scopes: claims.scope.split_ascii_whitespace().map(str::to_owned).collect(),
            grant_id: claims.grant_id,
            expires_at: claims.exp,
        })
    }
}

/// Checks `typ`, which alone distinguishes an access token from an ID token under the same key (RFC 9068 §4). Returns the `kid`.
fn check_header(header: &Header) -> Result<&str, Unverified> {
    let typ = header.typ.as_deref().unwrap_or_default();
    if !typ.eq_ignore_ascii_case("at+jwt") && !typ.eq_ignore_ascii_case("application/at+jwt") {
        return Err(Unverified::Invalid("this is not an access token"));
    }
    // A critical header that is not understood must be refused (RFC 7515 §4.1.11), and none is understood here.
    if header.crit.is_some() {
        return Err(Unverified::Invalid("the token has a critical header"));
    }
    header.kid.as_deref().ok_or(Unverified::Invalid("the token names no key"))
}

fn reason(error: &jsonwebtoken::errors::Error) -> Unverified {
    use jsonwebtoken::errors::ErrorKind;
    Unverified::Invalid(match error.kind() {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidAudience => "the token is for another resource",
        ErrorKind::InvalidIssuer => "the token is from another issuer",
        ErrorKind::InvalidAlgorithm => "the token is signed with another algorithm than its key's",
        ErrorKind::InvalidSignature => "the signature does not match",
        _ => "the token is malformed",
    })
}
