//! A person's decision, and the request it is about.

use crate::client::Client;
use crate::client::redirect_uri::RedirectUri;
use crate::id::{Attempt, AuthorizationId, BrowserId, ClientId};
use crate::issuer::Issuer;
use crate::request::pkce::CodeChallenge;
use crate::request::ticket::Ticket;
use crate::request::{AuthorizationRequest, WantedScreen};
use crate::scope::Scopes;
use crate::time::Timestamp;

/// A person's answer on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Approve,
    Deny,
}

/// The request that was decided about. It is the same in every state of an authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    pub id: AuthorizationId,
    pub client_id: ClientId,
    pub redirect_uri: RedirectUri,
    pub state: Option<String>,
    pub code_challenge: CodeChallenge,
    pub resource: String,
    /// The scopes that the client asked for.
    pub requested_scopes: Scopes,
    pub scopes: Scopes,
    /// Digest of the client's metadata as the page displayed it.
    pub metadata_digest: [u8; 32],
    /// Version of the policy as the page displayed it.
    pub policy_version: Option<String>,
    pub browser: BrowserId,
    pub attempt: Attempt,
    pub at: Timestamp,
}

impl Decided {
    pub fn new(
        id: AuthorizationId,
        ticket: Ticket,
        issuer: &Issuer,
        client: &Client,
        browser: BrowserId,
        attempt: Attempt,
        at: Timestamp,
    ) -> Self {
        let request = ticket.request;
        Self {
            id,
            client_id: request.client_id,
            redirect_uri: request.redirect_uri,
            state: request.state,
            code_challenge: request.code_challenge,
            resource: request.resource,
            requested_scopes: request.scopes.clone(),
            scopes: request.scopes,
            metadata_digest: client.metadata_digest(),
            policy_version: issuer.policy_version(),
            browser,
            attempt,
            at,
        }
    }

    /// The approved request, in the form of a new one.
    pub fn request(&self) -> AuthorizationRequest {
        AuthorizationRequest {
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            state: self.state.clone(),
            code_challenge: self.code_challenge,
            resource: self.resource.clone(),
            scopes: self.scopes.clone(),
            screen: WantedScreen::Any,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::issuer::tests::issuer;
    use crate::request::tests::request;

    pub(crate) fn decided() -> Decided {
        let (request, issuer) = (request(), issuer());
        Decided {
            id: AuthorizationId::from_bytes([1; 16]),
            client_id: request.client_id,
            redirect_uri: request.redirect_uri,
            state: request.state,
            code_challenge: request.code_challenge,
            resource: request.resource,
            requested_scopes: request.scopes.clone(),
            scopes: request.scopes,
            metadata_digest: issuer.clients[0].metadata_digest(),
            policy_version: None,
            browser: BrowserId::from_bytes([1; 16]),
            attempt: Attempt::from_bytes([1; 16]),
            at: Timestamp::EPOCH,
        }
    }
}
