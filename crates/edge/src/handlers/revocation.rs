//! `POST /revoke` (RFC 7009). The response is empty.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use lychgate_api::v1::RevokeRequest;

use crate::app::App;
use crate::entropy;
use crate::failure::Failure;
use crate::http::body;
use crate::http::client_credentials::{self, Challenge};
use crate::http::parameters::Form;
use crate::limits::Class;
use crate::request_context::RequestContext;

pub(crate) async fn revoke(
    State(app): State<App>,
    context: RequestContext,
    request: Request,
) -> Result<Response, Failure> {
    let challenge = Challenge::of(request.headers(), &context.issuer.url);
    revoke_for(&app, context, request).await.map_err(|failure| challenge.add_to(failure))
}

/// Ignores `token_type_hint`: the type of our tokens is recognisable from the token (RFC 7009 §2.1).
async fn revoke_for(app: &App, context: RequestContext, request: Request) -> Result<Response, Failure> {
    let basic = client_credentials::basic(request.headers())?;
    let mut form = Form::parse(&body::form(request).await?)?;
    let message = RevokeRequest {
        issuer_id: context.issuer.id.clone(),
        attempt: entropy::idempotency_key(),
        client: Some(client_credentials::of(basic, &mut form)),
        token: form.take("token").unwrap_or_default(),
    };
    let _permit = app.limits.admit(Class::Refresh, context.prefix)?;
    let secret = message.client.as_ref().and_then(client_credentials::secret);
    let guess = secret.map(|(id, secret)| app.limits.guess(&context.issuer.id, id, secret, context.prefix));
    app.limits.guard(guess, app.control.revoke(&context.call, message)).await?;
    Ok((StatusCode::OK, [(CACHE_CONTROL, "no-store")]).into_response())
}
