//! The programs as an installation runs them: under a supervisor, with health checks and scheduled backups. `dist/image/test` runs
//! the whole login again with the programs of the image.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::dev::binary;
use e2e::flow::LOOPBACK;
use e2e::grpc;
use e2e::system::certified::{Authority, Files};
use e2e::system::configuration::secret;
use e2e::system::service::{one_line, send_signal, until};
use e2e::system::{MAIN, Plan, System, principal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixDatagram};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Longer than any start or end takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A registration, the consent page, a login at the provider, a code, tokens, and a refresh.
#[tokio::test]
async fn installed_programs_serve_a_whole_login_and_tell_their_health() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    let app = system.gate(MAIN.id)?.app(&[LOOPBACK]).await?;
    let tokens = app.tokens().await?;
    app.refresh(&tokens.refresh_token).tokens().await?;

    let (edge, control) = (system.edge_address(0).to_string(), system.control_url());
    ensure!(health(&["edge", &edge]).await? == (0, String::new()));
    ensure!(health(&["control", &control]).await? == (0, String::new()));
    system.terminate_control()?;
    ensure!(system.control_ended().await?.success(), "a signal ends the control plane in order");
    let (code, line) = health(&["control", &control]).await?;
    ensure!(code == 1 && line.starts_with("lychgate health: "), "{code}: {line}");
    system.terminate_edge(0)?;
    ensure!(system.edge_ended(0).await?.success(), "a signal ends the edge in order");
    ensure!(health(&["edge", &edge]).await?.0 == 1);
    ensure!(health(&["control", "ftp://a"]).await?.0 == 2, "a wrong use is told from an unhealthy process");
    Ok(())
}

/// The probe connects to one address and demands the certificate of the URL's name.
#[tokio::test]
async fn health_of_a_control_plane_is_asked_over_verified_tls() -> Result<()> {
    let system = System::start(Plan { edges: 1, certified: true, ..Plan::default() }).await?;
    let address = system.control_address();
    let (ca, url) = (system.certificates().path("control-ca.pem").display().to_string(), format!("https://{address}"));
    ensure!(health(&["control", &url, "--ca-file", &ca]).await? == (0, String::new()));
    let (code, _) = health(&["control", &url]).await?;
    ensure!(code == 1, "an authority that the system does not know");
    let another = format!("https://another.internal:{}", address.port());
    let (code, _) = health(&["control", &another, "--address", &address.to_string(), "--ca-file", &ca]).await?;
    ensure!(code == 1, "a certificate of another name");
    let (code, line) = health(&["control", &url, "--ca-file", "/nowhere"]).await?;
    ensure!(code == 2 && line.contains("--ca-file: /nowhere cannot be read"), "{line}");
    Ok(())
}

/// What connected before the start is answered, so a restart under a supervisor refuses no connection.
#[tokio::test]
async fn a_process_serves_on_the_socket_of_its_supervisor_and_says_when() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    system.terminate_control()?;
    system.control_ended().await?;
    let (address, config) = (system.control_address(), system.control_config().to_owned());
    let mut control = Supervised::start("lychgate-control", &config, address)?;
    ensure!(control.notified().await? == "READY=1\n");
    until("serves", || grpc::is_serving(address, None)).await?;
    system.gate(MAIN.id)?.app(&[LOOPBACK]).await?.tokens().await?;

    system.terminate_edge(0)?;
    system.edge_ended(0).await?;
    let (address, config) = (system.edge_address(0), system.edge_config(0).to_owned());
    let socket = TcpListener::bind(address)?;
    let mut early = TcpStream::connect(address).await?;
    early.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await?;
    let mut edge = Supervised::start_with("lychgate-edge", &config, socket)?;
    let mut answer = String::new();
    timeout(PATIENCE, early.read_to_string(&mut answer)).await??;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    ensure!(edge.notified().await? == "READY=1\n");

    for process in [&mut edge, &mut control] {
        process.signal("TERM")?;
        ensure!(process.notified().await? == "STOPPING=1\n");
        ensure!(process.ended().await?.contains("listening"), "it ends in order");
    }
    Ok(())
}

/// A socket that no setting listens at would leave its callers waiting for ever.
#[tokio::test]
async fn a_socket_of_the_supervisor_at_another_address_is_refused() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    system.kill_edge(0).await?;
    system.kill_control().await?;
    for (name, config) in [("lychgate-control", system.control_config()), ("lychgate-edge", system.edge_config(0))] {
        let socket = TcpListener::bind("127.0.0.1:0")?;
        let address = socket.local_addr()?;
        let line = one_line(&mut passing(name, config, socket)?, 2).await?;
        ensure!(line.contains(&format!("listen: the supervisor passed a socket at {address}, where")), "{line}");
    }
    let file = fs::File::open(system.edge_config(0))?;
    let line = one_line(&mut passing("lychgate-edge", system.edge_config(0), file)?, 2).await?;
    ensure!(
        line.contains("LISTEN_FDS: the supervisor passed a socket that cannot be used: fd 3 is not a socket"),
        "{line}"
    );
    Ok(())
}

/// The command of the unit that ships, with its environment.
#[tokio::test]
async fn the_scheduled_backup_keeps_verified_archives_and_exports() -> Result<()> {
    let operator = secret();
    let plan = Plan { edges: 1, control_tables: principal("backup", "operator", &operator), ..Plan::default() };
    let system = System::start(plan).await?;
    system.gate(MAIN.id)?.app(&[LOOPBACK]).await?.tokens().await?;
    let (backups, token) = (system.directory().join("backups"), system.directory().join("backup.token"));
    fs::write(&token, &operator)?;
    for run in 1..=3 {
        let mut backup = scheduled_backup(&backups)?;
        backup.env("LYCHGATE_CONTROL", system.control_url()).env("LYCHGATE_TOKEN_FILE", &token);
        let output = backup.env("LYCHGATE_KEEP", "2").output().await?;
        let stdout = String::from_utf8(output.stdout)?;
        ensure!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
        ensure!(stdout.contains("whole "), "{stdout}");
        let archives = archives_in(&backups)?;
        ensure!(archives.len() == run.min(2), "run {run}: {archives:?}");
        // An archive's name has its time in seconds: this one becomes older.
        let newest = archives.last().context("an archive")?;
        fs::rename(newest, backups.join(format!("lychgate-20200101T00000{run}Z")))?;
    }
    ensure!(!backups.join("lychgate-20200101T000001Z").exists(), "the oldest leaves first");
    let export = fs::read_to_string(backups.join("main.jsonl"))?;
    ensure!(export.contains("grant.issued") && backups.join("main.keys.json").exists(), "{export}");

    let mut backup = scheduled_backup(&backups)?;
    let refused = backup.env("LYCHGATE_CONTROL", system.control_url()).env("LYCHGATE_TOKEN", "wrong").output().await?;
    ensure!(!refused.status.success(), "a backup that was not made fails the unit");
    Ok(())
}

/// The complete archives, by age.
fn archives_in(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut archives: Vec<_> = entries.into_iter().filter(|path| path.join("manifest.json").exists()).collect();
    archives.sort();
    Ok(archives)
}

/// The configuration of the overlay for Kubernetes, with other files and addresses: both programs start with it.
#[tokio::test]
async fn the_configuration_for_kubernetes_is_one_that_starts() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let files = Files::of(directory.path());
    files.make()?;
    let authority = Authority::new("an authority")?;
    files.trust_control(&[&authority])?;
    files.trust_callers(&[&authority])?;
    files.certify_control(&authority)?;
    files.certify_edge(0, &authority)?;
    let secret_file = directory.path().join("secret");
    fs::write(&secret_file, secret())?;
    fs::set_permissions(&secret_file, fs::Permissions::from_mode(0o600))?;
    let path = |name: &str| files.path(name).display().to_string();
    let secret_file = secret_file.display().to_string();
    let control = [
        ("engine = \"postgres\"\nurl = { file = \"/run/secrets/store-url/url\" }", "engine = \"memory\""),
        ("/run/secrets/master-key/master.key", secret_file.as_str()),
        ("/run/secrets/upstream/secret", &secret_file),
        ("/run/secrets/tls/tls.crt", &path("control.pem")),
        ("/run/secrets/tls/tls.key", &path("control-key.pem")),
        ("/run/secrets/tls/ca.crt", &path("callers-ca.pem")),
    ];
    let edge = [
        ("/run/secrets/tls/tls.crt", path("edge-0.pem")),
        ("/run/secrets/tls/tls.key", path("edge-0-key.pem")),
        ("/run/secrets/tls/ca.crt", path("control-ca.pem")),
    ];
    let edge = edge.each_ref().map(|(before, after)| (*before, after.as_str()));
    for (program, changes) in [("control", control.as_slice()), ("edge", edge.as_slice())] {
        let mut text = config_map(program)?;
        let socket = TcpListener::bind("127.0.0.1:0")?;
        let port = if program == "control" { "0.0.0.0:7441" } else { "0.0.0.0:8080" };
        for (before, after) in changes.iter().copied().chain([(port, socket.local_addr()?.to_string().as_str())]) {
            ensure!(text.contains(before), "{program}: {before} is not there");
            text = text.replace(before, after);
        }
        let file = directory.path().join(format!("{program}.toml"));
        fs::write(&file, text)?;
        let process = Supervised::start_with(&format!("lychgate-{program}"), &file, socket)?;
        ensure!(process.notified().await? == "READY=1\n");
    }
    Ok(())
}

/// The file in the overlay's ConfigMap of a program.
fn config_map(program: &str) -> Result<String> {
    let manifest = fs::read_to_string(dist().join("kustomize/production/config.yaml"))?;
    let (_, after) = manifest.split_once(&format!("  {program}.toml: |\n")).context("the file")?;
    let lines = after.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    Ok(lines.map(|line| format!("{}\n", line.trim_start())).collect())
}

/// The folder of what is shipped beside the programs.
fn dist() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist")
}

/// Runs `lychgate health` and returns its exit code and its line on standard error.
async fn health(arguments: &[&str]) -> Result<(i32, String)> {
    let output = Command::new(binary("lychgate")?).arg("health").args(arguments).kill_on_drop(true).output();
    let output = timeout(PATIENCE, output).await.context("the probe does not end")??;
    Ok((output.status.code().context("an exit code")?, String::from_utf8(output.stderr)?))
}

/// The command of `lychgate-backup.service`, with the script of this checkout and another directory. Its environment is that of
/// the unit, without what the test replaces.
fn scheduled_backup(directory: &Path) -> Result<Command> {
    let unit = fs::read_to_string(dist().join("systemd/lychgate-backup.service"))?;
    let settings: BTreeMap<_, _> = unit.lines().filter_map(|line| line.split_once('=')).collect();
    ensure!(settings["ExecStart"] == "/usr/lib/lychgate/backup /var/lib/lychgate-backup", "another command");
    let programs = binary("lychgate")?.parent().map(PathBuf::from).context("a directory")?;
    let mut command = Command::new(dist().join("backup"));
    command.arg(directory).env("PATH", format!("{}:/usr/bin:/bin", programs.display())).kill_on_drop(true);
    Ok(command)
}

/// A process of a supervisor that passes it a socket and listens to its notifications.
struct Supervised {
    child: Child,
    notifications: UnixDatagram,
    _directory: tempfile::TempDir,
}

impl Supervised {
    fn start(name: &str, config: &Path, address: SocketAddr) -> Result<Self> {
        Self::start_with(name, config, TcpListener::bind(address)?)
    }

    fn start_with(name: &str, config: &Path, socket: TcpListener) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("notify");
        let notifications = UnixDatagram::bind(&path)?;
        let mut command = passing(name, config, socket)?;
        let child = command.env("NOTIFY_SOCKET", &path).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
        Ok(Self { child, notifications, _directory: directory })
    }

    async fn notified(&self) -> Result<String> {
        let mut message = [0; 256];
        let length = timeout(PATIENCE, self.notifications.recv(&mut message)).await.context("no notification")??;
        Ok(String::from_utf8(message[..length].to_vec())?)
    }

    fn signal(&self, signal: &str) -> Result<()> {
        send_signal(self.child.id().context("it runs")?, signal)
    }

    /// Its log, once it has ended with success.
    async fn ended(&mut self) -> Result<String> {
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().context("a pipe")?;
        timeout(PATIENCE, stderr.read_to_string(&mut log)).await.context("it does not end")??;
        ensure!(self.child.wait().await?.success(), "{log}");
        Ok(log)
    }
}

/// The command of a process that is passed `socket` as its first descriptor (sd_listen_fds(3)).
fn passing(name: &str, config: &Path, socket: impl Into<OwnedFd>) -> Result<Command> {
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" --config "$1""#])
        .arg(binary(name)?)
        .arg(config)
        .stdin(Stdio::from(socket.into()));
    Ok(command)
}
