//! Renders the [`Failure`] that a handler returned: as OAuth JSON for the API, as a page for a browser.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA, RETRY_AFTER, VARY};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lychgate_pages::page::{ErrorDetails, ErrorPage};
use serde_json::json;

use crate::failure::Failure;
use crate::http::{accept, reader, response};
use crate::issuers::IssuerRoute;
use crate::pages::Pages;
use crate::request_context::request_id;

/// Longer than a restart of the control plane takes.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// The whole error page if even its template cannot be rendered.
const WITHOUT_TEMPLATE: &str = "<!doctype html><html lang=\"en\"><title>Error</title><h1>Something went wrong</h1>";

/// The name of a response's [`Failure`], for the log line and the metrics of the outer layers.
#[derive(Clone, Copy, Debug)]
pub(super) struct FailureName(pub(super) &'static str);

/// Layer of the API: every failure is OAuth JSON.
pub(crate) async fn as_json(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Failure>() {
        Some(failure) => json_response(&pages, failure.json_status(), &failure),
        None => response,
    }
}

/// Layer of the browser endpoints: every failure is a page, or JSON if the `Accept` header prefers it.
pub(crate) async fn as_page(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let reader = reader::of(request.headers(), request.uri().query());
    let prefers_json = accept::prefers_json(request.headers());
    let request_id = request_id(request.extensions());
    let issuer = request.extensions().get::<IssuerRoute>().and_then(IssuerRoute::issuer).cloned();
    let mut response = next.run(request).await;
    let Some(failure) = response.extensions_mut().remove::<Failure>() else { return response };
    let mut rendered = if prefers_json {
        json_response(&pages, failure.status(), &failure)
    } else {
        let details = ErrorDetails {
            request_id: request_id.as_str().to_owned(),
            description: failure.description().unwrap_or_default().to_owned(),
            return_link: failure.return_link().cloned(),
            form: failure.form().cloned(),
            refused: failure.refused().cloned(),
            is_http: issuer.as_ref().is_some_and(|issuer| !issuer.is_https),
        };
        let page = ErrorPage::new(failure.reason(), details);
        let html = pages.render(issuer.as_deref(), &reader, &page).unwrap_or_else(|_| WITHOUT_TEMPLATE.to_owned());
        complete(response::page(failure.status(), html), &failure)
    };
    rendered.headers_mut().append(VARY, HeaderValue::from_static("Accept, Accept-Language"));
    rendered
}

fn json_response(pages: &Pages, status: StatusCode, failure: &Failure) -> Response {
    let description = match failure.description() {
        Some(description) => printable(description),
        None => printable(&pages.failure_in_english(failure.reason())),
    };
    let mut body = json!({ "error": failure.reason().oauth_error(), "error_description": description });
    if let Some(uri) = failure.error_uri() {
        body["error_uri"] = uri.into();
    }
    let headers = [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache"), (CONTENT_TYPE, "application/json")];
    complete((status, headers, body.to_string()).into_response(), failure)
}

/// Adds the parts that both renderings share.
fn complete(mut response: Response, failure: &Failure) -> Response {
    let headers = response.headers_mut();
    headers.extend(failure.headers().clone());
    if failure.status() == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    response.extensions_mut().insert(FailureName(failure.reason().as_str()));
    response
}

/// `text` in the characters of an `error_description` (RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E).
fn printable(text: &str) -> String {
    let printable = |c| match c {
        '"' | '\u{2018}' | '\u{2019}' => '\'',
        ' '..='~' if c != '\\' => c,
        _ => '?',
    };
    text.chars().map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_keep_to_the_characters_of_the_rfc() {
        assert_eq!(printable("say \"hé\\llo\" ~\n"), "say 'h??llo' ~?");
    }
}
