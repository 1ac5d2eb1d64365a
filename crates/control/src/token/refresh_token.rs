//! `grant_type=refresh_token` (RFC 6749 §6), rotating (RFC 9700 §4.14.2): its part of steps 3 and 4 of the token endpoint.

use lychgate_domain::Refusal;
use lychgate_domain::event::EventKind;
use lychgate_domain::token::refresh_token::PresentedRefreshToken;
use lychgate_domain::token::{EndedBy, Grant, RefreshOutcome, RefreshRequest};
use lychgate_store::Versioned;
use lychgate_store::grants::StoredGrantStatus;

use super::endpoint::{Exchange, TokenOutcome};
use super::readmission::readmit;
use crate::ground::error::Error;

impl Exchange<'_> {
    /// Step 3: the refresh token must be one of the grant's, and the grant the client's.
    pub(super) fn prove_refresh_token(&self, grant: &Grant, is_minted: bool) -> Result<(), Error> {
        if !is_minted {
            return Err(Refusal::RefreshTokenInvalid.into());
        }
        Ok(grant.belongs_to(&self.authenticated)?)
    }

    /// Step 4, of a live grant.
    pub(super) async fn judge_refresh(
        &self,
        token: &PresentedRefreshToken,
        request: &RefreshRequest,
        current: Versioned<Grant>,
        status: StoredGrantStatus,
    ) -> Result<TokenOutcome, Error> {
        let (call, issuer, grant_id) = (self.call, self.call.issuer(), token.grant_id());
        let outcome = current.value.refresh_outcome(token, request, issuer, call.transition())?;
        if outcome != RefreshOutcome::Replay
            && let Err(refusal) = readmit(call, &current.value).await?
        {
            let (why, kind) = (EndedBy::EntryRules, EventKind::EntryRefused);
            return Ok(TokenOutcome::End { grant_id, why, kind, refusal });
        }
        Ok(match outcome {
            RefreshOutcome::Rotate(scopes) => {
                let grant = current.value.clone();
                let next = grant.rotate(scopes, call.keys(), &issuer.lifetimes, call.transition());
                TokenOutcome::Rotate { expected: current.version, next: Box::new(next), status: Box::new(status) }
            }
            RefreshOutcome::Repeat => {
                let issuance = current.value.current.clone();
                TokenOutcome::Repeat { grant: Box::new(current.value), issuance }
            }
            RefreshOutcome::Replay => {
                let (why, kind) = (EndedBy::RefreshTokenReplay, EventKind::RefreshTokenReplayed { grant_id });
                TokenOutcome::End { grant_id, why, kind, refusal: Refusal::RefreshTokenReplayed }
            }
        })
    }
}
