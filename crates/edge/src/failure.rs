//! What went wrong, on its way to whoever asked: a gRPC status or a finding of the edge's own becomes a [`Failure`], and
//! a `Failure` becomes OAuth JSON or a page. This is the only place where either happens.
//!
//! It fails closed: what is not understood is a `server_error`, and no text of an unknown origin is shown.

use std::borrow::Cow;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, PRAGMA, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lychgate_api::v1::FailurePage;
use lychgate_api::{ERROR_DOMAIN, Reason, error_metadata as metadata};
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::{ErrorInfo, StatusExt};

use crate::locate::Located;
use crate::observe;
use crate::pages::{ErrorPage, ReturnLink};
use crate::response::{self, prefers_json};
use crate::router::App;
use crate::wording::{self, Wording};

/// Seconds after which it makes sense to come back: longer than a restart of the control plane takes.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// Should even the error page fail to render.
const UNSTYLED: &str = "<!doctype html><html lang=\"en\"><title>Error</title><h1>Something went wrong</h1>";

/// Every "no" of this process. Handlers return it; [`as_page`] and [`as_json`] give it its looks.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    cause: Cause,
    /// The control plane's word for it, for clients; without one, the status decides.
    oauth_error: Option<String>,
    /// One sentence for the client's developer.
    description: Option<Cow<'static, str>>,
    return_link: Option<ReturnLink>,
    /// Go with the answer, whatever it looks like.
    headers: HeaderMap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Refused(Reason),
    /// There is nothing at this address.
    NotFound,
    /// There is something, but not for this method.
    MethodNotAllowed,
    /// More than a limit allows, from there or from everybody.
    TooMany,
    /// As many as can be are under way.
    Crowded,
}

impl Failure {
    pub(crate) fn new(reason: Reason) -> Self {
        Self::of(Cause::Refused(reason))
    }

    pub(crate) fn not_found() -> Self {
        Self::of(Cause::NotFound)
    }

    pub(crate) fn method_not_allowed(allowed: &'static str) -> Self {
        Self::of(Cause::MethodNotAllowed).with_header(ALLOW, HeaderValue::from_static(allowed))
    }

    /// RFC 6585 §4. Whole seconds, rounded up: whoever comes back then is not refused for having come too early.
    pub(crate) fn too_many(wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self::of(Cause::TooMany).with_header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    pub(crate) fn crowded() -> Self {
        Self::of(Cause::Crowded)
    }

    fn of(cause: Cause) -> Self {
        Self(Box::new(Inner {
            cause,
            oauth_error: None,
            description: None,
            return_link: None,
            headers: HeaderMap::new(),
        }))
    }

    /// A failure that is on record.
    pub(crate) fn from_page(page: FailurePage) -> Self {
        match known(&page.reason) {
            Some(reason) => Self::new(reason).return_link(ReturnLink::new(page.return_uri, page.return_label)),
            None => Self::new(Reason::Fault),
        }
    }

    /// One sentence for the client's developer.
    pub(crate) fn describe(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.0.description = Some(description.into());
        self
    }

    /// The OAuth code, where the endpoint has one of its own for what the edge found itself.
    pub(crate) fn oauth_error(mut self, code: impl Into<String>) -> Self {
        self.0.oauth_error = Some(code.into());
        self
    }

    fn return_link(mut self, link: Option<ReturnLink>) -> Self {
        self.0.return_link = link;
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

    /// RFC 6749 §5.2: the code that a client reads.
    pub(crate) fn code(&self) -> &str {
        match (&self.0.oauth_error, self.0.cause) {
            (_, Cause::Refused(reason)) if reason.http_status() == 503 => "temporarily_unavailable",
            // No code is registered for this at any endpoint of programs. RFC 6749 §4.1.2.1 has the word for it:
            // "temporary overloading"; RFC 8628's `slow_down` belongs to its polling.
            (_, Cause::TooMany | Cause::Crowded) => "temporarily_unavailable",
            (Some(code), Cause::Refused(_)) => code,
            (None, Cause::Refused(reason)) if reason.http_status() >= 500 => "server_error",
            (_, Cause::NotFound) => "not_found",
            (None, Cause::Refused(_)) | (_, Cause::MethodNotAllowed) => "invalid_request",
        }
    }

    /// That a secret, or another proof of who the caller is, was wrong. Not that the client is unknown: ids are no secret.
    pub(crate) fn is_failed_authentication(&self) -> bool {
        matches!(
            self.0.cause,
            Cause::Refused(
                Reason::ClientAuthenticationFailed
                    | Reason::ClientAssertionInvalid
                    | Reason::ClientAssertionReplayed
                    | Reason::ResourceServerUnknown
            )
        )
    }

    #[cfg(test)]
    pub(crate) fn reason(&self) -> Reason {
        match self.0.cause {
            Cause::Refused(reason) => reason,
            Cause::NotFound | Cause::MethodNotAllowed | Cause::TooMany | Cause::Crowded => {
                panic!("{:?} has no reason", self.0.cause)
            }
        }
    }

    /// As logs and pages name it.
    pub(crate) fn name(&self) -> &'static str {
        match self.0.cause {
            Cause::Refused(reason) => reason.as_str(),
            Cause::NotFound => "NOT_FOUND",
            Cause::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Cause::TooMany => "TOO_MANY_REQUESTS",
            Cause::Crowded => "CROWDED",
        }
    }

    fn status(&self) -> StatusCode {
        match self.0.cause {
            Cause::Refused(reason) => {
                StatusCode::from_u16(reason.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Cause::NotFound => StatusCode::NOT_FOUND,
            Cause::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Cause::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Cause::Crowded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// For endpoints that only programs call. RFC 6749 §5.2: `invalid_client` is 401, which is how clients learn at the
    /// token endpoint that they must register again; at `/authorize` they read a 400, whatever they accept.
    pub(crate) fn json_status(&self) -> StatusCode {
        if self.code() == "invalid_client" { StatusCode::UNAUTHORIZED } else { self.status() }
    }

    fn wording(&self) -> Wording {
        wording::of(self.0.cause)
    }
}

/// What a call to the control plane ended with, if not with an answer.
impl From<&Status> for Failure {
    fn from(status: &Status) -> Self {
        match error_info(status) {
            Some(info) => Self::from_info(info),
            None if is_out_of_reach(status) => Self::new(Reason::StoreUnavailable),
            None => Self::new(Reason::Fault),
        }
    }
}

impl Failure {
    fn from_info(mut info: ErrorInfo) -> Self {
        // What else there is belongs to the reason: where that is not understood, nothing is.
        let Some(reason) = known(&info.reason) else { return Self::new(Reason::Fault) };
        let mut failure = Self::new(reason);
        let mut take = |key| info.metadata.remove(key).filter(|value| !value.is_empty());
        failure.0.oauth_error = take(metadata::OAUTH_ERROR);
        failure.0.description = take(metadata::DESCRIPTION).map(Cow::Owned);
        let (uri, label) = (take(metadata::RETURN_URI), take(metadata::RETURN_LABEL));
        if let Some(challenge) = take(metadata::CHALLENGE).and_then(|challenge| challenge.try_into().ok()) {
            failure = failure.with_header(WWW_AUTHENTICATE, challenge);
        }
        failure.return_link(uri.and_then(|uri| ReturnLink::new(uri, label.unwrap_or_default())))
    }
}

fn known(reason: &str) -> Option<Reason> {
    let known = Reason::parse(reason);
    if known.is_none() {
        tracing::error!(reason, "the control plane gave a reason that this version does not know");
    }
    known
}

/// Whether the very same message may be sent again: it did not arrive, its answer did not, or the store could not take
/// it just then. Every RPC of the edge allows that (see the comments in `proto/lychgate/v1`).
pub(crate) fn is_transient(status: &Status) -> bool {
    match error_info(status) {
        Some(info) => Reason::parse(&info.reason) == Some(Reason::StoreUnavailable),
        // A status with a source was made on this side of the wire, by a connection that failed.
        None => status.code() == Code::Unavailable || status.source().is_some(),
    }
}

/// Whether the call ended without the control plane's own word, by a failure that passes.
pub(crate) fn is_out_of_reach(status: &Status) -> bool {
    let passes = matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted);
    error_info(status).is_none() && (passes || is_transient(status))
}

fn error_info(status: &Status) -> Option<ErrorInfo> {
    status.get_details_error_info().filter(|info| info.domain == ERROR_DOMAIN)
}

/// On its way out of a handler. Should no layer render it, it is still an error and says nothing.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::INTERNAL_SERVER_ERROR, self.0.headers.clone()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Layer for what programs call: every failure is OAuth JSON, never cached.
pub(crate) async fn as_json(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Failure>() {
        Some(failure) => json_answer(failure.json_status(), &failure),
        None => response,
    }
}

/// Layer for what browsers open: every failure is a page, or JSON for whoever prefers it.
pub(crate) async fn as_page(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let json = prefers_json(request.headers());
    let request_id = observe::request_id(&request);
    let issuer = request.extensions().get::<Located>().and_then(Located::issuer).cloned();
    let mut response = next.run(request).await;
    let Some(failure) = response.extensions_mut().remove::<Failure>() else { return response };
    let mut answer = if json {
        json_answer(failure.status(), &failure)
    } else {
        let Wording { title, what, next } = failure.wording();
        let page = ErrorPage {
            title,
            what,
            next,
            stylesheet: app.pages.stylesheet().to_owned(),
            issuer_name: issuer.map(|issuer| issuer.name.clone()).unwrap_or_default(),
            return_link: failure.0.return_link.clone(),
            request_id,
            reason: failure.name(),
            description: failure.0.description.clone().unwrap_or_default().into_owned(),
        };
        let html = app.pages.render(&page).unwrap_or_else(|_| UNSTYLED.to_owned());
        dress(response::page(failure.status(), html), &failure)
    };
    answer.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
    answer
}

fn json_answer(status: StatusCode, failure: &Failure) -> Response {
    let mut body = json!({ "error": failure.code() });
    let description = failure.0.description.as_deref().unwrap_or(failure.wording().what);
    body["error_description"] = printable(description).into();
    let no_store = [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache"), (CONTENT_TYPE, "application/json")];
    dress((status, no_store, body.to_string()).into_response(), failure)
}

fn dress(mut response: Response, failure: &Failure) -> Response {
    let headers = response.headers_mut();
    headers.extend(failure.0.headers.clone());
    if failure.status() == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    response.extensions_mut().insert(observe::Outcome(failure.name()));
    response
}

/// RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E.
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
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    fn status(code: Code, domain: &str, reason: &str, metadata: &[(&str, &str)]) -> Status {
        let metadata: HashMap<_, _> = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Status::with_error_details(code, "inner words", ErrorDetails::with_error_info(reason, domain, metadata))
    }

    #[test]
    fn an_unknown_reason_fails_closed() {
        let told = [("oauth_error", "access_denied"), ("description", "d"), ("return_uri", "https://evil.example")];
        let failure = Failure::from(&status(Code::InvalidArgument, ERROR_DOMAIN, "SOMETHING_NEW", &told));
        assert_eq!((failure.reason(), failure.code()), (Reason::Fault, "server_error"));
        assert!(failure.0.return_link.is_none() && failure.0.description.is_none());
        let failure = Failure::from(&status(Code::InvalidArgument, "other.example", "CODE_INVALID", &told));
        assert_eq!(failure.reason(), Reason::Fault, "a reason of another domain is none");
        assert_eq!(Failure::from(&Status::unauthenticated("")).reason(), Reason::Fault);
    }

    #[test]
    fn a_control_plane_out_of_reach_is_temporary() {
        for code in [Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled, Code::ResourceExhausted] {
            let failure = Failure::from(&Status::new(code, ""));
            assert_eq!((failure.status().as_u16(), failure.code()), (503, "temporarily_unavailable"), "{code:?}");
        }
    }

    #[test]
    fn only_what_did_not_arrive_is_sent_again() {
        assert!(is_transient(&Status::unavailable("")));
        assert!(is_transient(&status(Code::Unavailable, ERROR_DOMAIN, "STORE_UNAVAILABLE", &[])));
        assert!(!is_transient(&status(Code::Unavailable, ERROR_DOMAIN, "UPSTREAM_UNAVAILABLE", &[])));
        assert!(!is_transient(&status(Code::FailedPrecondition, ERROR_DOMAIN, "CODE_REPLAYED", &[])));
        assert!(!is_transient(&Status::internal("")));
    }

    #[test]
    fn invalid_client_is_401_for_programs_and_400_for_people() {
        let failure = Failure::from(&status(
            Code::NotFound,
            ERROR_DOMAIN,
            "CLIENT_UNKNOWN",
            &[("oauth_error", "invalid_client")],
        ));
        assert_eq!((failure.json_status().as_u16(), failure.status().as_u16()), (401, 400));
    }

    #[test]
    fn who_is_told_to_wait_never_comes_back_too_early() {
        for (wait, seconds) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2"), (59_999, "60")] {
            let failure = Failure::too_many(Duration::from_millis(wait));
            assert_eq!(failure.0.headers[RETRY_AFTER], seconds, "{wait} ms");
            assert_eq!((failure.status().as_u16(), failure.code()), (429, "temporarily_unavailable"));
        }
    }

    #[test]
    fn descriptions_keep_to_the_characters_of_the_rfc() {
        assert_eq!(printable("say \"hé\\llo\" ~\n"), "say 'h??llo' ~?");
    }
}
