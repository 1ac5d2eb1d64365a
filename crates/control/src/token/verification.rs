//! Verification of access tokens for proxies: `GET /verify` of the edge, and Envoy's `ext_authz`.
//!
//! Every request is verified anew, and no answer is cached: a grant may be revoked a moment later.

use lychgate_domain::Refusal;
use lychgate_domain::scope::Scopes;
use lychgate_domain::token::verification::AccessRequirement;

use super::{AccessToken, TokenChecks};
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
}

impl TokenChecks {
    /// The access token, if it is good for `resource` and carries every scope of `scope`. An empty text is no token.
    pub(crate) async fn verify(
        &self,
        resource: &str,
        scope: Option<&str>,
        access_token: &str,
    ) -> Result<AccessToken, Error> {
        let demand = AccessRequirement::new(self.0.issuer(), resource, scope)?;
        if access_token.is_empty() {
            return Err(demand.missing().into());
        }
        let active = match AccessToken::verify(access_token, &self.0.serving) {
            Some(token) => self.active(token).await?,
            None => None,
        };
        let token = active.ok_or_else(|| demand.dead())?;
        demand.check(&token.aud, &Scopes::parse(&token.scope)?)?;
        Ok(token)
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
