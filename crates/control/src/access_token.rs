//! Signing access tokens: JWTs with `typ: at+jwt` (RFC 9068), ES256.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use lychgate_api::v1;
use lychgate_domain::access_token::AccessTokenClaims;
use lychgate_domain::id::encode;
use lychgate_domain::keys::KeyId;
use serde::Serialize;
use zeroize::Zeroizing;

/// The private half, and what a verifier needs to know.
pub struct SigningKey {
    kid: String,
    key: EncodingKey,
    x: String,
    y: String,
}

impl SigningKey {
    /// A new P-256 key, as a PKCS #8 document.
    pub fn generate() -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| anyhow::anyhow!("cannot generate a P-256 key"))?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    pub fn new(id: KeyId, pkcs8: &[u8]) -> anyhow::Result<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
            .map_err(|error| anyhow::anyhow!("the signing key cannot be used: {error}"))?;
        // SEC 1 §2.3.3, uncompressed: 04, then both coordinates.
        let point: &[u8] = pair.public_key().as_ref();
        let coordinates = point.strip_prefix(&[4]).filter(|rest| rest.len() == 64);
        let (x, y) = coordinates.ok_or_else(|| anyhow::anyhow!("not a point of P-256"))?.split_at(32);
        Ok(Self { kid: format!("{:08x}", id.0), key: EncodingKey::from_ec_der(pkcs8), x: encode(x), y: encode(y) })
    }

    /// RFC 7517 §4.
    pub fn jwk(&self) -> v1::Jwk {
        v1::Jwk {
            kty: "EC".to_owned(),
            r#use: "sig".to_owned(),
            alg: "ES256".to_owned(),
            kid: self.kid.clone(),
            crv: "P-256".to_owned(),
            x: self.x.clone(),
            y: self.y.clone(),
            ..Default::default()
        }
    }

    /// The token, in compact form.
    pub fn sign(&self, claims: &AccessTokenClaims) -> anyhow::Result<String> {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.kid.clone());
        let claims = Claims {
            iss: &claims.iss,
            aud: &claims.aud,
            sub: &claims.sub,
            client_id: &claims.client_id,
            scope: &claims.scope,
            iat: claims.iat.seconds(),
            exp: claims.exp.seconds(),
            jti: &claims.jti,
            grant_id: &claims.grant_id,
        };
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    scope: &'a str,
    iat: u64,
    exp: u64,
    jti: &'a str,
    grant_id: &'a str,
}
