//! An upstream's key set, and verification of ID tokens with it.

use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, decode_header};
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream::id_token::IdTokenClaims;
use lychgate_process::telemetry::strangers::cut;
use serde_json::{Map, Value};

use super::cached::Cached;
use super::reply::{MemberError, Reply};
use super::{Http, UpstreamError};
use crate::ground::jws::signed_payload;
use crate::metrics::upstream_calls::CalledEndpoint;

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

/// The members of a key that are used. Others, and `null`, would only make a good key unreadable.
const KEY_MEMBERS: [&str; 9] = ["kty", "use", "alg", "kid", "crv", "x", "y", "n", "e"];

/// The claims of an ID token with a valid signature. None of them is checked yet.
pub(super) struct SignedClaims {
    /// Those that identify the person and this login.
    pub(super) claims: IdTokenClaims,
    /// All of them.
    pub(super) stated: Reply,
}

impl Jwks {
    /// Verifies the signature of `token` and returns its claims, which are not checked here.
    pub(crate) async fn verify(
        &self,
        token: &str,
        url: &str,
        http: &Http,
        now: Timestamp,
    ) -> Result<SignedClaims, UpstreamError> {
        // The parser's error would quote the header.
        let header = decode_header(token)
            .map_err(|_| UpstreamError::invalid(anyhow::anyhow!("the header of the ID token cannot be read")))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(UpstreamError::invalid(anyhow::anyhow!("the ID token is signed with {:?}", header.alg)));
        }
        let fetch = || async {
            let document = http.get_reply(CalledEndpoint::Keys, url).await?;
            let keys = document.list("keys");
            let keys =
                keys.map_err(|error| UpstreamError::invalid(anyhow::Error::new(error).context(cut(url).to_string())))?;
            Ok(keys.iter().filter_map(readable_key).collect())
        };
        let keys = self.cached.get(MAX_AGE, now, fetch).await?;
        let payload = match signed_by(token, &header, &keys) {
            Some(payload) => payload,
            None => {
                // The upstream may have rotated its keys.
                let keys = self.cached.get(MIN_AGE, now, fetch).await?;
                signed_by(token, &header, &keys).ok_or_else(|| {
                    UpstreamError::invalid(anyhow::anyhow!("no key of the upstream verifies this ID token"))
                })?
            }
        };
        let stated = Reply::parse(&payload).map_err(|_| {
            UpstreamError::invalid(anyhow::anyhow!("the claims of the ID token are not one JSON object"))
        })?;
        let claims = claims(&stated);
        let claims =
            claims.map_err(|error| UpstreamError::invalid(anyhow::Error::new(error).context("the ID token")))?;
        Ok(SignedClaims { claims, stated })
    }
}

/// A key that can be parsed. Unknown key types are ignored: the document serves other clients, too.
fn readable_key(key: &Value) -> Option<Jwk> {
    let used =
        key.as_object()?.iter().filter(|(name, value)| KEY_MEMBERS.contains(&name.as_str()) && value.is_string());
    let used: Map<String, Value> = used.map(|(name, value)| (name.clone(), value.clone())).collect();
    serde_json::from_value(Value::Object(used)).ok()
}

/// The payload of `token`, if one of `keys` signed it.
fn signed_by(token: &str, header: &Header, keys: &[Jwk]) -> Option<Vec<u8>> {
    let named = |key: &&Jwk| {
        let kid = &key.common.key_id;
        header.kid.is_none() || kid.is_none() || *kid == header.kid
    };
    let signing = |key: &&Jwk| matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    // A key with an algorithm is used with no other (RFC 8725 §3.1).
    let agrees = |key: &&Jwk| key.common.key_algorithm.is_none_or(|alg| alg == header.alg.into());
    keys.iter().filter(named).filter(signing).filter(agrees).find_map(|key| {
        let key = DecodingKey::from_jwk(key).ok()?;
        signed_payload(token, &key, header.alg)
    })
}

/// The claims by their types. `lychgate_domain::upstream` checks their values.
fn claims(reply: &Reply) -> Result<IdTokenClaims, MemberError> {
    // NumericDate may have a fraction (RFC 7519 §2). `as` saturates: a negative number or NaN becomes 0, which has
    // expired.
    let date = |member| reply.optional_number(member).map(|date| date.map(|seconds| seconds as u64));
    let text = |member| reply.optional_text(member).map(|text| text.map(str::to_owned));
    Ok(IdTokenClaims {
        iss: reply.text("iss")?.to_owned(),
        aud: reply.texts("aud")?,
        azp: text("azp")?,
        sub: text("sub")?,
        nonce: text("nonce")?,
        exp: date("exp")?,
        iat: date("iat")?,
        name: reply.hint("name").map(str::to_owned),
        email: reply.hint("email").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use jsonwebtoken::EncodingKey;
    use lychgate_domain::id::encode;
    use serde_json::json;

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

    /// `None` without a valid signature.
    fn tried(token: &str, keys: &[Value]) -> Option<Result<IdTokenClaims, String>> {
        let keys: Vec<Jwk> = keys.iter().filter_map(readable_key).collect();
        let payload = signed_by(token, &decode_header(token).unwrap(), &keys)?;
        let reply = Reply::parse(&payload).map_err(|_| "no object".to_owned());
        Some(reply.and_then(|reply| claims(&reply).map_err(|error| error.to_string())))
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
        let read = |claims: Value| tried(&sign(&ours, None, &claims), std::slice::from_ref(&public)).unwrap();
        let one = read(json!({ "iss": "i", "aud": "a", "exp": 1.9, "iat": -5, "sub": "s", "nonce": "n", "azp": "z" }));
        let one = one.unwrap();
        assert_eq!((one.aud, one.exp, one.iat), (vec!["a".to_owned()], Some(1), Some(0)));
        assert_eq!((one.sub.as_deref(), one.nonce.as_deref(), one.azp.as_deref()), (Some("s"), Some("n"), Some("z")));
        let several = read(json!({ "iss": "i", "aud": ["a", "b"] })).unwrap();
        assert_eq!((several.aud.len(), several.exp, several.sub), (2, None, None));
        let good = json!({ "iss": "i", "aud": "a", "sub": "s", "nonce": "n", "exp": 1, "iat": 1 });
        for optional in ["azp", "name", "email", "email_verified", "acr"] {
            let mut claims = good.clone();
            claims[optional] = json!(null);
            assert!(read(claims).is_ok(), "{optional}");
        }
        for optional in ["name", "email", "email_verified", "groups"] {
            for value in [json!(5), json!([]), json!({})] {
                let mut claims = good.clone();
                claims[optional] = value;
                assert!(read(claims).is_ok(), "{optional}");
            }
        }
        for (claim, value, problem) in [
            ("iss", json!(null), "is missing"),
            ("iss", json!(1), "is a number, not a string"),
            ("aud", json!(null), "is missing"),
            ("aud", json!(["a", 1]), "is a number, not a string or a list of strings"),
            ("azp", json!(["a"]), "is a list, not a string"),
            ("sub", json!(583_231), "is a number, not a string"),
            ("sub", json!({}), "is an object, not a string"),
            ("nonce", json!(true), "is true or false, not a string"),
            ("exp", json!("1"), "is a string, not a number"),
            ("iat", json!([]), "is a list, not a number"),
        ] {
            let mut claims = good.clone();
            claims[claim] = value;
            assert_eq!(read(claims).unwrap_err(), format!("the member {claim} {problem}"));
        }
        assert_eq!(read(json!([])).unwrap_err(), "no object", "the signature is good all the same");
        let (other, _) = key("1");
        for claims in
            [json!([]), json!({ "sub": 5 }), json!({ "sub": {} }), json!({ "aud": ["a", 1] }), json!({ "exp": [] })]
        {
            let token = sign(&other, None, &claims);
            assert!(tried(&token, std::slice::from_ref(&public)).is_none(), "{claims}: signed by another key");
        }
    }

    /// Members that are not used, and `null`, do not make a good key unreadable.
    #[test]
    fn a_key_is_read_by_the_members_that_are_used() {
        let (ours, public) = key("1");
        let token = sign(&ours, Some("1"), &json!({ "iss": "i", "aud": "a" }));
        for (member, value) in [
            ("x5c", json!("MIIB")),
            ("x5t", json!(null)),
            ("key_ops", json!("verify")),
            ("alg", json!(null)),
            ("use", json!(null)),
            ("kid", json!(null)),
            ("kid", json!(1)),
        ] {
            let mut key = public.clone();
            key[member] = value;
            assert!(tried(&token, &[json!(null), key]).is_some_and(|read| read.is_ok()), "{member}");
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
