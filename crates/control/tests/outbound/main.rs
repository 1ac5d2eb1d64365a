//! What strangers name, fetched over real sockets: a hostile metadata host, a hostile name server, and a cache between them
//! and everybody else.

mod cache;
mod host;
mod names;
mod refusals;

use std::sync::Arc;

use lychgate_control::outbound::{Outbound, Policy};
use url::Url;

use host::Host;
use names::Names;

/// A way out that may go to `host`, by any of the names that `names` knows.
fn outbound(host: &Host, names: &Arc<Names>) -> Outbound {
    outbound_by(host.policy(), names)
}

fn outbound_by(policy: Policy, names: &Arc<Names>) -> Outbound {
    Outbound::new(policy, names.clone()).expect("a way out")
}

fn url(text: impl AsRef<str>) -> Url {
    Url::parse(text.as_ref()).expect("a URL")
}

/// `error` and all that caused it.
fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
