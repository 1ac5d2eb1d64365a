//! Who is calling, and whether they may: before any service sees the call.
//!
//! Methods are denied unless they are listed for the caller's role. Health and reflection are open to whoever can
//! connect: they tell nothing that is not in the source.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, Either};
use lychgate_api::{REQUEST_ID, Reason, error_metadata};
use lychgate_domain::Refusal;
use lychgate_domain::entropy::{Entropy, random};
use lychgate_domain::id::encode;
use tonic::body::Body;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::config::Role;
use crate::control::Caller;
use crate::error::{Error, status};
use crate::principal::{Principals, roles};

/// Puts a [`Caller`] into the extensions of every call that may go on.
#[derive(Clone, Debug)]
pub struct Authentication {
    principals: Arc<Principals>,
    entropy: Arc<dyn Entropy>,
}

impl Authentication {
    pub fn new(principals: Arc<Principals>, entropy: Arc<dyn Entropy>) -> Self {
        Self { principals, entropy }
    }

    fn authenticate<B>(&self, request: &mut http::Request<B>) -> Result<(), Status> {
        let path = request.uri().path();
        if ["/grpc.health.v1.", "/grpc.reflection.v1.", "/grpc.reflection.v1alpha."]
            .iter()
            .any(|open| path.starts_with(open))
        {
            return Ok(());
        }
        let request_id = self.request_id(request);
        let denied = |reason, message: &str| {
            tracing::warn!(request.id = request_id, rpc.path = path, reason = Reason::as_str(reason), "denied");
            status(reason, message, HashMap::from([(error_metadata::REQUEST_ID.to_owned(), request_id.clone())]))
        };
        if !is_private(request) {
            return Err(denied(Reason::Unauthenticated, "bearer tokens are refused over plaintext; use TLS"));
        }
        let principal = bearer(request).and_then(|token| self.principals.by_token(token)).ok_or_else(|| {
            denied(Reason::Unauthenticated, "send metadata authorization: Bearer TOKEN of a configured principal")
        })?;
        if !roles(path).contains(&principal.role) {
            return Err(denied(Reason::PermissionDenied, "this principal's role does not include the method"));
        }
        // An edge logs each of its requests itself, under the same id.
        if principal.role == Role::Edge {
            tracing::debug!(request.id = request_id, rpc.path = path, principal.name = principal.name, "called");
        } else {
            tracing::info!(request.id = request_id, rpc.path = path, principal.name = principal.name, "called");
        }
        let principal = Arc::clone(principal);
        request.extensions_mut().insert(Caller { principal, request_id });
        Ok(())
    }

    /// The caller's, if it has the form that may stand in our logs.
    fn request_id<B>(&self, request: &http::Request<B>) -> String {
        let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        match given {
            Some(id) if (1..=64).contains(&id.len()) && id.bytes().all(allowed) => id.to_owned(),
            _ => encode(&random::<16>(&*self.entropy)),
        }
    }
}

/// RFC 6750 §2.1; the scheme's case means nothing.
fn bearer<B>(request: &http::Request<B>) -> Option<&str> {
    let (scheme, token) = request.headers().get("authorization")?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Encrypted, or on this machine.
fn is_private<B>(request: &http::Request<B>) -> bool {
    let extensions = request.extensions();
    let loopback =
        |info: &TcpConnectInfo| info.remote_addr().is_some_and(|address| address.ip().to_canonical().is_loopback());
    extensions.get::<TlsConnectInfo<TcpConnectInfo>>().is_some()
        || extensions.get::<TcpConnectInfo>().is_some_and(loopback)
}

impl<S> Layer<S> for Authentication {
    type Service = Authenticated<S>;

    fn layer(&self, inner: S) -> Authenticated<S> {
        Authenticated { authentication: self.clone(), inner }
    }
}

#[derive(Clone, Debug)]
pub struct Authenticated<S> {
    authentication: Authentication,
    inner: S,
}

impl<S, B> Service<http::Request<B>> for Authenticated<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<Ready<Result<S::Response, S::Error>>, BoxFuture<'static, Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        if let Err(status) = self.authentication.authenticate(&mut request) {
            return Either::Left(ready(Ok(status.into_http())));
        }
        let request_id = request.extensions().get::<Caller>().map(|caller| caller.request_id.clone());
        let answered = self.inner.call(request);
        Either::Right(Box::pin(async move { Ok(with_reason(answered.await?, request_id.as_deref())) }))
    }
}

/// What never reached a service (a message that cannot be decoded, or is too large) is refused for a reason, too.
/// Without an id it is a call of health or reflection, which have errors of their own.
fn with_reason(response: http::Response<Body>, request_id: Option<&str>) -> http::Response<Body> {
    let bare = |status: Status| status.code() != Code::Ok && status.details().is_empty();
    match request_id {
        Some(request_id) if Status::from_header_map(response.headers()).is_some_and(bare) => {
            let refusal = Refusal::RequestMalformed("the message cannot be read");
            Error::from(refusal).into_status(request_id).into_http()
        }
        _ => response,
    }
}
