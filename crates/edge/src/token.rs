//! `POST /token` (RFC 6749 §3.2): a form in, one `Exchange`, JSON out.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use lychgate_api::v1::exchange_request::Grant;
use lychgate_api::v1::{
    AuthorizationCodeGrant, BasicCredentials, ExchangeRequest, ExchangeResponse, OtherGrant, RefreshTokenGrant,
};
use serde::Serialize;

use crate::client_credentials::{self, Challenge};
use crate::failure::Failure;
use crate::limits::Class;
use crate::locate::At;
use crate::parameters::Form;
use crate::router::App;
use crate::{body, entropy, response};

pub(crate) async fn exchange(State(app): State<Arc<App>>, at: At, request: Request) -> Result<Response, Failure> {
    let challenge = Challenge::of(request.headers(), &at.issuer);
    exchange_for(&app, at, request).await.map_err(|failure| challenge.answer(failure))
}

async fn exchange_for(app: &App, at: At, request: Request) -> Result<Response, Failure> {
    let basic = client_credentials::basic(request.headers())?;
    let form = Form::parse(&body::form(request).await?)?;
    let message = message(at.issuer.id.clone(), basic, form);
    let is_refresh = matches!(message.grant, Some(Grant::RefreshToken(_)));
    let _place = app.limits.enter(if is_refresh { Class::Refresh } else { Class::Code }, at.client)?;
    let claimed = message.client.as_ref().and_then(client_credentials::claimed_id);
    let claim = claimed.map(|client_id| app.limits.claim(&at.issuer.id, client_id, at.client));
    let answer = app.limits.guard(claim, app.control.exchange(&at.asking, message)).await?;
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
        attempt: entropy::attempt(),
        client: Some(client),
        grant: Some(grant),
        resources: form.take_all("resource"),
        scope: form.take("scope"),
    }
}

/// RFC 6749 §5.1. An absent member is left out, never null.
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
