//! The signed digest of a range of events, and the keys that verify it, by `docs/events.md`.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// A digest in compact serialization, taken apart (RFC 7515 §5.2).
#[derive(Debug)]
pub(crate) struct Digest {
    pub(super) claims: Claims,
    kid: String,
    signing_input: String,
    signature: Vec<u8>,
}

/// The payload of a digest.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    pub(super) iss: String,
    pub(super) number: u64,
    /// Hash of the digest before; absent in the first one.
    pub(super) previous: Option<String>,
    /// The time of sealing.
    pub(super) time: String,
    /// The number of events in the range.
    pub(super) count: u64,
    /// Hash of the range's lines.
    pub(super) hash: String,
    /// The first range with events that are still on record.
    pub(super) kept_from: u64,
    /// The key of the following digests.
    pub(super) next_key: Option<Jwk>,
}

/// Public P-256 keys as SEC 1 points, by `kid`.
#[derive(Debug)]
pub(crate) struct Keys(BTreeMap<String, Vec<u8>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signature {
    Good,
    Bad,
    UnknownKey,
}

#[derive(Debug, Deserialize)]
struct Line {
    r#type: String,
    jws: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Debug, Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Jwk {
    kty: String,
    crv: String,
    kid: String,
    x: String,
    y: String,
}

impl Digest {
    /// None for every other kind of JWS: the same key might sign a token that an attacker presents as a digest.
    pub(super) fn parse(jws: &str) -> Option<Self> {
        let (signing_input, signature) = jws.rsplit_once('.')?;
        let (header, claims) = signing_input.split_once('.')?;
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        if header.alg != "ES256" || header.typ != "lychgate-digest+jws" {
            return None;
        }
        Some(Self {
            claims: serde_json::from_slice(&decode(claims)?).ok()?,
            kid: header.kid,
            signing_input: signing_input.to_owned(),
            signature: decode(signature)?,
        })
    }
}

impl Keys {
    pub(super) fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let set: KeySet = serde_json::from_slice(bytes)?;
        let mut keys = Self(BTreeMap::new());
        for key in &set.keys {
            anyhow::ensure!(keys.add(key), "a key is not a P-256 key");
        }
        anyhow::ensure!(!keys.0.is_empty(), "it has no keys");
        Ok(keys)
    }

    /// Adds a P-256 key. A known `kid` keeps its key, so that an announced key cannot replace a trusted one.
    pub(super) fn add(&mut self, key: &Jwk) -> bool {
        let (Some(x), Some(y)) = (decode(&key.x), decode(&key.y)) else { return false };
        if key.kty != "EC" || key.crv != "P-256" || x.len() != 32 || y.len() != 32 {
            return false;
        }
        self.0.entry(key.kid.clone()).or_insert_with(|| [&[4][..], &x, &y].concat());
        true
    }

    pub(super) fn verify(&self, digest: &Digest) -> Signature {
        let Some(key) = self.0.get(&digest.kid) else { return Signature::UnknownKey };
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key);
        match key.verify(digest.signing_input.as_bytes(), &digest.signature) {
            Ok(()) => Signature::Good,
            Err(_) => Signature::Bad,
        }
    }
}

/// The digest that a line of an export holds, in compact serialization.
pub(super) fn digest_of(line: &[u8]) -> Option<String> {
    let line: Line = serde_json::from_slice(line).ok()?;
    if line.r#type == "digest" { line.jws } else { None }
}

/// SHA-256 in base64url.
pub(super) fn hashed(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
