//! An upstream's key set, and verification of ID tokens with it.

use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, decode_header};
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream::id_token::IdTokenClaims;
use serde::{Deserialize, Deserializer};

use super::cached::Cached;
use super::{Http, UpstreamError};
use crate::ground::jws::verified;

/// Asymmetric algorithms only: with an HMAC, an attacker who knows the client secret could sign ID tokens (RFC 8725
/// §3.1).
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The least age at which an unknown key id causes another fetch.
const MIN_AGE: Duration = Duration::from_secs(10);
const MAX_AGE: Duration = Duration::from_secs(3600);

/// The key set as last fetched.
#[derive(Debug, Default)]
pub(crate) struct Jwks {
    cached: Cached<Vec<Jwk>>,
}

#[derive(Deserialize)]
struct KeySetDocument {
    keys: Vec<serde_json::Value>,
}

impl Jwks {
    /// Verifies the signature of `token` and returns its claims, which are not checked here.
    pub(crate) async fn verify(
        &self,
        token: &str,
        url: &str,
        http: &Http,
        now: Timestamp,
    ) -> Result<IdTokenClaims, UpstreamError> {
        let header = decode_header(token).map_err(UpstreamError::invalid)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(UpstreamError::invalid(anyhow::anyhow!("the ID token is signed with {:?}", header.alg)));
        }
        let fetch = || async {
            let document: KeySetDocument = http.get_json(url).await?;
            // Unknown key types are ignored: the document serves other clients, too.
            Ok(document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect())
        };
        let keys = self.cached.get(MAX_AGE, now, fetch).await?;
        if let Some(claims) = try_keys(token, &header, &keys) {
            return Ok(claims);
        }
        // The upstream may have rotated its keys.
        let keys = self.cached.get(MIN_AGE, now, fetch).await?;
        try_keys(token, &header, &keys)
            .ok_or_else(|| UpstreamError::invalid(anyhow::anyhow!("no key of the upstream verifies this ID token")))
    }
}

fn try_keys(token: &str, header: &Header, keys: &[Jwk]) -> Option<IdTokenClaims> {
    let named = |key: &&Jwk| header.kid.is_none() || key.common.key_id == header.kid;
    let signing = |key: &&Jwk| matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    // A key with an algorithm is used with no other (RFC 8725 §3.1).
    let agrees = |key: &&Jwk| key.common.key_algorithm.is_none_or(|alg| alg == header.alg.into());
    keys.iter().filter(named).filter(signing).filter(agrees).find_map(|key| {
        let key = DecodingKey::from_jwk(key).ok()?;
        // `lychgate_domain::upstream` checks all claims.
        verified::<IdTokenJson>(token, &key, header.alg).map(IdTokenClaims::from)
    })
}

#[derive(Clone, Deserialize)]
struct IdTokenJson {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    sub: Option<String>,
    nonce: Option<String>,
    #[serde(default, deserialize_with = "text")]
    name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    email: Option<String>,
    exp: Option<f64>,
    iat: Option<f64>,
}

/// A display text: absent unless it is a string.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer)?.as_str().map(str::to_owned))
}

/// RFC 7519 §4.1.3: one string, or several.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl From<IdTokenJson> for IdTokenClaims {
    fn from(claims: IdTokenJson) -> Self {
        // NumericDate may have a fraction (RFC 7519 §2). `as` saturates: a negative number or NaN becomes 0, which has
        // expired.
        let seconds = |date: f64| date as u64;
        Self {
            iss: claims.iss,
            aud: match claims.aud {
                Audience::One(one) => vec![one],
                Audience::Several(several) => several,
            },
            azp: claims.azp,
            sub: claims.sub,
            nonce: claims.nonce,
            name: claims.name,
            email: claims.email,
            exp: claims.exp.map(seconds),
            iat: claims.iat.map(seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use jsonwebtoken::EncodingKey;
    use lychgate_domain::id::encode;
    use serde_json::{Value, json};

    use super::*;

    /// A key and its JWK.
    fn key(kid: &str) -> (EncodingKey, Value) {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let public = json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": encode(x), "y": encode(y) });
        (EncodingKey::from_ec_der(pkcs8.as_ref()), public)
    }

    fn sign(key: &EncodingKey, kid: Option<&str>, claims: &Value) -> String {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, key).unwrap()
    }

    fn tried(token: &str, keys: &[Value]) -> Option<IdTokenClaims> {
        let keys: Vec<Jwk> = keys.iter().filter_map(|key| serde_json::from_value(key.clone()).ok()).collect();
        try_keys(token, &decode_header(token).unwrap(), &keys)
    }

    fn with(key: &Value, name: &str, value: &str) -> Value {
        let mut key = key.clone();
        key[name] = json!(value);
        key
    }

    /// Requirements: B36, R45.
    #[test]
    fn a_signature_verifies_with_the_named_key_as_that_key_specifies() {
        let ((ours, public), (other, foreign)) = (key("1"), key("2"));
        let claims = json!({ "iss": "i", "aud": "a" });
        let token = sign(&ours, Some("1"), &claims);
        assert!(tried(&token, &[foreign.clone(), public.clone()]).is_some());
        assert!(tried(&sign(&ours, None, &claims), &[foreign.clone(), public.clone()]).is_some(), "without kid, all");
        assert!(tried(&token, &[with(&public, "use", "sig")]).is_some());
        assert!(tried(&token, &[with(&public, "alg", "ES256")]).is_some());
        for (why, token, keys) in [
            ("no key", &token, vec![]),
            ("another key", &token, vec![foreign.clone()]),
            ("another key under the same kid", &sign(&other, Some("1"), &claims), vec![public.clone(), foreign]),
            ("an unknown kid", &sign(&ours, Some("3"), &claims), vec![public.clone()]),
            ("a key for encryption", &token, vec![with(&public, "use", "enc")]),
            ("a key for another algorithm", &token, vec![with(&public, "alg", "ES384")]),
        ] {
            assert!(tried(token, &keys).is_none(), "{why}");
        }
    }

    #[test]
    fn claims_are_parsed_as_the_standard_allows() {
        let (ours, public) = key("1");
        let read = |claims: Value| tried(&sign(&ours, None, &claims), std::slice::from_ref(&public));
        let one = read(json!({ "iss": "i", "aud": "a", "exp": 1.9, "iat": -5, "sub": "s", "nonce": "n", "azp": "z" }));
        let one = one.unwrap();
        assert_eq!((one.aud, one.exp, one.iat), (vec!["a".to_owned()], Some(1), Some(0)));
        assert_eq!((one.sub.as_deref(), one.nonce.as_deref(), one.azp.as_deref()), (Some("s"), Some("n"), Some("z")));
        let several = read(json!({ "iss": "i", "aud": ["a", "b"] })).unwrap();
        assert_eq!((several.aud.len(), several.exp, several.sub), (2, None, None));
        for strange in [json!({ "iss": "i" }), json!({ "aud": "a" }), json!({ "iss": 1, "aud": "a" }), json!([])] {
            assert!(read(strange.clone()).is_none(), "{strange}");
        }
    }

    /// Requirements: R45.
    #[test]
    fn symmetric_algorithms_are_not_accepted() {
        assert!(
            !ALGORITHMS
                .iter()
                .any(|algorithm| matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512))
        );
    }
}
