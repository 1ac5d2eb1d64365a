//! Public keys as JSON.

use lychgate_api::v1;

/// The key as a JWK (RFC 7517 §4), members sorted by name.
pub(crate) fn jwk_json(jwk: &v1::Jwk) -> serde_json::Value {
    let v1::Jwk { kty, r#use, alg, kid, crv, x, y, n, e } = jwk;
    let members = [
        ("alg", alg),
        ("crv", crv),
        ("e", e),
        ("kid", kid),
        ("kty", kty),
        ("n", n),
        ("use", r#use),
        ("x", x),
        ("y", y),
    ];
    let given = members.into_iter().filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| (name.to_owned(), serde_json::Value::from(value.as_str()))).collect()
}
