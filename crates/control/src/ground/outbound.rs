//! The guarded way out to what strangers name: a client's metadata document, and the key set that it names in turn.
//!
//! Whoever can have a URL fetched would like to reach what only this machine reaches, or to keep it busy. So a name is
//! resolved here, once; all its addresses are checked; and the connection goes to an address that was checked, because
//! nothing can connect to any other ([`Checked`](address::Checked)). One GET on one connection, over TLS, and nothing of
//! ours goes with it: no cookie, no token, no header of anybody's request. No redirect is followed and no proxy of the
//! environment's is used.
//!
//! It is plain hyper on purpose. A general client resolves names behind a hook that hosts like `127.0.0.1` bypass, keeps
//! connections, decompresses and has a mind of its own about proxies: all of that would have to be switched off, and stay
//! off.
//!
//! It must never be used for what an operator configured, which `upstream` asks in its own way, and a page must never say
//! more about it than [`Class`].

mod address;
mod client;
mod error;
mod resolve;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::{ETAG, HeaderName, HeaderValue, LAST_MODIFIED};
use rustls::pki_types::{CertificateDer, ServerName};
use url::{Host, Url};

use client::Client;
pub use error::{Class, OutboundError};
pub use resolve::{Dns, Resolve};

/// Where one may go, and how long that may take.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Of public addresses.
    pub ports: Vec<u16>,
    /// Allowed although they are not public, or on another port. For tests: whoever runs a gate for others has none.
    pub permitted: Vec<SocketAddr>,
    /// Certification authorities besides the machine's.
    pub extra_roots: Vec<CertificateDer<'static>>,
    pub patience: Patience,
}

#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until there is a connection, name and TLS included.
    pub connect: Duration,
    /// For everything: clients wait ten seconds for us, and a page may need a document and a key set.
    pub total: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        let patience = Patience { connect: Duration::from_secs(3), total: Duration::from_secs(5) };
        Self { ports: vec![443], permitted: Vec::new(), extra_roots: Vec::new(), patience }
    }
}

/// What came back.
#[derive(Debug)]
pub enum Fetched {
    /// 200: JSON, by its media type, and not too much of it. Nobody has parsed it yet.
    Whole { headers: HeaderMap, body: Vec<u8> },
    /// 304, in answer to validators.
    Unchanged { headers: HeaderMap },
}

/// What a server wants to be told to be able to say that nothing has changed (RFC 9110 §8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Validators {
    /// `None` if there are none worth keeping.
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
    /// `Err` if the machine has no certification authorities, or one of the extra ones is none.
    pub fn new(policy: Policy, resolver: Arc<dyn Resolve>) -> anyhow::Result<Self> {
        Ok(Self { client: Client::new(&policy.extra_roots)?, policy: Arc::new(policy), resolver })
    }

    /// The JSON at `url`, of `max_bytes` at most.
    pub async fn get(
        &self,
        url: &Url,
        max_bytes: usize,
        conditional: Option<&Validators>,
    ) -> Result<Fetched, OutboundError> {
        let total = self.policy.patience.total;
        let fetch = async {
            let stream = self.connect(url).await?;
            client::exchange(stream, url, max_bytes, conditional).await
        };
        // Around everything: a server that sends a byte a second would else hold on for ever.
        tokio::time::timeout(total, fetch).await.unwrap_or(Err(OutboundError::Timeout(total)))
    }

    async fn connect(&self, url: &Url) -> Result<client::Stream, OutboundError> {
        if url.scheme() != "https" {
            return Err(OutboundError::NotHttps);
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(OutboundError::Unusable);
        };
        address::check_port(port, &self.policy)?;
        let limit = self.policy.patience.connect;
        let connect = async {
            let (name, addresses) = match host {
                Host::Ipv4(ip) => (ServerName::from(IpAddr::V4(ip)), vec![IpAddr::V4(ip)]),
                Host::Ipv6(ip) => (ServerName::from(IpAddr::V6(ip)), vec![IpAddr::V6(ip)]),
                Host::Domain(domain) => {
                    let name = ServerName::try_from(domain.to_owned()).map_err(|_| OutboundError::Unusable)?;
                    (name, self.resolver.resolve(domain).await.map_err(OutboundError::Unresolved)?)
                }
            };
            let checked = address::check(&addresses, port, &self.policy)?;
            self.client.connect(name, &checked, limit).await
        };
        let connected = tokio::time::timeout(limit, connect).await.unwrap_or(Err(OutboundError::Timeout(limit)));
        connected.map_err(|error| if matches!(host, Host::Domain(_)) { error.of_a_name() } else { error })
    }
}
