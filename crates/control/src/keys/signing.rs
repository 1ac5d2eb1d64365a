//! Signs access tokens (JWTs with `typ: at+jwt`, RFC 9068) and digests, each with the algorithm of its key.
//!
//! A key is parsed once, when it is unwrapped, and used with its one algorithm (RFC 8725 §3.1). Private halves never
//! leave this file; [`SigningKey::jwk`] is the public half.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use lychgate_api::v1;
use lychgate_domain::id::encode;
use lychgate_domain::keys::KeyId;
use lychgate_domain::keys::rotation::SigningAlgorithm;
use lychgate_domain::token::AccessTokenClaims;
use serde::Serialize;
use zeroize::Zeroizing;

/// A key pair, ready to sign.
pub(crate) struct SigningKey {
    kid: String,
    pair: Pair,
    /// The encoded header of every token.
    header: String,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl SigningKey {
    /// Generates a key as a PKCS #8 document. RSA takes a good part of a second.
    pub(crate) fn generate(algorithm: SigningAlgorithm) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let random = SystemRandom::new();
        let document = match algorithm {
            SigningAlgorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                .map(|document| document.as_ref().to_vec()),
            SigningAlgorithm::EdDsa => {
                Ed25519KeyPair::generate_pkcs8(&random).map(|document| document.as_ref().to_vec())
            }
            // RFC 7518 §3.3: at least 2048 bits; longer keys lengthen every request with a token.
            SigningAlgorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair))
                .map(|document| document.as_ref().to_vec()),
        };
        document.map(Zeroizing::new).map_err(|_| anyhow::anyhow!("cannot generate a key for {}", algorithm.as_str()))
    }

    /// Fails if `pkcs8` is a key for another algorithm.
    pub(crate) fn new(id: KeyId, algorithm: SigningAlgorithm, pkcs8: &[u8]) -> anyhow::Result<Self> {
        let pair = match algorithm {
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Pair::Es256)
            }
            SigningAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Pair::EdDsa),
            SigningAlgorithm::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).map(Pair::Rs256),
        };
        let pair = pair.map_err(|error| anyhow::anyhow!("the signing key cannot be used: {error}"))?;
        let kid = kid(id);
        let header = Header { typ: "at+jwt", alg: algorithm.as_str(), kid: &kid };
        let header = encode(&serde_json::to_vec(&header)?);
        Ok(Self { kid, pair, header })
    }

    /// The public key (RFC 7517 §4) with the members of its type: RFC 7518 §6.2.1 and §6.3.1, RFC 8037 §2.
    pub(crate) fn jwk(&self) -> v1::Jwk {
        let common = v1::Jwk { r#use: "sig".to_owned(), kid: self.kid.clone(), ..Default::default() };
        let text = str::to_owned;
        match &self.pair {
            Pair::Es256(pair) => {
                // SEC 1 §2.3.3, uncompressed: 04, then both coordinates.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                let (kty, alg, crv) = (text("EC"), text("ES256"), text("P-256"));
                v1::Jwk { kty, alg, crv, x: encode(x), y: encode(y), ..common }
            }
            Pair::EdDsa(pair) => {
                let (kty, alg, crv) = (text("OKP"), text("EdDSA"), text("Ed25519"));
                v1::Jwk { kty, alg, crv, x: encode(pair.public_key().as_ref()), ..common }
            }
            Pair::Rs256(pair) => {
                let public = pair.public_key();
                // No leading zeros (RFC 7518 §2, Base64urlUInt): some verifiers would see another key.
                let n = encode(public.modulus().big_endian_without_leading_zero());
                let e = encode(public.exponent().big_endian_without_leading_zero());
                v1::Jwk { kty: text("RSA"), alg: text("RS256"), n, e, ..common }
            }
        }
    }

    /// The access token in compact form (RFC 7515 §3.1).
    pub(crate) fn sign(&self, claims: &AccessTokenClaims) -> anyhow::Result<String> {
        let claims = SignedClaims {
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
        self.compact(&self.header, &serde_json::to_vec(&claims)?)
    }

    /// Signs something else than an access token; `typ` keeps the one from passing for the other (RFC 8725 §3.11).
    pub(crate) fn sign_as(&self, typ: &str, payload: &[u8]) -> anyhow::Result<String> {
        let header = Header { typ, alg: self.pair.algorithm().as_str(), kid: &self.kid };
        self.compact(&encode(&serde_json::to_vec(&header)?), payload)
    }

    fn compact(&self, header: &str, payload: &[u8]) -> anyhow::Result<String> {
        let signed = format!("{header}.{}", encode(payload));
        let signature = self.pair.sign(signed.as_bytes()).map_err(|_| anyhow::anyhow!("cannot sign"))?;
        Ok(format!("{signed}.{}", encode(&signature)))
    }
}

impl Pair {
    fn algorithm(&self) -> SigningAlgorithm {
        match self {
            Pair::Es256(_) => SigningAlgorithm::Es256,
            Pair::EdDsa(_) => SigningAlgorithm::EdDsa,
            Pair::Rs256(_) => SigningAlgorithm::Rs256,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        let random = SystemRandom::new();
        match self {
            Pair::Es256(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Pair::EdDsa(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

/// The name of a key in `kid` and for operators.
pub(crate) fn kid(id: KeyId) -> String {
    format!("{:08x}", id.0)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

#[derive(Serialize)]
struct Header<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
}

#[derive(Serialize)]
struct SignedClaims<'a> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [SigningAlgorithm; 3] = [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa, SigningAlgorithm::Rs256];

    /// A stored key that names another algorithm does not open.
    ///
    /// Requirements: R45.
    #[test]
    fn a_key_works_with_its_own_algorithm_only() {
        for of in ALL {
            let pkcs8 = SigningKey::generate(of).unwrap();
            for used in ALL {
                assert_eq!(SigningKey::new(KeyId(1), used, &pkcs8).is_ok(), of == used, "{of:?} as {used:?}");
            }
        }
    }

    /// Requirements: R44.
    #[test]
    fn a_jwk_has_exactly_the_members_of_its_type() {
        for (algorithm, members) in [
            (SigningAlgorithm::Es256, ["EC", "ES256", "P-256", "32", "32", "", ""]),
            (SigningAlgorithm::EdDsa, ["OKP", "EdDSA", "Ed25519", "32", "", "", ""]),
            (SigningAlgorithm::Rs256, ["RSA", "RS256", "", "", "", "256", "AQAB"]),
        ] {
            let key = SigningKey::new(KeyId(0xAB), algorithm, &SigningKey::generate(algorithm).unwrap()).unwrap();
            let jwk = key.jwk();
            let bytes = |text: &str| match lychgate_domain::id::decode_vec(text).unwrap().len() {
                0 => String::new(),
                length => length.to_string(),
            };
            let found = [jwk.kty, jwk.alg, jwk.crv, bytes(&jwk.x), bytes(&jwk.y), bytes(&jwk.n), jwk.e];
            assert_eq!(found, members);
            assert_eq!((jwk.r#use.as_str(), jwk.kid.as_str()), ("sig", "000000ab"));
        }
    }
}
