//! Public documents: discovery and the key set.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use super::Provider;
use super::answer::{Answer, Reply};
use super::request::SCOPES;

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery §3).
pub(super) async fn discovery(State(provider): State<Arc<Provider>>) -> Reply {
    let issuer = &provider.issuer;
    provider.reply(Answer::Document(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [provider.key.algorithm()],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported":
            ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "name", "preferred_username", "email", "email_verified"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })))
}

pub(super) async fn jwks(State(provider): State<Arc<Provider>>) -> Reply {
    provider.reply(Answer::Document(json!({ "keys": [provider.key.public()] })))
}

pub(super) async fn healthz(State(provider): State<Arc<Provider>>) -> Reply {
    provider.reply(Answer::Alive)
}

impl Provider {
    pub(super) fn reply(&self, answer: Answer) -> Reply {
        Reply { answer, issuer: self.issuer.clone(), cookie: None }
    }
}
