//! The response for the step that the control plane says comes next: a redirect, a page, or a recorded failure.

use axum::http::StatusCode;
use axum::response::Response;
use lychgate_api::Reason;
use lychgate_api::v1::next::Step;
use lychgate_api::v1::{self, Next};

use crate::app::App;
use crate::failure::Failure;
use crate::http::{cookies, response};
use crate::issuers::Issuer;
use crate::pages::{AllowedPage, ConsentPage, OneClickPage, SignedInPage};

pub(super) fn respond(app: &App, issuer: &Issuer, next: Option<Next>) -> Result<Response, Failure> {
    let fault = || Failure::new(Reason::Fault);
    let Some(Next { step: Some(step), set_cookies }) = next else { return Err(fault()) };
    let cookies = cookies::set(&set_cookies)?;
    let mut status = StatusCode::OK;
    let html = match step {
        Step::Redirect(redirect) => {
            let mut response = response::redirect(&redirect.location)?;
            response.headers_mut().extend(cookies);
            return Ok(response);
        }
        Step::FailurePage(page) => return Err(Failure::from_page(page).with_headers(cookies)),
        Step::ConsentPage(page) => app.pages.render(&issuer.name, &consent_page(issuer, page)?)?,
        Step::OneClickPage(v1::OneClickPage { page }) => {
            let page = OneClickPage::new(consent_page(issuer, page.ok_or_else(fault)?)?)?;
            app.pages.render(&issuer.name, &page)?
        }
        Step::SignedInPage(v1::SignedInPage { state, page }) => {
            let page = consent_page(issuer, page.ok_or_else(fault)?)?;
            let page = SignedInPage::new(page, format!("/callback/{}", issuer.id), state)?;
            app.pages.render(&issuer.name, &page)?
        }
        Step::AllowedPage(page) => {
            if page.too_late {
                status = StatusCode::CONFLICT;
            }
            app.pages.render(&issuer.name, &AllowedPage::new(&issuer.path, page)?)?
        }
    };
    let mut response = response::form_page(status, html);
    response.headers_mut().extend(cookies);
    Ok(response)
}

fn consent_page(issuer: &Issuer, page: v1::ConsentPage) -> Result<ConsentPage, Failure> {
    ConsentPage::new(format!("{}/consent", issuer.path), page)
}
