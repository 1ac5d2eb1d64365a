//! Resolves names to addresses.
//!
//! The C library's resolver is not used: it would parse a hostile name server's answers in C, and an abandoned lookup
//! would go on in a thread, so a few dozen unresponsive names would occupy all threads.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs};

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::parse_resolv_conf;
use hickory_resolver::{Resolver, ResolverBuilder};

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
pub struct Dns(TokioResolver);

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
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        Self::from_builder(builder).map_err(|error| because(format!("cannot be used: {error}")))
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
        match self.0.lookup_ip(absolute).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) if error.is_no_records_found() => Err(ResolveError::NoSuchName),
            Err(error) => Err(ResolveError::Failed(error.into())),
        }
    }
}
