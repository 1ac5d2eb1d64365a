//! Lychgate on many machines: several control nodes on one database and several edges, with a link that the test can cut in
//! front of each of them.
//!
//! One control node on RocksDB is the smallest cluster. [`fault`] lists what happens to it under load.

mod auto_failover;
pub mod database;
pub mod fault;
pub mod link;
mod patroni;
mod server;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::dev::Version;
use crate::flow::Gate;
use crate::grpc::{self, Caller};
use crate::system::balancer::Balancer;
use crate::system::configuration::{self, Addresses, Written, secret};
use crate::system::ports::Claim;
use crate::system::service::Service;
use crate::system::{CROWD, MAIN, Plan, migrate, principal, resource_server};
use crate::upstream::Upstream;
use database::{Database, Replication};
use link::Link;

pub use fault::Fault;

/// The most starts of a control node until it serves.
const STARTS: usize = 20;

/// Running processes and their links. Dropping it kills the processes.
#[derive(Debug)]
pub struct Cluster {
    controls: Vec<Option<Service>>,
    edges: Vec<Option<Service>>,
    /// One in front of the control node of each edge.
    links: Vec<Link>,
    /// `None` for one control node on RocksDB.
    database: Option<LinkedDatabase>,
    addresses: Addresses,
    written: Written,
    versions: Versions,
    tokens: Tokens,
    balancer: Balancer,
    upstream: Upstream,
    /// The number of times that a control node ended by itself before it served.
    pub failed_starts: usize,
    _claims: Vec<Claim>,
    _directory: TempDir,
}

/// The version of each process, running or to be started.
#[derive(Debug)]
struct Versions {
    controls: Vec<Version>,
    edges: Vec<Version>,
}

/// A replicated database, and the links of each control node to its servers.
#[derive(Debug)]
struct LinkedDatabase {
    database: Database,
    links: Vec<Vec<Link>>,
}

/// The bearer tokens of the callers that the configuration names besides edges.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// A resource server for introspection and exchanges.
    pub resource: String,
    pub checker: String,
    pub operator: String,
}

/// The number of processes, and the database of the control nodes.
#[derive(Debug)]
pub struct Shape {
    pub controls: usize,
    pub edges: usize,
    /// `None` for one control node on RocksDB.
    pub database: Option<Database>,
    /// The version of all processes.
    pub version: Version,
}

impl Cluster {
    /// Starts all processes and waits until they answer. Edge n reaches control node n modulo their number.
    pub async fn start(shape: Shape) -> Result<Self> {
        let (directory, upstream) = (tempfile::tempdir()?, Upstream::start().await?);
        let Shape { controls: count, edges: edge_count, database, version } = shape;
        let claims = (0..count + edge_count).map(|_| Claim::choose()).collect::<Result<Vec<_>>>()?;
        let listens: Vec<_> = claims.iter().map(Claim::address).collect();
        let (controls, edges) = (listens[..count].to_vec(), listens[count..].to_vec());
        let mut links = Vec::new();
        for edge in 0..edge_count {
            links.push(Link::start(controls[edge % count]).await?);
        }
        let balancer = Balancer::start(&edges).await?;
        let addresses = Addresses {
            controls,
            links: links.iter().map(Link::address).collect(),
            edges,
            balancer: balancer.address(),
        };
        let tokens = Tokens { resource: secret(), checker: secret(), operator: secret() };
        let database = match database {
            Some(database) => Some(LinkedDatabase::new(database, count).await?),
            None => None,
        };
        let stores = database.as_ref().map(|database| database.stores(directory.path())).transpose()?;
        let stores = stores.unwrap_or_default();
        let written = write(&directory, &addresses, &stores, &tokens, &upstream)?;
        if database.is_some() {
            migrate(&written.controls[0]).await?;
        }
        let mut cluster = Self {
            controls: (0..count).map(|_| None).collect(),
            edges: (0..edge_count).map(|_| None).collect(),
            links,
            database,
            addresses,
            written,
            versions: Versions { controls: vec![version; count], edges: vec![version; edge_count] },
            tokens,
            balancer,
            upstream,
            failed_starts: 0,
            _claims: claims,
            _directory: directory,
        };
        cluster.start_all().await?;
        Ok(cluster)
    }

    async fn start_all(&mut self) -> Result<()> {
        for control in 0..self.controls.len() {
            self.start_control(control).await?;
        }
        for edge in 0..self.edges.len() {
            self.start_edge(edge).await?;
        }
        Ok(())
    }

    /// The authorization server from a client's point of view: its URL is the balancer's.
    pub fn gate(&self) -> Result<Gate> {
        Gate::new(&self.addresses.issuer(&MAIN), MAIN.resource)
    }

    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    pub fn balancer(&self) -> &Balancer {
        &self.balancer
    }

    /// A caller of each control node.
    pub fn callers(&self, token: &str) -> Result<Vec<Caller>> {
        self.addresses.controls.iter().map(|address| Caller::new(&format!("http://{address}"), token)).collect()
    }

    /// Starts a control node and waits until it serves. If it ends before, because its database is away, it is started again,
    /// as every service manager does.
    pub async fn start_control(&mut self, control: usize) -> Result<()> {
        let address = self.addresses.controls[control];
        for _ in 0..STARTS {
            let (version, config) = (self.versions.controls[control], &self.written.controls[control]);
            let mut service = Service::start_version(version, "lychgate-control", config)?;
            match service.until("serves", || grpc::is_serving(address, None)).await {
                Ok(()) => {
                    self.controls[control] = Some(service);
                    return Ok(());
                }
                Err(error) if service.id().is_none() => {
                    eprintln!("control node {control} did not start: {error:#}");
                    self.failed_starts += 1;
                }
                Err(error) => return Err(error),
            }
        }
        anyhow::bail!("control node {control} does not start")
    }

    /// Sends SIGKILL.
    pub async fn kill_control(&mut self, control: usize) -> Result<()> {
        self.controls[control].take().context("this control node does not run")?.kill().await
    }

    pub async fn start_edge(&mut self, edge: usize) -> Result<()> {
        let (version, config) = (self.versions.edges[edge], &self.written.edges[edge]);
        let mut service = Service::start_version(version, "lychgate-edge", config)?;
        service.answers_at(&format!("http://{}/readyz", self.addresses.edges[edge])).await?;
        self.edges[edge] = Some(service);
        Ok(())
    }

    /// Sends SIGKILL.
    pub async fn kill_edge(&mut self, edge: usize) -> Result<()> {
        self.edges[edge].take().context("this edge does not run")?.kill().await
    }

    /// Ends a control node in good order, and starts it in another version.
    pub async fn replace_control(&mut self, control: usize, version: Version) -> Result<()> {
        let running = self.controls[control].take().context("this control node does not run")?;
        ended_in_good_order(running).await?;
        self.versions.controls[control] = version;
        self.start_control(control).await
    }

    /// Ends an edge in good order, and starts it in another version.
    pub async fn replace_edge(&mut self, edge: usize, version: Version) -> Result<()> {
        let running = self.edges[edge].take().context("this edge does not run")?;
        ended_in_good_order(running).await?;
        self.versions.edges[edge] = version;
        self.start_edge(edge).await
    }

    /// The link between an edge and its control node.
    pub fn link(&self, edge: usize) -> &Link {
        &self.links[edge]
    }

    /// The replicated database.
    pub fn database(&mut self) -> Result<&mut Database> {
        Ok(&mut self.database.as_mut().context("this cluster has no PostgreSQL")?.database)
    }

    /// The links between a control node and the servers of its database.
    pub fn database_links(&self, control: usize) -> Result<&[Link]> {
        Ok(&self.database.as_ref().context("this cluster has no PostgreSQL")?.links[control])
    }

    pub fn control_address(&self, control: usize) -> SocketAddr {
        self.addresses.controls[control]
    }

    pub fn edge_address(&self, edge: usize) -> SocketAddr {
        self.addresses.edges[edge]
    }
}

async fn ended_in_good_order(running: Service) -> Result<()> {
    running.signal("TERM")?;
    let status = running.ended().await?;
    ensure!(status.success(), "{status}");
    Ok(())
}

fn write(
    directory: &TempDir,
    addresses: &Addresses,
    stores: &[String],
    tokens: &Tokens,
    upstream: &Upstream,
) -> Result<Written> {
    let plan = Plan {
        edges: addresses.edges.len(),
        edge_deadline_seconds: 10,
        upstream_tokens: true,
        control_tables: resource_server("server", &tokens.resource, MAIN.resource)
            + &principal("checker", "checker", &tokens.checker)
            + &principal("operator", "operator", &tokens.operator),
        edge_settings: format!("{CROWD}\n{MORE}"),
        stores: stores.to_vec(),
        ..Plan::default()
    };
    configuration::write(directory.path(), addresses, &plan, std::slice::from_ref(upstream))
}

impl LinkedDatabase {
    /// Each of `controls` control nodes has its own links to all servers.
    async fn new(database: Database, controls: usize) -> Result<Self> {
        let mut links = Vec::new();
        for _ in 0..controls {
            let mut own = Vec::new();
            for server in database.servers() {
                own.push(Link::start(server).await?);
            }
            links.push(own);
        }
        Ok(Self { database, links })
    }

    /// The lines of `[store]` for each control node.
    fn stores(&self, directory: &Path) -> Result<Vec<String>> {
        let store = |(control, links): (usize, &Vec<Link>)| {
            let addresses: Vec<_> = links.iter().map(Link::address).collect();
            let file = directory.join(format!("database-{control}.url"));
            fs::write(&file, self.database.url(&addresses))?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
            // Lychgate refuses a database without synchronous standbys otherwise.
            let allow_single = self.database.replication() == Replication::Asynchronous;
            Ok(format!("engine = \"postgres\"\nurl = {{ file = {file:?} }}\nallow_single = {allow_single}"))
        };
        self.links.iter().enumerate().map(store).collect()
    }
}

/// The limits that [`CROWD`] does not raise: all clients of a test have one address.
const MORE: &str = "limits.introspections = { prefix_per_minute = 1000000, total_per_minute = 1000000 }
limits.verifications = { prefix_per_minute = 1000000, total_per_minute = 1000000 }";
