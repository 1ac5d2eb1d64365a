//! What a resource server does with Lychgate's tokens, as a tower layer: the part worth copying into a server of your own.
//!
//! A request passes with a [`Caller`] in its extensions and without its token, or it does not pass and the answer says what
//! to bring (RFC 6750 §3, RFC 9728 §5.1). Tokens are verified offline, against the issuer's published keys: no call per
//! request, and a revoked grant's access token lives until it expires.
//!
//! It never takes a token from anywhere but the `Authorization` header, never accepts one that was issued for another
//! resource, and never answers "your token is bad" when it merely could not find out.

mod challenge;
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

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use tower::{Layer, Service};
use url::Url;

pub use challenge::Challenge;
pub use keys::IssuerKeys;
pub use metadata::metadata;
pub use verify::{Unverified, Verifier};

pub type Scopes = BTreeSet<String>;

/// What this server is to the world.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The URL clients are given, literally. Tokens name it as their audience, and clients compare it byte by byte.
    pub identifier: String,
    /// The same, understood.
    pub url: Url,
    pub issuer: String,
    pub name: String,
    /// Needed for anything at all.
    pub required_scopes: Scopes,
    /// All that mean something here.
    pub scopes: Scopes,
}

/// Who is calling, as proven by a token. Only [`Verifier::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The person: who they are at which upstream, `upstream|id`.
    pub sub: String,
    /// The client that acts for them.
    pub client_id: String,
    pub scopes: Scopes,
    /// What the token was minted from, to be named when something is to be revoked.
    pub grant_id: Option<String>,
    /// Seconds since 1970.
    pub expires_at: u64,
}

impl Caller {
    /// Whoever may write something may read it; that is all the hierarchy there is.
    pub fn may(&self, scope: &str) -> bool {
        let wider = scope.strip_suffix(":read").map(|subject| format!("{subject}:write"));
        self.scopes.contains(scope) || wider.is_some_and(|wider| self.scopes.contains(&wider))
    }
}

/// The layer. Clones share the issuer's keys.
#[derive(Debug, Clone)]
pub struct Protect {
    resource: Arc<Resource>,
    verifier: Arc<Verifier>,
}

impl Protect {
    pub fn new(resource: Arc<Resource>, keys: IssuerKeys) -> Self {
        let verifier = Arc::new(Verifier::new(&resource, keys));
        Self { resource, verifier }
    }

    async fn admit(&self, headers: &HeaderMap) -> Result<Caller, Challenge> {
        let token = match presented(headers) {
            Presented::Nothing => return Err(Challenge::NoToken),
            Presented::Unreadable => return Err(Challenge::InvalidToken("the Authorization header is unreadable")),
            Presented::Token(token) => token,
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

/// A service behind the layer.
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
        // The one that was polled ready goes into the future, its clone waits for the next request.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let caller = match protect.admit(request.headers()).await {
                Ok(caller) => caller,
                Err(challenge) => return Ok(challenge.response(&protect.resource)),
            };
            // What lies behind learns who calls, and cannot log the token or pass it on.
            request.headers_mut().remove(header::AUTHORIZATION);
            request.extensions_mut().insert(caller);
            inner.call(request).await.map(IntoResponse::into_response)
        })
    }
}

enum Presented<'a> {
    Nothing,
    Unreadable,
    Token(&'a str),
}

/// RFC 6750 §2.1. Neither query nor body is looked at: addresses end up in logs (OAuth 2.1 §5.1.1).
fn presented(headers: &HeaderMap) -> Presented<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Presented::Nothing,
        (Some(value), None) => value,
        // Two readers could each believe another one.
        (Some(_), Some(_)) => return Presented::Unreadable,
    };
    match value.to_str().map(|value| value.split_once(' ')) {
        Ok(Some((scheme, token))) if scheme.eq_ignore_ascii_case("bearer") => Presented::Token(token.trim()),
        Ok(Some(_)) => Presented::Nothing,
        Ok(None) | Err(_) => Presented::Unreadable,
    }
}
