//! The response for the step that the control plane says comes next: a redirect, a page, or a recorded failure.

use axum::http::StatusCode;
use axum::response::Response;
use lychgate_api::Reason;
use lychgate_api::v1::next::Step;
use lychgate_api::v1::{self, Next};
use lychgate_pages::page::{AllowedPage, ConsentPage, OneClickPage, SignedInPage};

use crate::app::App;
use crate::failure::Failure;
use crate::http::{cookies, response};
use crate::request_context::RequestContext;

pub(super) fn respond(app: &App, context: &RequestContext, next: Option<Next>) -> Result<Response, Failure> {
    let fault = || Failure::new(Reason::Fault);
    let Some(Next { step: Some(step), set_cookies }) = next else { return Err(fault()) };
    let cookies = cookies::set(&set_cookies)?;
    let (issuer, reader) = (Some(&*context.issuer), &context.reader);
    let path = &context.issuer.path;
    let action = format!("{path}/consent");
    let mut status = StatusCode::OK;
    let html = match step {
        Step::Redirect(redirect) => {
            let mut response = response::redirect(&redirect.location)?;
            response.headers_mut().extend(cookies);
            return Ok(response);
        }
        Step::FailurePage(page) => return Err(Failure::from_page(page, action).with_headers(cookies)),
        Step::ConsentPage(page) => {
            app.pages.render(issuer, reader, &ConsentPage::new(action, context.is_embedded, page)?)?
        }
        Step::OneClickPage(v1::OneClickPage { page }) => {
            app.pages.render(issuer, reader, &OneClickPage::new(action, page.ok_or_else(fault)?)?)?
        }
        Step::SignedInPage(v1::SignedInPage { state, page }) => {
            let callback = format!("/callback/{}", context.issuer.id);
            app.pages.render(issuer, reader, &SignedInPage::new(callback, state, page.ok_or_else(fault)?)?)?
        }
        Step::AllowedPage(page) => {
            if page.too_late {
                status = StatusCode::CONFLICT;
            }
            app.pages.render(issuer, reader, &AllowedPage::new(path, page)?)?
        }
    };
    let mut response = response::form_page(status, html);
    response.headers_mut().extend(cookies);
    Ok(response)
}
