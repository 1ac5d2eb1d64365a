//! Throwaway PostgreSQL servers for tests: real servers of the installed version, each in a temporary directory, reached by
//! a Unix socket there.
//!
//! A server and its directory end with its value, also when the test panics, and with the test's process. It runs as the user `postgres` if
//! the test runs as root, which PostgreSQL refuses.

#![warn(missing_docs)]
#![expect(clippy::expect_used, reason = "a test that panics has failed")]

use std::fs::Permissions;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, getuid, kill_process};
use tempfile::TempDir;

/// Longer than any wait here, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether what was committed survives a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// As in production: durability is the subject of the test.
    Full,
    /// The server does not wait for its disk.
    Off,
}

/// A PostgreSQL server.
#[derive(Debug)]
pub struct Server {
    directory: TempDir,
    process: Mutex<Option<Process>>,
    databases: AtomicUsize,
    _remover: ChildStdin,
}

impl Server {
    /// Makes and starts a server with an empty cluster. `settings` are lines of `postgresql.conf`.
    pub fn start(sync: Sync, settings: &str) -> Self {
        let server = Self::new();
        let data = server.data();
        run(as_postgres(&program("initdb")).arg("--pgdata").arg(&data).args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ]));
        let sync = if sync == Sync::Full { "on" } else { "off" };
        let directory = server.directory.path().display();
        server.configure(&format!(
            "listen_addresses = ''\nunix_socket_directories = '{directory}'\nfsync = {sync}\nshared_buffers = 32MB\n\
             max_connections = 200\nmax_wal_size = 256MB\nwal_keep_size = 64MB\n{settings}\n"
        ));
        server.launch();
        server
    }

    /// One server for all tests of this process that need no server of their own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Sync::Off, ""))
    }

    /// Makes and starts a standby of this server, and waits until it follows.
    pub fn standby(&self) -> Self {
        let standby = Self::new();
        let primary = format!("host={} user=postgres application_name=standby", self.directory.path().display());
        run(as_postgres(&program("pg_basebackup"))
            .args(["--dbname", &primary, "--pgdata"])
            .arg(standby.data())
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]));
        standby.configure(&format!("unix_socket_directories = '{}'\n", standby.directory.path().display()));
        standby.launch();
        self.wait_until("SELECT count(*) > 0 FROM pg_stat_replication WHERE state = 'streaming'");
        standby
    }

    /// Makes every commit wait for a standby.
    pub fn require_standby(&self) {
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.sql("SELECT pg_reload_conf()");
        self.wait_until("SELECT current_setting('synchronous_standby_names') = '*'");
        self.wait_until("SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'");
    }

    /// Restarts the server so that it listens on `address` too, at port 5432, and knows TLS. The certificate and its key are
    /// PEM.
    pub fn listen_with_tls(&self, address: Ipv4Addr, certificate: &str, key: &str) {
        for (name, content) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.data().join(name);
            std::fs::write(&path, content).expect("the directory can be written to");
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("the file is this process's");
            if let Some((user, group)) = postgres_user() {
                chown(&path, Some(user), Some(group)).expect("root may give a file away");
            }
        }
        self.listen(address, "ssl = on");
    }

    /// Restarts the server so that it listens on `address` too, at port 5432, and knows no TLS.
    pub fn listen_without_tls(&self, address: Ipv4Addr) {
        self.listen(address, "ssl = off");
    }

    fn listen(&self, address: Ipv4Addr, setting: &str) {
        self.configure(&format!("listen_addresses = '{address}'\n{setting}\n"));
        append(&self.data().join("pg_hba.conf"), "host all all 127.0.0.0/8 trust\n");
        self.kill();
        self.launch();
    }

    /// Makes a new empty database and returns its URL.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The URL of a database, for the superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@/{database}?host={}", self.directory.path().display())
    }

    /// The directory of the socket.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Runs SQL in the database `postgres` and returns the rows, columns divided by `|`.
    pub fn sql(&self, sql: &str) -> String {
        self.sql_in("postgres", sql)
    }

    /// Runs SQL in a database and returns the rows, columns divided by `|`.
    pub fn sql_in(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql).output().expect("psql can be run");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// A psql that runs SQL in a database.
    pub fn psql(&self, database: &str, sql: &str) -> Command {
        let mut command = Command::new(program("psql"));
        command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-c", sql]);
        command.arg("-h").arg(self.directory.path()).stdin(Stdio::null());
        command
    }

    /// Waits until a query of the database `postgres` returns true.
    pub fn wait_until(&self, condition: &str) {
        let begun = Instant::now();
        while self.sql(condition) != "t" {
            assert!(begun.elapsed() < PATIENCE, "it never holds: {condition}");
        }
    }

    /// Sends a signal to all processes of the server.
    pub fn signal_all(&self, signal: Signal) {
        self.with_process(|process| process.signal_all(signal));
    }

    /// Sends a signal to one process of the server.
    pub fn signal_one(&self, pid: &str, signal: Signal) {
        let pid = Pid::from_raw(pid.parse().expect("a process id is a number")).expect("a process id is positive");
        kill_process(pid, signal).expect("the process exists");
    }

    /// Ends the server at once, as a crash of its machine does: no process of it acts afterwards.
    pub fn kill(&self) {
        let process = self.process.lock().expect("no thread panics with it").take();
        if let Some(process) = process {
            process.end();
        }
    }

    /// Starts a server again that was ended.
    pub fn launch(&self) {
        // After a crash, orphaned processes of the server keep its memory for an instant, and it refuses to start.
        let begun = Instant::now();
        loop {
            let process = Process::start(self.command());
            if self.is_started(&process) {
                *self.process.lock().expect("no thread panics with it") = Some(process);
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "the server does not start: {}", self.log());
        }
    }

    fn command(&self) -> Command {
        let log = std::fs::File::options().create(true).append(true).open(self.directory.path().join("log"));
        let mut command = as_postgres(&program("postgres"));
        command.arg("-D").arg(self.data()).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(log.expect("the directory can be written to"));
        command
    }

    /// Reports whether the server takes connections; `false` if it has ended.
    fn is_started(&self, process: &Process) -> bool {
        let begun = Instant::now();
        while process.ended.try_recv().is_err() {
            let mut ready = Command::new(program("pg_isready"));
            if output(ready.arg("-q").arg("-h").arg(self.directory.path())).status.success() {
                return true;
            }
            assert!(begun.elapsed() < PATIENCE, "the server takes no connections: {}", self.log());
        }
        false
    }

    /// The server's log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn new() -> Self {
        // A short path: that of a socket has at most 107 bytes.
        let directory = tempfile::Builder::new().prefix("pg-").tempdir_in("/tmp").expect("there is room in /tmp");
        if let Some((user, group)) = postgres_user() {
            chown(directory.path(), Some(user), Some(group)).expect("root may give a directory away");
        }
        let remover = remove_at_end_of_process(directory.path());
        Self { directory, process: Mutex::new(None), databases: AtomicUsize::new(0), _remover: remover }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Adds lines to `postgresql.conf`.
    fn configure(&self, lines: &str) {
        append(&self.data().join("postgresql.conf"), lines);
    }

    fn with_process(&self, act: impl FnOnce(&Process)) {
        act(self.process.lock().expect("no thread panics with it").as_ref().expect("the server runs"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A panic of another thread must not keep the server alive.
        let process = self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(process) = process {
            process.end();
        }
    }
}

fn append(file: &Path, lines: &str) {
    let file = std::fs::File::options().append(true).open(file);
    file.expect("initdb made it").write_all(lines.as_bytes()).expect("it can be written to");
}

/// Removes a directory once the returned pipe is closed, also by the end of this process: the value of a `static` is never
/// dropped.
fn remove_at_end_of_process(directory: &Path) -> ChildStdin {
    // The server's processes, which end with this one, may write for an instant longer.
    let script = "read -r _; until rm -rf \"$0\" 2>/dev/null; do :; done";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(directory).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("every system has a shell");
    let pipe = child.stdin.take().expect("it is a pipe");
    std::thread::spawn(move || child.wait());
    pipe
}

/// The first process of a server.
#[derive(Debug)]
struct Process {
    pid: Pid,
    ended: Receiver<ExitStatus>,
}

impl Process {
    /// Starts it on a thread that waits for its end: the kernel ends it with the thread that started it.
    fn start(mut command: Command) -> Self {
        let (started, pid) = channel();
        let (end, ended) = channel();
        std::thread::spawn(move || {
            let mut child = command.spawn().expect("PostgreSQL is installed");
            // The test may have ended.
            let _ = started.send(child.id());
            let _ = end.send(child.wait().expect("a child can be waited for"));
        });
        let pid = pid.recv().expect("the process was started");
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id is positive");
        Self { pid, ended }
    }

    fn children(&self) -> Vec<Pid> {
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.pid.as_raw_nonzero()));
        let children = children.unwrap_or_default();
        children.split_whitespace().filter_map(|child| Pid::from_raw(child.parse().ok()?)).collect()
    }

    /// Signals the first process, then its children: while it is stopped it starts no others.
    fn signal_all(&self, signal: Signal) {
        // A process may have ended by itself.
        let _ = kill_process(self.pid, signal);
        for child in self.children() {
            let _ = kill_process(child, signal);
        }
    }

    fn end(self) {
        // Stopped, it neither starts others nor takes notice of its children's ends.
        let _ = kill_process(self.pid, Signal::STOP);
        let children = self.children();
        for child in &children {
            let _ = kill_process(*child, Signal::KILL);
        }
        // Orphans, such as a receiver of the primary's log, would act for a moment after their parent's end.
        while children.iter().any(|child| is_running(*child)) {
            std::thread::yield_now();
        }
        let _ = kill_process(self.pid, Signal::KILL);
        let _ = self.ended.recv();
    }
}

/// Reports whether a process exists and has not ended.
fn is_running(pid: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    // The state follows the name, which is in brackets.
    status.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

/// The path of one of PostgreSQL's programs; the newest version of Debian's if several are installed.
pub fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let programs = versions.map(|version| version.path().join("bin").join(name));
    let installed = programs.filter(|program| program.exists()).max();
    installed.unwrap_or_else(|| panic!("{name} of PostgreSQL is not installed: run .ci/packages test"))
}

/// A command that runs as the user `postgres` if this process is root's, and ends with the thread that starts it.
pub fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if postgres_user().is_some() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.arg("--").arg(program).current_dir("/tmp");
    command
}

/// The ids of user and group `postgres`; `None` if this process is not root's.
fn postgres_user() -> Option<(u32, u32)> {
    if !getuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("every system has it");
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect("PostgreSQL is installed");
    let mut ids = line.split(':').skip(2).map(|id| id.parse().expect("an id is a number"));
    Some((ids.next()?, ids.next()?))
}

fn run(command: &mut Command) {
    let output = output(command);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("the program can be run")
}
