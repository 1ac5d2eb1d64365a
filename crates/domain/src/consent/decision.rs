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
    /// The person allows the request.
    Approve,
    /// The person denies it.
    Deny,
}

/// The request that was decided about. It is the same in every state of an authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Id of the authorization.
    pub id: AuthorizationId,
    /// The client.
    pub client_id: ClientId,
    /// The redirect URI.
    pub redirect_uri: RedirectUri,
    /// The client's `state`.
    pub state: Option<String>,
    /// The PKCE challenge.
    pub code_challenge: CodeChallenge,
    /// Canonical URI of the resource.
    pub resource: String,
    /// The scopes that the client asked for.
    pub requested_scopes: Scopes,
    /// The scopes that are decided about: a person may give fewer than requested.
    pub scopes: Scopes,
    /// Digest of the client's metadata as the page displayed it.
    pub metadata_digest: [u8; 32],
    /// Version of the policy as the page displayed it.
    pub policy_version: Option<String>,
    /// The browser in which the person decided.
    pub browser: BrowserId,
    /// The attempt that stored the decision.
    pub attempt: Attempt,
    /// The time of the decision.
    pub at: Timestamp,
}

/// Where and when a ticket is decided.
#[derive(Clone, Copy, Debug)]
pub struct DecisionPoint {
    /// The ticket's id in this browser ([`Ticket::authorization_id`]).
    pub id: AuthorizationId,
    /// The browser in which the person decides.
    pub browser: BrowserId,
    /// The attempt that stores the decision.
    pub attempt: Attempt,
    /// The time of the decision.
    pub at: Timestamp,
}

impl Decided {
    /// The request of `ticket`, decided at `point`.
    pub fn new(ticket: Ticket, issuer: &Issuer, client: &Client, point: DecisionPoint) -> Self {
        let request = ticket.request;
        let DecisionPoint { id, browser, attempt, at } = point;
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
