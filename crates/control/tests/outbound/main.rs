//! Outbound fetches of URLs that strangers name, over real sockets: a hostile host, a hostile name server, and the
//! document cache.

#![expect(clippy::expect_used, reason = "a test that panics has failed")]

#[path = "../control/support/authority.rs"]
#[expect(dead_code, reason = "shared with the other tests of the control plane")]
mod authority;
mod cache;
mod dns;
mod host;
mod requests;

use std::sync::Arc;

use lychgate_control::outbound::{Outbound, Policy};
use url::Url;

use dns::StaticResolver;
use host::Host;

/// An outbound client that may connect to `host` by any name that `resolver` resolves.
fn outbound(host: &Host, resolver: &Arc<StaticResolver>) -> Outbound {
    outbound_by(host.policy(), resolver)
}

fn outbound_by(policy: Policy, resolver: &Arc<StaticResolver>) -> Outbound {
    Outbound::new(policy, resolver.clone()).expect("an outbound client")
}

fn url(text: impl AsRef<str>) -> Url {
    Url::parse(text.as_ref()).expect("a URL")
}

/// `error` with its causes.
fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
