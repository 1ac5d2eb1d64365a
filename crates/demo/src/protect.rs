//! A tower layer that verifies Lychgate's access tokens. Copy it into a resource server of your own.
//!
//! The layer passes a request on with a [`Caller`] in its extensions and without its token. Otherwise it answers with a
//! challenge (RFC 6750 §3, RFC 9728 §5.1). Tokens are verified offline with the issuer's published keys. This needs no call for
//! each request, but accepts the access token of a revoked grant until it expires.
//!
//! Put [`cors()`] around it, or no web page can be a client: the layer answers a browser's preflight with 401.
//!
//! The layer reads tokens from the `Authorization` header only, refuses tokens for other resources, and never reports a token as
//! invalid when it could not verify it.

mod challenge;
mod cors;
mod keys;
mod metadata;
mod verify;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use tokio::time::timeout;
use tower::{Layer, Service};
use url::Url;

pub use challenge::Challenge;
pub use cors::cors;
pub use keys::IssuerKeys;
pub use metadata::metadata;
pub use verify::{Unverified, Verifier};

/// The limits of reading the body of a refused request: bytes, and time.
const DISCARD_BYTES: usize = 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// A set of scopes.
pub type Scopes = BTreeSet<String>;

/// The protected resource (RFC 9728).
#[derive(Debug, Clone)]
pub struct Resource {
    /// The URL that clients use, as text. Tokens have it as their audience, and clients compare it byte by byte.
    pub identifier: String,
    /// The parsed `identifier`.
    pub url: Url,
    /// The issuer of its tokens.
    pub issuer: String,
    /// Display name.
    pub name: String,
    /// The scopes that every request needs.
    pub required_scopes: Scopes,
    /// All scopes of the resource.
    pub scopes: Scopes,
}

/// The authenticated caller of a request. Only [`Verifier::verify`] creates one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The person, as `UPSTREAM_ID|USER_ID`.
    pub sub: String,
    /// The client that acts for the person.
    pub client_id: String,
    /// The scopes of the token.
    pub scopes: Scopes,
    /// The grant of the token, for revoking it.
    pub grant_id: Option<String>,
    /// Expiry of the token, in seconds since the Unix epoch.
    pub expires_at: u64,
}

impl Caller {
    /// True if the caller has `scope`. A scope `X:write` includes `X:read`; there is no other hierarchy.
    pub fn may(&self, scope: &str) -> bool {
        let wider = scope.strip_suffix(":read").map(|subject| format!("{subject}:write"));
        self.scopes.contains(scope) || wider.is_some_and(|wider| self.scopes.contains(&wider))
    }
}

/// The layer that protects a resource. Clones share the issuer's keys.
#[derive(Debug, Clone)]
pub struct Protect {
    resource: Arc<Resource>,
    verifier: Arc<Verifier>,
}

impl Protect {
    /// A layer for `resource` and the keys of its issuer.
    pub fn new(resource: Arc<Resource>, keys: IssuerKeys) -> Self {
        let verifier = Arc::new(Verifier::new(&resource, keys));
        Self { resource, verifier }
    }

    async fn admit(&self, headers: &HeaderMap) -> Result<Caller, Challenge> {
        let token = match bearer_token(headers) {
            BearerToken::Missing => return Err(Challenge::NoToken),
            BearerToken::Unreadable => return Err(Challenge::InvalidToken("the Authorization header is unreadable")),
            BearerToken::Present(token) => token,
        };
        let caller = self.verifier.verify(token).await?;
        if self.resource.required_scopes.iter().all(|scope| caller.may(scope)) {
            Ok(caller)
        } else {
            Err(Challenge::InsufficientScope(self.resource.required_scopes.clone()))
        }
    }
}

impl<S> Layer<S> for Protect {
    type Service = Protected<S>;

    fn layer(&self, inner: S) -> Protected<S> {
        Protected { protect: self.clone(), inner }
    }
}

/// A service protected by the layer.
#[derive(Debug, Clone)]
pub struct Protected<S> {
    protect: Protect,
    inner: S,
}

impl<S> Service<Request> for Protected<S>
where
    S: Service<Request, Error = Infallible> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let protect = self.protect.clone();
        // The service that was polled ready handles this request; its clone handles the next one.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let caller = match protect.admit(request.headers()).await {
                Ok(caller) => caller,
                Err(challenge) => {
                    discard(request.into_body()).await;
                    return Ok(challenge.response(&protect.resource));
                }
            };
            // The inner service gets the caller but no token, which it could log or pass on.
            request.headers_mut().remove(header::AUTHORIZATION);
            request.extensions_mut().insert(caller);
            inner.call(request).await.map(IntoResponse::into_response)
        })
    }
}

/// Reads the body of a refused request. Many clients send head and body apart. If the body is still under way when the response
/// is sent, the HTTP server closes the connection behind the response, and the client's next request on it gets no answer.
async fn discard(body: Body) {
    // The request is a stranger's. A connection whose body is longer or slower is closed.
    let _unread = timeout(DISCARD_TIME, to_bytes(body, DISCARD_BYTES)).await;
}

enum BearerToken<'a> {
    Missing,
    Unreadable,
    Present(&'a str),
}

/// Reads the `Authorization` header (RFC 6750 §2.1). Tokens in the query or body are ignored: URLs end up in logs (OAuth 2.1
/// §5.1.1).
fn bearer_token(headers: &HeaderMap) -> BearerToken<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return BearerToken::Missing,
        (Some(value), None) => value,
        // Two readers could use different headers.
        (Some(_), Some(_)) => return BearerToken::Unreadable,
    };
    match value.to_str().map(|value| value.split_once(' ')) {
        Ok(Some((scheme, token))) if scheme.eq_ignore_ascii_case("bearer") => BearerToken::Present(token.trim()),
        Ok(Some(_)) => BearerToken::Missing,
        Ok(None) | Err(_) => BearerToken::Unreadable,
    }
}
