//! Authentication and authorization of callers, before any service sees the call.
//!
//! Methods are denied unless they are listed for the caller's role. Health and reflection are open to every
//! peer that can connect: they reveal nothing that is not in the source.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::future::{BoxFuture, Either};
use lychgate_api::{CLIENT_ADDRESS, REQUEST_ID, Reason, error_metadata};
use lychgate_domain::Refusal;
use lychgate_domain::entropy::{Entropy, random};
use lychgate_domain::id::encode;
use lychgate_domain::time::Clock;
use lychgate_process::connections::PlaceHandle;
use lychgate_process::telemetry::strangers::{LineLimit, cut};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::ground::caller::Caller;
use crate::ground::error::{Error, status};
use crate::ground::principal::Role;
use crate::ground::principal::{PresentedCredentials, Principal, Principals, TokenDigest, digest};
use crate::ground::tls::{Peer, Tls};
use crate::grpc::methods::{Method, method};
use crate::grpc::metrics::Metrics;

/// The connection of a call.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// Encrypted, or from this machine.
    pub(crate) is_private: bool,
    /// The address at its other end.
    pub(crate) address: Option<IpAddr>,
    pub(crate) peer: Option<Arc<Peer>>,
    /// Its place among all connections, which an authenticated call keeps.
    pub(crate) place: PlaceHandle,
}

/// Puts a [`Caller`] and its [`Admission`] into the extensions of every call that may go on. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Authentication(Arc<Means>);

#[derive(Debug)]
struct Means {
    principals: Arc<Principals>,
    tls: Option<Arc<Tls>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    metrics: Metrics,
    /// For lines about calls without a known caller.
    lines: LineLimit,
}

/// The credentials of a caller, kept for as long as its call lasts.
#[derive(Clone, Debug)]
struct CallerCredentials {
    token: Option<TokenDigest>,
    peer: Option<Arc<Peer>>,
}

impl Authentication {
    pub(crate) fn new(
        principals: Arc<Principals>,
        tls: Option<Arc<Tls>>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        metrics: Metrics,
    ) -> Self {
        let lines = LineLimit::default();
        Self(Arc::new(Means { principals, tls, clock, entropy, metrics, lines }))
    }

    /// Identifies the caller. Calls of health and reflection have none and are not refused.
    fn authenticate<B>(
        &self,
        method: Option<Method>,
        request: &mut http::Request<B>,
    ) -> Result<Option<Arc<Caller>>, Status> {
        let path = request.uri().path();
        if ["/grpc.health.v1.", "/grpc.reflection.v1.", "/grpc.reflection.v1alpha."]
            .iter()
            .any(|open| path.starts_with(open))
        {
            self.keep_place(request);
            return Ok(None);
        }
        let request_id = self.request_id(request);
        let denied = |reason, message: &str| self.denied(reason, message, path, &request_id);
        let connection = request.extensions().get::<Connection>();
        if !connection.is_some_and(|connection| connection.is_private) {
            return Err(denied(Reason::Unauthenticated, "bearer tokens are refused over plaintext; use TLS"));
        }
        let token = bearer(request).map_err(|message| denied(Reason::Unauthenticated, message))?;
        let peer = connection.and_then(|connection| connection.peer.clone());
        let credentials = CallerCredentials { token, peer };
        let principal = self.identify(&credentials).map_err(|message| denied(Reason::Unauthenticated, &message))?;
        if let Some(connection) = connection {
            connection.place.keep();
        }
        let Some(method) = method.filter(|method| method.roles.contains(&principal.role)) else {
            return Err(denied(Reason::PermissionDenied, "this principal's role does not include the method"));
        };
        match principal.role {
            // An edge logs each of its requests itself, under the same id; of checks there are thousands a second.
            Role::Edge | Role::Checker | Role::Resource => {
                tracing::debug!(request.id = request_id, rpc.path = path, principal.name = principal.name, "called");
            }
            Role::Reader | Role::Operator => {
                tracing::info!(request.id = request_id, rpc.path = path, principal.name = principal.name, "called");
            }
        }
        let address = match principal.role {
            // Only an edge may report the address of another: its client.
            Role::Edge => client_address(request),
            Role::Checker | Role::Reader | Role::Resource | Role::Operator => connection.and_then(|made| made.address),
        };
        let caller = Arc::new(Caller { principal, request_id, address });
        let admission =
            Admission { authentication: self.clone(), credentials, path: method.path, caller: Arc::clone(&caller) };
        request.extensions_mut().insert(admission);
        request.extensions_mut().insert(Arc::clone(&caller));
        Ok(Some(caller))
    }

    /// Keeps the connection of a principal that asks for health only, as an edge does at a control plane that it has no calls
    /// for. A stranger's connection ends after its time for a first call.
    fn keep_place<B>(&self, request: &http::Request<B>) {
        let Some(connection) = request.extensions().get::<Connection>().filter(|made| made.is_private) else { return };
        let Ok(token) = bearer(request) else { return };
        let credentials = CallerCredentials { token, peer: connection.peer.clone() };
        if self.identify(&credentials).is_ok() {
            connection.place.keep();
        }
    }

    /// The principal of these credentials, by the principals and certificates in force now.
    fn identify(&self, credentials: &CallerCredentials) -> Result<Arc<Principal>, String> {
        let names = match (&credentials.peer, &self.0.tls) {
            (Some(peer), Some(tls)) => {
                let names = tls.names(peer, self.0.clock.now());
                Some(
                    names
                        .map_err(|error| format!("the client certificate is no longer believed ({error}): renew it"))?,
                )
            }
            _ => None,
        };
        let shown = PresentedCredentials { token: credentials.token.as_ref(), certificate: names };
        self.0.principals.authenticate(shown).map_err(|error| error.to_string())
    }

    /// The status of a call that may not go on, with its line in the log. A stranger writes the path, and names of the
    /// certificate that the message quotes.
    fn denied(&self, reason: Reason, message: &str, path: &str, request_id: &str) -> Status {
        let line = || {
            let (rpc_path, error) = (cut(path), cut(message));
            tracing::warn!(request.id = request_id, rpc.path = %rpc_path, reason = reason.as_str(), %error, "denied");
        };
        if reason == Reason::Unauthenticated {
            self.0.lines.write(line);
        } else {
            // The caller is one of the configured principals.
            line();
        }
        status(reason, message, HashMap::from([(error_metadata::REQUEST_ID.to_owned(), request_id.to_owned())]))
    }

    /// The caller's request id, if its form is safe for our logs; otherwise a new one.
    fn request_id<B>(&self, request: &http::Request<B>) -> String {
        let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        match given {
            Some(id) if (1..=64).contains(&id.len()) && id.bytes().all(allowed) => id.to_owned(),
            _ => encode(&random::<16>(&*self.0.entropy)),
        }
    }
}

/// The admission of a call. Streams outlast the credentials that admitted them, and check again.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    authentication: Authentication,
    credentials: CallerCredentials,
    path: &'static str,
    caller: Arc<Caller>,
}

impl Admission {
    pub(crate) fn request_id(&self) -> &str {
        &self.caller.request_id
    }

    /// Refuses unless the caller would still be admitted with the same rights.
    pub(crate) fn check(&self) -> Result<(), Status> {
        let denied = |message: &str| {
            self.authentication.denied(Reason::Unauthenticated, message, self.path, &self.caller.request_id)
        };
        let now = self.authentication.identify(&self.credentials).map_err(|message| denied(&message))?;
        if now.has_same_rights_as(&self.caller.principal) {
            return Ok(());
        }
        Err(denied("what this principal may do has changed: call again"))
    }
}

/// The bearer token (RFC 6750 §2.1; the case of the scheme does not matter). Any other value is refused: it was meant as
/// a credential.
fn bearer<B>(request: &http::Request<B>) -> Result<Option<TokenDigest>, &'static str> {
    let Some(value) = request.headers().get("authorization") else { return Ok(None) };
    let token = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty());
    let (_, token) = token.ok_or("what metadata authorization has is not: Bearer TOKEN")?;
    Ok(Some(digest(token.trim())))
}

fn client_address<B>(request: &http::Request<B>) -> Option<IpAddr> {
    request.headers().get(CLIENT_ADDRESS)?.to_str().ok()?.parse().ok()
}

impl<S> Layer<S> for Authentication {
    type Service = Authenticated<S>;

    fn layer(&self, inner: S) -> Authenticated<S> {
        Authenticated { authentication: self.clone(), inner }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Authenticated<S> {
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
        let (begun, method) = (Instant::now(), method(request.uri().path()));
        let (means, path) = (Arc::clone(&self.authentication.0), method.map(|method| method.path));
        let caller = match self.authentication.authenticate(method, &mut request) {
            Ok(caller) => caller,
            Err(status) => {
                means.metrics.count(path, Some(&status), begun.elapsed());
                return Either::Left(ready(Ok(status.into_http())));
            }
        };
        let answered = self.inner.call(request);
        Either::Right(Box::pin(async move {
            let response = with_reason(answered.await?, caller.as_ref().map(|caller| caller.request_id.as_str()));
            means.metrics.count(path, Status::from_header_map(response.headers()).as_ref(), begun.elapsed());
            Ok(response)
        }))
    }
}

/// Adds a reason to errors from before the service (a message that cannot be decoded, or is too large). Calls of health and
/// reflection have no request id and keep their own errors.
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
