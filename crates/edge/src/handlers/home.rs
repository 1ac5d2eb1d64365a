//! The page at the issuer's own address.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lychgate_pages::page::HomePage;

use crate::app::App;
use crate::failure::Failure;
use crate::http::response;
use crate::request_context::RequestContext;

/// `GET /`
pub(crate) async fn show(State(app): State<App>, context: RequestContext) -> Result<Response, Failure> {
    let html = app.pages.render(Some(&context.issuer), &context.reader, &HomePage::default())?;
    Ok(response::page(StatusCode::OK, html))
}
