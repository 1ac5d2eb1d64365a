//! The caller of an RPC.

use std::net::IpAddr;
use std::sync::Arc;

use lychgate_domain::event::{Address, EventCaller};
use lychgate_domain::issuer::Issuer;

use super::principal::Principal;

/// The authenticated caller of one RPC, and the request id of that call.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub principal: Arc<Principal>,
    pub request_id: String,
    /// The address of the operator or reader itself, or of an edge's client. For events and for limits.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// The caller as events name it; the issuer's address policy says how much of the address is kept.
    pub(crate) fn for_events(&self, issuer: &Issuer) -> EventCaller {
        EventCaller {
            principal: self.principal.name.clone(),
            request_id: self.request_id.clone(),
            address: self.address.and_then(|address| Address::kept(address, issuer.addresses)),
        }
    }
}
