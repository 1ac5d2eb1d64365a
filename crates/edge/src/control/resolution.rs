//! Resolves the host name of a URL again and again: each of its addresses is an endpoint.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lychgate_api::channel::Target;
use tokio::net::lookup_host;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// The addresses of one name that are used.
pub(crate) const MAX_ADDRESSES: usize = 8;

/// How often a name is resolved.
const INTERVAL: Duration = Duration::from_secs(10);

/// The pause after a resolution that failed, and before one that a lost endpoint asks for.
const SHORT_PAUSE: Duration = Duration::from_secs(1);

/// The time for one resolution.
const RESOLVER_TIMEOUT: Duration = Duration::from_secs(5);

async fn resolve(target: &Target) -> io::Result<Vec<SocketAddr>> {
    let found = timeout(RESOLVER_TIMEOUT, lookup_host(target.host_and_port())).await??;
    usable(target, found.collect())
}

/// Sorted, without repetitions, at most [`MAX_ADDRESSES`]. Without TLS only addresses of this machine: the answer of a resolver
/// must not send a token over a network.
fn usable(target: &Target, found: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let mut addresses = found;
    addresses.retain(|address| target.is_secured() || address.ip().to_canonical().is_loopback());
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.len() > MAX_ADDRESSES {
        tracing::debug!(endpoint = %target, found = addresses.len(), used = MAX_ADDRESSES, "a name has many addresses");
        addresses.truncate(MAX_ADDRESSES);
    }
    if addresses.is_empty() { Err(io::Error::other("it has no usable address")) } else { Ok(addresses) }
}

/// Passes the addresses of `target` to `found` again and again, also soon after `lost` is notified. A resolution that fails passes
/// none. Never returns.
pub(super) async fn keep_resolved(target: Target, lost: Arc<Notify>, found: impl Fn(&Target, &[SocketAddr])) {
    let mut was_resolved = true;
    loop {
        let lost = lost.notified();
        let pause = match resolve(&target).await {
            Ok(addresses) => {
                was_resolved = true;
                found(&target, &addresses);
                INTERVAL
            }
            Err(error) => {
                // Logged once per outage.
                if was_resolved {
                    tracing::warn!(endpoint = %target, %error, "cannot resolve the name; its known addresses stay in use");
                }
                was_resolved = false;
                SHORT_PAUSE
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = lost => sleep(SHORT_PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use lychgate_api::channel::Credentials;

    use super::*;

    fn target(url: &str) -> Target {
        Target::new(url, None, Credentials { token: Some("t"), certificate: None }).expect("a good URL")
    }

    #[test]
    fn name_without_tls_has_addresses_of_this_machine_only() {
        let resolved = |url: &str| {
            let found = ["10.0.0.1:1", "127.0.0.2:1", "[::1]:1", "127.0.0.2:1", "[::ffff:10.0.0.1]:1"];
            usable(&target(url), found.iter().map(|address| address.parse().expect("an address")).collect())
        };
        let text = |addresses: Vec<SocketAddr>| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text(resolved("http://localhost:1").expect("addresses")), ["127.0.0.2:1", "[::1]:1"]);
        assert_eq!(resolved("https://control.internal:1").expect("addresses").len(), 4);
        let far = vec!["10.0.0.1:1".parse().expect("an address")];
        assert!(usable(&target("http://localhost:1"), far).is_err());
    }

    #[test]
    fn name_with_many_addresses_has_a_bounded_number_of_endpoints() {
        let many = (1..200).map(|n| SocketAddr::from(([10, 0, 0, n], 1))).collect();
        assert_eq!(usable(&target("https://control.internal:1"), many).expect("addresses").len(), MAX_ADDRESSES);
    }
}
