//! The proof that a consent covers a request. This module has no children, so that nothing else can make the proof.

use super::{Consent, Present};
use crate::request::AuthorizationRequest;

/// The proof that a consent covers a request. Only [`Consent::covers`] makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered<'a>(&'a Consent);

impl<'a> Covered<'a> {
    /// The consent that covers the request.
    pub fn by(self) -> &'a Consent {
        self.0
    }
}

impl Consent {
    /// The proof that this consent covers `request` of `client`, so that the person need not read the full page again:
    /// the same client with the same metadata (B39), the same resource, no further scope or redirect URI, the current
    /// policy, and no upstream token of which that page said nothing.
    pub fn covers(&self, request: &AuthorizationRequest, present: &Present<'_>) -> Option<Covered<'_>> {
        let Present { issuer, client, counters, now } = *present;
        let covers = self.stands(client, counters, now)
            && self.client_id == request.client_id
            && self.resource == request.resource
            && request.scopes.is_subset(&self.scopes)
            && self.redirect_uris.contains(&request.redirect_uri.without_chosen_port())
            && issuer.is_under_policy(self.policy_version.as_deref())
            && (self.upstream_tokens || !issuer.gives_upstream_tokens(&self.resource));
        covers.then_some(Covered(self))
    }
}
