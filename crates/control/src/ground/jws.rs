//! Verifies signatures of JWTs. Claims are judged by the callers, which know their meaning.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, crypto, decode};
use lychgate_domain::id::decode_vec;
use serde::de::DeserializeOwned;

/// The claims of `token` if `key` signed it with `algorithm`. No claim is checked.
pub(crate) fn verified<C: DeserializeOwned + Clone>(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Option<C> {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    decode::<C>(token, key, &validation).ok().map(|token| token.claims)
}

/// The payload of `token` as bytes, if `key` signed it with `algorithm`: a claim of a wrong type is no wrong
/// signature, and [`verified`] cannot tell the two apart.
pub(crate) fn signed_payload(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Option<Vec<u8>> {
    let (message, signature) = token.rsplit_once('.')?;
    let (_header, payload) = message.split_once('.')?;
    let is_signed = key.family() == algorithm.family()
        && crypto::verify(signature, message.as_bytes(), key, algorithm).is_ok_and(|is_signed| is_signed);
    if is_signed { decode_vec(payload) } else { None }
}
