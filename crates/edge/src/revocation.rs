//! `POST /revoke` (RFC 7009): a form in, one `Revoke`, nothing out.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use lychgate_api::v1::RevokeRequest;

use crate::client_credentials::{self, Challenge};
use crate::failure::Failure;
use crate::limits::Class;
use crate::locate::At;
use crate::parameters::Form;
use crate::router::App;
use crate::{body, entropy};

pub(crate) async fn revoke(State(app): State<Arc<App>>, at: At, request: Request) -> Result<Response, Failure> {
    let challenge = Challenge::of(request.headers(), &at.issuer);
    revoke_for(&app, at, request).await.map_err(|failure| challenge.answer(failure))
}

/// `token_type_hint` is not needed: tokens of ours tell by their looks what they are (RFC 7009 §2.1).
async fn revoke_for(app: &App, at: At, request: Request) -> Result<Response, Failure> {
    let basic = client_credentials::basic(request.headers())?;
    let mut form = Form::parse(&body::form(request).await?)?;
    let message = RevokeRequest {
        issuer_id: at.issuer.id.clone(),
        attempt: entropy::attempt(),
        client: Some(client_credentials::of(basic, &mut form)),
        token: form.take("token").unwrap_or_default(),
    };
    let _place = app.limits.enter(Class::Refresh, at.client)?;
    let claimed = message.client.as_ref().and_then(client_credentials::claimed_id);
    let claim = claimed.map(|client_id| app.limits.claim(&at.issuer.id, client_id, at.client));
    app.limits.guard(claim, app.control.revoke(&at.asking, message)).await?;
    Ok((StatusCode::OK, [(CACHE_CONTROL, "no-store")]).into_response())
}
