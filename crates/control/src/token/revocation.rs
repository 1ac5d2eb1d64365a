//! `POST /revoke` (RFC 7009): a client gives a token back.

use lychgate_domain::Refusal;
use lychgate_domain::event::EventKind;
use lychgate_domain::flow::code::PresentedCode;
use lychgate_domain::token::EndedBy;
use lychgate_domain::token::refresh_token::PresentedRefreshToken;

use super::AccessToken;
use super::endpoint::{Exchange, PresentedToken, Record, TokenEndpoint};
use super::live::end_grant;
use crate::clients::ClientCredentials;
use crate::ground::error::Error;

impl TokenEndpoint {
    /// An unknown or expired token counts as revoked (RFC 7009 §2.2).
    pub(crate) async fn revoke(self, credentials: ClientCredentials, token: String) -> Result<(), Error> {
        self.0
            .state
            .clone()
            .to_the_end(async move {
                let presented = PresentedRefreshToken::parse(&token).map(PresentedToken::Refresh);
                let presented = presented.or_else(|| PresentedCode::parse(&token).map(PresentedToken::Code));
                self.authenticate(&credentials, presented.as_ref()).await?.revoke(&token, presented).await
            })
            .await
    }
}

impl Exchange<'_> {
    /// Ends the whole grant, whichever of its tokens is given back: an access token that is verified offline cannot be
    /// revoked by itself, and a client that gives one back has no more use for the grant (RFC 7009 §2.1).
    async fn revoke(&self, token: &str, presented: Option<PresentedToken>) -> Result<(), Error> {
        if token.is_empty() {
            return Err(Refusal::ParameterMissing("token").into());
        }
        // A code is neither token; it has a minute to live.
        if token.starts_with("lgc_") {
            return Err(Refusal::TokenTypeUnsupported.into());
        }
        let record = match presented {
            Some(presented) => presented.load(self.call).await?,
            // The signature of an access token is verified here; of a refresh token, its MAC is when it is loaded.
            None => match AccessToken::verify(token, &self.call.serving) {
                Some(token) => {
                    let grant = self.call.store().grant(self.call.issuer(), token.grant_id, self.call.now).await?;
                    grant.map(|grant| Record::Grant { grant: Box::new(grant), is_minted: true })
                }
                None => None,
            },
        };
        let Some(Record::Grant { grant, is_minted: true }) = record else { return Ok(()) };
        grant.value.belongs_to(&self.authenticated)?;
        self.use_up_assertion().await?;
        let grant_id = grant.value.id;
        end_grant(self.call, grant_id, EndedBy::Client, &EventKind::GrantReturned { grant_id }).await
    }
}
