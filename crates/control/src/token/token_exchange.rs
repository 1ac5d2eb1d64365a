//! Token exchange (RFC 8693), at `/token` and for services that speak gRPC: a resource server presents the access token that a
//! client sent it, and gets the person's access token of the upstream.

use std::sync::Arc;

use lychgate_domain::Refusal;
use lychgate_domain::token::TokenExchange;
use lychgate_domain::token::token_exchange::ExchangeParameters;

use super::introspection::{ResourceServerCredentials, TokenChecks};
use super::upstream_token::UpstreamTokenAccess;
use super::{AccessToken, GivenToken};
use crate::ground::error::Error;
use crate::ground::principal::Principal;

impl TokenChecks {
    /// `POST /token` with this grant type. The resource server authenticates as for introspection.
    pub(crate) async fn exchange(
        &self,
        sent: ExchangeParameters,
        credentials: &ResourceServerCredentials,
    ) -> Result<GivenToken, Error> {
        let server = self.resource_server(credentials)?;
        let exchange = TokenExchange::new(sent)?;
        exchange.upstream(self.0.issuer())?;
        let accept = |given: GivenToken| exchange.scopes(&given.scope).map(|()| given);
        self.upstream_token(&server, &exchange.subject_token, None, accept).await
    }

    /// The upstream's access token for a resource server that calls for itself. `rejected` is the one that the upstream's API
    /// has answered with 401.
    pub(crate) async fn own_upstream_token(
        &self,
        access_token: &str,
        rejected: Option<String>,
    ) -> Result<GivenToken, Error> {
        let server = self.resource_server(&ResourceServerCredentials::default())?;
        self.upstream_token(&server, access_token, rejected, Ok).await
    }

    async fn upstream_token(
        &self,
        server: &Arc<Principal>,
        access_token: &str,
        rejected: Option<String>,
        accept: impl Fn(GivenToken) -> Result<GivenToken, Refusal>,
    ) -> Result<GivenToken, Error> {
        let token = AccessToken::verify(access_token, &self.0.serving);
        let token = token.filter(|token| server.may_access_resource(&token.aud) && token.is_in_time(self.0.now));
        let token = token.ok_or(Refusal::SubjectTokenInvalid)?;
        let given = UpstreamTokenAccess::new(&self.0, rejected).give(&token, accept).await;
        given.map_err(|error| dead(error, || Refusal::SubjectTokenInvalid.into()))
    }
}

/// The error, or `instead` if it says that the client's access token is not good any longer.
pub(super) fn dead(error: Error, instead: impl FnOnce() -> Error) -> Error {
    let is_dead = match &error {
        Error::Refused(refused) => {
            matches!(refused.refusal, Refusal::GrantEnded | Refusal::ClientUnknown | Refusal::ClientDisabled)
        }
        Error::StoreUnavailable(_) | Error::CursorLost(_) | Error::Fault(_) => false,
    };
    if is_dead { instead() } else { error }
}
