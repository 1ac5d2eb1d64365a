//! Clients' public keys (RFC 7517) for verifying client assertions (RFC 7518 §3.1, RFC 8037).

use crate::id::decode_vec;
use crate::keys::digest;

/// The most keys of one client: each may have to be tried.
pub const MAX_KEYS: usize = 20;
/// 4096 bits. With longer keys a client could make each verification expensive.
const MAX_RSA_BYTES: usize = 512;
/// 2048 bits (RFC 7518 §3.3).
const MIN_RSA_BYTES: usize = 256;
const MAX_TEXT: usize = 256;

/// The supported members of a JWK, as they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwkMembers {
    /// Key type.
    pub kty: String,
    /// The key's id, if it has one.
    pub kid: Option<String>,
    /// Use; only `sig` is accepted.
    pub r#use: Option<String>,
    /// Algorithm.
    pub alg: Option<String>,
    /// Curve.
    pub crv: Option<String>,
    /// x coordinate.
    pub x: Option<String>,
    /// y coordinate.
    pub y: Option<String>,
    /// RSA modulus.
    pub n: Option<String>,
    /// RSA exponent.
    pub e: Option<String>,
}

/// A public key for verifying signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicJwk {
    /// The key's id, if it has one.
    pub kid: Option<String>,
    /// The only algorithm of the key, if it names one.
    pub algorithm: Option<SignatureAlgorithm>,
    /// The key itself.
    pub parameters: KeyParameters,
}

/// The key's parameters, in base64url as they were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyParameters {
    /// An RSA key of 2048 to 4096 bits.
    Rsa {
        /// RSA modulus.
        n: String,
        /// RSA exponent.
        e: String,
    },
    /// An elliptic curve key on P-256.
    Ec {
        /// x coordinate.
        x: String,
        /// y coordinate.
        y: String,
    },
    /// Ed25519.
    Okp {
        /// x coordinate.
        x: String,
    },
}

/// The signature algorithms of client assertions: an allow-list without MACs and without `none` (RFC 8725 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl SignatureAlgorithm {
    /// All supported algorithms.
    pub const ALL: [SignatureAlgorithm; 4] =
        [SignatureAlgorithm::Rs256, SignatureAlgorithm::Ps256, SignatureAlgorithm::Es256, SignatureAlgorithm::EdDsa];

    /// The name in `alg` (RFC 7518 §3.1, RFC 8037 §3.1).
    pub fn as_str(self) -> &'static str {
        match self {
            SignatureAlgorithm::Rs256 => "RS256",
            SignatureAlgorithm::Ps256 => "PS256",
            SignatureAlgorithm::Es256 => "ES256",
            SignatureAlgorithm::EdDsa => "EdDSA",
        }
    }

    /// The algorithm with this name in `alg`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

impl PublicJwk {
    /// `None` for a key that cannot verify a client's signature: another type or curve, another use, too short, or
    /// malformed. A set may hold such keys beside others (RFC 7517 §5).
    pub fn parse(members: JwkMembers) -> Option<Self> {
        let JwkMembers { kty, kid, r#use, alg, crv, x, y, n, e } = members;
        if r#use.is_some_and(|usage| usage != "sig") || kid.as_ref().is_some_and(|kid| kid.len() > MAX_TEXT) {
            return None;
        }
        let algorithm = match alg {
            Some(name) => Some(SignatureAlgorithm::parse(&name)?),
            None => None,
        };
        let coordinate = |text: Option<String>| text.filter(|text| decode_vec(text).is_some_and(|x| x.len() == 32));
        let parameters = match (kty.as_str(), crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (n?, e?);
                let modulus = decode_vec(&n)?;
                let long_enough = (MIN_RSA_BYTES..=MAX_RSA_BYTES).contains(&modulus.len()) && modulus[0] >= 0x80;
                let exponent = decode_vec(&e)?;
                (long_enough && (1..=4).contains(&exponent.len())).then_some(())?;
                KeyParameters::Rsa { n, e }
            }
            ("EC", Some("P-256")) => KeyParameters::Ec { x: coordinate(x)?, y: coordinate(y)? },
            ("OKP", Some("Ed25519")) => KeyParameters::Okp { x: coordinate(x)? },
            _ => return None,
        };
        let key = Self { kid, algorithm, parameters };
        algorithm.is_none_or(|algorithm| key.fits(algorithm)).then_some(key)
    }

    /// True if this key may verify a signature made with `algorithm` under `kid`. The key determines the algorithm, not
    /// the message (RFC 8725 §3.1, §3.2).
    pub fn may_have_signed(&self, algorithm: SignatureAlgorithm, kid: Option<&str>) -> bool {
        let names_it = kid.is_none() || self.kid.is_none() || self.kid.as_deref() == kid;
        names_it && self.fits(algorithm) && self.algorithm.is_none_or(|only| only == algorithm)
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        let parts: [&str; 3] = match &self.parameters {
            KeyParameters::Rsa { n, e } => ["RSA", n, e],
            KeyParameters::Ec { x, y } => ["EC", x, y],
            KeyParameters::Okp { x } => ["OKP", x, ""],
        };
        digest("jwk", &parts.map(str::as_bytes))
    }

    fn fits(&self, algorithm: SignatureAlgorithm) -> bool {
        match &self.parameters {
            KeyParameters::Rsa { .. } => {
                matches!(algorithm, SignatureAlgorithm::Rs256 | SignatureAlgorithm::Ps256)
            }
            KeyParameters::Ec { .. } => algorithm == SignatureAlgorithm::Es256,
            KeyParameters::Okp { .. } => algorithm == SignatureAlgorithm::EdDsa,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::id::encode;

    pub(crate) fn ec(kid: &str) -> JwkMembers {
        let text = |text: &str| Some(text.to_owned());
        let (x, y) = (Some(encode(&[1; 32])), Some(encode(&[2; 32])));
        JwkMembers { kty: "EC".to_owned(), kid: text(kid), crv: text("P-256"), x, y, ..JwkMembers::default() }
    }

    fn rsa(bytes: usize) -> JwkMembers {
        let (n, e) = (Some(encode(&vec![0xC0; bytes])), Some(encode(&[1, 0, 1])));
        JwkMembers { kty: "RSA".to_owned(), n, e, ..JwkMembers::default() }
    }

    /// Requirements: R45.
    #[test]
    fn a_key_verifies_only_its_own_algorithm_and_kid() {
        let key = PublicJwk::parse(ec("a")).unwrap();
        assert!(key.may_have_signed(SignatureAlgorithm::Es256, Some("a")));
        assert!(key.may_have_signed(SignatureAlgorithm::Es256, None));
        assert!(!key.may_have_signed(SignatureAlgorithm::Es256, Some("b")));
        assert!(!key.may_have_signed(SignatureAlgorithm::Rs256, Some("a")));
        let only = JwkMembers { alg: Some("PS256".to_owned()), ..rsa(256) };
        let only = PublicJwk::parse(only).unwrap();
        assert!(only.may_have_signed(SignatureAlgorithm::Ps256, None));
        assert!(!only.may_have_signed(SignatureAlgorithm::Rs256, None));
    }

    #[test]
    fn a_key_that_cannot_verify_signatures_is_ignored() {
        let text = |text: &str| Some(text.to_owned());
        for (why, members) in [
            ("another use", JwkMembers { r#use: text("enc"), ..ec("a") }),
            ("another curve", JwkMembers { crv: text("P-384"), ..ec("a") }),
            ("a symmetric key", JwkMembers { kty: "oct".to_owned(), ..ec("a") }),
            ("a MAC", JwkMembers { alg: text("HS256"), ..ec("a") }),
            ("none", JwkMembers { alg: text("none"), ..ec("a") }),
            ("another key's algorithm", JwkMembers { alg: text("RS256"), ..ec("a") }),
            ("no y", JwkMembers { y: None, ..ec("a") }),
            ("a short x", JwkMembers { x: Some(encode(&[1; 31])), ..ec("a") }),
            ("1024 bits", rsa(128)),
            ("8192 bits", rsa(1024)),
            ("no exponent", JwkMembers { e: None, ..rsa(256) }),
            ("a long exponent", JwkMembers { e: Some(encode(&[1; 5])), ..rsa(256) }),
        ] {
            assert_eq!(PublicJwk::parse(members), None, "{why}");
        }
        assert!(PublicJwk::parse(rsa(256)).is_some() && PublicJwk::parse(rsa(512)).is_some());
    }
}
