//! Grants: everything that a redeemed code gave.

use crate::Refusal;
use crate::authentication::ClientAuthenticated;
use crate::client::AuthenticationMethod;
use crate::consent::{Consent, Counters, GrantStatus};
use crate::flow::{Issuance, Redeemed, Transition};
use crate::id::{AuthorizationId, ClientId, GrantId};
use crate::issuer::Issuer;
use crate::keys::{KeyId, Keys, Purpose};
use crate::lifetimes::Lifetimes;
use crate::scope::Scopes;
use crate::secret::{Secret, kind};
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::token::refresh_token::{self, PresentedRefreshToken};
use crate::upstream::tokens::SealedTokens;

/// A grant: the rights of a redeemed code, with the state of its tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// The id.
    pub id: GrantId,
    /// The authorization that led to it.
    pub authorization_id: AuthorizationId,
    /// The person.
    pub subject: Subject,
    /// The client.
    pub client_id: ClientId,
    /// Canonical URI of the resource.
    pub resource: String,
    /// The granted scopes.
    pub scopes: Scopes,
    /// Epoch of the consent at the time of the login.
    pub consent_epoch: u64,
    /// The revocation counters at the time of the login.
    pub counters: Counters,
    /// How the client authenticated when the code was exchanged; later requests must not be weaker.
    pub client_method: AuthenticationMethod,
    /// Part of every refresh token's MAC. With this value and the key, refresh tokens can be made.
    pub secret: [u8; 32],
    /// The latest tokens.
    pub current: Issuance,
    /// The key of the refresh token before the current one.
    pub previous_key: Option<KeyId>,
    /// The time it was made.
    pub created_at: Timestamp,
    /// The grant ends at this time unless it is refreshed before.
    pub idle_end: Timestamp,
    /// The grant ends at this time in any case.
    pub end: Timestamp,
    /// Ended, or not, by itself.
    pub phase: GrantPhase,
    /// The upstream's tokens of a grant from a release without connections, until they are moved to the connection of its
    /// subject, or revoked.
    pub upstream_tokens: Option<SealedTokens>,
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Grant({}, generation {}, {:?})", self.id, self.current.generation, self.phase)
    }
}

/// The stored phase of a grant; [`Grant::live`] also considers client, consent, counters and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantPhase {
    /// Not ended by itself.
    Live,
    /// Ended, and never live again.
    Ended {
        /// The time it ended.
        at: Timestamp,
        /// The cause.
        why: EndedBy,
    },
}

/// The cause of the end of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// Its code was presented again.
    CodeReplay,
    /// An old refresh token was presented again.
    RefreshTokenReplay,
    /// The client revoked it (RFC 7009).
    Client,
    /// An operator ended it.
    Operator,
    /// The entry rules do not admit its person any longer.
    EntryRules,
}

impl Grant {
    /// The grant of a redeemed code, under the epoch and the revocation counters of its login.
    pub fn first(
        redeemed: &Redeemed,
        client: &ClientAuthenticated,
        secret: [u8; 32],
        upstream_tokens: Option<SealedTokens>,
        lifetimes: &Lifetimes,
    ) -> Self {
        let decided = &redeemed.issued.approved.decided;
        let end = redeemed.at + lifetimes.grant;
        Self {
            id: redeemed.grant_id,
            authorization_id: decided.id,
            subject: redeemed.issued.subject.clone(),
            client_id: decided.client_id.clone(),
            resource: decided.resource.clone(),
            scopes: decided.scopes.clone(),
            consent_epoch: redeemed.issued.consent_epoch,
            counters: redeemed.issued.counters,
            client_method: client.method(),
            secret,
            current: redeemed.issuance(),
            previous_key: None,
            created_at: redeemed.at,
            idle_end: (redeemed.at + lifetimes.grant_idle).min(end),
            end,
            phase: GrantPhase::Live,
            upstream_tokens,
        }
    }

    /// Checks that the grant is live. Every use of a grant makes exactly this check, so that each revocation, however
    /// wide, is one small commit and cannot miss a grant that is minted at the same time.
    ///
    /// Refuses with [`Refusal::ClientUnknown`], [`Refusal::ClientDisabled`] or [`Refusal::GrantEnded`].
    pub fn live(&self, status: &GrantStatus, now: Timestamp) -> Result<(), Refusal> {
        status.client.ok_or(Refusal::ClientUnknown)?.enabled()?;
        let stands = status.consent.as_ref().is_some_and(|consent| self.stands_under(consent, &status.counters, now));
        if stands { Ok(()) } else { Err(Refusal::GrantEnded) }
    }

    /// True if the grant is live, disregarding its client: a disabled client may be enabled again.
    pub fn stands_under(&self, consent: &Consent, counters: &Counters, now: Timestamp) -> bool {
        self.phase == GrantPhase::Live
            && now < self.idle_end
            && now < self.end
            && consent.is_live(now)
            && consent.epoch == self.consent_epoch
            && self.counters == *counters
    }

    /// The time at which the grant ends in any case; `None` if it is not live under `consent`, which is the person's present
    /// one.
    pub fn end_under(&self, consent: &Consent, now: Timestamp) -> Option<Timestamp> {
        self.stands_under(consent, &consent.counters, now).then(|| self.end.min(consent.expires_at))
    }

    /// The refresh token of `issuance`; `None` if its key has been deleted.
    pub fn refresh_token(&self, issuance: &Issuance, keys: &Keys) -> Option<Secret<kind::RefreshToken>> {
        let key = keys.find(Purpose::RefreshToken, issuance.key)?;
        Some(refresh_token::mint(key, self.id, issuance.generation, &self.secret))
    }

    /// Checks that `token` is of this grant, and that `client` is the grant's, authenticated no weaker than at the code
    /// exchange (RFC 6749 §6, RFC 9700 §2.2.2). Refuses with [`Refusal::RefreshTokenInvalid`].
    pub fn authenticate(
        &self,
        token: &PresentedRefreshToken,
        client: &ClientAuthenticated,
        keys: &Keys,
    ) -> Result<(), Refusal> {
        if !self.minted(token, keys) {
            return Err(Refusal::RefreshTokenInvalid);
        }
        self.belongs_to(client)
    }

    /// Checks that `client` is the grant's, authenticated no weaker than at the code exchange. Refuses with
    /// [`Refusal::RefreshTokenInvalid`].
    pub fn belongs_to(&self, client: &ClientAuthenticated) -> Result<(), Refusal> {
        let is_the_clients = *client.client_id() == self.client_id;
        if is_the_clients && client.method().is_no_weaker_than(self.client_method) {
            Ok(())
        } else {
            Err(Refusal::RefreshTokenInvalid)
        }
    }

    /// True if `token` is of this grant, of any generation.
    pub fn minted(&self, token: &PresentedRefreshToken, keys: &Keys) -> bool {
        let known = [Some(self.current.key), self.previous_key].into_iter().flatten();
        known
            .filter_map(|key| keys.find(Purpose::RefreshToken, key))
            .chain(keys.all(Purpose::RefreshToken))
            .any(|key| token.was_minted(key, &self.secret))
    }

    /// The outcome of an authenticated refresh (RFC 6749 §6, RFC 9700 §4.14.2).
    ///
    /// Refuses with [`Refusal::ScopeInvalid`], [`Refusal::ResourceUnknown`], [`Refusal::GrantEnded`] (the resource is
    /// gone) or [`Refusal::RefreshTokenInvalid`].
    pub fn refresh_outcome(
        &self,
        token: &PresentedRefreshToken,
        asked: &RefreshRequest,
        issuer: &Issuer,
        refresh: Transition,
    ) -> Result<RefreshOutcome, Refusal> {
        let Transition { attempt, at: now } = refresh;
        let scopes = asked.scopes(self)?;
        asked.same_resource(self, issuer)?;
        // After a restore, clients may have tokens of generations that the store has lost. They prove no theft.
        let age = self.current.generation.checked_sub(token.generation()).ok_or(Refusal::RefreshTokenInvalid)?;
        let in_grace = now.age_of_record(self.current.at).is_within(issuer.lifetimes.refresh_grace);
        Ok(match age {
            0 => RefreshOutcome::Rotate(scopes),
            1 if attempt == self.current.attempt => RefreshOutcome::Repeat,
            // The client lost the answer, or two of its processes refresh at once. The successor is still current,
            // hence unused.
            1 if in_grace && scopes == self.current.scopes => RefreshOutcome::Repeat,
            _ => RefreshOutcome::Replay,
        })
    }

    /// The grant with a new generation of tokens.
    pub fn rotate(self, scopes: Scopes, keys: &Keys, lifetimes: &Lifetimes, refresh: Transition) -> Self {
        let Transition { attempt, at: now } = refresh;
        let current = Issuance {
            generation: self.current.generation + 1,
            key: keys.active(Purpose::RefreshToken).id,
            attempt,
            at: now,
            scopes,
        };
        Self {
            previous_key: Some(self.current.key),
            current,
            idle_end: (now + lifetimes.grant_idle).min(self.end),
            ..self
        }
    }

    /// The grant after its end.
    pub fn end_by(self, why: EndedBy, at: Timestamp) -> Self {
        Self { phase: GrantPhase::Ended { at, why }, ..self }
    }

    /// Removes the upstream tokens: they are moved, or revoked.
    pub fn without_upstream_tokens(self) -> Self {
        Self { upstream_tokens: None, ..self }
    }
}

/// The parameters of a token request for a refresh, besides the token and the credentials.
#[derive(Clone, Debug, Default)]
pub struct RefreshRequest {
    /// The value of `scope`, if sent.
    pub scope: Option<String>,
    /// The values of `resource`.
    pub resources: Vec<String>,
}

impl RefreshRequest {
    /// The requested scopes: not more than were granted, and all of them if left out (RFC 6749 §6).
    fn scopes(&self, grant: &Grant) -> Result<Scopes, Refusal> {
        let asked = Scopes::parse(self.scope.as_deref().unwrap_or_default())?.without("offline_access");
        match asked {
            none if none.is_empty() => Ok(grant.scopes.clone()),
            some if some.is_subset(&grant.scopes) => Ok(some),
            _ => Err(Refusal::ScopeInvalid),
        }
    }

    /// Checks that the request names no other resource (RFC 8707 §2.2).
    fn same_resource(&self, grant: &Grant, issuer: &Issuer) -> Result<(), Refusal> {
        let resource = issuer.resource_by_uri(&grant.resource).ok_or(Refusal::GrantEnded)?;
        if self.resources.is_empty() || issuer.resource(self.resources.iter().map(String::as_str))? == resource {
            Ok(())
        } else {
            Err(Refusal::ResourceUnknown)
        }
    }
}

/// The result of a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// Mint a new generation with these scopes.
    Rotate(Scopes),
    /// Return the current generation again.
    Repeat,
    /// An old token was used: the grant must end, since thief and owner cannot be told apart (RFC 9700 §4.14.2).
    Replay,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::authentication::Credentials;
    use crate::client::ClientStatus;
    use crate::consent::{Approval, Decided, PresentedScreen, decided};
    use crate::flow::code::PresentedCode;
    use crate::flow::{Approved, CodeExchange, CodeIssued, CodePresentation};
    use crate::id::Attempt;
    use crate::issuer::EntryFacts;
    use crate::issuer::tests::issuer;
    use crate::keys::tests::keys;
    use crate::request::tests::VERIFIER;
    use crate::subject::UpstreamId;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn attempt(n: u8) -> Attempt {
        Attempt::from_bytes([n; 16])
    }

    fn k() -> Keys {
        keys("https://gate.example", 1)
    }

    fn client() -> ClientAuthenticated {
        let credentials = Credentials { client_id: Some("configured".to_owned()), ..Credentials::default() };
        credentials.authenticate(&issuer().clients[0], None).unwrap()
    }

    pub(crate) fn grant() -> (Grant, GrantStatus) {
        let decided = Decided { scopes: Scopes::parse("read write").unwrap(), ..decided() };
        let subject = Subject::new(&UpstreamId::parse("idp").unwrap(), "alice").unwrap();
        let consent = Consent::approve(
            None,
            &Approval { decided: &decided, subject: &subject, counters: Counters::default() },
            &issuer().lifetimes,
            NOW,
        );
        let sealed = SealedTokens { key: KeyId(1), bytes: Vec::new() };
        let person = issuer().admit(&decided.resource, &EntryFacts::new(subject)).unwrap();
        let approved = Approved { decided, login_key: KeyId(1), seen: PresentedScreen::Full { presented_to: None } };
        let signed_in = approved.claim(attempt(2), NOW).sign_in(person, sealed, NOW);
        let issued: CodeIssued = signed_in.issue_code(&consent, &k(), attempt(2), NOW);
        let code = PresentedCode::parse(issued.code(&k()).unwrap().expose()).unwrap();
        let exchange = CodeExchange { code_verifier: Some(VERIFIER.to_owned()), ..CodeExchange::default() };
        let presentation = CodePresentation { code: &code, client: &client(), exchange: &exchange };
        let verified = issued.authenticate(&presentation, &issuer(), &k()).unwrap();
        let redeemed = issued.redeem(&verified, &k(), attempt(3), NOW);
        let grant = Grant::first(&redeemed, &client(), [7; 32], None, &issuer().lifetimes);
        let status =
            GrantStatus { consent: Some(consent), client: Some(ClientStatus::Enabled), counters: Counters::default() };
        (grant, status)
    }

    fn token(grant: &Grant) -> PresentedRefreshToken {
        PresentedRefreshToken::parse(grant.refresh_token(&grant.current, &k()).unwrap().expose()).unwrap()
    }

    fn refresh(
        grant: &Grant,
        token: &PresentedRefreshToken,
        scope: Option<&str>,
        n: u8,
        now: Timestamp,
    ) -> Result<RefreshOutcome, Refusal> {
        let asked = RefreshRequest { scope: scope.map(str::to_owned), ..RefreshRequest::default() };
        grant.authenticate(token, &client(), &k())?;
        grant.refresh_outcome(token, &asked, &issuer(), Transition { attempt: attempt(n), at: now })
    }

    fn rotated(grant: &Grant, now: Timestamp) -> Grant {
        grant.clone().rotate(
            grant.scopes.clone(),
            &k(),
            &issuer().lifetimes,
            Transition { attempt: attempt(4), at: now },
        )
    }

    /// Requirements: A12, conflict 5.
    #[test]
    fn a_used_refresh_token_repeats_only_in_grace_while_its_successor_is_unused() {
        let (first, _) = grant();
        let old = token(&first);
        let second = rotated(&first, NOW);
        let grace_end = NOW + issuer().lifetimes.refresh_grace;
        let late = grace_end + Duration::from_millis(1);
        assert_eq!(refresh(&first, &old, None, 4, NOW), Ok(RefreshOutcome::Rotate(first.scopes.clone())));
        assert_eq!(refresh(&second, &old, None, 5, grace_end), Ok(RefreshOutcome::Repeat));
        assert_eq!(refresh(&second, &old, None, 5, late), Ok(RefreshOutcome::Replay));
        assert_eq!(refresh(&second, &old, None, 4, late), Ok(RefreshOutcome::Repeat), "the same attempt is no replay");
        assert_eq!(
            refresh(&second, &old, Some("read"), 5, NOW),
            Ok(RefreshOutcome::Replay),
            "other scopes make another request"
        );
        assert_eq!(
            refresh(&rotated(&second, NOW), &old, None, 5, NOW),
            Ok(RefreshOutcome::Replay),
            "the successor was used"
        );
    }

    #[test]
    fn a_refresh_token_of_a_lost_generation_is_refused_without_revocation() {
        let (first, _) = grant();
        let future = token(&rotated(&first, NOW));
        assert_eq!(refresh(&first, &future, None, 9, NOW), Err(Refusal::RefreshTokenInvalid));
    }

    /// Requirements: R19, R20.
    #[test]
    fn a_refresh_token_is_valid_only_for_its_own_grant_and_client() {
        let (grant, _) = grant();
        let other = Grant { secret: [8; 32], ..grant.clone() };
        assert_eq!(refresh(&grant, &token(&other), None, 9, NOW), Err(Refusal::RefreshTokenInvalid));
        let foreign = Grant { client_id: ClientId::parse("other").unwrap(), ..grant.clone() };
        assert_eq!(refresh(&foreign, &token(&grant), None, 9, NOW), Err(Refusal::RefreshTokenInvalid));
    }

    /// Requirements: R18.
    #[test]
    fn a_refresh_may_narrow_scopes_and_never_widen_them() {
        let (grant, _) = grant();
        let token = token(&grant);
        assert_eq!(
            refresh(&grant, &token, Some("read"), 9, NOW),
            Ok(RefreshOutcome::Rotate(Scopes::parse("read").unwrap()))
        );
        assert_eq!(refresh(&grant, &token, Some("read admin"), 9, NOW), Err(Refusal::ScopeInvalid));
    }

    /// Requirements: R42.
    #[test]
    fn a_refresh_for_another_resource_is_refused() {
        let (grant, _) = grant();
        let asked = RefreshRequest { resources: vec!["https://other.example".to_owned()], scope: None };
        assert_eq!(
            grant.refresh_outcome(&token(&grant), &asked, &issuer(), Transition { attempt: attempt(9), at: NOW }),
            Err(Refusal::ResourceUnknown)
        );
    }

    #[test]
    fn a_grant_is_live_only_with_its_client_consent_counters_and_time() {
        let (grant, status) = grant();
        assert_eq!(grant.live(&status, NOW), Ok(()));
        let consent = status.consent.clone().unwrap();
        let revoked = Consent { status: crate::consent::ConsentStatus::Revoked { at: NOW }, ..consent.clone() };
        let raised = Consent { epoch: consent.epoch + 1, ..consent };
        let disabled = ClientStatus::Disabled;
        let dead = [
            (GrantStatus { consent: None, ..status.clone() }, Refusal::GrantEnded),
            (GrantStatus { consent: Some(revoked), ..status.clone() }, Refusal::GrantEnded),
            (GrantStatus { consent: Some(raised), ..status.clone() }, Refusal::GrantEnded),
            (GrantStatus { client: None, ..status.clone() }, Refusal::ClientUnknown),
            (GrantStatus { client: Some(disabled), ..status.clone() }, Refusal::ClientDisabled),
            (
                GrantStatus { counters: Counters { issuer: 1, ..Counters::default() }, ..status.clone() },
                Refusal::GrantEnded,
            ),
            (
                GrantStatus { counters: Counters { client: 1, ..Counters::default() }, ..status.clone() },
                Refusal::GrantEnded,
            ),
            (
                GrantStatus { counters: Counters { subject: 1, ..Counters::default() }, ..status.clone() },
                Refusal::GrantEnded,
            ),
        ];
        for (status, refusal) in dead {
            assert_eq!(grant.live(&status, NOW), Err(refusal), "{status:?}");
        }
        assert_eq!(grant.live(&status, grant.idle_end), Err(Refusal::GrantEnded));
        let ended = grant.clone().end_by(EndedBy::CodeReplay, NOW);
        assert_eq!(ended.live(&status, NOW), Err(Refusal::GrantEnded));
        let old = Grant { idle_end: Timestamp::from_seconds(u64::MAX), ..grant.clone() };
        assert_eq!(old.live(&status, grant.end), Err(Refusal::GrantEnded));
    }

    #[test]
    fn a_rotation_moves_the_idle_end_but_not_past_the_end() {
        let (grant, _) = grant();
        let later = NOW + Duration::from_secs(20 * 86_400);
        assert_eq!(rotated(&grant, later).idle_end, later + issuer().lifetimes.grant_idle);
        let late = NOW + Duration::from_secs(89 * 86_400);
        assert_eq!(rotated(&grant, late).idle_end, grant.end);
    }
}
