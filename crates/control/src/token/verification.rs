//! Whether a request may pass that a proxy holds back: `GET /verify` of the edge, and Envoy's `ext_authz`.
//!
//! Each time anew: what it says yes to may have been taken back a moment later, so no answer is kept.

use lychgate_domain::Refusal;
use lychgate_domain::scope::Scopes;
use lychgate_domain::token::verification::AccessRequirement;

use super::Introspection;
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::ground::principal::Principal;
use crate::state::Control;

/// What a proxy says that calls as a resource server itself: what it leaves out follows from who it is.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    pub issuer_id: Option<&'a str>,
    pub resource: Option<&'a str>,
    pub scope: Option<&'a str>,
}

impl Control {
    /// Whose token it is, if it is good for `resource` and carries all of `scope`. Empty is no token.
    pub async fn verify(
        &self,
        caller: &Caller,
        issuer_id: &str,
        resource: &str,
        scope: Option<&str>,
        access_token: &str,
    ) -> Result<Introspection, Error> {
        let serving = &self.issuer(issuer_id, caller).await?;
        let (issuer, now) = (&*serving.issuer, self.clock.now());
        let demand = AccessRequirement::new(issuer, resource, scope)?;
        if access_token.is_empty() {
            return Err(demand.missing().into());
        }
        let living = match serving.access_token(access_token) {
            Some(claims) => self.living(issuer, claims, now).await?,
            None => None,
        };
        let token = living.ok_or_else(|| demand.dead())?;
        demand.check(&token.aud, &Scopes::parse(&token.scope)?)?;
        Ok(token)
    }
}

impl Control {
    /// The same for a proxy that calls as a resource server itself. It asks about its own resources only.
    pub async fn verify_own(
        &self,
        caller: &Caller,
        asking: Asking<'_>,
        access_token: &str,
    ) -> Result<Introspection, Error> {
        let principal = &caller.principal;
        let resource = match asking.resource {
            Some(resource) if principal.may_access_resource(resource) => resource,
            Some(_) => return Err(Refusal::ResourceUnknown.into()),
            None => principal.only_resource().ok_or(Refusal::ParameterMissing("lychgate-resource"))?,
        };
        let issuer_id = match asking.issuer_id {
            Some(id) => id,
            None => self.only_issuer_of(principal, resource)?,
        };
        self.verify(caller, issuer_id, resource, asking.scope, access_token).await
    }

    fn only_issuer_of<'a>(&'a self, principal: &'a Principal, resource: &str) -> Result<&'a str, Refusal> {
        let mut serving = self.issuers.all(principal).filter(|issuer| issuer.resource_by_uri(resource).is_some());
        match (serving.next(), serving.next()) {
            (Some(issuer), None) => Ok(issuer.id.as_str()),
            (Some(_), Some(_)) => Err(Refusal::ParameterMissing("lychgate-issuer")),
            (None, _) => Err(Refusal::ResourceUnknown),
        }
    }
}
