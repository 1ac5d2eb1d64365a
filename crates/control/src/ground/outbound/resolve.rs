//! Names to addresses.
//!
//! Not the C library's resolver: it would parse what a hostile name server sends in C, and a lookup that is given up on
//! would go on in a thread, so that a few dozen names whose server never answers would occupy all threads there are.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Resolver, ResolverBuilder};

/// Whoever knows the addresses of names.
#[async_trait]
pub trait Resolve: Send + Sync + fmt::Debug + 'static {
    /// All addresses of `name`, of both families: one that is left out is one that is not checked.
    async fn resolve(&self, name: &str) -> anyhow::Result<Vec<IpAddr>>;
}

/// The name servers that the machine is set up with, and its hosts file.
#[derive(Clone, Debug)]
pub struct Dns(TokioResolver);

impl Dns {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self::from_builder(Resolver::builder_tokio()?)?)
    }

    pub fn from_builder(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<Self, NetError> {
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        // A lost packet is sent again before there is no more time for the rest.
        (options.timeout, options.attempts) = (Duration::from_secs(1), 2);
        // Documents are kept, addresses are not: strangers choose how many names there are.
        options.cache_size = 0;
        Ok(Self(builder.build()?))
    }
}

#[async_trait]
impl Resolve for Dns {
    async fn resolve(&self, name: &str) -> anyhow::Result<Vec<IpAddr>> {
        // With a final dot the name is whole: the machine's search list would make names of the inside out of it.
        let absolute = format!("{}.", name.trim_end_matches('.'));
        Ok(self.0.lookup_ip(absolute).await?.iter().collect())
    }
}
