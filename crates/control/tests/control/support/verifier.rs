//! A resource server that verifies tokens offline and fetches the key set as seldom as it is allowed to.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use lychgate_api::{KEY_SET_MAX_AGE, v1};
use lychgate_engine::Timestamp;
use serde_json::{Value, json};

use super::{ApiClient, ISSUER, ISSUER_URL, RESOURCE};

/// Keeps the key set for its whole maximum age and does not fetch it for an unknown `kid`. Its edge caches the key set
/// as long as well.
#[derive(Debug)]
pub(crate) struct Verifier {
    keys: (Timestamp, Vec<v1::Jwk>),
    edges: (Timestamp, Vec<v1::Jwk>, Duration),
}

impl Verifier {
    pub(crate) fn new() -> Self {
        Self { keys: (Timestamp::EPOCH, Vec::new()), edges: (Timestamp::EPOCH, Vec::new(), Duration::ZERO) }
    }

    /// Verifies `token` at the time `now` and returns its claims.
    pub(crate) async fn verify(&mut self, token: &str, edge: &ApiClient, now: Timestamp) -> Result<Value, String> {
        if self.edges.0.until(now) >= self.edges.2 {
            let described = edge.describe(ISSUER).await.expect("the issuer is described");
            let max_age = described.max_age.expect("a max_age").try_into().expect("not negative");
            self.edges = (now, described.keys, max_age);
        }
        if self.keys.0.until(now) >= KEY_SET_MAX_AGE {
            self.keys = (now, self.edges.1.clone());
        }
        let claims = verify(token, &self.keys.1)?;
        // The test's clock decides, not this machine's.
        if claims["exp"].as_u64() <= Some(now.seconds()) { Err("it has expired".to_owned()) } else { Ok(claims) }
    }
}

/// RFC 9068 §4 without the times: verifies with the key that the token names and with that key's algorithm (RFC 8725
/// §3.1).
pub(crate) fn verify(token: &str, keys: &[v1::Jwk]) -> Result<Value, String> {
    let header = decode_header(token).map_err(|error| error.to_string())?;
    if header.typ.as_deref() != Some("at+jwt") {
        return Err(format!("its type is {:?}", header.typ));
    }
    let set = JwkSet { keys: keys.iter().map(jwk).collect() };
    let key = set.find(&header.kid.unwrap_or_default()).ok_or("there is no such key")?;
    let algorithm =
        key.common.key_algorithm.expect("a key names its algorithm").to_string().parse().expect("a known one");
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.set_issuer(&[ISSUER_URL]);
    validation.set_audience(&[RESOURCE]);
    let public = DecodingKey::from_jwk(key).map_err(|error| error.to_string())?;
    decode::<Value>(token, &public, &validation).map(|token| token.claims).map_err(|error| error.to_string())
}

/// A key as an edge publishes it: without empty members.
pub(crate) fn jwk(key: &v1::Jwk) -> Jwk {
    let v1::Jwk { kty, r#use, alg, kid, crv, x, y, n, e } = key;
    let mut value =
        json!({ "kty": kty, "use": r#use, "alg": alg, "kid": kid, "crv": crv, "x": x, "y": y, "n": n, "e": e });
    value.as_object_mut().expect("an object").retain(|_, member| member != "");
    serde_json::from_value(value).expect("a standard JWK")
}

/// The `kid` of each key in the issuer's key set.
pub(crate) async fn published_kids(edge: &ApiClient) -> Vec<String> {
    edge.describe(ISSUER).await.expect("the issuer is described").keys.into_iter().map(|key| key.kid).collect()
}

/// The `kid` of the key that signed the access token.
pub(crate) fn signing_kid(tokens: &v1::ExchangeResponse) -> String {
    decode_header(&tokens.access_token).expect("a JWT").kid.expect("a kid")
}

/// The claims of an access token, without verification.
pub(crate) fn claims(access_token: &str) -> Value {
    jws_part(access_token, 1)
}

/// The header (0) or payload (1) of a compact JWS.
pub(crate) fn jws_part(jws: &str, part: usize) -> Value {
    let part = jws.split('.').nth(part).expect("a compact JWS");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}
