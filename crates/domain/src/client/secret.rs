//! Client secrets and registration access tokens (RFC 7592).
//!
//! Both are derived from the attempt that registered the client, so that a repeated call returns the same, and only
//! their digests are stored. They have 256 random bits, so a fast digest is as safe as a slow one.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::id::{Attempt, ClientId, encode};
use crate::keys::{Key, Keys, Purpose};
use crate::secret::{Secret, kind};

/// SHA-256 of a secret's text.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// The digest of `secret`.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// A digest from a stored record or the configuration.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// True if `presented` is the secret. Takes constant time.
    pub fn is_of(&self, presented: &str) -> bool {
        Sha256::digest(presented).as_slice().ct_eq(&self.0).into()
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

/// A client secret: `lgs_` and 43 characters of base64url, which the form encoding of Basic does not change (R14).
pub fn client_secret(keys: &Keys, id: &ClientId, attempt: Attempt) -> Secret<kind::ClientSecret> {
    derive_secret(keys.active(Purpose::Client), id, attempt)
}

/// The secret that `attempt` returned, if `digest` still matches it under any key.
pub fn client_secret_again(
    keys: &Keys,
    id: &ClientId,
    attempt: Attempt,
    digest: &SecretDigest,
) -> Option<Secret<kind::ClientSecret>> {
    let secrets = keys.all(Purpose::Client).map(|key| derive_secret(key, id, attempt));
    secrets.into_iter().find(|secret| digest.is_of(secret.expose()))
}

/// A registration access token: `lgm_` and 43 characters of base64url.
pub fn registration_access_token(
    keys: &Keys,
    id: &ClientId,
    attempt: Attempt,
) -> Secret<kind::RegistrationAccessToken> {
    derive_token(keys.active(Purpose::Client), id, attempt)
}

/// As [`client_secret_again`], for the registration access token.
pub fn registration_access_token_again(
    keys: &Keys,
    id: &ClientId,
    attempt: Attempt,
    digest: &SecretDigest,
) -> Option<Secret<kind::RegistrationAccessToken>> {
    let tokens = keys.all(Purpose::Client).map(|key| derive_token(key, id, attempt));
    tokens.into_iter().find(|token| digest.is_of(token.expose()))
}

fn derive_secret(key: &Key, id: &ClientId, attempt: Attempt) -> Secret<kind::ClientSecret> {
    Secret::new(format!("lgs_{}", encode(&key.mac("client secret", &[id.as_str().as_bytes(), attempt.bytes()]))))
}

fn derive_token(key: &Key, id: &ClientId, attempt: Attempt) -> Secret<kind::RegistrationAccessToken> {
    let tag = key.mac("registration access token", &[id.as_str().as_bytes(), attempt.bytes()]);
    Secret::new(format!("lgm_{}", encode(&tag)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::keys;

    fn id() -> ClientId {
        ClientId::parse("client-a").unwrap()
    }

    fn attempt(n: u8) -> Attempt {
        Attempt::from_bytes([n; 16])
    }

    #[test]
    fn only_the_same_attempt_gets_its_secret_and_token_again() {
        let keys = keys("https://gate.example", 1);
        let secret = client_secret(&keys, &id(), attempt(1));
        let digest = SecretDigest::of(secret.expose());
        assert_eq!(client_secret_again(&keys, &id(), attempt(1), &digest), Some(secret));
        assert_eq!(client_secret_again(&keys, &id(), attempt(2), &digest), None);
        let token = registration_access_token(&keys, &id(), attempt(1));
        let digest = SecretDigest::of(token.expose());
        assert_eq!(registration_access_token_again(&keys, &id(), attempt(1), &digest), Some(token));
    }

    /// Requirements: R14.
    #[test]
    fn a_secret_has_no_character_that_form_encoding_changes() {
        let secret = client_secret(&keys("https://gate.example", 1), &id(), attempt(1));
        let token = registration_access_token(&keys("https://gate.example", 1), &id(), attempt(1));
        assert_ne!(secret.expose()[4..], token.expose()[4..]);
        for text in [secret.expose(), token.expose()] {
            assert!(text.len() == 47 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        }
    }
}
