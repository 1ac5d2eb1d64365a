//! Our own origins, to which no client is answered.

use std::sync::Arc;

use super::IssuerUrl;
use crate::client::redirect_uri::RedirectUri;
use crate::origin::Origin;

/// The origins of all issuers of a deployment. A response to a redirect URI on one of them would carry a code to one of
/// our pages, and the browser would call the next request same-origin: one client's Deny could begin the request of
/// another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnOrigins(Arc<[Origin]>);

impl OwnOrigins {
    /// The origins of `issuers`.
    pub fn of<'a>(issuers: impl IntoIterator<Item = &'a IssuerUrl>) -> Self {
        Self(issuers.into_iter().map(|issuer| issuer.parsed_origin().clone()).collect())
    }

    /// True if `uri` leads to one of them, in any spelling.
    pub fn include(&self, uri: &RedirectUri) -> bool {
        uri.origin().is_some_and(|origin| self.0.iter().any(|own| own.is_served_with(&origin)))
    }
}
