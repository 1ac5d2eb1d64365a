//! The request that a person decides about, and the place of the decision among the person's answers.

use crate::client::redirect_uri::RedirectUri;
use crate::client::{Client, ClientOrigin};
use crate::id::{Attempt, AuthorizationId, BrowserId, ClientId};
use crate::issuer::Issuer;
use crate::request::pkce::CodeChallenge;
use crate::request::ticket::Ticket;
use crate::request::{AuthorizationRequest, WantedScreen};
use crate::scope::Scopes;
use crate::time::Timestamp;

/// The most attempts of replaced answers that a decision remembers. A repeated call arrives within seconds, in which a
/// person does not answer so often.
const MAX_REPLACED: usize = 8;

/// The request that was decided about. It is the same in every state of an authorization; another answer to the same
/// ticket replaces it ([`Decided::after`]).
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
    /// The name of a client with a metadata document, as the document gave it for the page, which showed what
    /// [`ClaimedName`](crate::client::claimed_name::ClaimedName) makes of it. `None` in decisions of earlier releases,
    /// and for other clients: their names are known without asking a host.
    pub client_name: Option<String>,
    /// Version of the policy as the page displayed it.
    pub policy_version: Option<String>,
    /// True if the page said that the server gets the person's access token of the upstream.
    pub upstream_tokens: bool,
    /// The browser in which the person decided.
    pub browser: BrowserId,
    /// The attempt that stored the decision.
    pub attempt: Attempt,
    /// The time of the decision.
    pub at: Timestamp,
    /// The number of answers to the ticket that came before this one, in the same browser.
    pub answer: u32,
    /// The attempts of the latest answers that this one replaced, oldest first. A repetition of one of these calls is no
    /// new answer.
    pub replaced: Vec<Attempt>,
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
            upstream_tokens: issuer.gives_upstream_tokens(&request.resource),
            resource: request.resource,
            requested_scopes: request.scopes.clone(),
            scopes: request.scopes,
            metadata_digest: client.metadata_digest(),
            client_name: match client.origin {
                ClientOrigin::Document => client.name.clone(),
                ClientOrigin::Configured | ClientOrigin::Registered { .. } => None,
            },
            policy_version: issuer.policy_version(),
            browser,
            attempt,
            at,
            answer: 0,
            replaced: Vec::new(),
        }
    }

    /// This decision as the answer that replaces `earlier`: under the same id, in the same browser, which may have a
    /// second browser id by now.
    #[must_use]
    pub fn after(self, earlier: &Decided) -> Self {
        let mut replaced = earlier.replaced.clone();
        replaced.push(earlier.attempt);
        let surplus = replaced.len().saturating_sub(MAX_REPLACED);
        replaced.drain(..surplus);
        let answer = earlier.answer.saturating_add(1);
        Self { id: earlier.id, browser: earlier.browser, answer, replaced, ..self }
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
            client_name: issuer.clients[0].name.clone(),
            policy_version: None,
            upstream_tokens: false,
            browser: BrowserId::from_bytes([1; 16]),
            attempt: Attempt::from_bytes([1; 16]),
            at: Timestamp::EPOCH,
            answer: 0,
            replaced: Vec::new(),
        }
    }

    #[test]
    fn a_later_answer_keeps_id_and_browser_and_remembers_the_latest_calls() {
        let attempt = |n| Attempt::from_bytes([n; 16]);
        let first = decided();
        let mut latest = first.clone();
        for n in 2..=12 {
            let other_id = BrowserId::from_bytes([9; 16]);
            latest = Decided { attempt: attempt(n), browser: other_id, ..decided() }.after(&latest);
            assert_eq!((latest.id, latest.browser, latest.answer), (first.id, first.browser, u32::from(n) - 1));
        }
        assert_eq!(latest.replaced, (4..=11).map(attempt).collect::<Vec<_>>());
    }
}
