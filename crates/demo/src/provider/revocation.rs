//! The revocation endpoint (RFC 7009). Any token of a grant ends that grant and no other.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::json;

use super::Provider;
use super::answer::{Answer, OAuthError, Reply};

pub(super) async fn revocation(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Bytes) -> Reply {
    let answer = provider.revoke(&headers, &body).unwrap_or_else(OAuthError::answer);
    provider.reply(answer)
}

impl Provider {
    /// An unknown or ended token counts as revoked (RFC 7009 §2.2).
    fn revoke(&self, headers: &HeaderMap, body: &Bytes) -> Result<Answer, OAuthError> {
        let (client, params) = self.authenticated(headers, body)?;
        let token = params.value("token").ok_or(OAuthError::invalid_request("token is missing"))?;
        let mut memory = self.memory();
        if let Some((grant_id, client_id)) = memory.grant_of(token) {
            if client_id != client.id {
                return Err(OAuthError::new("invalid_grant", "the token belongs to another client"));
            }
            memory.revoke(&grant_id);
        }
        Ok(Answer::Private(json!({})))
    }
}
