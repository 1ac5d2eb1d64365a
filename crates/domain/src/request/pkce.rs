//! PKCE with S256, required from every client (RFC 7636, RFC 9700 §2.1.1).

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::Refusal;
use crate::id;

/// The SHA-256 of a code verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeChallenge(pub [u8; 32]);

impl CodeChallenge {
    /// Parses `code_challenge` and `code_challenge_method`. The method must be S256: `plain`, also the default, shows
    /// the verifier to every observer of the request (RFC 7636 §7.2).
    ///
    /// Refuses with [`Refusal::PkceRequired`], [`Refusal::PkceMethodUnsupported`] or
    /// [`Refusal::PkceChallengeMalformed`].
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Self, Refusal> {
        let challenge = challenge.ok_or(Refusal::PkceRequired)?;
        if method != Some("S256") {
            return Err(Refusal::PkceMethodUnsupported);
        }
        id::decode(challenge).map(Self).ok_or(Refusal::PkceChallengeMalformed)
    }

    /// Checks a code verifier (RFC 7636 §4.6). Refuses with [`Refusal::PkceMismatch`].
    pub fn verify(&self, verifier: &str) -> Result<PkceVerified, Refusal> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let well_formed = (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved);
        let matches: bool = Sha256::digest(verifier).as_slice().ct_eq(&self.0).into();
        if well_formed && matches { Ok(PkceVerified(())) } else { Err(Refusal::PkceMismatch) }
    }
}

/// The S256 challenge of `verifier`, for our own request to the upstream.
pub fn challenge_of(verifier: &str) -> String {
    id::encode(&Sha256::digest(verifier))
}

/// The proof that a code is redeemed by the client instance that began the flow. Only [`CodeChallenge::verify`] makes
/// it.
#[derive(Debug)]
pub struct PkceVerified(());

#[cfg(test)]
mod tests {
    use super::*;

    /// Requirements: R38.
    #[test]
    fn the_example_of_rfc_7636_appendix_b_verifies() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge_of(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let challenge = CodeChallenge::parse(Some(&challenge_of(verifier)), Some("S256")).unwrap();
        assert!(challenge.verify(verifier).is_ok());
    }

    /// Requirements: R5.
    #[test]
    fn a_challenge_method_other_than_s256_is_refused() {
        let challenge = challenge_of(&"a".repeat(43));
        assert_eq!(CodeChallenge::parse(None, Some("S256")), Err(Refusal::PkceRequired));
        assert_eq!(CodeChallenge::parse(Some(&challenge), None), Err(Refusal::PkceMethodUnsupported));
        assert_eq!(CodeChallenge::parse(Some(&challenge), Some("plain")), Err(Refusal::PkceMethodUnsupported));
        for malformed in [&challenge[1..], &format!("{challenge}="), &challenge.replace(&challenge[..1], "+")] {
            assert_eq!(CodeChallenge::parse(Some(malformed), Some("S256")), Err(Refusal::PkceChallengeMalformed));
        }
    }

    /// Requirements: R6.
    #[test]
    fn verifiers_have_43_to_128_unreserved_characters() {
        for (verifier, good) in [
            ("a".repeat(42), false),
            ("a".repeat(43), true),
            ("~._-".repeat(32), true),
            ("a".repeat(129), false),
            (format!("{}+", "a".repeat(43)), false),
            (String::new(), false),
        ] {
            let challenge = CodeChallenge(Sha256::digest(&verifier).into());
            assert_eq!(challenge.verify(&verifier).is_ok(), good, "{verifier}");
        }
        assert_eq!(CodeChallenge([0; 32]).verify(&"a".repeat(43)).unwrap_err(), Refusal::PkceMismatch);
    }
}
