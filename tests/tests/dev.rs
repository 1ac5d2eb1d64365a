//! `lychgate dev` from outside: its output, its state, its end, and its demo provider.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::dev::binary;
use e2e::flow::{App, Callback, Gate, LOOPBACK, SentUpstream, Tokens};
use e2e::grpc::{Caller, refusal};
use e2e::http::{Jar, Page};
use e2e::program::Program;
use e2e::resource_server::ResourceServer;
use e2e::system::family::{Member, descendants, running};
use e2e::system::files;
use e2e::system::service::{one_line, send_signal, until};
use lychgate_api::v1::ListRequest;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;
use tonic::Code;
use url::Url;

#[tokio::test]
async fn the_first_line_has_all_that_a_script_needs() -> Result<()> {
    let dev = Dev::start().await?;
    for field in [
        "issuer",
        "mcp_url",
        "upstream_issuer",
        "upstream_redirect_uri",
        "control_grpc",
        "control_metrics",
        "edge_metrics",
        "operator_token",
        "edge_listen",
        "data_dir",
        "control_config",
        "edge_config",
        "edge_token_file",
    ] {
        ensure!(!dev.says(field)?.is_empty(), "{field} is empty");
    }
    assert_eq!(dev.says("upstream_redirect_uri")?, format!("{}/callback/demo", dev.says("issuer")?));
    for file in ["control_config", "edge_config", "edge_token_file"] {
        assert!(Path::new(dev.says(file)?).starts_with(dev.says("data_dir")?), "{file}");
        assert!(fs::metadata(dev.says(file)?)?.is_file(), "{file}");
    }
    // All processes answer as soon as the line is printed.
    let metadata = dev.gate()?.get("/.well-known/oauth-authorization-server").await?;
    assert_eq!(metadata.json()?["issuer"], dev.says("issuer")?);
    let mcp = Page::of(reqwest::Client::new().get(dev.says("mcp_url")?)).await?;
    assert_eq!(mcp.status, 401, "{}", mcp.summary());
    let upstream = format!("{}/.well-known/openid-configuration", dev.says("upstream_issuer")?);
    assert_eq!(reqwest::get(upstream).await?.status(), 200);
    for (field, metric) in
        [("control_metrics", "rpc_server_duration_seconds"), ("edge_metrics", "lychgate_connections")]
    {
        let served = reqwest::get(dev.says(field)?).await?.text().await?;
        ensure!(served.contains(metric), "{field}: {served}");
    }
    assert_eq!(dev.operator()?.issuers().list(ListRequest {}).await?.into_inner().issuers.len(), 1);
    dev.stop("TERM").await?;
    Ok(())
}

#[tokio::test]
async fn a_second_start_keeps_the_state_of_the_first() -> Result<()> {
    let dev = Dev::start().await?;
    let (first, gate) = (dev.line.clone(), dev.gate()?);
    let app = gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let tokens = tokens_of_ada(&dev, &app, &mut jar).await?;
    let keys = gate.get("/jwks.json").await?.body;
    let data = dev.stop("TERM").await?;

    let dev = Dev::start_in(data).await?;
    for (field, value) in first.as_object().context("an object")? {
        if field == "operator_token" {
            assert_ne!(&dev.line[field], value, "the operator's token is new each time");
        } else {
            assert_eq!(&dev.line[field], value, "{field}");
        }
    }
    let old = Caller::new(&dev.control_url()?, first["operator_token"].as_str().context("a token")?)?;
    let refused = old.issuers().list(ListRequest {}).await.expect_err("the token of the last run");
    assert_eq!(refusal(&refused)?, (Code::Unauthenticated, "UNAUTHENTICATED".to_owned()));
    dev.operator()?.issuers().list(ListRequest {}).await?;

    assert_eq!(gate.get("/jwks.json").await?.body, keys);
    let refreshed = app.refresh(&tokens.refresh_token).tokens().await?;
    let server = ResourceServer::new(&gate).await?;
    assert_eq!(server.verify(&refreshed.access_token)?.claims["client_id"], app.client_id);
    server.verify(&tokens.access_token)?;
    dev.stop("INT").await?;
    Ok(())
}

#[tokio::test]
async fn sigterm_and_sigint_end_everything_well() -> Result<()> {
    for signal in ["TERM", "INT"] {
        let dev = Dev::start().await?;
        let children = dev.children()?;
        dev.stop(signal).await?;
        assert_eq!(running(&children)?, [], "after SIG{signal}");
    }
    Ok(())
}

/// A killed parent cannot stop its children: they must notice by themselves.
#[tokio::test]
async fn nothing_outlives_a_dev_that_was_killed() -> Result<()> {
    let dev = Dev::start().await?;
    let children = dev.children()?;
    send_signal(dev.id()?, "KILL")?;
    until("all of its processes have ended", async || running(&children).is_ok_and(|left| left.is_empty())).await?;
    // The data directory is free for the next start.
    let Dev { program, data, .. } = dev;
    drop(program);
    Dev::start_in(data).await?.stop("TERM").await?;
    Ok(())
}

/// If one process ends, `dev` stops the others, names it, and exits with an error.
#[tokio::test]
async fn a_process_that_dies_takes_the_others_along() -> Result<()> {
    let mut dev = Dev::start().await?;
    let children = dev.children()?;
    let edge = children.iter().find(|child| child.name.starts_with("lychgate-edge")).context("an edge")?;
    send_signal(edge.id, "KILL")?;
    assert_eq!(dev.program.exit_code().await?, Some(137), "that of a process killed by SIGKILL, as a shell has it");
    assert_eq!(running(&children)?, []);
    Ok(())
}

/// The control plane reads some settings only when it starts. Its refusal ends `dev` with its exit code, and names the key
/// and the file that the person wrote.
#[tokio::test]
async fn a_setting_that_only_control_refuses_is_named_by_the_key_that_the_person_wrote() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (data, file) = (directory.path().join("data"), directory.path().join("mine.toml"));
    let secret = directory.path().join("empty.secret");
    fs::write(&secret, "\r\n")?;
    let upstream =
        "[upstream]\nkind = \"oidc\"\nid = \"a\"\nname = \"A\"\nissuer = \"https://192.0.2.1\"\nclient_id = \"c\"\n";
    for (reference, problem) in [
        ("{ env = \"LYCHGATE_NOT_SET\" }".to_owned(), "environment variable LYCHGATE_NOT_SET cannot be read"),
        (format!("{{ file = {secret:?} }}"), "is empty"),
    ] {
        fs::write(&file, format!("{upstream}client_secret = {reference}\n"))?;
        let mut command = Command::new(binary("lychgate")?);
        command.args(["dev", "--listen", "127.0.0.1:0", "--data", path(&data)?, "--config", path(&file)?]);
        let output = timeout(Duration::from_secs(60), command.kill_on_drop(true).output()).await??;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(2), "{}: {text}", output.status);
        let last = text.lines().last().unwrap_or_default();
        let expected = format!("{}: upstream.client_secret: ", file.display());
        ensure!(last.contains(&expected) && last.contains(problem), "{last}");
        ensure!(!text.contains("issuers[0]"), "{text}");
    }
    Ok(())
}

/// Other users cannot read the data directory.
///
/// Requirements: A15.
#[tokio::test]
async fn the_data_directory_is_private_to_its_owner() -> Result<()> {
    let dev = Dev::start().await?;
    let app = dev.gate()?.app(&[LOOPBACK]).await?;
    tokens_of_ada(&dev, &app, &mut Jar::new()?).await?;
    let directory = PathBuf::from(dev.says("data_dir")?);
    assert_eq!(mode(&directory)?, 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(&directory)? {
        let path = entry?.path();
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path)?, expected, "{}", path.display());
        names.extend(path.file_name().and_then(|name| name.to_str()).map(str::to_owned));
    }
    for secret in ["master.key", "edge.token", "upstream.secret", "provider.key", "store"] {
        assert!(names.iter().any(|name| name == secret), "{secret} is not in {names:?}");
    }
    // The operator's token of this run is not stored.
    let token = dev.says("operator_token")?.to_owned();
    for (path, content) in files(&directory)? {
        let found = content.windows(token.len()).any(|part| part == token.as_bytes());
        assert!(!found, "the operator's token is in {}", path.display());
    }
    dev.stop("TERM").await?;
    Ok(())
}

#[tokio::test]
async fn two_instances_cannot_share_a_port_or_directory() -> Result<()> {
    let dev = Dev::start().await?;
    let (listen, directory) = (dev.says("edge_listen")?.to_owned(), dev.says("data_dir")?.to_owned());
    let other = tempfile::tempdir()?;
    let other_directory = other.path().join("data");

    let line = refusal_of(&["--listen", &listen, "--data", path(&other_directory)?], 1).await?;
    let port = listen.rsplit(':').next().context("a port")?;
    ensure!(line.contains(&format!("port {port}")) && line.contains("--listen"), "{line}");
    let line = refusal_of(&["--listen", "127.0.0.1:0", "--data", &directory], 1).await?;
    ensure!(line.contains(&directory) && line.contains("--data"), "{line}");
    // The first instance is unaffected.
    assert_eq!(dev.gate()?.get("/readyz").await?.status, 200);
    dev.stop("TERM").await?;
    Ok(())
}

/// Requirements: A14.
#[tokio::test]
async fn unsafe_or_misspelt_configuration_is_refused_in_one_line() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    for (arguments, config, expected) in [
        (vec!["--listen", "0.0.0.0:7440"], "", "0.0.0.0:7440 is not loopback"),
        (vec!["--listen", "[::]:7440"], "", "[::]:7440 is not loopback"),
        (vec![], "[issuer]\nnmae = \"x\"\n", "issuer.nmae"),
        (vec![], "[lifetimes]\ncode_seconds = 0\n", "lifetimes.code_seconds"),
        (vec![], "[issuer\n", "dev.toml"),
        (vec![], "[telemetry]\nfilter = \"info,=,\"\n", "dev.toml: telemetry.filter"),
        (
            vec![],
            "[upstream]\nkind = \"oidc\"\nid = \"a\"\nname = \"A\"\nissuer = \"http://idp.example\"\nclient_id = \"c\"\n\
             client_secret = { env = \"HOME\" }\n",
            "upstream.issuer",
        ),
    ] {
        let file = directory.path().join("dev.toml");
        fs::write(&file, config)?;
        let mut all = vec!["--data", path(&data)?, "--config", path(&file)?];
        all.extend(arguments);
        let line = refusal_of(&all, 2).await?;
        ensure!(line.contains(expected), "{expected} is not in {line}");
    }
    Ok(())
}

/// B1 and B3: the demo provider remembers that Ada allowed *Lychgate*, so any client in her browser would get a
/// code without a page. Our page is the only question about a second client, and it comes before the provider is
/// involved.
///
/// Requirements: B1, B3.
#[tokio::test]
async fn the_provider_remembers_and_our_page_comes_first() -> Result<()> {
    let dev = Dev::start().await?;
    let gate = dev.gate()?;
    let mut ada = Jar::new()?;
    let first = gate.app(&[LOOPBACK]).await?;
    tokens_of_ada(&dev, &first, &mut ada).await?;

    // The danger: the static client id is all that is needed.
    let provider = dev.says("upstream_issuer")?;
    let mut attack = Url::parse(&format!("{provider}/authorize"))?;
    attack
        .query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", "lychgate")
        .append_pair("redirect_uri", dev.says("upstream_redirect_uri")?)
        .append_pair("scope", "openid profile email")
        .append_pair("state", "of-the-attacker")
        .append_pair("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        .append_pair("code_challenge_method", "S256");
    let silent = ada.open(&attack).await?.location().context("the provider should have asked nothing")?;
    ensure!(silent.query_pairs().any(|(name, _)| name == "code"), "no code without a page: {silent}");
    let landed = ada.open(&silent).await?;
    assert_eq!((landed.status, landed.reason()), (400, Some("STATE_INVALID")), "{}", landed.summary());
    assert!(!landed.redirects());

    // A second client gets our page, and the provider gets no request before the answer.
    let second = gate.app(&["https://attacker.example/callback"]).await?;
    let consent = second.request().open(&mut ada).await?;
    ensure!(consent.page.body.contains("attacker.example"), "the page does not say where the code goes (A18)");
    let approved = consent.approve(&mut ada).await?;
    let upstream = ada.follow(&approved.page).await?;
    let back = upstream.location().context("the provider asks nothing this time")?;
    ensure!(back.as_str().starts_with(dev.says("upstream_redirect_uri")?), "sent to {back}");
    // A denial does not involve the provider.
    let third = gate.app(&["https://attacker.example/callback"]).await?;
    let denied = third.request().open(&mut ada).await?.deny(&mut ada).await?;
    assert_eq!(denied.error().as_deref(), Some("access_denied"));
    dev.stop("TERM").await?;
    Ok(())
}

/// A running `lychgate dev` in a directory of the test.
struct Dev {
    program: Program,
    line: Value,
    data: TempDir,
}

impl Dev {
    async fn start() -> Result<Self> {
        Self::start_in(tempfile::tempdir()?).await
    }

    async fn start_in(data: TempDir) -> Result<Self> {
        let directory = data.path().join("data");
        let mut command = Command::new(binary("lychgate")?);
        command
            .args(["dev", "--listen", "127.0.0.1:0", "--json", "--data", path(&directory)?])
            .env("LYCHGATE_STOP_WITH_PARENT", "1")
            .kill_on_drop(true);
        let mut program = Program::spawn("lychgate dev", &mut command)?;
        let line = program.line().await?;
        Ok(Self { program, line, data })
    }

    fn says(&self, field: &str) -> Result<&str> {
        self.line[field].as_str().with_context(|| format!("no {field} in {}", self.line))
    }

    fn gate(&self) -> Result<Gate> {
        Gate::new(self.says("issuer")?, self.says("mcp_url")?)
    }

    fn control_url(&self) -> Result<String> {
        Ok(format!("http://{}", self.says("control_grpc")?))
    }

    fn operator(&self) -> Result<Caller> {
        Caller::new(&self.control_url()?, self.says("operator_token")?)
    }

    fn id(&self) -> Result<u32> {
        self.program.id().context("lychgate dev has ended")
    }

    /// The four processes that it started.
    fn children(&self) -> Result<Vec<Member>> {
        let children = descendants(self.id()?)?;
        ensure!(children.len() == 4, "provider, control, edge and MCP server, not {children:?}");
        Ok(children)
    }

    /// Sends the signal and waits for the end; returns its directory for the next start.
    async fn stop(mut self, signal: &str) -> Result<TempDir> {
        send_signal(self.id()?, signal)?;
        ensure!(self.program.ended().await?, "it did not end well after SIG{signal}");
        Ok(self.data)
    }
}

/// Completes the flow as Ada, who signs in at the demo provider if it shows its login page.
async fn tokens_of_ada(dev: &Dev, app: &App, jar: &mut Jar) -> Result<Tokens> {
    let request = app.request();
    let approved = request.open(jar).await?.approve(jar).await?;
    let callback = sign_in_as_ada(dev, approved, jar).await?;
    let code = callback.finish(jar).await?.code()?;
    request.redemption(&code).tokens().await
}

async fn sign_in_as_ada(dev: &Dev, approved: SentUpstream, jar: &mut Jar) -> Result<Callback> {
    let login = jar.follow(&approved.page).await?;
    ensure!(login.url.as_str().starts_with(dev.says("upstream_issuer")?), "{}", login.summary());
    let consent = jar.press(&login, ("login", "ada")).await?;
    let back = jar.press(&consent, ("decision", "allow")).await?;
    Ok(Callback { url: back.location()?, request: approved.request })
}

/// The only line of a `lychgate dev` that refuses to start with this exit code.
async fn refusal_of(arguments: &[&str], code: i32) -> Result<String> {
    let mut command = Command::new(binary("lychgate")?);
    one_line(command.arg("dev").args(arguments), code).await
}

fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a path of text")
}
