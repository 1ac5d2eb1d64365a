//! A failed request as a value: its reason, which decides HTTP status and OAuth code, and what is sent with it.
//!
//! A handler returns a [`Failure`] and a layer renders it (`middleware/render_failure.rs`), as OAuth JSON or as a page. It
//! fails closed: a reason that this version does not know is a `server_error`, and text that came with it is not shown.

mod delivery;
mod grpc;

use std::borrow::Cow;
use std::time::Duration;

use axum::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use lychgate_api::Reason;
use lychgate_api::v1::FailurePage;
use lychgate_pages::ReturnLink;
use lychgate_pages::page::RefusedPerson;

pub(crate) use delivery::{Delivery, found_no_server};
pub(crate) use grpc::{invites_repetition, is_unreachable};

/// Every failure of this process, whether the edge or the control plane found it.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    reason: Reason,
    /// One sentence for the client's developer.
    description: Option<Cow<'static, str>>,
    return_link: Option<ReturnLink>,
    /// `error_uri` of OAuth JSON (RFC 6749 §5.2): a page of ours.
    error_uri: Option<String>,
    /// The form that was answered, or that may be answered with another account: its target and its ticket.
    form: Option<(String, String)>,
    /// The person who was not admitted.
    refused: Option<RefusedPerson>,
    /// Sent with the response in either rendering.
    headers: HeaderMap,
}

impl Failure {
    pub(crate) fn new(reason: Reason) -> Self {
        Self(Box::new(Inner {
            reason,
            description: None,
            return_link: None,
            error_uri: None,
            form: None,
            refused: None,
            headers: HeaderMap::new(),
        }))
    }

    pub(crate) fn method_not_allowed(allowed: HeaderValue) -> Self {
        Self::new(Reason::MethodNotAllowed).with_header(ALLOW, allowed)
    }

    /// RFC 6585 §4. `Retry-After` has whole seconds, rounded up: a caller that waits for them is not refused as too early.
    pub(crate) fn too_many_requests(wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self::new(Reason::TooManyRequests).with_header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// The failure that ended an authorization earlier and that the control plane has on record. `consent` is the path of the
    /// issuer's consent page.
    pub(crate) fn from_page(page: FailurePage, consent: String) -> Self {
        let Some(reason) = known(&page.reason) else { return Self::new(Reason::Fault) };
        let upstream_name = page.upstream_name;
        let refused = page.person.map(|person| RefusedPerson { person, upstream_name });
        let mut failure = Self::new(reason).with_return_link(ReturnLink::new(page.return_uri, page.return_label));
        failure.0.form = Some((consent, page.another_account_ticket)).filter(|(_, ticket)| !ticket.is_empty());
        failure.0.refused = refused;
        failure
    }

    /// Replaces the reason, where the endpoint has a reason of its own for the same mistake.
    pub(crate) fn with_reason(mut self, reason: Reason) -> Self {
        self.0.reason = reason;
        self
    }

    /// Adds one sentence for the client's developer.
    pub(crate) fn describe(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.0.description = Some(description.into());
        self
    }

    pub(crate) fn with_return_link(mut self, link: Option<ReturnLink>) -> Self {
        self.0.return_link = link;
        self
    }

    pub(crate) fn with_error_uri(mut self, uri: String) -> Self {
        self.0.error_uri = Some(uri);
        self
    }

    /// Names the form that was answered, so that the page can offer it again.
    pub(crate) fn with_form(mut self, action: String, ticket: String) -> Self {
        self.0.form = Some((action, ticket));
        self
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.0.headers.extend(headers);
        self
    }

    pub(crate) fn reason(&self) -> Reason {
        self.0.reason
    }

    pub(crate) fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    pub(crate) fn return_link(&self) -> Option<&ReturnLink> {
        self.0.return_link.as_ref()
    }

    pub(crate) fn error_uri(&self) -> Option<&str> {
        self.0.error_uri.as_deref()
    }

    pub(crate) fn form(&self) -> Option<&(String, String)> {
        self.0.form.as_ref()
    }

    pub(crate) fn refused(&self) -> Option<&RefusedPerson> {
        self.0.refused.as_ref()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The HTTP status for a browser.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.reason.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The HTTP status for a client of the API. RFC 6749 §5.2: `invalid_client` is 401, by which clients learn at the token
    /// endpoint that they must register again; at `/authorize` the same code is a 400, in either rendering.
    pub(crate) fn json_status(&self) -> StatusCode {
        if self.0.reason.oauth_error() == "invalid_client" { StatusCode::UNAUTHORIZED } else { self.status() }
    }

    /// True if the secret that the caller presented is not the client's or no resource server's. An unknown client is no
    /// such failure: ids are not secret, so nothing was guessed. A wrong assertion is none either: a signature cannot be
    /// guessed.
    pub(crate) fn is_wrong_secret(&self) -> bool {
        matches!(self.0.reason, Reason::ClientAuthenticationFailed | Reason::ResourceServerUnknown)
    }
}

fn known(reason: &str) -> Option<Reason> {
    let known = Reason::parse(reason);
    if known.is_none() {
        tracing::error!(reason, "the control plane gave a reason that this version does not know");
    }
    known
}

/// Carries the failure from a handler to the layer that renders it. Without such a layer the response is an empty 500.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::INTERNAL_SERVER_ERROR, self.0.headers.clone()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        for (wait, seconds) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2"), (59_999, "60")] {
            let failure = Failure::too_many_requests(Duration::from_millis(wait));
            assert_eq!(failure.0.headers[RETRY_AFTER], seconds, "{wait} ms");
            assert_eq!(failure.status().as_u16(), 429);
        }
    }
}
