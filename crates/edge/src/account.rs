//! "My connected apps": a page, and the three things that can be done on it. Whose page it is, the control plane knows.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use lychgate_api::Reason;
use lychgate_api::v1::account_service_show_response::Page;
use lychgate_api::v1::{AccountServiceRevokeRequest, AccountServiceShowRequest, SignInRequest, SignOutRequest};

use crate::failure::Failure;
use crate::flow::{answer, sent};
use crate::locate::At;
use crate::pages::{AccountPage, SignInPage};
use crate::parameters::Form;
use crate::router::App;
use crate::{body, cookies, entropy, response};

/// `GET /account`
pub(crate) async fn show(State(app): State<Arc<App>>, at: At, headers: HeaderMap) -> Result<Response, Failure> {
    let message = AccountServiceShowRequest { issuer_id: at.issuer.id.clone(), cookies: cookies::received(&headers)? };
    let shown = app.control.show_account(&at.asking, message).await?;
    let stylesheet = app.pages.stylesheet().to_owned();
    let html = match shown.page {
        Some(Page::SignInPage(page)) => app.pages.render(&SignInPage::new(&at.issuer, stylesheet, page))?,
        Some(Page::AccountPage(page)) => app.pages.render(&AccountPage::new(&at.issuer, stylesheet, page)?)?,
        None => return Err(Failure::new(Reason::Fault)),
    };
    let mut response = response::form_page(html);
    response.headers_mut().extend(cookies::set(&shown.set_cookies)?);
    Ok(response)
}

/// `POST /account/sign-in`
pub(crate) async fn sign_in(State(app): State<Arc<App>>, at: At, headers: HeaderMap) -> Result<Response, Failure> {
    let message = SignInRequest {
        issuer_id: at.issuer.id.clone(),
        sec_fetch_site: sent(&headers, "sec-fetch-site"),
        origin: sent(&headers, "origin"),
    };
    answer(&app, &at.issuer, app.control.sign_in(&at.asking, message).await?.next)
}

/// `POST /account/revoke`
pub(crate) async fn revoke(State(app): State<Arc<App>>, at: At, request: Request) -> Result<Response, Failure> {
    let cookies = cookies::received(request.headers())?;
    let sec_fetch_site = sent(request.headers(), "sec-fetch-site");
    let origin = sent(request.headers(), "origin");
    let mut form = Form::parse(&body::form(request).await?)?;
    let message = AccountServiceRevokeRequest {
        issuer_id: at.issuer.id.clone(),
        attempt: entropy::attempt(),
        form_token: form.take("form_token").unwrap_or_default(),
        cookies,
        sec_fetch_site,
        origin,
    };
    answer(&app, &at.issuer, app.control.revoke_apps(&at.asking, message).await?.next)
}

/// `POST /account/sign-out`
pub(crate) async fn sign_out(State(app): State<Arc<App>>, at: At, headers: HeaderMap) -> Result<Response, Failure> {
    let message = SignOutRequest {
        issuer_id: at.issuer.id.clone(),
        sec_fetch_site: sent(&headers, "sec-fetch-site"),
        origin: sent(&headers, "origin"),
    };
    answer(&app, &at.issuer, app.control.sign_out(&at.asking, message).await?.next)
}
