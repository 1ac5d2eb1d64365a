//! `POST /introspect` (RFC 7662): a form in, one `Introspect`, JSON out. Whoever asks is a resource server, with a token of
//! its own in the header.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use lychgate_api::v1::{IntrospectRequest, IntrospectResponse};
use serde::Serialize;

use crate::failure::Failure;
use crate::locate::At;
use crate::parameters::Form;
use crate::router::App;
use crate::{bearer, body, response};

pub(crate) async fn introspect(State(app): State<Arc<App>>, at: At, request: Request) -> Result<Response, Failure> {
    let resource_server_token = bearer::token(request.headers());
    let mut form = Form::parse(&body::form(request).await?)?;
    let sent = resource_server_token.is_some();
    let message = IntrospectRequest {
        issuer_id: at.issuer.id.clone(),
        token: form.take("token").unwrap_or_default(),
        resource_server_token,
    };
    // Whoever guesses at resource servers' tokens guesses at all of them at once.
    let claim = app.limits.claim(&at.issuer.id, "", at.client);
    let answer = app.limits.guard(Some(claim), app.control.introspect(&at.asking, message)).await;
    let answer = answer.map_err(|failure| bearer::challenge(failure, &at.issuer, sent))?;
    response::secret_json(StatusCode::OK, &Introspection::from(answer))
}

/// RFC 7662 §2.2: of what is not active, nothing more is said.
#[derive(Serialize)]
struct Introspection {
    active: bool,
    #[serde(flatten)]
    token: Option<Token>,
}

#[derive(Serialize)]
struct Token {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    scope: String,
    exp: i64,
    iat: i64,
    jti: String,
    token_type: String,
    grant_id: String,
}

impl From<IntrospectResponse> for Introspection {
    fn from(answer: IntrospectResponse) -> Self {
        let token = answer.active.then_some(Token {
            iss: answer.iss,
            aud: answer.aud,
            sub: answer.sub,
            client_id: answer.client_id,
            scope: answer.scope,
            exp: answer.exp,
            iat: answer.iat,
            jti: answer.jti,
            token_type: answer.token_type,
            grant_id: answer.grant_id,
        });
        Self { active: token.is_some(), token }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requirements: R39.
    #[test]
    fn of_an_inactive_token_nothing_is_said() {
        let json = |answer| serde_json::to_string(&Introspection::from(answer)).expect("JSON");
        let silent = IntrospectResponse { sub: "alice".to_owned(), ..Default::default() };
        assert_eq!(json(silent.clone()), r#"{"active":false}"#);
        assert!(json(IntrospectResponse { active: true, ..silent }).starts_with(r#"{"active":true,"iss":"#));
    }
}
