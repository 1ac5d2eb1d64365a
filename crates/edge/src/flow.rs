//! The browser's way through an authorization: each request is one RPC, and its answer says what the browser does next.
//!
//! No step knows another: where the flow goes is in the control plane's answers.

use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::Response;
use lychgate_api::Reason;
use lychgate_api::v1::next::Step;
use lychgate_api::v1::{
    self, BeginRequest, ConfirmLoginRequest, DecideRequest, Decision, FinishLoginRequest, Next, Parameter, ShowRequest,
};

use crate::failure::Failure;
use crate::issuers::Issuer;
use crate::locate::At;
use crate::pages::{ConsentPage, RememberedPage, SignedInPage};
use crate::parameters::Form;
use crate::router::App;
use crate::{body, cookies, entropy, parameters, response};

/// `GET /authorize` (RFC 6749 §3.1).
pub(crate) async fn begin(State(app): State<Arc<App>>, at: At, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    begin_with(&app, at, parameters::parse(query.unwrap_or_default().as_bytes())?).await
}

/// `POST /authorize` (RFC 6749 §3.1: may be supported): the form says it all, the query nothing.
pub(crate) async fn begin_form(State(app): State<Arc<App>>, at: At, request: Request) -> Result<Response, Failure> {
    begin_with(&app, at, parameters::parse(&body::form(request).await?)?).await
}

async fn begin_with(app: &App, at: At, parameters: Vec<Parameter>) -> Result<Response, Failure> {
    let message = BeginRequest { issuer_id: at.issuer.id.clone(), parameters };
    answer(app, &at.issuer, app.control.begin(&at.asking, message).await?.next)
}

/// `GET /consent?ticket=…`, and with `whole_page=1` whatever else the person wants to know.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    at: At,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let mut query = Form::parse(query.unwrap_or_default().as_bytes())?;
    let message = ShowRequest {
        issuer_id: at.issuer.id.clone(),
        ticket: query.take("ticket").unwrap_or_default(),
        cookies: cookies::received(&headers)?,
        sec_fetch_site: sent(&headers, "sec-fetch-site"),
        attempt: entropy::attempt(),
        full_screen: query.take("whole_page").is_some(),
    };
    answer(&app, &at.issuer, app.control.show(&at.asking, message).await?.next)
}

/// `POST /consent`
pub(crate) async fn decide(State(app): State<Arc<App>>, at: At, request: Request) -> Result<Response, Failure> {
    let cookies = cookies::received(request.headers())?;
    let sec_fetch_site = sent(request.headers(), "sec-fetch-site");
    let origin = sent(request.headers(), "origin");
    let mut form = Form::parse(&body::form(request).await?)?;
    let message = DecideRequest {
        issuer_id: at.issuer.id.clone(),
        attempt: entropy::attempt(),
        ticket: form.take("ticket").unwrap_or_default(),
        form_token: form.take("form_token").unwrap_or_default(),
        decision: decision(&mut form).into(),
        chosen_scopes: form.take_all("chosen_scope"),
        cookies,
        sec_fetch_site,
        origin,
    };
    answer(&app, &at.issuer, app.control.decide(&at.asking, message).await?.next)
}

/// `GET /callback/{issuer}`
pub(crate) async fn finish_login(
    State(app): State<Arc<App>>,
    at: At,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let message = FinishLoginRequest {
        issuer_id: at.issuer.id.clone(),
        attempt: entropy::attempt(),
        parameters: parameters::parse(query.unwrap_or_default().as_bytes())?,
        cookies: cookies::received(&headers)?,
    };
    answer(&app, &at.issuer, app.control.finish_login(&at.asking, message).await?.next)
}

/// `POST /callback/{issuer}`: the answer to the question that this address put.
pub(crate) async fn confirm_login(State(app): State<Arc<App>>, at: At, request: Request) -> Result<Response, Failure> {
    let cookies = cookies::received(request.headers())?;
    let sec_fetch_site = sent(request.headers(), "sec-fetch-site");
    let origin = sent(request.headers(), "origin");
    let mut form = Form::parse(&body::form(request).await?)?;
    let message = ConfirmLoginRequest {
        issuer_id: at.issuer.id.clone(),
        attempt: entropy::attempt(),
        state: form.take("state").unwrap_or_default(),
        form_token: form.take("form_token").unwrap_or_default(),
        decision: decision(&mut form).into(),
        cookies,
        sec_fetch_site,
        origin,
    };
    answer(&app, &at.issuer, app.control.confirm_login(&at.asking, message).await?.next)
}

fn decision(form: &mut Form) -> Decision {
    match form.take("decision").as_deref() {
        Some("approve") => Decision::Approve,
        Some("deny") => Decision::Deny,
        Some("not_me") => Decision::NotMe,
        Some(_) | None => Decision::Unspecified,
    }
}

/// A header exactly as sent. What is odd about it (sent twice, not text) must not make it look absent: absence is
/// trusted more than a wrong value.
pub(crate) fn sent(headers: &HeaderMap, name: &'static str) -> Option<String> {
    let values = headers.get_all(HeaderName::from_static(name));
    let values: Vec<_> = values.iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

pub(crate) fn answer(app: &App, issuer: &Issuer, next: Option<Next>) -> Result<Response, Failure> {
    let Some(Next { step: Some(step), set_cookies }) = next else { return Err(Failure::new(Reason::Fault)) };
    let cookies = cookies::set(&set_cookies)?;
    let mut response = match step {
        Step::Redirect(redirect) => response::redirect(&redirect.location)?,
        Step::ConsentPage(page) => response::form_page(app.pages.render(&consent_page(app, issuer, page)?)?),
        Step::OneClickPage(page) => {
            let page = page.page.ok_or_else(|| Failure::new(Reason::Fault))?;
            response::form_page(app.pages.render(&RememberedPage::new(consent_page(app, issuer, page)?)?)?)
        }
        Step::SignedInPage(v1::SignedInPage { state, page }) => {
            let page = consent_page(app, issuer, page.ok_or_else(|| Failure::new(Reason::Fault))?)?;
            let action = format!("/callback/{}", issuer.id);
            response::form_page(app.pages.render(&SignedInPage::new(page, action, state)?)?)
        }
        Step::FailurePage(page) => {
            return Err(Failure::from_page(page).with_headers(cookies));
        }
    };
    response.headers_mut().extend(cookies);
    Ok(response)
}

fn consent_page(app: &App, issuer: &Issuer, page: v1::ConsentPage) -> Result<ConsentPage, Failure> {
    ConsentPage::new(&issuer.name, format!("{}/consent", issuer.path), app.pages.stylesheet().to_owned(), page)
}
