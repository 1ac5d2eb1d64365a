//! The authorization flow in a browser. Each request is one call, and the answer says what the browser does next.
//!
//! No handler knows the order of the steps; the control plane decides it.

use axum::extract::{RawQuery, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use lychgate_api::v1::{
    BeginRequest, ConfirmLoginRequest, DecideRequest, Decision, FinishLoginRequest, Parameter, ScopePreset, ShowRequest,
};

use super::next_step::respond;
use crate::app::App;
use crate::entropy;
use crate::failure::Failure;
use crate::http::parameters::{self, Form};
use crate::http::{body, cookies, headers, reader};
use crate::request_context::RequestContext;

/// `GET /authorize` (RFC 6749 §3.1).
pub(crate) async fn begin(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    begin_with(&app, context, parameters::parse(query.unwrap_or_default().as_bytes())?).await
}

/// `POST /authorize` (RFC 6749 §3.1: may be supported). Parameters come from the form; the query is ignored.
pub(crate) async fn begin_form(
    State(app): State<App>,
    context: RequestContext,
    request: Request,
) -> Result<Response, Failure> {
    begin_with(&app, context, parameters::parse(&body::form(request).await?)?).await
}

async fn begin_with(app: &App, context: RequestContext, parameters: Vec<Parameter>) -> Result<Response, Failure> {
    let asked = parameters.iter().find(|parameter| parameter.name == "ui_locales");
    let language = asked.and_then(|languages| app.pages.language(&languages.value));
    let message = BeginRequest { issuer_id: context.issuer.id.clone(), parameters };
    let mut response = respond(app, &context, app.control.begin(&context.call, message).await?.next)?;
    if let Some(language) = language {
        for (name, value) in &cookies::set(&[reader::keep(language)])? {
            response.headers_mut().append(name, value.clone());
        }
    }
    Ok(response)
}

/// `GET /consent?ticket=…`. With `whole_page=1` the person asks for the full page instead of one button, and with
/// `choose=read_only` or `choose=everything` for other boxes to be ticked.
pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let mut query = Form::parse(query.unwrap_or_default().as_bytes())?;
    let message = ShowRequest {
        issuer_id: context.issuer.id.clone(),
        ticket: query.take("ticket").unwrap_or_default(),
        cookies: cookies::received(&headers)?,
        sec_fetch_site: headers::sec_fetch_site(&headers),
        sec_purpose: headers::sec_purpose(&headers),
        attempt: entropy::idempotency_key(),
        full_screen: query.take("whole_page").is_some(),
        scope_preset: scope_preset(&mut query).into(),
    };
    respond(&app, &context, app.control.show(&context.call, message).await?.next)
}

/// `POST /consent`
pub(crate) async fn decide(
    State(app): State<App>,
    context: RequestContext,
    request: Request,
) -> Result<Response, Failure> {
    let cookies = cookies::received(request.headers())?;
    let sec_fetch_site = headers::sec_fetch_site(request.headers());
    let origin = headers::origin(request.headers());
    let mut form = Form::parse(&body::form(request).await?)?;
    let ticket = form.take("ticket").unwrap_or_default();
    let message = DecideRequest {
        issuer_id: context.issuer.id.clone(),
        attempt: entropy::idempotency_key(),
        ticket: ticket.clone(),
        form_token: form.take("form_token").unwrap_or_default(),
        decision: decision(&mut form).into(),
        chosen_scopes: form.take_all("chosen_scope"),
        cookies,
        sec_fetch_site,
        origin,
    };
    let decided = app.control.decide(&context.call, message).await;
    let decided = decided.map_err(|failure| failure.with_form(format!("{}/consent", context.issuer.path), ticket))?;
    respond(&app, &context, decided.next)
}

/// `GET /callback/{issuer}`
pub(crate) async fn finish_login(
    State(app): State<App>,
    context: RequestContext,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let message = FinishLoginRequest {
        issuer_id: context.issuer.id.clone(),
        attempt: entropy::idempotency_key(),
        parameters: parameters::parse(query.unwrap_or_default().as_bytes())?,
        cookies: cookies::received(&headers)?,
    };
    respond(&app, &context, app.control.finish_login(&context.call, message).await?.next)
}

/// `POST /callback/{issuer}`: the answer to the question of the signed-in page.
pub(crate) async fn confirm_login(
    State(app): State<App>,
    context: RequestContext,
    request: Request,
) -> Result<Response, Failure> {
    let cookies = cookies::received(request.headers())?;
    let sec_fetch_site = headers::sec_fetch_site(request.headers());
    let origin = headers::origin(request.headers());
    let mut form = Form::parse(&body::form(request).await?)?;
    let message = ConfirmLoginRequest {
        issuer_id: context.issuer.id.clone(),
        attempt: entropy::idempotency_key(),
        state: form.take("state").unwrap_or_default(),
        form_token: form.take("form_token").unwrap_or_default(),
        decision: decision(&mut form).into(),
        cookies,
        sec_fetch_site,
        origin,
    };
    respond(&app, &context, app.control.confirm_login(&context.call, message).await?.next)
}

fn scope_preset(query: &mut Form) -> ScopePreset {
    match query.take("choose").as_deref() {
        Some("read_only") => ScopePreset::ReadOnly,
        Some("everything") => ScopePreset::Everything,
        Some(_) | None => ScopePreset::Unspecified,
    }
}

fn decision(form: &mut Form) -> Decision {
    match form.take("decision").as_deref() {
        Some("approve") => Decision::Approve,
        Some("deny") => Decision::Deny,
        Some("not_me") => Decision::NotMe,
        Some("take_back") => Decision::TakeBack,
        Some(_) | None => Decision::Unspecified,
    }
}
