//! Checks of an upstream's ID token (OIDC Core §3.1.3.7). The caller has verified its signature.

use std::time::Duration;

use crate::secret::{Secret, kind};
use crate::subject::{Subject, UpstreamId};
use crate::time::Timestamp;

/// The claims of an ID token with a valid signature.
#[derive(Clone, Debug, Default)]
pub struct IdTokenClaims {
    /// Issuer.
    pub iss: String,
    /// Audiences.
    pub aud: Vec<String>,
    /// Authorized party.
    pub azp: Option<String>,
    /// The upstream's id of the person.
    pub sub: Option<String>,
    /// Nonce of the login.
    pub nonce: Option<String>,
    /// End, in seconds since the epoch.
    pub exp: Option<u64>,
    /// Time of issue, in seconds since the epoch.
    pub iat: Option<u64>,
    /// The person's name for pages, no part of the identity.
    pub name: Option<String>,
    /// The person's e-mail address, no part of the identity.
    pub email: Option<String>,
}

/// The values that an ID token must match.
#[derive(Debug)]
pub struct ExpectedIdToken<'a> {
    /// The upstream's id.
    pub upstream: &'a UpstreamId,
    /// The upstream's issuer identifier.
    pub issuer: &'a str,
    /// Our client id at the upstream.
    pub client_id: &'a str,
    /// Nonce of the login. `None` after a refresh: such a token needs none (OIDC Core §12.2), and came directly from the
    /// upstream.
    pub nonce: Option<&'a Secret<kind::UpstreamNonce>>,
}

/// How far the upstream's clock may be off.
const LEEWAY: Duration = Duration::from_secs(60);

/// Why an ID token is invalid. For the log, never for a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// `iss` differs.
    #[error("iss is not the configured issuer")]
    Issuer,
    /// `aud` does not contain our client id.
    #[error("aud does not name this client")]
    Audience,
    /// `azp` is missing or differs.
    #[error("azp is missing beside several audiences, or is another client")]
    AuthorizedParty,
    /// `nonce` is missing or differs.
    #[error("nonce is missing or of another login")]
    Nonce,
    /// `exp` is missing or past.
    #[error("exp is missing or past")]
    Expired,
    /// `iat` is missing or in the future.
    #[error("iat is missing or in the future")]
    IssuedAt,
    /// `sub` cannot be a subject.
    #[error("sub is missing, empty, too long or not printable ASCII")]
    Subject,
}

/// The subject of a valid ID token.
pub fn subject(
    claims: &IdTokenClaims,
    expected: &ExpectedIdToken<'_>,
    now: Timestamp,
) -> Result<Subject, IdTokenError> {
    if claims.iss != expected.issuer {
        return Err(IdTokenError::Issuer);
    }
    if !claims.aud.iter().any(|audience| audience == expected.client_id) {
        return Err(IdTokenError::Audience);
    }
    match &claims.azp {
        Some(azp) if azp != expected.client_id => return Err(IdTokenError::AuthorizedParty),
        None if claims.aud.len() > 1 => return Err(IdTokenError::AuthorizedParty),
        Some(_) | None => {}
    }
    // Without it, an attacker could complete a login in the victim's browser with the attacker's code (RFC 9700
    // §4.5.3).
    if expected.nonce.is_some_and(|nonce| claims.nonce.as_deref().map(Secret::new).as_ref() != Some(nonce)) {
        return Err(IdTokenError::Nonce);
    }
    if claims.exp.is_none_or(|exp| Timestamp::from_seconds(exp) + LEEWAY < now) {
        return Err(IdTokenError::Expired);
    }
    if claims.iat.is_none_or(|iat| Timestamp::from_seconds(iat) > now + LEEWAY) {
        return Err(IdTokenError::IssuedAt);
    }
    claims.sub.as_deref().and_then(|sub| Subject::new(expected.upstream, sub)).ok_or(IdTokenError::Subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    fn good() -> IdTokenClaims {
        IdTokenClaims {
            iss: "https://idp.example".to_owned(),
            aud: vec!["lychgate".to_owned()],
            azp: None,
            sub: Some("alice".to_owned()),
            nonce: Some("n".to_owned()),
            exp: Some(NOW + 60),
            iat: Some(NOW),
            name: None,
            email: None,
        }
    }

    fn checked(claims: IdTokenClaims) -> Result<Subject, IdTokenError> {
        checked_with(claims, Some(Secret::new("n")))
    }

    fn checked_with(
        claims: IdTokenClaims,
        nonce: Option<Secret<kind::UpstreamNonce>>,
    ) -> Result<Subject, IdTokenError> {
        let upstream = UpstreamId::parse("idp").unwrap();
        let expected = ExpectedIdToken {
            upstream: &upstream,
            issuer: "https://idp.example",
            client_id: "lychgate",
            nonce: nonce.as_ref(),
        };
        subject(&claims, &expected, Timestamp::from_seconds(NOW))
    }

    #[test]
    fn the_id_token_of_a_refresh_needs_no_nonce() {
        for nonce in [None, Some("n".to_owned()), Some("m".to_owned())] {
            assert_eq!(checked_with(IdTokenClaims { nonce, ..good() }, None).unwrap().as_str(), "idp|alice");
        }
        assert_eq!(checked_with(IdTokenClaims { aud: Vec::new(), ..good() }, None), Err(IdTokenError::Audience));
    }

    /// Requirements: B36.
    #[test]
    fn a_valid_id_token_names_its_subject_and_each_wrong_claim_is_refused() {
        assert_eq!(checked(good()).unwrap().as_str(), "idp|alice");
        type Lie = fn(&mut IdTokenClaims);
        let lies: [(IdTokenError, Lie); 14] = [
            (IdTokenError::Issuer, |claims| claims.iss = "https://idp.example/".to_owned()),
            (IdTokenError::Audience, |claims| claims.aud = vec!["other".to_owned()]),
            (IdTokenError::Audience, |claims| claims.aud.clear()),
            (IdTokenError::AuthorizedParty, |claims| claims.aud.push("other".to_owned())),
            (IdTokenError::AuthorizedParty, |claims| claims.azp = Some("other".to_owned())),
            (IdTokenError::Nonce, |claims| claims.nonce = None),
            (IdTokenError::Nonce, |claims| claims.nonce = Some("m".to_owned())),
            (IdTokenError::Expired, |claims| claims.exp = Some(NOW - 61)),
            (IdTokenError::Expired, |claims| claims.exp = None),
            (IdTokenError::IssuedAt, |claims| claims.iat = Some(NOW + 61)),
            (IdTokenError::IssuedAt, |claims| claims.iat = None),
            (IdTokenError::Subject, |claims| claims.sub = None),
            (IdTokenError::Subject, |claims| claims.sub = Some(String::new())),
            (IdTokenError::Subject, |claims| claims.sub = Some("a\nb".to_owned())),
        ];
        for (why, lie) in lies {
            let mut claims = good();
            lie(&mut claims);
            assert_eq!(checked(claims), Err(why));
        }
    }
}
