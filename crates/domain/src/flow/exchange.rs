//! The exchange of a code: an issued code, and what it is once it has been redeemed.

use super::code::{self, PresentedCode};
use super::{Approved, Authorization};
use crate::Refusal;
use crate::authentication::ClientAuthenticated;
use crate::consent::{ConsentState, Counters, GrantStatus};
use crate::id::{Attempt, AuthorizationId, ClientId, GrantId};
use crate::issuer::Issuer;
use crate::keys::{KeyId, Keys, Purpose, short_digest};
use crate::lifetimes::Lifetimes;
use crate::request::pkce::PkceVerified;
use crate::scope::Scopes;
use crate::secret::{Secret, kind};
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::upstream::tokens::SealedTokens;

/// The next step of a code exchange.
#[derive(Debug, PartialEq, Eq)]
pub enum AtExchange {
    /// The code is unspent: redeem it.
    Redeem(CodeIssued),
    /// The code is spent: repeat the answer or refuse a replay ([`Redeemed::repeat`]).
    Repeat(Redeemed),
}

impl Authorization {
    /// The next step when a code of this authorization is exchanged. Refuses with [`Refusal::CodeInvalid`] if it has
    /// issued none.
    pub fn at_exchange(self) -> Result<AtExchange, Refusal> {
        match self {
            Authorization::CodeIssued(issued) => Ok(AtExchange::Redeem(issued)),
            Authorization::Redeemed(redeemed) => Ok(AtExchange::Repeat(redeemed)),
            Authorization::Denied(_)
            | Authorization::Approved(_)
            | Authorization::LoggingIn(_)
            | Authorization::SignedIn(_)
            | Authorization::Failed(_) => Err(Refusal::CodeInvalid),
        }
    }

    /// The subject of this authorization, if it issued `code` to `client`. Proves nothing about the sender
    /// of the code.
    pub fn issued(&self, code: &PresentedCode, client: &ClientId, keys: &Keys) -> Option<&Subject> {
        let issued = match self {
            Authorization::CodeIssued(issued) => issued,
            Authorization::Redeemed(redeemed) => &redeemed.issued,
            Authorization::Denied(_)
            | Authorization::Approved(_)
            | Authorization::LoggingIn(_)
            | Authorization::SignedIn(_)
            | Authorization::Failed(_) => return None,
        };
        let is_theirs = issued.approved.decided.client_id == *client && issued.minted(code, keys);
        is_theirs.then_some(&issued.subject)
    }
}

/// A code has been issued and not redeemed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeIssued {
    /// The approval.
    pub approved: Approved,
    /// The attempt that made this transition.
    pub attempt: Attempt,
    /// The time of this transition.
    pub at: Timestamp,
    /// The key of the code's MAC.
    pub code_key: KeyId,
    /// The person who signed in.
    pub subject: Subject,
    /// Epoch of the consent that this login gave or used.
    pub consent_epoch: u64,
    /// The revocation counters at that time. A revocation before the code is redeemed leaves nothing to redeem.
    pub counters: Counters,
    /// The upstream's tokens, sealed for this record: only in records of releases without connections.
    pub upstream_tokens: Option<SealedTokens>,
}

/// The code has been redeemed. Final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeemed {
    /// The issued code.
    pub issued: CodeIssued,
    /// The attempt that made this transition.
    pub attempt: Attempt,
    /// The time of this transition.
    pub at: Timestamp,
    /// The grant that the code gave.
    pub grant_id: GrantId,
    /// The key of the grant's first refresh token.
    pub refresh_key: KeyId,
}

impl CodeIssued {
    /// The code, again for every repetition of the attempt that issued it; `None` if its key has been deleted.
    pub fn code(&self, keys: &Keys) -> Option<Secret<kind::Code>> {
        let key = keys.find(Purpose::Code, self.code_key)?;
        Some(code::mint(key, self.approved.decided.id, self.attempt))
    }

    /// True if what the code allows is still allowed: the consent is the one that the code was issued under, and neither
    /// revoked nor expired.
    pub fn is_allowed(&self, status: &GrantStatus, now: Timestamp) -> bool {
        status.consent.as_ref().is_some_and(|consent| {
            consent.epoch == self.consent_epoch && consent.state(&status.counters, now) == ConsentState::Live
        })
    }

    fn minted(&self, code: &PresentedCode, keys: &Keys) -> bool {
        keys.find(Purpose::Code, self.code_key).is_some_and(|key| code.was_minted(key, self.attempt))
    }

    /// Checks that `code` is the one issued, that `client` is the client it was issued to, and that the exchange
    /// matches the request (RFC 6749 §4.1.3, OAuth 2.1 §4.1.3, RFC 8707 §2.2). Nothing is consumed or revoked unless
    /// all of it holds: with half of it, a stranger could end a person's flow.
    ///
    /// Refuses with [`Refusal::CodeInvalid`], [`Refusal::RedirectUriMismatch`], [`Refusal::ResourceUnknown`],
    /// [`Refusal::ParameterMissing`] or [`Refusal::PkceMismatch`].
    pub fn authenticate(
        &self,
        presentation: &CodePresentation<'_>,
        issuer: &Issuer,
        keys: &Keys,
    ) -> Result<ExchangeVerified, Refusal> {
        let CodePresentation { code, client, exchange: asked } = *presentation;
        let decided = &self.approved.decided;
        if !self.minted(code, keys) || *client.client_id() != decided.client_id {
            return Err(Refusal::CodeInvalid);
        }
        // The code may have been sent before a restart that brought a stricter rule or another issuer.
        issuer.may_answer_at(&decided.redirect_uri).map_err(|_| Refusal::CodeInvalid)?;
        if asked.redirect_uri.as_deref().is_some_and(|uri| uri != decided.redirect_uri.as_str()) {
            return Err(Refusal::RedirectUriMismatch);
        }
        let resource = issuer.resource_by_uri(&decided.resource).ok_or(Refusal::ResourceUnknown)?;
        if !asked.resources.is_empty() && issuer.resource(asked.resources.iter().map(String::as_str))? != resource {
            return Err(Refusal::ResourceUnknown);
        }
        let verifier = asked.code_verifier.as_deref().ok_or(Refusal::ParameterMissing("code_verifier"))?;
        decided.code_challenge.verify(verifier).map(|_: PkceVerified| ExchangeVerified(()))
    }

    /// Checks that the code has not expired (RFC 6749 §4.1.2: at most ten minutes). Refuses with
    /// [`Refusal::CodeInvalid`].
    pub fn fresh(&self, lifetimes: &Lifetimes, now: Timestamp) -> Result<(), Refusal> {
        if now.age_of_record(self.at).is_within(lifetimes.code) { Ok(()) } else { Err(Refusal::CodeInvalid) }
    }

    /// Spends the code. `ExchangeVerified` proves that code, client and code verifier were checked.
    pub fn redeem(self, _: &ExchangeVerified, keys: &Keys, attempt: Attempt, at: Timestamp) -> Redeemed {
        let grant_id = grant_id(self.approved.decided.id);
        Redeemed { issued: self, attempt, at, grant_id, refresh_key: keys.active(Purpose::RefreshToken).id }
    }
}

impl Redeemed {
    /// The tokens of the exchange again, for the attempt that made it. Another attempt is a replay:
    /// [`Refusal::CodeReplayed`] (RFC 6749 §4.1.2).
    pub fn repeat(&self, attempt: Attempt) -> Result<Issuance, Refusal> {
        if attempt == self.attempt { Ok(self.issuance()) } else { Err(Refusal::CodeReplayed) }
    }

    /// The tokens of the exchange.
    pub fn issuance(&self) -> Issuance {
        let scopes = self.issued.approved.decided.scopes.clone();
        Issuance { generation: 0, key: self.refresh_key, attempt: self.attempt, at: self.at, scopes }
    }
}

/// A pair of access and refresh token, as the values from which both are rebuilt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuance {
    /// Number of the refresh token within its grant, from 0.
    pub generation: u32,
    /// The key of the refresh token.
    pub key: KeyId,
    /// The attempt that issued the tokens.
    pub attempt: Attempt,
    /// The time at which they were issued.
    pub at: Timestamp,
    /// Scopes of the access token: those of the grant, or fewer.
    pub scopes: Scopes,
}

/// The parameters of a token request for a code, besides the code and the credentials.
#[derive(Clone, Default)]
pub struct CodeExchange {
    /// `redirect_uri`, if sent: OAuth 2.1 clients leave it out.
    pub redirect_uri: Option<String>,
    /// The PKCE code verifier.
    pub code_verifier: Option<String>,
    /// The values of `resource`.
    pub resources: Vec<String>,
}

impl std::fmt::Debug for CodeExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CodeExchange({:?}, ..)", self.redirect_uri)
    }
}

/// A code as a client presents it for exchange.
#[derive(Clone, Copy, Debug)]
pub struct CodePresentation<'a> {
    /// The code.
    pub code: &'a PresentedCode,
    /// The client that authenticated.
    pub client: &'a ClientAuthenticated,
    /// The other parameters.
    pub exchange: &'a CodeExchange,
}

/// The proof that a code was exchanged by its client with the right code verifier. Only [`CodeIssued::authenticate`] makes
/// it.
#[derive(Debug)]
pub struct ExchangeVerified(());

/// The grant's id follows from the authorization's.
fn grant_id(id: AuthorizationId) -> GrantId {
    GrantId::from_bytes(short_digest("grant id", &[id.bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::{Approval, Consent, decided};
    use crate::flow::tests::{NOW, alice, attempt, client, exchange, issued, k, presented};
    use crate::issuer::tests::issuer;
    use std::time::Duration;

    /// Requirements: R10.
    #[test]
    fn a_code_is_redeemed_only_as_it_was_requested() {
        let issued = issued();
        let code = presented(&issued);
        let authenticate = |code: &PresentedCode, client_id: &str, asked: CodeExchange| {
            issued
                .authenticate(&CodePresentation { code, client: &client(client_id), exchange: &asked }, &issuer(), &k())
                .map(|_| ())
        };
        assert_eq!(authenticate(&code, "configured", exchange()), Ok(()));
        let without = CodeExchange { redirect_uri: None, resources: Vec::new(), ..exchange() };
        assert_eq!(authenticate(&code, "configured", without), Ok(()), "R21: OAuth 2.1 clients send no redirect_uri");
        assert_eq!(authenticate(&code, "other", exchange()), Err(Refusal::CodeInvalid));
        let elsewhere = CodeExchange { redirect_uri: Some("https://app.example/CB".to_owned()), ..exchange() };
        assert_eq!(authenticate(&code, "configured", elsewhere), Err(Refusal::RedirectUriMismatch));
        let foreign = CodeExchange { resources: vec!["https://other.example".to_owned()], ..exchange() };
        assert_eq!(authenticate(&code, "configured", foreign), Err(Refusal::ResourceUnknown));
        let unproven = CodeExchange { code_verifier: None, ..exchange() };
        assert_eq!(authenticate(&code, "configured", unproven), Err(Refusal::ParameterMissing("code_verifier")));
        let guessed = CodeExchange { code_verifier: Some("a".repeat(43)), ..exchange() };
        assert_eq!(authenticate(&code, "configured", guessed), Err(Refusal::PkceMismatch));
        let other = CodeIssued { attempt: attempt(9), ..issued.clone() };
        assert_eq!(authenticate(&presented(&other), "configured", exchange()), Err(Refusal::CodeInvalid));
    }

    #[test]
    fn what_a_code_allows_ends_with_its_consent() {
        let (issued, later) = (issued(), NOW + Duration::from_secs(1));
        let approval = Approval { decided: &decided(), subject: &alice(), counters: Counters::default() };
        let consent = Consent::approve(None, &approval, &issuer().lifetimes, NOW);
        let status = |consent: Option<Consent>, counters| GrantStatus { consent, client: None, counters };
        let allowed = |consent, counters| issued.is_allowed(&status(consent, counters), later);
        assert!(allowed(Some(consent.clone()), Counters::default()));
        assert!(!allowed(None, Counters::default()));
        let revoked = consent.clone().revoke(NOW);
        assert!(!allowed(Some(revoked.clone()), Counters::default()));
        let again = Consent::approve(Some(revoked), &approval, &issuer().lifetimes, later);
        assert!(!allowed(Some(again), Counters::default()), "a later consent is not this one");
        assert!(!allowed(Some(consent.clone()), Counters { subject: 1, ..Counters::default() }));
        assert!(!issued.is_allowed(&status(Some(consent.clone()), Counters::default()), consent.expires_at));
    }

    /// Requirements: R10.
    #[test]
    fn an_expired_code_is_refused() {
        let lifetimes = issuer().lifetimes;
        assert!(issued().fresh(&lifetimes, NOW + lifetimes.code).is_ok());
        assert_eq!(
            issued().fresh(&lifetimes, NOW + lifetimes.code + Duration::from_millis(1)),
            Err(Refusal::CodeInvalid)
        );
    }

    #[test]
    fn only_the_redeeming_attempt_gets_the_answer_again() {
        let issued = issued();
        let verified = issued
            .authenticate(
                &CodePresentation { code: &presented(&issued), client: &client("configured"), exchange: &exchange() },
                &issuer(),
                &k(),
            )
            .unwrap();
        let redeemed = issued.redeem(&verified, &k(), attempt(3), NOW);
        assert_eq!(redeemed.repeat(attempt(3)), Ok(redeemed.issuance()));
        assert_eq!(redeemed.repeat(attempt(4)), Err(Refusal::CodeReplayed));
    }
}
