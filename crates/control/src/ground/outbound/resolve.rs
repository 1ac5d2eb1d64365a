//! Resolves names to addresses.
//!
//! The C library's resolver is not used: it would parse a hostile name server's answers in C, and an abandoned lookup
//! would go on in a thread, so a few dozen unresponsive names would occupy all threads.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs};

use async_trait::async_trait;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::system_conf::parse_resolv_conf;
use hickory_resolver::{Resolver, TokioResolver};

/// A resolver of names.
#[async_trait]
pub trait Resolve: Send + Sync + fmt::Debug + 'static {
    /// All addresses of `name`, of both families: an omitted address is an unchecked one.
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError>;
}

/// The reason why a name cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// A name server says that the name does not exist, or that it has no address.
    #[error("the name does not exist")]
    NoSuchName,
    /// No name server answers, or not in time, or with an error of its own.
    #[error("no name server answers")]
    Failed(#[source] anyhow::Error),
}

/// The file that names the machine's name servers.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The machine's name servers and its hosts file.
#[derive(Clone, Debug)]
pub struct Dns {
    // One look-up of both families would hide the failure of one of them.
    ipv4: TokioResolver,
    ipv6: TokioResolver,
}

/// The reason why the machine has no name server. Displayed as "PATH cannot be read: …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {problem}", .file.display())]
pub struct NoNameServer {
    file: PathBuf,
    problem: String,
}

impl Dns {
    /// The name servers that `file` names, in the format of [`RESOLV_CONF`].
    pub fn from_file(file: &Path) -> Result<Self, NoNameServer> {
        let because = |problem: String| NoNameServer { file: file.to_owned(), problem };
        let text = fs::read(file).map_err(|error| because(format!("cannot be read: {error}")))?;
        let (config, options) = parse_resolv_conf(text).map_err(|_| because("names no name server".to_owned()))?;
        Self::new(&config, &options).map_err(|error| because(format!("cannot be used: {error}")))
    }

    /// The name servers of `config`.
    pub fn new(config: &ResolverConfig, options: &ResolverOpts) -> Result<Self, NetError> {
        let resolver = |ip_strategy| {
            let mut builder = Resolver::builder_with_config(config.clone(), TokioRuntimeProvider::default());
            let own = builder.options_mut();
            *own = options.clone();
            own.ip_strategy = ip_strategy;
            // A lost packet is sent again while there is still time for the rest.
            (own.timeout, own.attempts) = (Duration::from_secs(1), 2);
            // Documents are cached, addresses are not: strangers choose how many names there are.
            own.cache_size = 0;
            builder.build()
        };
        Ok(Self { ipv4: resolver(LookupIpStrategy::Ipv4Only)?, ipv6: resolver(LookupIpStrategy::Ipv6Only)? })
    }
}

/// Resolves no name: for an installation that needs none.
#[async_trait]
impl Resolve for NoNameServer {
    async fn resolve(&self, _: &str) -> Result<Vec<IpAddr>, ResolveError> {
        Err(ResolveError::Failed(self.clone().into()))
    }
}

#[async_trait]
impl Resolve for Dns {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        // The final dot makes the name absolute: the machine's search list would complete it to an internal name.
        let absolute = format!("{}.", name.trim_end_matches('.'));
        let (ipv4, ipv6) = tokio::join!(look_up(&self.ipv4, &absolute), look_up(&self.ipv6, &absolute));
        all_addresses([ipv4, ipv6])
    }
}

async fn look_up(resolver: &TokioResolver, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
    match resolver.lookup_ip(name).await {
        Ok(found) => Ok(found.iter().collect()),
        Err(NetError::Dns(DnsError::NoRecordsFound(none)))
            if matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError) =>
        {
            Err(ResolveError::NoSuchName)
        }
        Err(error) => Err(ResolveError::Failed(error.into())),
    }
}

/// The addresses that the look-ups of all families found. Without any, the name does not exist only if every look-up says so: a
/// host may have an address of the family that cannot be looked up now.
fn all_addresses(
    families: impl IntoIterator<Item = Result<Vec<IpAddr>, ResolveError>>,
) -> Result<Vec<IpAddr>, ResolveError> {
    let (mut addresses, mut failed) = (Vec::new(), None);
    for found in families {
        match found {
            Ok(found) => addresses.extend(found),
            Err(ResolveError::NoSuchName) => {}
            Err(error @ ResolveError::Failed(_)) => failed = Some(error),
        }
    }
    match failed {
        _ if !addresses.is_empty() => Ok(addresses),
        Some(error) => Err(error),
        None => Err(ResolveError::NoSuchName),
    }
}
