//! Resolves names to addresses.
//!
//! The C library's resolver is not used: it would parse a hostile name server's answers in C, and an abandoned lookup
//! would go on in a thread, so a few dozen unresponsive names would occupy all threads.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Resolver, ResolverBuilder};

/// A resolver of names.
#[async_trait]
pub trait Resolve: Send + Sync + fmt::Debug + 'static {
    /// All addresses of `name`, of both families: an omitted address is an unchecked one.
    async fn resolve(&self, name: &str) -> anyhow::Result<Vec<IpAddr>>;
}

/// The machine's name servers and its hosts file.
#[derive(Clone, Debug)]
pub struct Dns(TokioResolver);

impl Dns {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self::from_builder(Resolver::builder_tokio()?)?)
    }

    pub fn from_builder(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<Self, NetError> {
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        // A lost packet is sent again while there is still time for the rest.
        (options.timeout, options.attempts) = (Duration::from_secs(1), 2);
        // Documents are cached, addresses are not: strangers choose how many names there are.
        options.cache_size = 0;
        Ok(Self(builder.build()?))
    }
}

#[async_trait]
impl Resolve for Dns {
    async fn resolve(&self, name: &str) -> anyhow::Result<Vec<IpAddr>> {
        // The final dot makes the name absolute: the machine's search list would complete it to an internal name.
        let absolute = format!("{}.", name.trim_end_matches('.'));
        Ok(self.0.lookup_ip(absolute).await?.iter().collect())
    }
}
