//! Admits a request or refuses it with 429 or 503.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lychgate_api::Reason;
use lychgate_process::connections::http::Accepted;

use crate::client_address::Prefix;
use crate::failure::Failure;
use crate::limits::{Class, Limits, RouteLimit};

/// A ticket keeps URLs under 6 KB.
const MAX_URL_BYTES: usize = 8 * 1024;

/// The limit of each method of each route: path, method, limit. It is filled where routes are listed, and nowhere else.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteLimits(pub(crate) Vec<(&'static str, &'static str, RouteLimit)>);

impl RouteLimits {
    /// The limit of a request; [`Class::Unlisted`] for one that no route lists.
    pub(crate) fn of(&self, path: Option<&str>, method: &Method) -> RouteLimit {
        let listed = self.0.iter().find(|(listed, of, _)| Some(*listed) == path && *of == method.as_str());
        listed.map_or(RouteLimit::Class(Class::Unlisted), |(_, _, limit)| *limit)
    }
}

/// Layer around every route, inside of the layer that renders failures.
pub(crate) async fn limit(
    State((limits, routes)): State<(Arc<Limits>, Arc<RouteLimits>)>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let limit = routes.of(path, request.method());
    if is_in_reserve(&request) && !matches!(limit, RouteLimit::Probe) {
        return Failure::new(Reason::AtCapacity)
            .with_header(CONNECTION, HeaderValue::from_static("close"))
            .into_response();
    }
    let url_bytes = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if url_bytes > MAX_URL_BYTES {
        let failure = Failure::new(Reason::RequestTooLarge);
        return failure.describe(format!("the URL is longer than {MAX_URL_BYTES} bytes")).into_response();
    }
    let permit =
        limit.class(request.headers()).map(|class| limits.admit(class, Prefix::of_request(request.extensions())));
    match permit.transpose() {
        Ok(_permit) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

/// True on a connection beyond the limits, which is for probes: a load balancer must not take an edge that is busy for dead.
fn is_in_reserve(request: &Request) -> bool {
    request.extensions().get::<Accepted>().is_some_and(|accepted| accepted.is_reserve)
}
