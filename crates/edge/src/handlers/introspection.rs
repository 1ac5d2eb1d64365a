//! `POST /introspect` (RFC 7662). The caller is a resource server and authenticates with a bearer token of its own.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use lychgate_api::v1::{IntrospectRequest, IntrospectResponse};
use serde::Serialize;

use crate::app::App;
use crate::failure::Failure;
use crate::http::parameters::Form;
use crate::http::{bearer, body, response};
use crate::request_context::RequestContext;

pub(crate) async fn introspect(
    State(app): State<App>,
    context: RequestContext,
    request: Request,
) -> Result<Response, Failure> {
    let resource_server_token = bearer::token(request.headers());
    let mut form = Form::parse(&body::form(request).await?)?;
    let sent = resource_server_token.is_some();
    let message = IntrospectRequest {
        issuer_id: context.issuer.id.clone(),
        token: form.take("token").unwrap_or_default(),
        resource_server_token,
    };
    // A wrong token names no resource server, so all guesses from one prefix count together.
    let claimed = app.limits.claimed(&context.issuer.id, "", context.prefix);
    let answer = app.limits.guard(Some(claimed), app.control.introspect(&context.call, message)).await;
    let answer = answer.map_err(|failure| bearer::challenge(failure, &context.issuer.url, sent))?;
    response::secret_json(StatusCode::OK, &Introspection::from(answer))
}

/// The answer. An inactive token has no other member than `active` (RFC 7662 §2.2).
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
    fn nothing_is_disclosed_about_an_inactive_token() {
        let json = |answer| serde_json::to_string(&Introspection::from(answer)).expect("JSON");
        let silent = IntrospectResponse { sub: "alice".to_owned(), ..Default::default() };
        assert_eq!(json(silent.clone()), r#"{"active":false}"#);
        assert!(json(IntrospectResponse { active: true, ..silent }).starts_with(r#"{"active":true,"iss":"#));
    }
}
