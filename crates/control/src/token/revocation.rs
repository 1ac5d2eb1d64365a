//! `POST /revoke` (RFC 7009): a client gives back what it has.

use std::sync::Arc;

use lychgate_domain::Refusal;
use lychgate_domain::event::EventKind;
use lychgate_domain::id::Attempt;
use lychgate_domain::token::EndedBy;
use lychgate_domain::token::refresh_token::PresentedRefreshToken;

use super::Exchange;
use crate::clients::Presented;
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::state::Control;

impl Control {
    /// A token that is nobody's, or past its life, is as revoked as can be (RFC 7009 §2.2).
    pub async fn revoke(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        attempt: Attempt,
        presented: Presented,
        token: String,
    ) -> Result<(), Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let serving = &control.issuer(&issuer_id, &caller).await?;
            let trust = control.standing_of(serving, &presented.credentials.client_id()?, &token).await?;
            control.request_of(serving, &caller, attempt, &presented, trust).await?.revoke(&token).await
        })
        .await
    }
}

impl Exchange<'_> {
    /// The whole grant ends, whichever of its tokens it is: an access token that was verified offline could not be taken
    /// back by itself, and a client that gives one back has done with it (RFC 7009 §2.1).
    async fn revoke(&self, token: &str) -> Result<(), Error> {
        if token.is_empty() {
            return Err(Refusal::ParameterMissing("token").into());
        }
        // A code is neither; it has a minute to live.
        if token.starts_with("lgc_") {
            return Err(Refusal::TokenTypeUnsupported.into());
        }
        let refresh_token = PresentedRefreshToken::parse(token);
        let grant_id = match &refresh_token {
            Some(token) => Some(token.grant_id()),
            None => self.serving.access_token(token).map(|claims| claims.grant_id),
        };
        let Some(grant_id) = grant_id else { return Ok(()) };
        let Some(grant) = self.control.store.grant(&self.serving.issuer, grant_id, self.now).await? else {
            return Ok(());
        };
        // The signature of an access token has been verified; a refresh token's grant is known only now.
        if refresh_token.is_some_and(|token| !grant.value.minted(&token, self.serving.keys())) {
            return Ok(());
        }
        grant.value.belongs_to(&self.authenticated)?;
        self.end_grant(grant_id, EndedBy::Client, &EventKind::GrantReturned { grant_id }).await
    }
}
