//! Outbound fetches of URLs that strangers name, over real sockets: a hostile host, a hostile name server, and the
//! document cache.

mod cache;
mod host;
mod names;
mod refusals;

use std::sync::Arc;

use lychgate_control::outbound::{Outbound, Policy};
use url::Url;

use host::Host;
use names::Names;

/// An outbound client that may connect to `host` by any name that `names` resolves.
fn outbound(host: &Host, names: &Arc<Names>) -> Outbound {
    outbound_by(host.policy(), names)
}

fn outbound_by(policy: Policy, names: &Arc<Names>) -> Outbound {
    Outbound::new(policy, names.clone()).expect("an outbound client")
}

fn url(text: impl AsRef<str>) -> Url {
    Url::parse(text.as_ref()).expect("a URL")
}

/// `error` with its causes.
fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
