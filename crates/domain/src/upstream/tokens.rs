//! The upstream's tokens. A client never receives them (MCP Security Best Practices, "Token Passthrough"): they are sealed,
//! each time for one record, and only a resource server that the operator and the person both allow gets the access token
//! ([`connection`](super::connection)).

use crate::codec::{Reader, Writer};
use crate::entropy::{Entropy, random};
use crate::id::{AuthorizationId, ConnectionId, GrantId};
use crate::issuer::{EmailDomain, Issuer, LearnedClaims, StatedClaim, StatedClaims};
use crate::keys::{KeyId, Keys, Purpose};
use crate::scope::{Scope, Scopes};
use crate::secret::{Secret, kind};
use crate::time::Timestamp;

/// The tokens that an upstream returned for its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTokens {
    /// The access token.
    pub access_token: Secret<kind::UpstreamAccessToken>,
    /// The refresh token, if there is one.
    pub refresh_token: Option<Secret<kind::UpstreamRefreshToken>>,
    /// `None` if the upstream did not say.
    pub expires_at: Option<Timestamp>,
    /// The scopes, space-separated: as the upstream stated them, or as it was asked for them. Empty if neither is known.
    pub scopes: String,
    /// What the upstream stated about the person with these tokens, or before them; `None` if no rule will read it.
    pub claims: Option<LearnedClaims>,
}

/// Upstream tokens, sealed for one record.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedTokens {
    /// The key that sealed them.
    pub key: KeyId,
    /// Nonce and ciphertext.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for SealedTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedTokens({:?}, {} bytes)", self.key, self.bytes.len())
    }
}

/// The record that tokens are sealed for; they do not open in another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedFor {
    /// An authorization with an issued code.
    Authorization(AuthorizationId),
    /// A grant of a release that kept the tokens there.
    Grant(GrantId),
    /// A connection.
    Connection(ConnectionId),
}

/// The format of releases that kept no scopes.
const WITHOUT_SCOPES: u8 = 1;
/// Of tokens without claims. Releases that kept no claims read it.
const WITHOUT_CLAIMS: u8 = 2;
const WITH_CLAIMS: u8 = 3;

impl UpstreamTokens {
    /// The longest tokens that a record can keep, together.
    pub const MAX_BYTES: usize = 32 * 1024;
    /// The longest text of scopes that a record can keep; a longer one counts as unknown.
    pub const MAX_SCOPES_BYTES: usize = 4 * 1024;
    /// The longest claims that a record can keep; longer ones count as unknown.
    pub const MAX_CLAIMS_BYTES: usize = 8 * 1024;

    /// `None` if they are too long to be kept.
    pub fn bounded(mut self) -> Option<Self> {
        if self.scopes.len() > Self::MAX_SCOPES_BYTES {
            self.scopes.clear();
        }
        let refresh_token = self.refresh_token.as_ref().map_or(0, |token| token.expose().len());
        (self.access_token.expose().len() + refresh_token <= Self::MAX_BYTES).then_some(self)
    }

    /// The tokens with what the upstream stated about the person; claims that are too long count as unknown.
    #[must_use]
    pub fn with_claims(self, claims: Option<LearnedClaims>) -> Self {
        Self { claims: claims.filter(|learned| written(learned).len() <= Self::MAX_CLAIMS_BYTES), ..self }
    }

    /// True if a token may still be valid: there is a refresh token, or the access token is not known to have expired.
    pub fn are_of_use(&self, now: Timestamp) -> bool {
        self.refresh_token.is_some() || self.expires_at.is_none_or(|end| now < end)
    }

    /// The tokens of a login, where the tokens of an earlier one of the same person are known. A provider that sends its refresh
    /// token with the first login only, as Google does, would otherwise leave later logins without one.
    #[must_use]
    pub fn after_login(self, earlier: Option<&Self>) -> Self {
        let refresh_token = self.refresh_token.or_else(|| earlier.and_then(|earlier| earlier.refresh_token.clone()));
        Self { refresh_token, ..self }
    }

    /// The tokens after a refresh: a provider that does not rotate sends no refresh token, and one that states no scopes has
    /// not changed them. Claims that it does not state again keep their age.
    #[must_use]
    pub fn after_refresh(self, earlier: &Self) -> Self {
        let scopes = if self.scopes.is_empty() { earlier.scopes.clone() } else { self.scopes };
        let refresh_token = self.refresh_token.or_else(|| earlier.refresh_token.clone());
        let claims = self.claims.or_else(|| earlier.claims.clone());
        Self { refresh_token, scopes, claims, ..self }
    }

    /// True if revoking `earlier` at the upstream is due once these tokens have replaced it, because these are others.
    pub fn supersede(&self, earlier: &Self) -> bool {
        match &earlier.refresh_token {
            Some(token) => self.refresh_token.as_ref() != Some(token),
            None => self.access_token != earlier.access_token,
        }
    }

    /// The scopes as a set. Text that is no scope token (RFC 6749 §3.3) is left out.
    pub fn scope_set(&self) -> Scopes {
        self.scopes.split(' ').filter_map(Scope::parse).collect()
    }

    /// Seals the tokens for `record`.
    pub fn seal(&self, record: SealedFor, issuer: &Issuer, keys: &Keys, entropy: &dyn Entropy) -> SealedTokens {
        let key = keys.active(Purpose::UpstreamTokens);
        let format = if self.claims.is_some() { WITH_CLAIMS } else { WITHOUT_CLAIMS };
        let plaintext = Writer::default()
            .bytes(&[format, u8::from(self.refresh_token.is_some())])
            .bytes(&self.expires_at.map_or(0, Timestamp::millis).to_be_bytes())
            .text(self.access_token.expose())
            .text(self.refresh_token.as_ref().map_or("", |token| token.expose()))
            .text(&self.scopes)
            .bytes(&self.claims.as_ref().map(written).unwrap_or_default())
            .finish();
        let plaintext = zeroize::Zeroizing::new(plaintext);
        SealedTokens {
            key: key.id,
            bytes: key.seal(&record.context(&issuer.url.digest()), random(entropy), &plaintext),
        }
    }

    /// Opens the tokens; `None` if they were sealed for another record, or their key has been deleted.
    pub fn open(sealed: &SealedTokens, record: SealedFor, issuer: &Issuer, keys: &Keys) -> Option<Self> {
        let key = keys.find(Purpose::UpstreamTokens, sealed.key)?;
        let plaintext = key.open(&record.context(&issuer.url.digest()), &sealed.bytes)?;
        let mut reader = Reader::new(&plaintext);
        let [format, refreshable] = reader.array()?;
        let expires_at = u64::from_be_bytes(reader.array()?);
        let access_token = Secret::new(reader.text()?);
        let refresh_token = Secret::new(reader.text()?);
        let scopes = match format {
            WITHOUT_SCOPES => String::new(),
            WITHOUT_CLAIMS | WITH_CLAIMS => reader.text()?.to_owned(),
            _ => return None,
        };
        let claims = if format == WITH_CLAIMS { Some(read_claims(&mut reader)?) } else { None };
        reader.end()?;
        Some(Self {
            access_token,
            refresh_token: (refreshable == 1).then_some(refresh_token),
            expires_at: (expires_at > 0).then(|| Timestamp::from_millis(expires_at)),
            scopes,
            claims,
        })
    }
}

/// The instant, the domain of the address (empty for none), the number of claims, and of each its name, the number of its
/// values, and these.
fn written(learned: &LearnedClaims) -> Vec<u8> {
    let LearnedClaims { claims: StatedClaims { email_domain, named }, at } = learned;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    let writer = Writer::default()
        .bytes(&at.millis().to_be_bytes())
        .text(email_domain.as_ref().map_or("", EmailDomain::as_str))
        .bytes(&count(named.len()));
    let claim = |writer: Writer, claim: &StatedClaim| {
        let writer = writer.text(&claim.name).bytes(&count(claim.values.len()));
        claim.values.iter().fold(writer, |writer, value| writer.text(value))
    };
    named.iter().fold(writer, claim).finish()
}

/// Reads what [`written`] wrote.
fn read_claims(reader: &mut Reader<'_>) -> Option<LearnedClaims> {
    let at = Timestamp::from_millis(u64::from_be_bytes(reader.array()?));
    let email_domain = match reader.text()? {
        "" => None,
        domain => Some(EmailDomain::parse(domain)?),
    };
    let count = |reader: &mut Reader<'_>| Some(u32::from_be_bytes(reader.array()?));
    let named = (0..count(reader)?).map(|_| {
        let name = reader.text()?.to_owned();
        let values = (0..count(reader)?).map(|_| Some(reader.text()?.to_owned())).collect::<Option<_>>()?;
        Some(StatedClaim { name, values })
    });
    let named = named.collect::<Option<_>>()?;
    Some(LearnedClaims { claims: StatedClaims { email_domain, named }, at })
}

impl SealedFor {
    fn context<'a>(&'a self, issuer: &'a [u8; 16]) -> [&'a [u8]; 4] {
        let (record, id) = match self {
            SealedFor::Authorization(id) => (b"authorization".as_slice(), id.bytes()),
            SealedFor::Grant(id) => (b"grant".as_slice(), id.bytes()),
            SealedFor::Connection(id) => (b"connection".as_slice(), id.bytes()),
        };
        [b"upstream tokens", record, issuer, id]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::tests::Counting;
    use crate::issuer::tests::issuer;
    use crate::keys::tests::keys;

    fn tokens(access: &str, refresh: Option<&str>, scopes: &str) -> UpstreamTokens {
        UpstreamTokens {
            access_token: Secret::new(access),
            refresh_token: refresh.map(Secret::new),
            expires_at: None,
            scopes: scopes.to_owned(),
            claims: None,
        }
    }

    #[test]
    fn a_refresh_token_that_a_provider_does_not_send_again_is_kept() {
        let first = tokens("a", Some("r"), "repo");
        for (sent, kept, is_superseded) in [
            (tokens("b", None, ""), tokens("b", Some("r"), ""), false),
            (tokens("b", Some("r"), ""), tokens("b", Some("r"), ""), false),
            (tokens("b", Some("s"), ""), tokens("b", Some("s"), ""), true),
        ] {
            let next = sent.clone().after_login(Some(&first));
            assert_eq!((&next, next.supersede(&first)), (&kept, is_superseded));
            assert_eq!(sent.after_refresh(&first), UpstreamTokens { scopes: "repo".to_owned(), ..kept });
        }
        let only = tokens("a", None, "");
        for (next, is_superseded) in
            [(tokens("a", None, ""), false), (tokens("b", None, ""), true), (tokens("b", Some("r"), ""), true)]
        {
            assert_eq!(next.after_login(Some(&only)).supersede(&only), is_superseded);
        }
        assert_eq!(tokens("b", None, "").after_login(None), tokens("b", None, ""));
    }

    /// Requirements: A15.
    #[test]
    fn sealed_tokens_open_only_in_their_own_record() {
        let (issuer, keys) = (issuer(), keys("https://gate.example", 1));
        let tokens = UpstreamTokens {
            access_token: Secret::new("upstream-secret"),
            refresh_token: Some(Secret::new("")),
            expires_at: Some(Timestamp::from_seconds(7)),
            scopes: "repo read:user".to_owned(),
            claims: None,
        };
        let (here, there) =
            (SealedFor::Grant(GrantId::from_bytes([1; 16])), SealedFor::Grant(GrantId::from_bytes([2; 16])));
        let elsewhere = [
            SealedFor::Authorization(AuthorizationId::from_bytes([1; 16])),
            SealedFor::Connection(ConnectionId::from_bytes([1; 16])),
        ];
        let sealed = tokens.seal(here, &issuer, &keys, &Counting::default());
        assert!(!sealed.bytes.windows(15).any(|window| window == b"upstream-secret"));
        assert_eq!(UpstreamTokens::open(&sealed, here, &issuer, &keys), Some(tokens));
        assert_eq!(UpstreamTokens::open(&sealed, there, &issuer, &keys), None);
        for record in elsewhere {
            assert_eq!(UpstreamTokens::open(&sealed, record, &issuer, &keys), None);
        }
    }

    fn learned(domain: Option<&str>, named: &[(&str, &[&str])], seconds: u64) -> LearnedClaims {
        let claim = |(name, values): &(&str, &[&str])| StatedClaim {
            name: (*name).to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let email_domain = domain.map(|domain| EmailDomain::parse(domain).unwrap());
        let claims = StatedClaims { email_domain, named: named.iter().map(claim).collect() };
        LearnedClaims { claims, at: Timestamp::from_seconds(seconds) }
    }

    #[test]
    fn claims_are_kept_with_the_tokens_and_keep_their_age() {
        let (issuer, keys, record) =
            (issuer(), keys("https://gate.example", 1), SealedFor::Connection(ConnectionId::from_bytes([1; 16])));
        for claims in [
            learned(None, &[], 0),
            learned(Some("example.com"), &[], 1),
            learned(None, &[("groups", &["staff", "", "all people"]), ("hd", &[]), ("tid", &["ä"])], u64::MAX),
        ] {
            let kept = UpstreamTokens { claims: Some(claims.clone()), ..tokens("a", Some("r"), "repo") };
            let sealed = kept.seal(record, &issuer, &keys, &Counting::default());
            assert_eq!(UpstreamTokens::open(&sealed, record, &issuer, &keys).as_ref(), Some(&kept));
            assert_eq!(tokens("b", None, "").after_refresh(&kept).claims, Some(claims), "not stated again");
            let anew = learned(None, &[("hd", &["x"])], 9);
            let stated = UpstreamTokens { claims: Some(anew.clone()), ..tokens("b", None, "") };
            assert_eq!(stated.after_refresh(&kept).claims, Some(anew));
        }
    }

    #[test]
    fn claims_that_are_too_long_count_as_unknown() {
        let is_kept = |length: usize| {
            let claims = learned(None, &[("groups", &[&"x".repeat(length)])], 1);
            tokens("a", None, "").with_claims(Some(claims)).claims.is_some()
        };
        let rest = written(&learned(None, &[("groups", &[""])], 1)).len();
        assert!(is_kept(UpstreamTokens::MAX_CLAIMS_BYTES - rest));
        assert!(!is_kept(UpstreamTokens::MAX_CLAIMS_BYTES - rest + 1));
    }
}
