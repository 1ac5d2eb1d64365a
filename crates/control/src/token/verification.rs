//! Verification of access tokens for proxies: `GET /verify` of the edge, and Envoy's `ext_authz`.
//!
//! Every request is verified anew, and no answer is cached: a grant may be revoked a moment later.

use lychgate_domain::Refusal;
use lychgate_domain::scope::Scopes;
use lychgate_domain::token::verification::{AccessRequirement, UpstreamTokenHeader};

use super::AccessToken;
use super::introspection::{ResourceServerCredentials, TokenChecks};
use super::token_exchange::dead;
use super::upstream_token::{GivenToken, UpstreamTokenAccess};
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::ground::principal::Principal;
use crate::state::State;

/// The demands of a proxy that calls as a resource server itself. Issuer and resource may be left out if they follow from
/// the proxy's principal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VerifyRequest<'a> {
    pub(crate) issuer_id: Option<&'a str>,
    pub(crate) resource: Option<&'a str>,
    pub(crate) scope: Option<&'a str>,
    /// The header in which the server behind the proxy wants the upstream's access token.
    pub(crate) upstream_token: Option<&'a str>,
}

/// A request that may pass.
pub(crate) struct Verified {
    pub(crate) token: AccessToken,
    /// The header with the upstream's access token: its name in lower case, and its value.
    pub(crate) upstream_token: Option<(String, String)>,
}

/// The error, or `instead`, the challenge, if a login of the person helps: the challenge makes the client start one.
fn needs_login(error: Error, instead: impl Fn() -> Error) -> Error {
    match error {
        Error::Refused(ref refused)
            if matches!(refused.refusal, Refusal::UpstreamLoginNeeded | Refusal::UpstreamConsentMissing) =>
        {
            instead()
        }
        error => dead(error, instead),
    }
}

impl TokenChecks {
    /// The access token, if it is good for the resource and carries every scope that is required, and the upstream's token if
    /// the proxy asks for it. An empty text is no token.
    pub(crate) async fn verify(
        &self,
        required: &VerifyRequest<'_>,
        resource: &str,
        access_token: &str,
    ) -> Result<Verified, Error> {
        let demand = AccessRequirement::new(self.0.issuer(), resource, required.scope)?;
        let header = required.upstream_token.map(UpstreamTokenHeader::parse).transpose()?;
        if access_token.is_empty() {
            return Err(demand.missing().into());
        }
        let token = AccessToken::verify(access_token, &self.0.serving).ok_or_else(|| demand.dead())?;
        let Some(header) = header else {
            let token = self.active(token).await?.ok_or_else(|| demand.dead())?;
            demand.check(&token.aud, &Scopes::parse(&token.scope)?)?;
            return Ok(Verified { token, upstream_token: None });
        };
        if !token.is_in_time(self.0.now) {
            return Err(demand.dead().into());
        }
        demand.check(&token.aud, &Scopes::parse(&token.scope)?)?;
        let accept = |given: GivenToken| header.clone().with(&given.access_token);
        let given = UpstreamTokenAccess::new(&self.0, None).give(&token, accept).await;
        let given = given.map_err(|error| needs_login(error, || demand.dead().into()))?;
        Ok(Verified { token, upstream_token: Some(given) })
    }

    /// The same for a proxy that calls an edge: to get the upstream's token, it authenticates as a resource server. Otherwise
    /// every client could fetch that token with its own access token.
    pub(crate) async fn verify_for_edge(
        &self,
        required: &VerifyRequest<'_>,
        access_token: &str,
        credentials: &ResourceServerCredentials,
    ) -> Result<Verified, Error> {
        let resource = required.resource.unwrap_or_default();
        if required.upstream_token.is_some() && !self.resource_server(credentials)?.may_access_resource(resource) {
            return Err(Refusal::ResourceServerUnknown.into());
        }
        self.verify(required, resource, access_token).await
    }
}

impl VerifyRequest<'_> {
    /// The issuer and the resource. A proxy asks about its own resources only.
    pub(crate) fn issuer_and_resource<'a>(
        &'a self,
        caller: &'a Caller,
        state: &'a State,
    ) -> Result<(&'a str, &'a str), Refusal> {
        let principal = &caller.principal;
        let resource = match self.resource {
            Some(resource) if principal.may_access_resource(resource) => resource,
            Some(_) => return Err(Refusal::ResourceUnknown),
            None => principal.only_resource().ok_or(Refusal::ParameterMissing("lychgate-resource"))?,
        };
        let issuer_id = match self.issuer_id {
            Some(id) => id,
            None => only_issuer_of(state, principal, resource)?,
        };
        Ok((issuer_id, resource))
    }
}

fn only_issuer_of<'a>(state: &'a State, principal: &'a Principal, resource: &str) -> Result<&'a str, Refusal> {
    let mut serving = state.issuers.all(principal).filter(|issuer| issuer.resource_by_uri(resource).is_some());
    match (serving.next(), serving.next()) {
        (Some(issuer), None) => Ok(issuer.id.as_str()),
        (Some(_), Some(_)) => Err(Refusal::ParameterMissing("lychgate-issuer")),
        (None, _) => Err(Refusal::ResourceUnknown),
    }
}
