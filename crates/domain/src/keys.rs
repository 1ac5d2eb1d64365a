//! The keys of every MAC, derivation and seal.
//!
//! Each issuer has one family of keys per [`Purpose`], so that a value made for one purpose or issuer is worthless in
//! another. Every key has an id, which stands in every value that the key makes.

pub mod rotation;

use std::collections::BTreeMap;
use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The use of a key. Labels enter the derivation, and numbers are stored: both may be added, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Seals tickets and derives authorization ids from them.
    Ticket,
    /// MACs the form tokens.
    Form,
    /// MACs the browser and login cookies, and seals sessions.
    Cookie,
    /// Derives `state`, PKCE verifier and nonce for the upstream.
    Login,
    /// MACs authorization codes.
    Code,
    /// Derives client secrets and registration access tokens.
    Client,
    /// MACs refresh tokens.
    RefreshToken,
    /// Seals the upstream's tokens.
    UpstreamTokens,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Purpose; 8] = [
        Purpose::Ticket,
        Purpose::Form,
        Purpose::Cookie,
        Purpose::Login,
        Purpose::Code,
        Purpose::Client,
        Purpose::RefreshToken,
        Purpose::UpstreamTokens,
    ];

    /// The label in the derivation. Stable.
    pub fn label(self) -> &'static str {
        match self {
            Purpose::Ticket => "ticket",
            Purpose::Form => "form",
            Purpose::Cookie => "cookie",
            Purpose::Login => "login",
            Purpose::Code => "code",
            Purpose::Client => "client",
            Purpose::RefreshToken => "refresh-token",
            Purpose::UpstreamTokens => "upstream-tokens",
        }
    }
}

/// The id of a key within its issuer. Random, and not a secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

impl KeyId {
    /// The four bytes, big-endian.
    pub fn bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// An id from its four bytes.
    pub fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(bytes))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({:08x})", self.0)
    }
}

/// 32 secret bytes, as kept in the keyring.
pub type KeyMaterial = Zeroizing<[u8; 32]>;

/// One key of one purpose of one issuer.
pub struct Key {
    /// The id, which stands in every value that the key makes.
    pub id: KeyId,
    mac: Zeroizing<[u8; 32]>,
    seal: Zeroizing<[u8; 32]>,
}

impl Key {
    /// Derives a key from stored material by HKDF (RFC 5869). Issuer URL and purpose are the info, so that material
    /// moved to another place in the store opens nothing there.
    pub fn derive(id: KeyId, purpose: Purpose, issuer_url: &str, material: &KeyMaterial) -> Self {
        Self::expand(id, purpose.label(), issuer_url, material)
    }

    /// The key that wraps the keyring, derived from the master key.
    pub fn wrapping(master: &KeyMaterial) -> Self {
        Self::expand(KeyId(0), "keyring", "", master)
    }

    #[expect(clippy::expect_used, reason = "HKDF-SHA-256 yields up to 8160 bytes")]
    fn expand(id: KeyId, label: &str, context: &str, material: &KeyMaterial) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, material.as_slice());
        let expand = |usage: &str| {
            let mut key = Zeroizing::new([0; 32]);
            hkdf.expand_multi_info(
                &[b"lychgate/1/", usage.as_bytes(), b"/", label.as_bytes(), b"/", context.as_bytes()],
                key.as_mut_slice(),
            )
            .expect("32 bytes are less than HKDF's limit");
            key
        };
        Self { id, mac: expand("mac"), seal: expand("seal") }
    }

    /// HMAC-SHA-256 over `label` and `parts`, each with its length before it, so that no two lists have the same
    /// encoding.
    #[expect(clippy::expect_used, reason = "HMAC accepts keys of any length")]
    pub fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac =
            <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(self.mac.as_slice()).expect("HMAC takes any length");
        for part in [label.as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// True if `tag` is [`Key::mac`] of the same. Takes constant time.
    pub fn verify(&self, label: &str, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.mac(label, parts).ct_eq(tag).into()
    }

    /// Seals with XChaCha20-Poly1305: the nonce, then the ciphertext. `context` names the record and field it is sealed
    /// for.
    #[expect(clippy::expect_used, reason = "XChaCha20-Poly1305 seals messages below 256 GB")]
    pub fn seal(&self, context: &[&[u8]], nonce: [u8; 24], plaintext: &[u8]) -> Vec<u8> {
        let aad = length_prefixed(context);
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: plaintext, aad: &aad })
            .expect("a message below 256 GB");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`Key::seal`] sealed for the same context; `None` if it was changed, or made with another key or
    /// context.
    pub fn open(&self, context: &[&[u8]], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<24>()?;
        let aad = length_prefixed(context);
        self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: &aad }).ok().map(Zeroizing::new)
    }

    #[expect(clippy::expect_used, reason = "the key has 32 bytes")]
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new_from_slice(self.seal.as_slice()).expect("a key of 32 bytes")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.id)
    }
}

/// All keys of one issuer but the signing keys.
#[derive(Debug)]
pub struct Keys {
    families: BTreeMap<Purpose, PurposeKeys>,
}

#[derive(Debug)]
struct PurposeKeys {
    active: Key,
    others: Vec<Key>,
}

impl Keys {
    /// One active key for each purpose; `None` if one is missing.
    pub fn new(active: Vec<(Purpose, Key)>) -> Option<Self> {
        let families: BTreeMap<_, _> = active
            .into_iter()
            .map(|(purpose, key)| (purpose, PurposeKeys { active: key, others: Vec::new() }))
            .collect();
        Purpose::ALL.iter().all(|purpose| families.contains_key(purpose)).then_some(Self { families })
    }

    /// Adds a key that is retired or announced.
    pub fn and(mut self, purpose: Purpose, key: Key) -> Self {
        if let Some(family) = self.families.get_mut(&purpose) {
            family.others.push(key);
        }
        self
    }

    /// The key that makes new values.
    pub fn active(&self, purpose: Purpose) -> &Key {
        &self.family(purpose).active
    }

    /// The key with this id.
    pub fn find(&self, purpose: Purpose, id: KeyId) -> Option<&Key> {
        self.all(purpose).find(|key| key.id == id)
    }

    /// Every key that may have made a value.
    pub fn all(&self, purpose: Purpose) -> impl Iterator<Item = &Key> {
        let family = self.family(purpose);
        std::iter::once(&family.active).chain(&family.others)
    }

    #[expect(clippy::expect_used, reason = "`Keys::new` requires a key for every purpose")]
    fn family(&self, purpose: Purpose) -> &PurposeKeys {
        self.families.get(&purpose).expect("new() saw every purpose")
    }
}

/// SHA-256 of `label` and `parts`, each with its length before it.
pub fn digest(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [label.as_bytes()].iter().chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The first 16 bytes of [`digest`], for ids and fixed-width parts of keys.
pub(crate) fn short_digest(label: &str, parts: &[&[u8]]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&digest(label, parts)[..16]);
    short
}

fn length_prefixed(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| (part.len() as u64).to_be_bytes().into_iter().chain(part.iter().copied())).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Keys derived from `seed` alone.
    pub(crate) fn keys(issuer_url: &str, seed: u8) -> Keys {
        let key = |(n, purpose): (usize, &Purpose)| {
            let material = Zeroizing::new([seed ^ n as u8; 32]);
            (*purpose, Key::derive(KeyId(n as u32 + 1), *purpose, issuer_url, &material))
        };
        Keys::new(Purpose::ALL.iter().enumerate().map(key).collect()).unwrap()
    }

    fn key(purpose: Purpose, issuer_url: &str) -> Key {
        Key::derive(KeyId(7), purpose, issuer_url, &Zeroizing::new([9; 32]))
    }

    #[test]
    fn the_same_material_makes_different_keys_for_each_purpose_and_issuer() {
        let tag = key(Purpose::Code, "https://a.example").mac("x", &[b"y"]);
        assert!(key(Purpose::Code, "https://a.example").verify("x", &[b"y"], &tag));
        assert!(!key(Purpose::Code, "https://b.example").verify("x", &[b"y"], &tag));
        assert!(!key(Purpose::Form, "https://a.example").verify("x", &[b"y"], &tag));
        assert!(!key(Purpose::Code, "https://a.example").verify("x", &[b"y"], &tag[..31]));
    }

    #[test]
    fn different_lists_of_parts_have_different_macs() {
        let key = key(Purpose::Code, "https://a.example");
        assert_ne!(key.mac("x", &[b"ab", b"c"]), key.mac("x", &[b"a", b"bc"]));
        assert_ne!(digest("x", &[b"ab", b"c"]), digest("x", &[b"a", b"bc"]));
    }

    proptest! {
        #[test]
        fn a_sealed_value_opens_only_unchanged_and_in_its_context(
            plaintext in prop::collection::vec(any::<u8>(), 0..200), nonce: [u8; 24], flip: prop::sample::Index, bit in 0u8..8,
        ) {
            let key = key(Purpose::Ticket, "https://a.example");
            let sealed = key.seal(&[b"ticket"], nonce, &plaintext);
            let opened = key.open(&[b"ticket"], &sealed);
            prop_assert_eq!(opened.as_deref(), Some(&plaintext));
            prop_assert!(key.open(&[b"other"], &sealed).is_none());
            let mut changed = sealed.clone();
            changed[flip.index(sealed.len())] ^= 1 << bit;
            prop_assert!(key.open(&[b"ticket"], &changed).is_none());
        }
    }
}
