//! The revocation endpoint (RFC 7009): with any token of a grant, all of that grant ends, and no other.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::json;

use super::Provider;
use super::answer::{Answer, OAuthError, Reply};

pub(super) async fn revocation(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Bytes) -> Reply {
    let answer = provider.take_back(&headers, &body).unwrap_or_else(OAuthError::answer);
    provider.reply(answer)
}

impl Provider {
    /// A token that nobody knows, or that has ended, is as revoked as can be (RFC 7009 §2.2).
    fn take_back(&self, headers: &HeaderMap, body: &Bytes) -> Result<Answer, OAuthError> {
        let (client, params) = self.authenticated(headers, body)?;
        let token = params.value("token").ok_or(OAuthError::invalid_request("token is missing"))?;
        let mut memory = self.memory();
        if let Some((grant_id, client_id)) = memory.holder(token) {
            if client_id != client.id {
                return Err(OAuthError::new("invalid_grant", "the token is another client's"));
            }
            memory.revoke(&grant_id);
        }
        Ok(Answer::Private(json!({})))
    }
}
