//! Admits a request or refuses it with 429 or 503.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lychgate_api::Reason;

use crate::client_address::Prefix;
use crate::failure::Failure;
use crate::limits::{Class, Limits};

/// A ticket keeps URLs under 6 KB.
const MAX_URL_BYTES: usize = 8 * 1024;

/// Layer around every route, inside of the layer that renders failures.
pub(crate) async fn limit(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let url_bytes = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if url_bytes > MAX_URL_BYTES {
        let failure = Failure::new(Reason::RequestTooLarge);
        return failure.describe(format!("the URL is longer than {MAX_URL_BYTES} bytes")).into_response();
    }
    let permit = Class::of(&request).map(|class| limits.admit(class, Prefix::of_request(request.extensions())));
    match permit.transpose() {
        Ok(_permit) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}
