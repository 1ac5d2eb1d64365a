//! `POST /introspect` (RFC 7662). The caller is a resource server and authenticates with a token of its own: as bearer token,
//! or as the secret of an OAuth client in header or form.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use lychgate_api::v1::{IntrospectRequest, IntrospectResponse};
use serde::Serialize;

use crate::app::App;
use crate::failure::Failure;
use crate::http::client_credentials::{self, Challenge};
use crate::http::parameters::Form;
use crate::http::{bearer, body, response};
use crate::request_context::RequestContext;

pub(crate) async fn introspect(
    State(app): State<App>,
    context: RequestContext,
    request: Request,
) -> Result<Response, Failure> {
    let challenge = Challenge::of(request.headers(), &context.issuer.url);
    introspect_for(&app, context, request).await.map_err(|failure| challenge.add_to(failure))
}

async fn introspect_for(app: &App, context: RequestContext, request: Request) -> Result<Response, Failure> {
    let basic = client_credentials::basic(request.headers())?;
    let resource_server_token = bearer::token(request.headers());
    let mut form = Form::parse(&body::form(request).await?)?;
    let (has_basic, has_bearer) = (basic.is_some(), resource_server_token.is_some());
    let message = IntrospectRequest {
        issuer_id: context.issuer.id.clone(),
        token: form.take("token").unwrap_or_default(),
        resource_server_token,
        resource_server: Some(client_credentials::of(basic, &mut form)),
    };
    let bearer = message.resource_server_token.as_deref().filter(|token| !token.is_empty()).map(|token| ("", token));
    let guess = bearer.or_else(|| message.resource_server.as_ref().and_then(client_credentials::secret));
    // A wrong bearer token names no resource server.
    let guess = guess.map(|(id, secret)| app.limits.guess(&context.issuer.id, id, secret, context.prefix));
    let answer = app.limits.guard(guess, app.control.introspect(&context.call, message)).await;
    // The challenge is for the scheme that the caller tried (RFC 6749 §5.2); of the two that are accepted, others get Bearer.
    let challenged =
        |failure| if has_basic { failure } else { bearer::challenge(failure, &context.issuer.url, has_bearer) };
    response::secret_json(StatusCode::OK, &Introspection::from(answer.map_err(challenged)?))
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
