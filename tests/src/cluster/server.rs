//! One PostgreSQL server of a cluster, with the process of the failover manager that runs it.
//!
//! Servers run as the user `postgres` if the test runs as root, because PostgreSQL refuses root.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command as BlockingCommand, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::{Child, Command};

use crate::system::family::descendants;
use crate::system::ports::Claim;

/// Debian's folder of servers, by version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// The account that runs the servers, made by Debian's package.
const ACCOUNT: &str = "postgres";

/// A server and its failover manager. Dropping it kills both.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: String,
    /// Of the configuration and the log; the server's data are in `data` below it.
    pub(super) directory: PathBuf,
    claim: Claim,
    manager: Option<Child>,
}

impl Server {
    /// A server that does not run, in a new directory `name` below `parent`.
    pub(super) fn new(parent: &Path, name: &str) -> Result<Self> {
        let directory = parent.join(name);
        fs::create_dir(&directory)?;
        Ok(Self { name: name.to_owned(), directory, claim: Claim::choose()?, manager: None })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.claim.address()
    }

    pub(super) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Starts the failover manager, which starts the server.
    pub(super) fn start(&mut self, mut manager: Command) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.directory.join("manager.log"))?;
        manager.current_dir(&self.directory).kill_on_drop(true);
        manager.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let started = manager.spawn().context("the failover manager does not start: is Debian's package installed?")?;
        fs::write(self.directory.join("manager.pid"), started.id().unwrap_or_default().to_string())?;
        self.manager = Some(started);
        Ok(())
    }

    /// Sends SIGKILL to the manager and, if it runs, to the server.
    pub(super) async fn kill(&mut self) -> Result<()> {
        self.signal_all("KILL")?;
        self.reap().await
    }

    /// Sends SIGKILL to the manager only. The server goes on.
    pub(super) async fn kill_manager(&mut self) -> Result<()> {
        let manager = self.manager.as_mut().context("this server has no manager")?;
        manager.start_kill()?;
        self.reap().await
    }

    /// Stops the manager in good order, which stops the server.
    pub(super) async fn stop(&mut self) -> Result<()> {
        let manager = self.manager.as_ref().context("this server has no manager")?;
        signal("TERM", &manager.id().context("it has ended")?.to_string())?;
        self.reap().await
    }

    async fn reap(&mut self) -> Result<()> {
        if let Some(mut manager) = self.manager.take() {
            manager.wait().await?;
        }
        Ok(())
    }

    /// Sends a signal to every process of the manager and of the server. The manager comes first: it would start the server
    /// again.
    pub(super) fn signal_all(&self, name: &str) -> Result<()> {
        let roots = [self.manager.as_ref().and_then(Child::id), self.postmaster()];
        let mut told = BTreeSet::new();
        for root in roots.into_iter().flatten() {
            let family = descendants(root)?;
            for process in [root].into_iter().chain(family.into_iter().map(|member| member.id)) {
                if told.insert(process) {
                    // It may have ended by itself.
                    drop(signal(name, &process.to_string()));
                }
            }
        }
        Ok(())
    }

    /// The server's process. The file of a killed server stays, and its id may be another process's by now.
    fn postmaster(&self) -> Option<u32> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let id = file.lines().next()?.parse().ok()?;
        (fs::read_to_string(format!("/proc/{id}/comm")).ok()?.trim() == "postgres").then_some(id)
    }

    /// The lines of a query's result. `role` is a superuser.
    pub(super) fn sql(&self, role: &str, database: &str, sql: &str) -> Result<String> {
        let output = BlockingCommand::new(programs()?.join("psql"))
            .args(["-X", "-A", "-t", "-U", role, "-h", "127.0.0.1", "-p", &self.address().port().to_string()])
            .args(["-d", database, "-c", sql])
            .env("PGCONNECT_TIMEOUT", "2")
            .output()
            .context("psql")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// The end of the manager's log.
    pub(super) fn log(&self) -> String {
        let log = fs::read_to_string(self.directory.join("manager.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        format!("{}:\n{}", self.name, lines[lines.len().saturating_sub(12)..].join("\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.signal_all("KILL");
    }
}

/// The programs of the newest installed version.
pub(super) fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir(VERSIONS).context("PostgreSQL is not installed")?;
    let number = |name: std::ffi::OsString| name.to_str()?.parse::<u32>().ok();
    let newest = versions.filter_map(|version| number(version.ok()?.file_name())).max();
    Ok(Path::new(VERSIONS).join(newest.context("PostgreSQL is not installed")?.to_string()).join("bin"))
}

/// A command as the account that may run servers.
pub(super) fn as_account(program: &str) -> Result<Command> {
    if !is_root()? {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", ACCOUNT, "--regid", ACCOUNT, "--init-groups", "--", program]);
    Ok(command)
}

/// The name of the account that runs the servers.
pub(super) fn account() -> Result<String> {
    if is_root()? {
        return Ok(ACCOUNT.to_owned());
    }
    Ok(String::from_utf8(run(BlockingCommand::new("id").arg("-un"))?)?.trim().to_owned())
}

fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}

/// Gives the directory and all in it to the account that runs the servers. Other accounts cannot read it.
pub(super) fn own(directory: &Path) -> Result<()> {
    run(BlockingCommand::new("find").arg(directory).args(["-type", "d", "-exec", "chmod", "700", "{}", "+"]))?;
    if is_root()? {
        run(BlockingCommand::new("chown").args(["-R", &format!("{ACCOUNT}:{ACCOUNT}")]).arg(directory))?;
    }
    Ok(())
}

/// Starts a process that waits for the end of this one, and then kills the managers and servers below `directory` and removes it. It
/// has its own process group, so that an interrupt from the keyboard does not reach it.
pub(super) fn keeper(directory: &Path) -> Result<Child> {
    let script = r#"
        cat >/dev/null
        for pid in $(cat "$0"/*/manager.pid) $(head -qn1 "$0"/*/data/postmaster.pid); do
            case $(cat "/proc/$pid/comm") in
                patroni|python*|pg_autoctl|postgres) kill -9 $(cat "/proc/$pid/task/$pid/children") "$pid" ;;
            esac
        done
        rm -rf "$0""#;
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(directory).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.process_group(0).spawn()?)
}

fn signal(signal: &str, process: &str) -> Result<()> {
    run(BlockingCommand::new("kill").args([&format!("-{signal}"), process])).map(drop)
}

/// The output of a command.
pub(super) fn run(command: &mut BlockingCommand) -> Result<Vec<u8>> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}
