//! `POST /token` (RFC 6749 §3.2): exchanges a code or a refresh token for tokens, and, for resource servers, a client's access
//! token for the upstream's (RFC 8693).

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use lychgate_api::Reason;
use lychgate_api::v1::exchange_request::Grant;
use lychgate_api::v1::{
    AuthorizationCodeGrant, BasicCredentials, ExchangeRequest, ExchangeResponse, OtherGrant, RefreshTokenGrant,
    TokenExchangeGrant,
};
use serde::Serialize;

use crate::app::App;
use crate::entropy;
use crate::failure::Failure;
use crate::http::client_credentials::{self, Challenge};
use crate::http::parameters::Form;
use crate::http::{bearer, body, response};
use crate::limits::Class;
use crate::request_context::RequestContext;

/// RFC 8693 §2.1.
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

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
    let bearer = bearer::token(request.headers());
    let form = Form::parse(&body::form(request).await?)?;
    let mut message = message(context.issuer.id.clone(), basic, form);
    if let Some(Grant::TokenExchange(exchange)) = &mut message.grant {
        exchange.resource_server_token = bearer;
        return exchange_upstream_token(app, context, message).await;
    }
    let is_refresh = matches!(message.grant, Some(Grant::RefreshToken(_)));
    let _permit = app.limits.admit(if is_refresh { Class::Refresh } else { Class::Code }, context.prefix)?;
    let secret = message.client.as_ref().and_then(client_credentials::secret);
    let guess = secret.map(|(id, secret)| app.limits.guess(&context.issuer.id, id, secret, context.prefix));
    let answer = app.limits.guard(guess, app.control.exchange(&context.call, message)).await?;
    response::secret_json(StatusCode::OK, &TokenResponse::from(answer))
}

/// A resource server asks for the upstream's token, and authenticates as for introspection.
async fn exchange_upstream_token(
    app: &App,
    context: RequestContext,
    message: ExchangeRequest,
) -> Result<Response, Failure> {
    let _permit = app.limits.admit(Class::Introspection, context.prefix)?;
    let bearer = match &message.grant {
        Some(Grant::TokenExchange(exchange)) => exchange.resource_server_token.as_deref(),
        Some(Grant::AuthorizationCode(_) | Grant::RefreshToken(_) | Grant::Other(_)) | None => None,
    };
    let has_bearer = bearer.is_some();
    let secret =
        bearer.map(|token| ("", token)).or_else(|| message.client.as_ref().and_then(client_credentials::secret));
    let guess = secret.map(|(id, secret)| app.limits.guess(&context.issuer.id, id, secret, context.prefix));
    let has_basic = message.client.as_ref().is_some_and(|client| client.basic.is_some());
    let answer = app.limits.guard(guess, app.control.exchange(&context.call, message)).await;
    let challenged = |failure: Failure| {
        let failure = match failure.reason() {
            // Only the person can help: they see there what is connected.
            Reason::UpstreamLoginNeeded | Reason::UpstreamConsentMissing => {
                failure.with_error_uri(format!("{}/account", context.issuer.url))
            }
            _ => failure,
        };
        if has_basic { failure } else { bearer::challenge(failure, &context.issuer.url, has_bearer) }
    };
    response::secret_json(StatusCode::OK, &TokenResponse::from(answer.map_err(challenged)?))
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
        Some(TOKEN_EXCHANGE) => Grant::TokenExchange(TokenExchangeGrant {
            subject_token: form.take("subject_token"),
            subject_token_type: form.take("subject_token_type"),
            requested_token_type: form.take("requested_token_type"),
            audiences: form.take_all("audience"),
            actor_token: form.take("actor_token"),
            actor_token_type: form.take("actor_token_type"),
            resource_server_token: None,
        }),
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
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    /// RFC 8693 §2.2.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<String>,
}

impl From<ExchangeResponse> for TokenResponse {
    fn from(answer: ExchangeResponse) -> Self {
        Self {
            access_token: answer.access_token,
            token_type: answer.token_type,
            expires_in: answer.expires_in,
            refresh_token: answer.refresh_token,
            scope: answer.scope,
            issued_token_type: answer.issued_token_type,
        }
    }
}
