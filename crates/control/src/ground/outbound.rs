//! The guarded HTTP client for URLs that clients name: metadata documents and key sets.
//!
//! A client that can have a URL fetched would like to reach hosts that only this machine reaches, or to keep it busy.
//! So a name is resolved here, once; all its addresses are checked; and the connection goes to a checked address,
//! because nothing can connect to any other (`address::Checked`). One GET on one connection, over TLS,
//! without any cookie, token or header of ours. Redirects are not followed and proxies of the environment are not
//! used.
//!
//! It is plain hyper on purpose. A general client resolves names behind a hook that hosts like `127.0.0.1` bypass,
//! keeps connections, decompresses and has a mind of its own about proxies: all of that would have to be switched off,
//! and stay off.
//!
//! It must never be used for URLs that an operator configured, which `upstream` requests in its own way, and a page
//! must never say more about it than [`Class`].

mod address;
mod client;
mod error;
mod resolve;
pub(crate) mod slots;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::{ETAG, HeaderName, HeaderValue, LAST_MODIFIED};
use rustls::pki_types::{CertificateDer, ServerName};
use url::{Host, Url};

use client::Client;
pub use error::{Class, OutboundError};
pub use resolve::{Dns, NoNameServer, RESOLV_CONF, Resolve, ResolveError};

/// The permitted destinations and the time limits of requests.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Permitted ports of public addresses.
    pub ports: Vec<u16>,
    /// Addresses permitted although they are not public, or at another port. For tests: a deployment has none.
    pub permitted: Vec<SocketAddr>,
    /// Certificate authorities besides the machine's.
    pub extra_roots: Vec<CertificateDer<'static>>,
    pub timeouts: Timeouts,
}

#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From resolving the name to the end of the TLS handshake.
    pub connect: Duration,
    /// The whole request: clients wait ten seconds for us, and a page may need a document and a key set.
    pub total: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        let timeouts = Timeouts { connect: Duration::from_secs(3), total: Duration::from_secs(5) };
        Self { ports: vec![443], permitted: Vec::new(), extra_roots: Vec::new(), timeouts }
    }
}

/// A successful answer.
#[derive(Debug)]
pub enum Fetched {
    /// Status 200 with a JSON media type, within the size limit, not parsed yet.
    Whole { headers: HeaderMap, body: Vec<u8> },
    /// Status 304, in answer to validators.
    Unchanged { headers: HeaderMap },
}

/// Validators of an earlier answer, for a conditional request (RFC 9110 §8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Validators {
    /// `None` if the answer has none of reasonable size.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        const MAX_BYTES: usize = 256;
        let short = |name: HeaderName| headers.get(name).filter(|value| value.len() <= MAX_BYTES).cloned();
        let validators = Self { etag: short(ETAG), last_modified: short(LAST_MODIFIED) };
        (validators != Self::default()).then_some(validators)
    }
}

#[derive(Clone, Debug)]
pub struct Outbound {
    policy: Arc<Policy>,
    resolver: Arc<dyn Resolve>,
    client: Client,
}

impl Outbound {
    /// Fails if the machine has no certificate authorities, or if an extra one is invalid.
    pub fn new(policy: Policy, resolver: Arc<dyn Resolve>) -> anyhow::Result<Self> {
        Ok(Self { client: Client::new(&policy.extra_roots)?, policy: Arc::new(policy), resolver })
    }

    /// Fetches the JSON at `url`, at most `max_bytes` of it. `admit` is asked once the host is known to have permitted
    /// addresses, and before a connection is made: it returns the permit that the request holds, or how long to wait.
    pub async fn get<P: Send>(
        &self,
        url: &Url,
        max_bytes: usize,
        conditional: Option<&Validators>,
        admit: impl FnOnce() -> Result<P, Duration> + Send,
    ) -> Result<Fetched, OutboundError> {
        let total = self.policy.timeouts.total;
        let fetch = async {
            let _slot = slots::acquire().await;
            let (stream, _permit) = self.connect(url, admit).await?;
            client::exchange(stream, url, max_bytes, conditional).await
        };
        // The limit covers everything: a server that sends a byte a second would otherwise hold the request forever.
        tokio::time::timeout(total, fetch).await.unwrap_or(Err(OutboundError::Timeout(total)))
    }

    async fn connect<P>(
        &self,
        url: &Url,
        admit: impl FnOnce() -> Result<P, Duration>,
    ) -> Result<(client::Stream, P), OutboundError> {
        if url.scheme() != "https" {
            return Err(OutboundError::NotHttps);
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(OutboundError::Unusable);
        };
        address::check_port(port, &self.policy)?;
        let limit = self.policy.timeouts.connect;
        let connect = async {
            let (name, addresses) = match host {
                Host::Ipv4(ip) => (ServerName::from(IpAddr::V4(ip)), vec![IpAddr::V4(ip)]),
                Host::Ipv6(ip) => (ServerName::from(IpAddr::V6(ip)), vec![IpAddr::V6(ip)]),
                Host::Domain(domain) => {
                    let name = ServerName::try_from(domain.to_owned()).map_err(|_| OutboundError::Unusable)?;
                    (name, self.resolver.resolve(domain).await?)
                }
            };
            let checked = address::check(&addresses, port, &self.policy)?;
            let permit = admit().map_err(|retry_after| OutboundError::Busy { retry_after })?;
            Ok((self.client.connect(name, &checked, limit).await?, permit))
        };
        let connected = tokio::time::timeout(limit, connect).await.unwrap_or(Err(OutboundError::Timeout(limit)));
        connected.map_err(|error| if matches!(host, Host::Domain(_)) { error.of_a_name() } else { error })
    }
}
