//! Three PostgreSQL nodes under Patroni on this machine, with Patroni's own raft for its decisions.
//!
//! Every node is synchronous: a commit is acknowledged when all standbys that Patroni counts on have it. The servers run as the
//! user `postgres` if the test runs as root, because PostgreSQL refuses root. They end with the test, also if it panics or is
//! killed.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command as BlockingCommand, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::link::Link;
use crate::system::family::descendants;
use crate::system::ports::Claim;
use crate::system::service::until;

const NODES: usize = 3;
const PATRONI: &str = "/usr/bin/patroni";
/// Debian's folder of servers, by version.
const SERVERS: &str = "/usr/lib/postgresql";
/// The account that runs the servers, made by Debian's package.
const ACCOUNT: &str = "postgres";
/// The database of the control plane.
const DATABASE: &str = "lychgate";

/// What a commit waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// Every standby that Patroni counts on.
    Synchronous,
    /// Nothing: a failover loses the latest commits. To show that a test finds that.
    Asynchronous,
}

/// A running database. Dropping it kills all of its processes.
#[derive(Debug)]
pub struct Patroni {
    nodes: Vec<Node>,
    http: reqwest::Client,
    replication: Replication,
    /// The folder of the server's programs.
    programs: PathBuf,
    /// Kills what runs as soon as this process is gone.
    keeper: Child,
    directory: TempDir,
}

#[derive(Debug)]
struct Node {
    name: String,
    directory: PathBuf,
    /// The ports of the server, of Patroni's REST interface, and of its raft.
    claims: [Claim; 3],
    /// The way of the other nodes to its server.
    link: Link,
    patroni: Option<Child>,
}

impl Node {
    fn server(&self) -> SocketAddr {
        self.claims[0].address()
    }

    fn rest(&self) -> SocketAddr {
        self.claims[1].address()
    }

    fn raft(&self) -> SocketAddr {
        self.claims[2].address()
    }

    fn postmaster(&self) -> Option<String> {
        let file = fs::read_to_string(self.directory.join("data/postmaster.pid")).ok()?;
        Some(file.lines().next()?.to_owned())
    }
}

impl Patroni {
    /// Starts three nodes, waits until both standbys receive the log, and creates the database.
    pub async fn start(replication: Replication) -> Result<Self> {
        // The path of a socket has at most 107 bytes.
        let directory = tempfile::Builder::new().prefix("lg").tempdir_in("/tmp")?;
        let programs = programs()?;
        let mut nodes = Vec::new();
        for n in 0..NODES {
            let claims = [Claim::choose()?, Claim::choose()?, Claim::choose()?];
            let (name, directory) = (format!("n{n}"), directory.path().join(n.to_string()));
            let link = Link::start(claims[0].address()).await?;
            nodes.push(Node { name, directory, claims, link, patroni: None });
        }
        for node in &nodes {
            fs::create_dir(&node.directory)?;
            fs::write(node.directory.join("patroni.yml"), settings(node, &nodes, &programs, replication))?;
        }
        own(directory.path())?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let keeper = keeper(directory.path())?;
        let mut database = Self { nodes, http, replication, programs, keeper, directory };
        for node in 0..NODES {
            database.start_node(node)?;
        }
        database.until_complete().await?;
        let primary = database.primary().await.context("no primary")?;
        database.sql(primary, "postgres", &format!("CREATE DATABASE {DATABASE}"))?;
        Ok(database)
    }

    pub fn replication(&self) -> Replication {
        self.replication
    }

    /// The address of each server.
    pub fn servers(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Node::server).collect()
    }

    /// The URL of the database, reached through `addresses`.
    pub fn url(addresses: &[SocketAddr]) -> String {
        let hosts: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
        format!("postgresql://postgres@{}/{DATABASE}?sslmode=disable", hosts.join(","))
    }

    /// The node that holds Patroni's lock.
    pub async fn primary(&self) -> Option<usize> {
        for (place, node) in self.nodes.iter().enumerate() {
            let answer = self.http.get(format!("http://{}/primary", node.rest())).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Some(place);
            }
        }
        None
    }

    /// Kills the primary and its Patroni, waits until another node is the primary, and starts the killed one again. Returns the time without a
    /// primary. The killed node joins again as a standby.
    pub async fn kill_primary(&mut self) -> Result<Duration> {
        let mut primary = None;
        until("there is a primary", async || {
            primary = self.primary().await;
            primary.is_some()
        })
        .await?;
        let primary = primary.context("no primary")?;
        let begun = Instant::now();
        self.kill_node(primary).await?;
        until("another node is the primary", async || self.primary().await.is_some_and(|other| other != primary))
            .await?;
        let took = begun.elapsed();
        self.nodes[primary].link.open();
        self.start_node(primary)?;
        Ok(took)
    }

    /// Stops a standby as an operator does, waits until the primary goes on without it, and starts it again.
    pub async fn stop_standby(&mut self) -> Result<()> {
        let primary = self.primary().await.context("no primary")?;
        let standby = (primary + 1) % NODES;
        let mut patroni = self.nodes[standby].patroni.take().context("this node does not run")?;
        signal("TERM", &patroni.id().context("it has ended")?.to_string())?;
        patroni.wait().await?;
        let one_left = async || self.standbys().await.is_some_and(|names| !names.contains(&self.nodes[standby].name));
        until("the primary goes on without the standby", one_left).await?;
        self.start_node(standby)
    }

    /// Cuts the standbys off from the primary, until another node is the primary.
    pub async fn cut_replication(&self) -> Result<()> {
        let primary = self.primary().await.context("no primary")?;
        self.nodes[primary].link.refuse();
        Ok(())
    }

    /// Waits until there is a primary with two standbys that receive its log, synchronous ones if they are to be.
    pub async fn until_complete(&self) -> Result<()> {
        let complete = async || self.standbys().await.is_some_and(|names| names.len() == NODES - 1);
        until("both standbys are synchronous", complete).await.with_context(|| self.logs())
    }

    /// The standbys that receive the log and, if replication is synchronous, that every commit waits for.
    async fn standbys(&self) -> Option<Vec<String>> {
        let primary = self.primary().await?;
        let names = self.sql(primary, "postgres", "SHOW synchronous_standby_names").ok()?;
        let receiving = "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'";
        let receiving = self.sql(primary, "postgres", receiving).ok()?;
        let is_named = |name: &&str| self.replication == Replication::Asynchronous || names.contains(*name);
        Some(receiving.lines().filter(is_named).map(str::to_owned).collect())
    }

    /// Patroni's view of its nodes, for messages.
    pub async fn state(&self) -> String {
        for node in &self.nodes {
            let answer = self.http.get(format!("http://{}/cluster", node.rest())).send().await;
            if let Ok(answer) = answer
                && let Ok(state) = answer.json::<Value>().await
            {
                return state.to_string();
            }
        }
        "no node answers".to_owned()
    }

    fn start_node(&mut self, node: usize) -> Result<()> {
        let Node { directory, patroni, .. } = &mut self.nodes[node];
        let log = File::options().create(true).append(true).open(directory.join("patroni.log"))?;
        let mut command = as_account(PATRONI);
        command.arg(directory.join("patroni.yml")).env("LC_ALL", "C.UTF-8").current_dir(&*directory);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let started = command.spawn().context("Patroni does not start: is Debian's package installed?")?;
        fs::write(directory.join("patroni.pid"), started.id().unwrap_or_default().to_string())?;
        *patroni = Some(started);
        Ok(())
    }

    async fn kill_node(&mut self, node: usize) -> Result<()> {
        let node = &mut self.nodes[node];
        let postmaster = node.postmaster().context("no server runs there")?;
        let mut patroni = node.patroni.take().context("this node does not run")?;
        patroni.start_kill()?;
        kill_server(&postmaster)?;
        patroni.wait().await?;
        Ok(())
    }

    /// The lines of a query's result.
    fn sql(&self, node: usize, database: &str, sql: &str) -> Result<String> {
        let server = self.nodes[node].server();
        let output = BlockingCommand::new(self.programs.join("psql"))
            .args(["-X", "-A", "-t", "-U", "postgres", "-h", "127.0.0.1", "-p", &server.port().to_string()])
            .args(["-d", database, "-c", sql])
            .env("PGCONNECT_TIMEOUT", "2")
            .output()
            .context("psql")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// The end of each node's log.
    fn logs(&self) -> String {
        let end = |node: &Node| {
            let log = fs::read_to_string(node.directory.join("patroni.log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            format!("{}:\n{}", node.name, lines[lines.len().saturating_sub(12)..].join("\n"))
        };
        self.nodes.iter().map(end).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Patroni {
    fn drop(&mut self) {
        // The keeper knows process ids, which others may have by the time it acts.
        let _ = self.keeper.start_kill();
        for node in &mut self.nodes {
            // Patroni first: it would start the server again.
            if let Some(patroni) = &mut node.patroni {
                let _ = patroni.start_kill();
            }
            if let Some(postmaster) = node.postmaster() {
                let _ = kill_server(&postmaster);
            }
        }
        let _ = fs::remove_dir_all(self.directory.path());
    }
}

/// Patroni's configuration of one node. What is special in it stands in docs/many-machines.md.
fn settings(node: &Node, all: &[Node], programs: &Path, replication: Replication) -> String {
    let Node { name, directory, link, .. } = node;
    let (link, is_synchronous) = (link.address(), replication == Replication::Synchronous);
    let (server, rest, raft) = (node.server(), node.rest(), node.raft());
    let partners: Vec<_> =
        all.iter().filter(|other| other.name != *name).map(|other| format!("\"{}\"", other.raft())).collect();
    let (partners, data, programs) = (partners.join(", "), directory.display(), programs.display());
    format!(
        r#"scope: lychgate
name: {name}
restapi: {{listen: "{rest}", connect_address: "{rest}"}}
raft: {{data_dir: {data}/raft, self_addr: "{raft}", partner_addrs: [{partners}]}}
bootstrap:
  dcs:
    ttl: 8
    loop_wait: 1
    retry_timeout: 3
    primary_start_timeout: 0
    synchronous_mode: {is_synchronous}
    synchronous_mode_strict: {is_synchronous}
    synchronous_node_count: 2
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters: {{max_connections: 50, wal_keep_size: 128MB, wal_retrieve_retry_interval: 250ms, wal_sender_timeout: 3s, wal_receiver_timeout: 3s}}
  initdb: [{{encoding: UTF8}}, data-checksums, {{locale: C.UTF-8}}]
postgresql:
  listen: {server}
  connect_address: {link}
  bin_dir: {programs}
  data_dir: {data}/data
  pgpass: {data}/pgpass
  parameters: {{unix_socket_directories: {data}}}
  basebackup: [{{checkpoint: fast}}]
  remove_data_directory_on_rewind_failure: true
  remove_data_directory_on_diverged_timelines: true
  authentication: {{superuser: {{username: postgres, password: s}}, replication: {{username: replicator, password: r}}, rewind: {{username: rewinder, password: w}}}}
  pg_hba: ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication replicator 127.0.0.1/32 trust"]
watchdog: {{mode: "off"}}
"#
    )
}

/// The programs of the newest installed version.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir(SERVERS).context("PostgreSQL is not installed")?;
    let number = |name: std::ffi::OsString| name.to_str()?.parse::<u32>().ok();
    let newest = versions.filter_map(|version| number(version.ok()?.file_name())).max();
    Ok(Path::new(SERVERS).join(newest.context("PostgreSQL is not installed")?.to_string()).join("bin"))
}

/// A command as [`ACCOUNT`] if this process is root, otherwise as its own user.
fn as_account(program: &str) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", ACCOUNT, "--regid", ACCOUNT, "--init-groups", "--", program]);
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Gives the directory to the account that runs the servers.
fn own(directory: &Path) -> Result<()> {
    let script = "find \"$0\" -mindepth 1 -type d -exec chmod 700 {} +";
    run(BlockingCommand::new("sh").args(["-c", script]).arg(directory))?;
    if is_root() {
        run(BlockingCommand::new("chown").args(["-R", &format!("{ACCOUNT}:{ACCOUNT}")]).arg(directory))?;
    }
    Ok(())
}

/// Starts a process that waits for the end of this one and then kills Patroni and the servers. It has its own process group, so
/// that an interrupt from the keyboard does not reach it.
fn keeper(directory: &Path) -> Result<Child> {
    let script = r#"
        cat >/dev/null
        for pid in $(cat "$0"/*/patroni.pid) $(head -qn1 "$0"/*/data/postmaster.pid); do
            case $(cat "/proc/$pid/comm") in
                patroni|python*|postgres) kill -9 $(cat "/proc/$pid/task/$pid/children") "$pid" ;;
            esac
        done
        rm -rf "$0""#;
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(directory).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.process_group(0).spawn()?)
}

/// Sends SIGKILL to a server and to its children.
fn kill_server(postmaster: &str) -> Result<()> {
    let children = descendants(postmaster.parse()?)?;
    signal("KILL", postmaster)?;
    for child in children {
        // It may have ended by itself.
        drop(signal("KILL", &child.id.to_string()));
    }
    Ok(())
}

fn signal(signal: &str, process: &str) -> Result<()> {
    run(BlockingCommand::new("kill").args([&format!("-{signal}"), process]))
}

fn run(command: &mut BlockingCommand) -> Result<()> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
