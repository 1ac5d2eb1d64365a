//! The page of connected apps and its three actions. The control plane identifies the person by the session cookie.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use lychgate_api::Reason;
use lychgate_api::v1::account_service_show_response::Page;
use lychgate_api::v1::{AccountServiceRevokeRequest, AccountServiceShowRequest, SignInRequest, SignOutRequest};
use lychgate_pages::page::{AccountPage, SignInPage};

use super::next_step::respond;
use crate::app::App;
use crate::entropy;
use crate::failure::Failure;
use crate::http::parameters::Form;
use crate::http::{body, cookies, headers, response};
use crate::request_context::RequestContext;

/// `GET /account`
pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let message =
        AccountServiceShowRequest { issuer_id: context.issuer.id.clone(), cookies: cookies::received(&headers)? };
    let shown = app.control.show_account(&context.call, message).await?;
    let (issuer, reader) = (Some(&*context.issuer), &context.reader);
    let path = &context.issuer.path;
    let html = match shown.page {
        Some(Page::SignInPage(page)) => app.pages.render(issuer, reader, &SignInPage::new(path, page))?,
        Some(Page::AccountPage(page)) => app.pages.render(issuer, reader, &AccountPage::new(path, page)?)?,
        None => return Err(Failure::new(Reason::Fault)),
    };
    let mut response = response::form_page(StatusCode::OK, html);
    response.headers_mut().extend(cookies::set(&shown.set_cookies)?);
    Ok(response)
}

/// `POST /account/sign-in`
pub(crate) async fn sign_in(
    State(app): State<App>,
    context: RequestContext,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let message = SignInRequest {
        issuer_id: context.issuer.id.clone(),
        sec_fetch_site: headers::sec_fetch_site(&headers),
        origin: headers::origin(&headers),
    };
    respond(&app, &context, app.control.sign_in(&context.call, message).await?.next)
}

/// `POST /account/revoke`
pub(crate) async fn revoke(
    State(app): State<App>,
    context: RequestContext,
    request: Request,
) -> Result<Response, Failure> {
    let cookies = cookies::received(request.headers())?;
    let sec_fetch_site = headers::sec_fetch_site(request.headers());
    let origin = headers::origin(request.headers());
    let mut form = Form::parse(&body::form(request).await?)?;
    let message = AccountServiceRevokeRequest {
        issuer_id: context.issuer.id.clone(),
        attempt: entropy::idempotency_key(),
        form_token: form.take("form_token").unwrap_or_default(),
        cookies,
        sec_fetch_site,
        origin,
    };
    respond(&app, &context, app.control.revoke_apps(&context.call, message).await?.next)
}

/// `POST /account/sign-out`
pub(crate) async fn sign_out(
    State(app): State<App>,
    context: RequestContext,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let message = SignOutRequest {
        issuer_id: context.issuer.id.clone(),
        sec_fetch_site: headers::sec_fetch_site(&headers),
        origin: headers::origin(&headers),
    };
    respond(&app, &context, app.control.sign_out(&context.call, message).await?.next)
}
