//! The userinfo endpoint (OpenID Connect Core §5.3).

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};

use super::Provider;
use super::answer::{Answer, OAuthError, Reply};

pub(super) async fn userinfo(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Reply {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let grant = token.and_then(|token| provider.memory().access(token, provider.clock.now()).cloned());
    provider.reply(match grant {
        Some(grant) => Answer::Private(provider.claims(&grant.sub, &grant.scopes)),
        None => Answer::Unauthorized(
            "Bearer error=\"invalid_token\"",
            OAuthError::new("invalid_token", "the access token is unknown or has expired"),
        ),
    })
}
