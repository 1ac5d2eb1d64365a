//! Three PostgreSQL nodes on this machine under a failover manager.
//!
//! A commit is acknowledged when the standbys that the manager counts on have it: both under Patroni, one of the two under
//! pg_auto_failover. The servers end with the test, also if it panics or is killed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Child;

use super::auto_failover::AutoFailover;
use super::patroni::Patroni;
use super::server::{Server, keeper, own};
use crate::system::service::until;

const NODES: usize = 3;
/// The database of the control plane.
const DATABASE: &str = "lychgate";

/// What a commit waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// The standbys that the failover manager counts on.
    Synchronous,
    /// Nothing: a failover loses the latest commits. To show that a test finds that.
    Asynchronous,
}

/// A running database. Dropping it kills all of its processes.
#[derive(Debug)]
pub struct Database {
    servers: Vec<Server>,
    manager: Manager,
    /// Kills what runs as soon as this process is gone.
    keeper: Child,
    directory: TempDir,
}

/// What decides which server is the primary.
#[derive(Debug)]
enum Manager {
    Patroni(Patroni),
    AutoFailover(Box<AutoFailover>),
}

impl Database {
    /// Starts three nodes under Patroni, waits until both standbys receive the log, and creates the database.
    pub async fn under_patroni(replication: Replication) -> Result<Self> {
        let (directory, servers) = new_servers()?;
        let manager = Manager::Patroni(Patroni::prepare(&servers, replication).await?);
        own(directory.path())?;
        let mut database = Self { servers, manager, keeper: keeper(directory.path())?, directory };
        for node in 0..NODES {
            database.start_node(node)?;
        }
        database.until_complete().await?;
        database.create().await?;
        Ok(database)
    }

    /// Starts a monitor and three nodes under pg_auto_failover, waits until both standbys receive the log, and creates the database.
    pub async fn under_auto_failover() -> Result<Self> {
        let (directory, servers) = new_servers()?;
        let monitor = Server::new(directory.path(), "m")?;
        own(directory.path())?;
        let keeper = keeper(directory.path())?;
        let manager = Manager::AutoFailover(Box::new(AutoFailover::start(monitor, directory.path()).await?));
        let mut database = Self { servers, manager, keeper, directory };
        for node in 0..NODES {
            database.start_node(node)?;
        }
        database.until_complete().await?;
        database.create().await?;
        Ok(database)
    }

    async fn create(&self) -> Result<()> {
        let primary = self.primary().await.context("no primary")?;
        self.servers[primary].sql(self.role(), "postgres", &format!("CREATE DATABASE {DATABASE}")).map(drop)
    }

    /// The name of the failover manager.
    pub fn manager(&self) -> &'static str {
        match self.manager {
            Manager::Patroni(_) => "Patroni",
            Manager::AutoFailover(_) => "pg_auto_failover",
        }
    }

    pub fn replication(&self) -> Replication {
        match &self.manager {
            Manager::Patroni(patroni) => patroni.replication(),
            Manager::AutoFailover(_) => Replication::Synchronous,
        }
    }

    /// The address of each server.
    pub fn servers(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(Server::address).collect()
    }

    /// The URL of the database, reached through `addresses`.
    pub fn url(&self, addresses: &[SocketAddr]) -> String {
        let hosts: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
        format!("postgresql://{}@{}/{DATABASE}?sslmode=disable", self.role(), hosts.join(","))
    }

    /// The superuser.
    fn role(&self) -> &str {
        match &self.manager {
            Manager::Patroni(_) => Patroni::ROLE,
            Manager::AutoFailover(manager) => manager.role(),
        }
    }

    /// The node that the failover manager calls the primary.
    async fn primary(&self) -> Option<usize> {
        match &self.manager {
            Manager::Patroni(patroni) => patroni.primary().await,
            Manager::AutoFailover(manager) => manager.primary(&self.servers),
        }
    }

    async fn any_primary(&self) -> Result<usize> {
        let mut primary = None;
        until("there is a primary", async || {
            primary = self.primary().await;
            primary.is_some()
        })
        .await?;
        primary.context("no primary")
    }

    async fn until_another(&self, than: usize) -> Result<()> {
        let is_another = async || self.primary().await.is_some_and(|other| other != than);
        until("another node is the primary", is_another).await.with_context(|| self.logs())
    }

    /// Kills the primary and its manager, waits until another node is the primary, and starts the killed one again. Returns the time without a
    /// primary. The killed node joins again as a standby.
    pub async fn kill_primary(&mut self) -> Result<Duration> {
        let primary = self.any_primary().await?;
        let begun = Instant::now();
        self.servers[primary].kill().await?;
        self.until_another(primary).await?;
        let took = begun.elapsed();
        if let Manager::Patroni(patroni) = &self.manager {
            patroni.replication_of(primary).open();
        }
        self.start_node(primary)?;
        Ok(took)
    }

    /// Stops every process of the primary and of its manager (SIGSTOP), as a machine does that hangs. When another node is the primary,
    /// they go on, with what they knew before. Then the node is reset, as a watchdog does. Returns the time until there was another
    /// primary.
    pub async fn freeze_primary(&mut self) -> Result<Duration> {
        let primary = self.any_primary().await?;
        let begun = Instant::now();
        self.servers[primary].signal_all("STOP")?;
        self.until_another(primary).await?;
        let took = begun.elapsed();
        self.servers[primary].signal_all("CONT")?;
        self.until_another(primary).await?;
        self.servers[primary].kill().await?;
        self.start_node(primary)?;
        Ok(took)
    }

    /// Kills the primary's manager only. Its server goes on as a primary while another node is promoted; then it is killed and started
    /// again. Returns the time until there was another primary.
    pub async fn kill_manager(&mut self) -> Result<Duration> {
        ensure!(matches!(self.manager, Manager::Patroni(_)), "only Patroni promotes another node then");
        let primary = self.any_primary().await?;
        let begun = Instant::now();
        self.servers[primary].kill_manager().await?;
        self.until_another(primary).await?;
        let took = begun.elapsed();
        self.servers[primary].kill().await?;
        self.start_node(primary)?;
        Ok(took)
    }

    /// Stops a standby as an operator does, waits until the primary goes on without it, and starts it again.
    pub async fn stop_standby(&mut self) -> Result<()> {
        let primary = self.any_primary().await?;
        let standby = (primary + 1) % NODES;
        self.servers[standby].stop().await?;
        let name = &self.servers[standby].name;
        let one_left = async || self.standbys().await.is_some_and(|names| !names.contains(name));
        until("the primary goes on without the standby", one_left).await?;
        self.start_node(standby)
    }

    /// Cuts the standbys off from the primary, until another node is the primary.
    pub async fn cut_replication(&self) -> Result<()> {
        let primary = self.any_primary().await?;
        let Manager::Patroni(patroni) = &self.manager else { anyhow::bail!("only Patroni's nodes have links") };
        patroni.replication_of(primary).refuse();
        Ok(())
    }

    /// Waits until there is a primary with two standbys that receive its log, synchronous ones if they are to be.
    pub async fn until_complete(&self) -> Result<()> {
        let complete = async || self.standbys().await.is_some_and(|names| names.len() == NODES - 1);
        until("both standbys are synchronous", complete).await.with_context(|| self.logs())
    }

    /// The names of the standbys that receive the log and, if replication is synchronous, that the manager counts on.
    async fn standbys(&self) -> Option<Vec<String>> {
        match &self.manager {
            Manager::Patroni(patroni) => patroni.standbys(&self.servers).await,
            Manager::AutoFailover(manager) => manager.standbys(&self.servers),
        }
    }

    fn start_node(&mut self, node: usize) -> Result<()> {
        let server = &mut self.servers[node];
        let command = match &self.manager {
            Manager::Patroni(_) => Patroni::command(server)?,
            Manager::AutoFailover(manager) => manager.command(server)?,
        };
        server.start(command)
    }

    fn logs(&self) -> String {
        self.servers.iter().map(Server::log).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The keeper knows process ids, which others may have by the time it acts.
        let _ = self.keeper.start_kill();
        self.servers.clear();
        if let Manager::AutoFailover(manager) = &mut self.manager {
            manager.stop();
        }
        let _ = std::fs::remove_dir_all(self.directory.path());
    }
}

fn new_servers() -> Result<(TempDir, Vec<Server>)> {
    // The path of a socket has at most 107 bytes.
    let directory = tempfile::Builder::new().prefix("lg").tempdir_in("/tmp")?;
    let servers = (0..NODES).map(|n| Server::new(directory.path(), &format!("n{n}"))).collect::<Result<_>>()?;
    Ok((directory, servers))
}
