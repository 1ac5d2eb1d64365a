//! `POST /token` (RFC 6749 §3.2): exchanges a code or a refresh token for tokens.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use lychgate_api::v1::exchange_request::Grant;
use lychgate_api::v1::{
    AuthorizationCodeGrant, BasicCredentials, ExchangeRequest, ExchangeResponse, OtherGrant, RefreshTokenGrant,
};
use serde::Serialize;

use crate::app::App;
use crate::entropy;
use crate::failure::Failure;
use crate::http::client_credentials::{self, Challenge};
use crate::http::parameters::Form;
use crate::http::{body, response};
use crate::limits::Class;
use crate::request_context::RequestContext;

pub(crate) async fn exchange(
    State(app): State<App>,
    context: RequestContext,
    request: Request,
) -> Result<Response, Failure> {
    let challenge = Challenge::of(request.headers(), &context.issuer.url);
    exchange_for(&app, context, request).await.map_err(|failure| challenge.add_to(failure))
}

async fn exchange_for(app: &App, context: RequestContext, request: Request) -> Result<Response, Failure> {
    let basic = client_credentials::basic(request.headers())?;
    let form = Form::parse(&body::form(request).await?)?;
    let message = message(context.issuer.id.clone(), basic, form);
    let is_refresh = matches!(message.grant, Some(Grant::RefreshToken(_)));
    let _permit = app.limits.admit(if is_refresh { Class::Refresh } else { Class::Code }, context.prefix)?;
    let secret = message.client.as_ref().and_then(client_credentials::secret);
    let guess = secret.map(|(id, secret)| app.limits.guess(&context.issuer.id, id, secret, context.prefix));
    let answer = app.limits.guard(guess, app.control.exchange(&context.call, message)).await?;
    response::secret_json(StatusCode::OK, &TokenResponse::from(answer))
}

fn message(issuer_id: String, basic: Option<BasicCredentials>, mut form: Form) -> ExchangeRequest {
    let client = client_credentials::of(basic, &mut form);
    let grant = match form.take("grant_type").as_deref() {
        Some("authorization_code") => Grant::AuthorizationCode(AuthorizationCodeGrant {
            code: form.take("code").unwrap_or_default(),
            redirect_uri: form.take("redirect_uri"),
            code_verifier: form.take("code_verifier"),
        }),
        Some("refresh_token") => {
            Grant::RefreshToken(RefreshTokenGrant { refresh_token: form.take("refresh_token").unwrap_or_default() })
        }
        other => Grant::Other(OtherGrant { grant_type: other.unwrap_or_default().to_owned() }),
    };
    ExchangeRequest {
        issuer_id,
        attempt: entropy::idempotency_key(),
        client: Some(client),
        grant: Some(grant),
        resources: form.take_all("resource"),
        scope: form.take("scope"),
    }
}

/// The response (RFC 6749 §5.1). An absent member is omitted, never null.
#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    token_type: String,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
}

impl From<ExchangeResponse> for TokenResponse {
    fn from(answer: ExchangeResponse) -> Self {
        Self {
            access_token: answer.access_token,
            token_type: answer.token_type,
            expires_in: answer.expires_in,
            refresh_token: answer.refresh_token,
            scope: answer.scope,
        }
    }
}
