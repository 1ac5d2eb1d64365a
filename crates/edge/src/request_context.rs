//! The context of a request that every handler needs: its issuer, its id, and its client.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::Extensions;
use axum::http::request::Parts;
use lychgate_api::Reason;
use lychgate_api::channel::RequestId;
use lychgate_pages::words::Reader;

use crate::client_address::{self, Prefix};
use crate::control::CallContext;
use crate::entropy;
use crate::failure::Failure;
use crate::http::reader;
use crate::issuers::{Issuer, IssuerRoute};

pub(crate) struct RequestContext {
    pub(crate) issuer: Arc<Issuer>,
    /// Goes with every call to the control plane.
    pub(crate) call: CallContext,
    /// Counted by limits.
    pub(crate) prefix: Prefix,
    /// The reader of a page that answers the request.
    pub(crate) reader: Reader,
    /// True in a browser that an app shows inside itself.
    pub(crate) is_embedded: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match parts.extensions.get::<IssuerRoute>() {
            Some(IssuerRoute::Found(issuer)) => Ok(Self {
                issuer: Arc::clone(issuer),
                call: CallContext {
                    request_id: request_id(&parts.extensions),
                    client_address: client_address::of_request(&parts.extensions),
                },
                prefix: Prefix::of_request(&parts.extensions),
                reader: reader::of(&parts.headers, parts.uri.query()),
                is_embedded: reader::is_embedded(&parts.headers),
            }),
            Some(IssuerRoute::NotReady) => Err(Failure::new(Reason::StoreUnavailable)),
            Some(IssuerRoute::Unknown) | None => Err(Failure::new(Reason::IssuerUnknown)),
        }
    }
}

/// The request's id. A fresh one if the layer that assigns it is missing.
pub(crate) fn request_id(extensions: &Extensions) -> RequestId {
    extensions.get::<RequestId>().cloned().unwrap_or_else(entropy::request_id)
}

/// The failure of a request that matches no route: 404, or 503 while the issuers are not known yet.
pub(crate) async fn not_found(request: Request) -> Failure {
    match request.extensions().get::<IssuerRoute>() {
        Some(IssuerRoute::NotReady) => Failure::new(Reason::StoreUnavailable),
        Some(IssuerRoute::Found(_) | IssuerRoute::Unknown) | None => Failure::new(Reason::NotFound),
    }
}
