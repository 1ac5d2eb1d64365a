//! `private_key_jwt` client assertions (RFC 7523 §3). The signature is verified before this check.

use std::time::Duration;

use crate::Refusal;
use crate::client::Client;
use crate::id::ClientId;
use crate::issuer::Issuer;
use crate::keys::digest;
use crate::time::{CLOCK_SKEW, Timestamp};

/// The value of `client_assertion_type` (RFC 7523 §2.2).
pub const CLIENT_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far a client's clock may be ahead.
const AHEAD: Duration = Duration::from_secs(10);
/// The longest life of an assertion; its id is kept for that time.
const MAX_LIFE: Duration = Duration::from_secs(3600);
const MAX_ID: usize = 512;

/// The claims of an assertion, as they were sent.
#[derive(Clone, Debug)]
pub struct AssertionClaims {
    /// `iss`: the client.
    pub iss: String,
    /// `sub`: the client.
    pub sub: String,
    /// `None` unless it is one string: another audience of several could present the assertion here (rfc7523bis §4).
    pub aud: Option<String>,
    /// `exp`, required.
    pub exp: Timestamp,
    /// `nbf`, if sent.
    pub nbf: Option<Timestamp>,
    /// `iat`, if sent.
    pub iat: Option<Timestamp>,
    /// `jti`; an assertion without one is refused.
    pub jti: Option<String>,
}

/// A valid assertion. It may be used once: the caller must record [`AssertionAccepted::id`] before relying on it.
#[derive(Clone, Debug)]
pub struct AssertionAccepted {
    client_id: ClientId,
    id: [u8; 32],
    forget_at: Timestamp,
}

impl AssertionAccepted {
    /// Checks the claims of an assertion that `client` signed (RFC 7523 §3). Refuses with
    /// [`Refusal::ClientAssertionInvalid`].
    pub fn check(claims: &AssertionClaims, client: &Client, issuer: &Issuer, now: Timestamp) -> Result<Self, Refusal> {
        let invalid = |why| Err(Refusal::ClientAssertionInvalid(why));
        if claims.iss != client.id.as_str() || claims.sub != client.id.as_str() {
            return invalid("iss and sub of a client_assertion are the client_id");
        }
        if claims.aud.as_deref() != Some(issuer.url.as_str()) {
            return invalid("aud of a client_assertion is the issuer, as one string");
        }
        if claims.exp <= now {
            return invalid("the client_assertion has expired");
        }
        if claims.exp > now + MAX_LIFE {
            return invalid("a client_assertion expires within an hour");
        }
        if [claims.nbf, claims.iat].into_iter().flatten().any(|at| at > now + AHEAD) {
            return invalid("the client_assertion is of the future; set the clock");
        }
        match claims.jti.as_deref() {
            Some(jti) if (1..=MAX_ID).contains(&jti.len()) => Ok(Self {
                client_id: client.id.clone(),
                id: digest("client assertion", &[client.id.as_str().as_bytes(), jti.as_bytes()]),
                forget_at: claims.exp + CLOCK_SKEW,
            }),
            _ => invalid("a client_assertion has a jti of 1 to 512 characters"),
        }
    }

    /// The client that made the assertion.
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// A digest of client and `jti`, for the record of used assertions.
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// From this time on the assertion is refused as expired, and its id need not be kept.
    pub fn forget_at(&self) -> Timestamp {
        self.forget_at
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::issuer::tests::issuer;

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_000)
    }

    pub(crate) fn claims() -> AssertionClaims {
        AssertionClaims {
            iss: "configured".to_owned(),
            sub: "configured".to_owned(),
            aud: Some("https://gate.example".to_owned()),
            exp: now() + Duration::from_secs(300),
            nbf: None,
            iat: Some(now()),
            jti: Some("one".to_owned()),
        }
    }

    fn checked(claims: &AssertionClaims) -> Result<AssertionAccepted, Refusal> {
        AssertionAccepted::check(claims, &issuer().clients[0], &issuer(), now())
    }

    /// Requirements: D15.
    #[test]
    fn each_wrong_claim_of_an_assertion_is_refused() {
        let good = checked(&claims()).unwrap();
        assert_eq!(good.forget_at(), claims().exp + CLOCK_SKEW);
        let text = |text: &str| text.to_owned();
        for (why, claims) in [
            ("another iss", AssertionClaims { iss: text("other"), ..claims() }),
            ("another sub", AssertionClaims { sub: text("other"), ..claims() }),
            ("no aud, or several", AssertionClaims { aud: None, ..claims() }),
            ("the token endpoint", AssertionClaims { aud: Some(text("https://gate.example/token")), ..claims() }),
            ("another issuer", AssertionClaims { aud: Some(text("https://evil.example")), ..claims() }),
            ("expired", AssertionClaims { exp: now(), ..claims() }),
            ("for ever", AssertionClaims { exp: now() + MAX_LIFE + AHEAD, ..claims() }),
            ("of the future", AssertionClaims { iat: Some(now() + AHEAD + AHEAD), ..claims() }),
            ("not yet", AssertionClaims { nbf: Some(now() + AHEAD + AHEAD), ..claims() }),
            ("no jti", AssertionClaims { jti: None, ..claims() }),
            ("an empty jti", AssertionClaims { jti: Some(String::new()), ..claims() }),
            ("a long jti", AssertionClaims { jti: Some("x".repeat(MAX_ID + 1)), ..claims() }),
        ] {
            assert!(matches!(checked(&claims), Err(Refusal::ClientAssertionInvalid(_))), "{why}");
        }
    }

    #[test]
    fn assertions_with_different_jti_have_different_ids() {
        let other = AssertionClaims { jti: Some("two".to_owned()), ..claims() };
        assert_ne!(checked(&claims()).unwrap().id(), checked(&other).unwrap().id());
        assert_eq!(checked(&claims()).unwrap().id(), checked(&claims()).unwrap().id());
    }
}
