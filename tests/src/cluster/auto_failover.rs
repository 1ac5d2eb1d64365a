//! pg_auto_failover: a monitor decides, and a process beside each server carries it out.
//!
//! With three nodes, its default is a quorum commit: one of the two standbys has every acknowledged commit.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::server::{Server, account, as_account, programs};
use crate::system::service::until;

const PROGRAM: &str = "/usr/bin/pg_autoctl";
/// The monitor's database, and its role for nodes.
const MONITOR: &str = "pg_auto_failover";
const NODE_ROLE: &str = "autoctl_node";
/// Seconds instead of the default minute until a lost primary is replaced. Milliseconds, but for the number of tries.
const SETTINGS: [(&str, u32); 7] = [
    ("health_check_period", 1000),
    ("health_check_timeout", 1000),
    ("health_check_retry_delay", 500),
    ("health_check_max_retries", 2),
    ("node_considered_unhealthy_timeout", 4000),
    ("primary_demote_timeout", 3000),
    ("startup_grace_period", 1000),
];

/// A running monitor.
#[derive(Debug)]
pub(super) struct AutoFailover {
    monitor: Server,
    /// The directory of all servers: pg_autoctl keeps its state there.
    directory: PathBuf,
    role: String,
}

impl AutoFailover {
    pub(super) async fn start(mut monitor: Server, directory: &Path) -> Result<Self> {
        let role = account()?;
        let (data, port) = (monitor.data(), monitor.address().port().to_string());
        let mut create = pg_autoctl(directory)?;
        create.args(["create", "monitor", "--hostname", "127.0.0.1", "--auth", "trust", "--no-ssl", "--pgport", &port]);
        finished(create.arg("--pgctl").arg(programs()?.join("pg_ctl")).arg("--pgdata").arg(&data), &monitor).await?;
        // It listens on every address otherwise.
        let mut listen = pg_autoctl(directory)?;
        listen.args(["config", "set", "postgresql.listen_addresses", "127.0.0.1", "--pgdata"]).arg(&data);
        finished(&mut listen, &monitor).await?;
        let mut run = pg_autoctl(directory)?;
        run.args(["run", "--pgdata"]).arg(&data);
        monitor.start(run)?;
        let manager = Self { monitor, directory: directory.to_owned(), role };
        until("the monitor answers", async || manager.ask("SELECT 1").is_ok()).await?;
        for (setting, value) in SETTINGS {
            manager.ask(&format!("ALTER SYSTEM SET pgautofailover.{setting} = {value}"))?;
        }
        manager.ask("SELECT pg_reload_conf()")?;
        Ok(manager)
    }

    /// The superuser of every server.
    pub(super) fn role(&self) -> &str {
        &self.role
    }

    pub(super) fn command(&self, server: &Server) -> Result<Command> {
        let mut command = pg_autoctl(&self.directory)?;
        if server.data().join("PG_VERSION").exists() {
            command.args(["run", "--pgdata"]).arg(server.data());
            return Ok(command);
        }
        let port = server.address().port().to_string();
        let monitor = self.monitor.address();
        command.args(["create", "postgres", "--hostname", "127.0.0.1", "--listen", "127.0.0.1", "--pgport", &port]);
        command.args(["--name", &server.name, "--auth", "trust", "--no-ssl", "--username", "app", "--dbname", "app"]);
        command.args(["--run", "--monitor", &format!("postgres://{NODE_ROLE}@{monitor}/{MONITOR}?sslmode=disable")]);
        command.arg("--pgctl").arg(programs()?.join("pg_ctl")).arg("--pgdata").arg(server.data());
        Ok(command)
    }

    /// The node that the monitor has made the primary, once the node has reported that it is.
    pub(super) fn primary(&self, servers: &[Server]) -> Option<usize> {
        let state = "reportedstate = goalstate AND goalstate IN ('primary', 'wait_primary', 'single')";
        let name = self.ask(&format!("SELECT nodename FROM pgautofailover.node WHERE {state}")).ok()?;
        servers.iter().position(|server| server.name == name)
    }

    /// The standbys that follow a primary. A server that joins copies the primary after a checkpoint, which PostgreSQL spreads over minutes
    /// unless it is asked for.
    pub(super) fn standbys(&self, servers: &[Server]) -> Option<Vec<String>> {
        let primary = &servers[self.primary(servers)?];
        primary.sql(&self.role, "postgres", "CHECKPOINT").ok()?;
        let state = "reportedstate = goalstate AND goalstate = 'secondary'";
        let primary =
            "EXISTS (SELECT 1 FROM pgautofailover.node WHERE reportedstate = 'primary' AND goalstate = 'primary')";
        let names = self.ask(&format!("SELECT nodename FROM pgautofailover.node WHERE {state} AND {primary}")).ok()?;
        Some(names.lines().map(str::to_owned).collect())
    }

    /// Kills the monitor.
    pub(super) fn stop(&mut self) {
        let _ = self.monitor.signal_all("KILL");
    }

    fn ask(&self, sql: &str) -> Result<String> {
        self.monitor.sql(&self.role, MONITOR, sql)
    }
}

/// A `pg_autoctl` that keeps its files and sockets in `directory`, and finds PostgreSQL's programs.
fn pg_autoctl(directory: &Path) -> Result<Command> {
    let programs = programs()?;
    let mut command = as_account(PROGRAM)?;
    command.env_clear().env("LC_ALL", "C.UTF-8").env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "PGHOST", "PG_REGRESS_SOCK_DIR"] {
        command.env(variable, directory);
    }
    command.current_dir(directory);
    Ok(command)
}

/// Waits until a command has ended.
async fn finished(command: &mut Command, monitor: &Server) -> Result<()> {
    /// Making a database takes seconds.
    const PATIENCE: Duration = Duration::from_secs(60);
    let log = monitor.directory.join("create.log");
    let output = File::create(&log)?;
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true);
    let ended = tokio::time::timeout(PATIENCE, command.status()).await.context("pg_autoctl does not end")?;
    let ended = ended.context("pg_autoctl does not start: is Debian's package installed?")?;
    if !ended.success() {
        bail!("pg_autoctl: {}", std::fs::read_to_string(log).unwrap_or_default());
    }
    Ok(())
}
