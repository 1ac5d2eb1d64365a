//! Patroni, with its own raft for its decisions.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::process::Command;

use super::database::Replication;
use super::link::Link;
use super::server::{Server, as_account, programs};
use crate::system::ports::Claim;

const PROGRAM: &str = "/usr/bin/patroni";

/// What Patroni's nodes need besides their servers.
#[derive(Debug)]
pub(super) struct Patroni {
    nodes: Vec<Node>,
    http: reqwest::Client,
    replication: Replication,
}

#[derive(Debug)]
struct Node {
    /// Of Patroni's REST interface, and of its raft.
    rest: Claim,
    raft: Claim,
    /// The way of the other nodes to the server.
    link: Link,
}

impl Patroni {
    /// The superuser that its configuration makes.
    pub(super) const ROLE: &str = "postgres";

    /// Writes the configuration of each node.
    pub(super) async fn prepare(servers: &[Server], replication: Replication) -> Result<Self> {
        let mut nodes = Vec::new();
        for server in servers {
            let link = Link::start(server.address()).await?;
            nodes.push(Node { rest: Claim::choose()?, raft: Claim::choose()?, link });
        }
        let programs = programs()?;
        for (n, server) in servers.iter().enumerate() {
            let partners = nodes.iter().enumerate().filter(|(other, _)| *other != n);
            let partners: Vec<_> = partners.map(|(_, other)| other.raft.address()).collect();
            let settings = settings(server, &nodes[n], &partners, &programs, replication);
            fs::write(server.directory.join("patroni.yml"), settings)?;
        }
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        Ok(Self { nodes, http, replication })
    }

    pub(super) fn replication(&self) -> Replication {
        self.replication
    }

    /// The way of the other nodes to the server of this node.
    pub(super) fn replication_of(&self, node: usize) -> &Link {
        &self.nodes[node].link
    }

    pub(super) fn command(server: &Server) -> Result<Command> {
        let mut command = as_account(PROGRAM)?;
        command.arg(server.directory.join("patroni.yml")).env("LC_ALL", "C.UTF-8");
        Ok(command)
    }

    /// The node that holds Patroni's lock.
    pub(super) async fn primary(&self) -> Option<usize> {
        for (place, node) in self.nodes.iter().enumerate() {
            let answer = self.http.get(format!("http://{}/primary", node.rest.address())).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Some(place);
            }
        }
        None
    }

    pub(super) async fn standbys(&self, servers: &[Server]) -> Option<Vec<String>> {
        let primary = &servers[self.primary().await?];
        let names = primary.sql(Self::ROLE, "postgres", "SHOW synchronous_standby_names").ok()?;
        let receiving = "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'";
        let receiving = primary.sql(Self::ROLE, "postgres", receiving).ok()?;
        let is_named = |name: &&str| self.replication == Replication::Asynchronous || names.contains(*name);
        Some(receiving.lines().filter(is_named).map(str::to_owned).collect())
    }
}

/// Patroni's configuration of one node. What is special in it stands in docs/many-machines.md.
fn settings(
    server: &Server,
    node: &Node,
    partners: &[SocketAddr],
    programs: &Path,
    replication: Replication,
) -> String {
    let Server { name, directory, .. } = server;
    let (link, is_synchronous) = (node.link.address(), replication == Replication::Synchronous);
    let (server, rest, raft) = (server.address(), node.rest.address(), node.raft.address());
    let partners: Vec<_> = partners.iter().map(|raft| format!("\"{raft}\"")).collect();
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
