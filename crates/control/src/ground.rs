//! The ground floor: types and mechanisms that know no use case and no issuer at work.
//!
//! Nothing here imports another folder of this crate.

pub(crate) mod caller;
pub(crate) mod certificate;
pub(crate) mod commit;
pub(crate) mod cursor;
pub(crate) mod error;
pub(crate) mod jws;
pub(crate) mod meter;
pub mod outbound;
pub(crate) mod page_token;
pub(crate) mod principal;
pub(crate) mod propagation;
pub(crate) mod protobuf_time;
pub(crate) mod system;
pub(crate) mod tls;
