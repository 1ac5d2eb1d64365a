//! A client's RSA key and the assertions that it signs (RFC 7523), with RS256 as ChatGPT does.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};

pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[derive(Debug)]
pub struct ClientKey {
    kid: &'static str,
    pair: KeyPair,
}

impl ClientKey {
    pub fn new(kid: &'static str) -> Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("no key could be made"))?;
        Ok(Self { kid, pair })
    }

    /// The key set that the client publishes (RFC 7517 §5).
    pub fn set(&self) -> Value {
        let public = self.pair.public_key();
        let n = encode(public.modulus().big_endian_without_leading_zero());
        let e = encode(public.exponent().big_endian_without_leading_zero());
        json!({ "keys": [{ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": n, "e": e }] })
    }

    /// Claims of an assertion of `client` for `issuer`, valid for one minute and for one use.
    ///
    /// # Panics
    /// If the system clock is before 1970.
    #[expect(clippy::disallowed_methods, reason = "a client of a real process has the system's clock and no other")]
    pub fn claims(client: &str, issuer: &str) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
        let jti = encode(&crate::random::<16>());
        json!({ "iss": client, "sub": client, "aud": issuer, "iat": now, "exp": now + 60, "jti": jti })
    }

    pub fn sign(&self, claims: &Value) -> Result<String> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.kid });
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| anyhow!("it does not sign"))?;
        Ok(format!("{signed}.{}", encode(&signature)))
    }

    /// A new assertion of `client` for `issuer`.
    pub fn assertion(&self, client: &str, issuer: &str) -> Result<String> {
        self.sign(&Self::claims(client, issuer))
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
