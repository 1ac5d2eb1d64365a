//! `grant_type=refresh_token` (RFC 6749 §6), rotating (RFC 9700 §4.14.2).

use lychgate_domain::Refusal;
use lychgate_domain::client::GrantType;
use lychgate_domain::event::EventKind;
use lychgate_domain::flow::Transition;
use lychgate_domain::token::refresh_token::PresentedRefreshToken;
use lychgate_domain::token::{EndedBy, Grant, RefreshOutcome, RefreshRequest};
use lychgate_store::GrantStatusKey;
use lychgate_store::grants::Rotation;
use lychgate_store::grants::StoredGrantStatus;

use super::{Exchange, Tokens, required};
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;

impl Exchange<'_> {
    pub(super) async fn refresh_token(&self, token: &str, asked: &RefreshRequest) -> Result<Tokens, Error> {
        self.client.allowed(GrantType::RefreshToken)?;
        let token =
            PresentedRefreshToken::parse(required(token, "refresh_token")?).ok_or(Refusal::RefreshTokenInvalid)?;
        let (issuer, keys) = (&*self.serving.issuer, self.serving.keys());
        until_committed(|| async {
            let stored = self.control.store.grant(issuer, token.grant_id(), self.now).await?;
            let stored = stored.ok_or(Refusal::RefreshTokenInvalid)?;
            stored.value.authenticate(&token, &self.authenticated, keys)?;
            let standing = self.live(&stored.value).await?;
            match stored.value.refresh_outcome(
                &token,
                asked,
                issuer,
                Transition { attempt: self.attempt, at: self.now },
            )? {
                RefreshOutcome::Rotate(scopes) => {
                    let grant = stored.value.rotate(
                        scopes,
                        keys,
                        &issuer.lifetimes,
                        Transition { attempt: self.attempt, at: self.now },
                    );
                    match self
                        .control
                        .store
                        .rotate(
                            issuer,
                            &Rotation { expected: stored.version, grant: &grant, status: &standing },
                            self.now,
                        )
                        .await?
                    {
                        Commit::Done(_) => Ok(Commit::Done(self.tokens(&grant, &grant.current)?)),
                        Commit::Conflict => Ok(Commit::Conflict),
                    }
                }
                RefreshOutcome::Repeat => Ok(Commit::Done(self.tokens(&stored.value, &stored.value.current)?)),
                RefreshOutcome::Replay => {
                    let grant_id = token.grant_id();
                    let kind = EventKind::RefreshTokenReplayed { grant_id };
                    self.end_grant(grant_id, EndedBy::RefreshTokenReplay, &kind).await?;
                    Err(Refusal::RefreshTokenReplayed.into())
                }
            }
        })
        .await
    }

    /// That the grant lives, and what it was judged by.
    pub(super) async fn live(&self, grant: &Grant) -> Result<StoredGrantStatus, Error> {
        let store = &self.control.store;
        let (subject, client, resource) = (&grant.subject, &grant.client_id, &grant.resource);
        let standing = store
            .grant_status(
                &self.serving.issuer,
                GrantStatusKey { subject, client, unregistered_status: self.unregistered_status, resource },
                self.now,
            )
            .await?;
        grant.live(&standing.status, self.now)?;
        Ok(standing)
    }
}
