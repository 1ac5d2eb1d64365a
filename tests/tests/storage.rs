//! `lychgate storage copy`: all data in another store, after every kill, and no control plane on the old one. `lychgate backup`
//! and `restore`: everything but what could have been revoked.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context, Result, ensure};
use e2e::dev::binary;
use e2e::flow::{App, LOOPBACK, Tokens};
use e2e::grpc::refusal;
use e2e::http::{Jar, Page};
use e2e::system::configuration::secret;
use e2e::system::service::one_line;
use e2e::system::{CROWD, MAIN, Plan, System, principal};
use lychgate_api::channel::{self, AuthenticatedChannel};
use lychgate_api::v1::admin_service_client::AdminServiceClient;
use lychgate_api::v1::consent_service_client::ConsentServiceClient;
use lychgate_api::v1::{
    CheckRequest, ConsentServiceListRequest, Consistency, ExportEventsRequest, ListEventsRequest, WatchRequest,
    consistency,
};
use lychgate_test_postgres::Server;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tonic::{Code, Status};

/// A system with an operator and a checker.
struct Scene {
    system: System,
    operator: String,
    checker: String,
    /// An operator of one issuer.
    scoped: String,
}

/// Positions in a store's history that a caller keeps.
struct Kept {
    watch: String,
    page: String,
    export: String,
    revision: String,
}

impl Scene {
    async fn start() -> Result<Self> {
        let (operator, checker, scoped) = (secret(), secret(), secret());
        let of_one = principal("ops-of-one", "operator", &scoped) + "issuers = [\"main\"]\n";
        let callers =
            [principal("ops", "operator", &operator), principal("notes", "checker", &checker), of_one].concat();
        let plan = Plan { edges: 1, edge_settings: CROWD.to_owned(), control_tables: callers, ..Plan::default() };
        // A code that a restore brings back must be refused although it has not expired.
        let plan = Plan { lifetimes: "code_seconds = 600".to_owned(), ..plan };
        Ok(Self { system: System::start(plan).await?, operator, checker, scoped })
    }

    fn channel(&self, token: &str) -> Result<AuthenticatedChannel> {
        Ok(channel::open(&self.system.control_url(), None, token)?)
    }

    /// Runs a verb that asks the control plane; it must succeed.
    async fn verb(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let mut command = lychgate(arguments)?;
        command.env("LYCHGATE_CONTROL", self.system.control_url()).env("LYCHGATE_TOKEN", &self.operator);
        let Output { status, stdout, stderr } = command.output().await?;
        ensure!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        Ok(stdout)
    }

    /// Lets the configuration name another store.
    fn use_store(&self, before: &Path, after: &Path) -> Result<()> {
        let config = fs::read_to_string(self.system.control_config())?;
        let (before, after) = (format!("path = {before:?}"), format!("path = {after:?}"));
        ensure!(config.contains(&before), "{before} is not in the configuration");
        Ok(fs::write(self.system.control_config(), config.replace(&before, &after))?)
    }

    /// Exports events and keys to files of this name.
    async fn exported(&self, name: &str) -> Result<Exported> {
        let file = |kind: &str| self.system.directory().join(format!("{name}.{kind}"));
        let exported = Exported { events: file("events"), keys: file("keys") };
        fs::write(&exported.events, self.verb(&["events", "export"]).await?)?;
        fs::write(&exported.keys, self.verb(&["events", "keys"]).await?)?;
        Ok(exported)
    }

    async fn keep(&self) -> Result<Kept> {
        let mut admin = AdminServiceClient::new(self.channel(&self.operator)?);
        let mut consents = ConsentServiceClient::new(self.channel(&self.operator)?);
        let mut watch = consents.watch(watch("")).await?.into_inner();
        let watch = watch.message().await?.context("the feed has an event")?.cursor;
        let page = admin.list_events(page("")).await?.into_inner().next_page_token;
        let mut export = admin.export_events(export("")).await?.into_inner();
        let export = export.message().await?.context("the log has an event")?.cursor;
        let list = ConsentServiceListRequest { issuer_id: MAIN.id.to_owned(), ..Default::default() };
        let revision = consents.list(list).await?.into_inner().revision;
        ensure!(!page.is_empty(), "one page would hold everything");
        Ok(Kept { watch, page, export, revision })
    }

    /// The answers to a caller that uses what it kept.
    async fn answers(&self, kept: &Kept, tokens: &Tokens) -> Result<[std::result::Result<(), Status>; 4]> {
        let mut admin = AdminServiceClient::new(self.channel(&self.operator)?);
        let mut consents = ConsentServiceClient::new(self.channel(&self.operator)?);
        let mut checker = ConsentServiceClient::new(self.channel(&self.checker)?);
        let claims = tokens.claims()?;
        let text = |name: &str| claims[name].as_str().map(str::to_owned).unwrap_or_default();
        let check = CheckRequest {
            issuer_id: MAIN.id.to_owned(),
            subject: text("sub"),
            client_id: text("client_id"),
            resource: MAIN.resource.to_owned(),
            scopes: Vec::new(),
            consistency: Some(Consistency {
                requirement: Some(consistency::Requirement::AtLeastAsFresh(kept.revision.clone())),
            }),
        };
        let watched = match consents.watch(watch(&kept.watch)).await {
            Ok(stream) => stream.into_inner().message().await.map(drop),
            Err(status) => Err(status),
        };
        let exported = match admin.export_events(export(&kept.export)).await {
            Ok(stream) => stream.into_inner().message().await.map(drop),
            Err(status) => Err(status),
        };
        let listed = admin.list_events(page(&kept.page)).await.map(drop);
        Ok([watched, listed, exported, checker.check(check).await.map(drop)])
    }
}

fn watch(cursor: &str) -> WatchRequest {
    WatchRequest { issuer_id: MAIN.id.to_owned(), cursor: cursor.to_owned() }
}

fn page(token: &str) -> ListEventsRequest {
    ListEventsRequest {
        issuer_id: MAIN.id.to_owned(),
        page_size: 1,
        page_token: token.to_owned(),
        ..Default::default()
    }
}

fn export(cursor: &str) -> ExportEventsRequest {
    ExportEventsRequest { issuer_id: MAIN.id.to_owned(), cursor: cursor.to_owned(), ..Default::default() }
}

fn lychgate(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(binary("lychgate")?);
    command.args(arguments).kill_on_drop(true);
    Ok(command)
}

fn spec(path: &Path) -> String {
    format!("rocksdb:{}", path.display())
}

fn copy(from: &Path, to: &Path) -> Result<Command> {
    lychgate(&["storage", "copy", "--from", &spec(from), "--to", &spec(to)])
}

async fn succeeds(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } = command.output().await?;
    ensure!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
    Ok(String::from_utf8(stdout)?)
}

/// Sends SIGKILL after this line of progress; `false` if the command ended before.
async fn killed_after(line: usize, command: &mut Command) -> Result<bool> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stderr.take().context("a pipe")?).lines();
    for _ in 0..line {
        if lines.next_line().await?.is_none() {
            ensure!(child.wait().await?.success(), "a copy that was not killed failed");
            return Ok(false);
        }
    }
    child.kill().await?;
    Ok(true)
}

async fn spent_code(app: &App) -> Result<e2e::flow::TokenRequest> {
    let request = app.request();
    let code = request.code(&mut Jar::new()?).await?;
    let redemption = request.redemption(&code);
    redemption.tokens().await?;
    Ok(redemption)
}

fn refused(page: &Page, error: &str) {
    assert_eq!((page.status, page.error().as_str()), (400, error), "{}", page.summary());
}

#[tokio::test]
async fn everything_goes_on_after_a_copy_that_was_killed_at_every_line() -> Result<()> {
    let mut scene = Scene::start().await?;
    let gate = scene.system.gate(MAIN.id)?;
    let (app, revoked) = (gate.app(&[LOOPBACK]).await?, gate.app(&[LOOPBACK]).await?);
    let (live, ended) = (app.tokens().await?, revoked.tokens().await?);
    let spent = spent_code(&app).await?;
    scene.verb(&["clients", "revoke", &revoked.client_id, "--reason", "a test", "--yes"]).await?;
    let exported = scene.verb(&["events", "export"]).await?;
    let keys = scene.verb(&["events", "keys"]).await?;
    let kept = scene.keep().await?;
    for answer in scene.answers(&kept, &live).await? {
        answer.context("what was kept is good before the copy")?;
    }
    scene.system.kill_control().await?;

    let directory = scene.system.directory().to_owned();
    let (source, target) = (directory.join("store"), directory.join("copied"));
    let mut kills = 0;
    loop {
        let attempt = directory.join(format!("attempt-{kills}"));
        if !killed_after(kills + 1, &mut copy(&source, &attempt)?).await? {
            break;
        }
        let line = control_refuses(&scene).await?;
        ensure!(line.contains(&format!("copied to {}", spec(&attempt))) || line.contains("went to"), "{line}");
        succeeds(&mut copy(&source, &attempt)?).await?;
        succeeds(&mut lychgate(&["storage", "unfence", &spec(&source), "--abandon-copy"])?).await?;
        kills += 1;
    }
    ensure!(kills > 20, "only {kills} lines");
    succeeds(&mut lychgate(&["storage", "unfence", &spec(&source), "--abandon-copy"])?).await?;
    let lines = succeeds(&mut copy(&source, &target)?).await?;
    ensure!(lines.lines().count() == 13 && lines.contains(&format!("was copied to {}", spec(&target))), "{lines}");
    ensure!(lines.starts_with("events ") && lines.contains("\ngrants "), "{lines}");

    let line = control_refuses(&scene).await?;
    ensure!(line.contains(&format!("its data went to {}", spec(&target))) && line.contains("unfence"), "{line}");
    scene.use_store(&source, &target)?;
    scene.system.start_control().await?;
    app.refresh(&live.refresh_token).tokens().await?;
    refused(&revoked.refresh(&ended.refresh_token).send().await?, "invalid_grant");
    refused(&spent.send().await?, "invalid_grant");
    let codes = [Code::OutOfRange, Code::OutOfRange, Code::OutOfRange, Code::FailedPrecondition];
    let reasons = ["CURSOR_LOST", "CURSOR_LOST", "CURSOR_LOST", "REVISION_LOST"];
    for ((answer, code), reason) in scene.answers(&kept, &live).await?.into_iter().zip(codes).zip(reasons) {
        let status = answer.err().with_context(|| format!("{reason}: a position of the old history was accepted"))?;
        assert_eq!(refusal(&status)?, (code, reason.to_owned()));
    }

    // The chain of digests goes on, over the same events.
    let again = scene.verb(&["events", "export"]).await?;
    ensure!(
        again.starts_with(&exported) && again.len() > exported.len(),
        "the export is not the one of before, continued"
    );
    let [older, newer, key_set] = ["older.jsonl", "newer.jsonl", "keys.json"].map(|name| directory.join(name));
    fs::write(&older, exported)?;
    fs::write(&newer, again)?;
    fs::write(&key_set, keys)?;
    let mut verify = lychgate(&["events", "verify"])?;
    succeeds(verify.arg(&newer).arg("--keys").arg(&key_set).arg("--continues").arg(&older)).await?;
    Ok(())
}

/// A store moves to PostgreSQL, a control plane serves it, and it moves back with what happened meanwhile.
#[tokio::test]
async fn a_store_moves_to_postgresql_and_back() -> Result<()> {
    let mut scene = Scene::start().await?;
    let gate = scene.system.gate(MAIN.id)?;
    let app = gate.app(&[LOOPBACK]).await?;
    let first = app.tokens().await?;
    let spent = spent_code(&app).await?;
    scene.system.kill_control().await?;

    let directory = scene.system.directory().to_owned();
    let (source, back, url) = (directory.join("store"), directory.join("back"), directory.join("database-url"));
    private(&url, &Server::shared().database())?;
    let postgres = format!("postgres:{}", url.display());
    let copy = |from: &str, to: &str| lychgate(&["storage", "copy", "--from", from, "--to", to]);
    let lines = succeeds(&mut copy(&spec(&source), &postgres)?).await?;
    ensure!(lines.contains(&format!("was copied to {postgres}")) && !lines.contains("postgresql://"), "{lines}");
    let config = fs::read_to_string(scene.system.control_config())?;
    let on_postgres = format!("engine = \"postgres\"\nurl = {{ file = {url:?} }}\nallow_single = true");
    let rocksdb = |path: &Path| format!("engine = \"rocksdb\"\npath = {path:?}");
    ensure!(config.contains(&rocksdb(&source)), "{config}");
    fs::write(scene.system.control_config(), config.replace(&rocksdb(&source), &on_postgres))?;
    succeeds(lychgate(&["storage", "migrate", "--config"])?.arg(scene.system.control_config())).await?;
    scene.system.start_control().await?;
    let second = app.refresh(&first.refresh_token).tokens().await?;
    refused(&spent.send().await?, "invalid_grant");
    let newcomer = gate.app(&[LOOPBACK]).await?;
    let third = newcomer.tokens().await?;

    // The control plane still runs: what it writes after the copy has begun would be lost.
    succeeds(&mut copy(&postgres, &spec(&back))?).await?;
    scene.system.control_ended().await?;
    let line = control_refuses(&scene).await?;
    ensure!(line.contains(&format!("its data went to {}", spec(&back))), "{line}");
    fs::write(scene.system.control_config(), config.replace(&rocksdb(&source), &rocksdb(&back)))?;
    scene.system.start_control().await?;
    app.refresh(&second.refresh_token).tokens().await?;
    newcomer.refresh(&third.refresh_token).tokens().await?;
    Ok(())
}

fn private(file: &Path, content: &str) -> Result<()> {
    fs::write(file, content)?;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o600))?)
}

/// A backup under load, a revocation after it, the loss of the store, and the way back.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one drill: each step works on what the step before left")]
async fn a_restore_brings_back_everything_but_what_could_have_been_revoked() -> Result<()> {
    let mut scene = Scene::start().await?;
    let gate = scene.system.gate(MAIN.id)?;
    let (app, revoked) = (gate.app(&[LOOPBACK]).await?, gate.app(&[LOOPBACK]).await?);
    let (live, ended) = (app.tokens().await?, revoked.tokens().await?);
    let spent = spent_code(&app).await?;
    scene.system.upstream(MAIN.id)?.sign_in_as("bob");
    let (bobs, lost_code) = (app.tokens().await?, app.request());
    scene.system.upstream(MAIN.id)?.sign_in_as("carol");
    let carols = lost_code.redemption(&lost_code.code(&mut Jar::new()?).await?);
    scene.system.upstream(MAIN.id)?.sign_in_as("crowd");
    let early = scene.exported("early").await?;

    let backups = scene.system.directory().join("backups");
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let (busy, mut is_busy) = tokio::sync::watch::channel(0_usize);
    let mut people = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (gate, stopped, busy) = (gate.clone(), stopped.clone(), busy.clone());
        people.spawn(async move {
            while !*stopped.borrow() {
                gate.app(&[LOOPBACK]).await?.tokens().await?;
                busy.send_modify(|flows| *flows += 1);
            }
            anyhow::Ok(())
        });
    }
    is_busy.wait_for(|flows| *flows > 4).await?;
    let mut of_one = lychgate(&["backup"])?;
    of_one.arg(&backups).env("LYCHGATE_CONTROL", scene.system.control_url()).env("LYCHGATE_TOKEN", &scene.scoped);
    let line = one_line(&mut of_one, 2).await?;
    ensure!(line.contains("holds the records of all issuers"), "{line}");
    let archive = String::from_utf8(scene.verb(&["backup", &backups.display().to_string()]).await?)?;
    let archive = Path::new(archive.trim_end()).to_owned();
    // The crowd has events that are younger than the backup.
    let flows = *is_busy.borrow();
    is_busy.wait_for(|now| *now > flows + 8).await?;
    stop.send(true)?;
    while let Some(person) = people.join_next().await {
        person??;
    }
    ensure!(!scene.system.directory().join("store.checkpoint").exists(), "the files of the backup are left");
    let later = gate.app(&[LOOPBACK]).await?;
    scene.verb(&["clients", "revoke", &revoked.client_id, "--reason", "a test", "--yes"]).await?;
    refused(&revoked.refresh(&ended.refresh_token).send().await?, "invalid_grant");
    let bob = bobs.claims()?["sub"].as_str().context("a subject")?.to_owned();
    scene.verb(&["consents", "revoke", "--subject", &bob, "--reason", "a test", "--yes"]).await?;
    carols.tokens().await?;
    scene.verb(&["clients", "disable", &later.client_id, "--reason", "a test"]).await?;
    let exported = scene.exported("late").await?;
    scene.system.kill_control().await?;
    let (lost, restored) = (scene.system.directory().join("store"), scene.system.directory().join("restored"));
    fs::remove_dir_all(&lost)?;

    let whole = succeeds(lychgate(&["backup", "verify"])?.arg(&archive)).await?;
    ensure!(whole.starts_with("whole "), "{whole}");
    damage_is_found(&archive).await?;
    let mut restore = lychgate(&["restore"])?;
    let line = succeeds(restore.arg(&archive).args(["--to", &spec(&restored)])).await?;
    ensure!(line.contains("every grant and every consent was ended, because no export"), "{line}");
    ensure!(line.contains("look at clients list"), "{line}");
    let mut again = lychgate(&["restore"])?;
    let refusal = one_line_of(again.arg(&archive).args(["--to", &spec(&restored)])).await?;
    ensure!(refusal.contains("is not empty"), "{refusal}");

    scene.use_store(&lost, &restored)?;
    scene.system.start_control().await?;
    for (app, tokens) in [(&revoked, &ended), (&app, &live)] {
        refused(&app.refresh(&tokens.refresh_token).send().await?, "invalid_grant");
    }
    refused(&spent.send().await?, "invalid_grant");
    app.tokens().await.context("a client of before the backup, and its person")?;
    ensure!(later.request().open(&mut Jar::new()?).await.is_err(), "a client of after the backup");
    let events = String::from_utf8(scene.verb(&["events", "list", "--kind", "issuer.revoked", "--json"]).await?)?;
    ensure!(events.contains("restored the backup of ") && events.lines().count() == 1, "{events}");
    scene.system.kill_control().await?;

    // With the export, only what it names has ended.
    let chosen = scene.system.directory().join("chosen");
    let line = cannot_restore(&archive, &chosen, &early).await?;
    ensure!(line.contains("before the backup"), "{line}");
    let cut = shortened(&exported)?;
    let line = cannot_restore(&archive, &chosen, &cut).await?;
    ensure!(line.contains("does not show what was revoked"), "{line}");
    let lines = succeeds(&mut restore_with(&archive, &chosen, &exported)?).await?;
    ensure!(lines.contains("everything of 5 persons and clients was ended"), "{lines}");
    ensure!(lines.contains("look at clients list"), "{lines}");
    ensure!(lines.contains(&format!("do again: lychgate clients disable {}", later.client_id)), "{lines}");
    scene.use_store(&restored, &chosen)?;
    scene.system.start_control().await?;
    refused(&revoked.refresh(&ended.refresh_token).send().await?, "invalid_grant");
    refused(&app.refresh(&bobs.refresh_token).send().await?, "invalid_grant");
    refused(&carols.send().await?, "invalid_grant");
    app.refresh(&live.refresh_token).tokens().await.context("a person without a revocation")?;
    refused(&spent.send().await?, "invalid_grant");
    Ok(())
}

/// An export and its keys.
struct Exported {
    events: std::path::PathBuf,
    keys: std::path::PathBuf,
}

fn restore_with(archive: &Path, target: &Path, exported: &Exported) -> Result<Command> {
    let mut command = lychgate(&["restore", "--to", &spec(target)])?;
    command.arg(archive).arg("--events").arg(&exported.events).arg("--keys").arg(&exported.keys);
    Ok(command)
}

/// The last line of a restore that fails; its target is not served, and is deleted.
async fn cannot_restore(archive: &Path, target: &Path, exported: &Exported) -> Result<String> {
    let line = one_line_of(&mut restore_with(archive, target, exported)?).await?;
    fs::remove_dir_all(target)?;
    Ok(line)
}

/// The export without an event of its newest range.
fn shortened(exported: &Exported) -> Result<Exported> {
    let text = fs::read_to_string(&exported.events)?;
    let mut lines: Vec<_> = text.lines().collect();
    ensure!(lines.len() > 2, "{text}");
    lines.remove(lines.len() - 2);
    let events = exported.events.with_extension("cut");
    fs::write(&events, lines.join("\n") + "\n")?;
    Ok(Exported { events, keys: exported.keys.clone() })
}

/// Each way of damaging an archive is named by `verify`, and stops a restore before it touches anything.
async fn damage_is_found(archive: &Path) -> Result<()> {
    let store = archive.join("store");
    let current = store.join("CURRENT");
    let whole = fs::read(&current)?;
    for (what, damage) in [("changed", Some(b"MANIFEST-999999\n".as_slice())), ("missing", None)] {
        match damage {
            Some(bytes) => fs::write(&current, bytes)?,
            None => fs::remove_file(&current)?,
        }
        let Output { status, stdout, .. } = lychgate(&["backup", "verify"])?.arg(archive).output().await?;
        let stdout = String::from_utf8(stdout)?;
        ensure!(status.code() == Some(1) && stdout.contains("FAILS") && stdout.contains(what), "{status}: {stdout}");
        let target = archive.join("target");
        let line = one_line(lychgate(&["restore"])?.arg(archive).args(["--to", &spec(&target)]), 5).await?;
        ensure!(line.contains("is not whole") && !target.exists(), "{line}");
    }
    fs::write(&current, whole)?;
    let added = store.join("added");
    fs::write(&added, b"")?;
    let verified = lychgate(&["backup", "verify"])?.arg(archive).output().await?;
    ensure!(verified.status.code() == Some(1), "a file that is not in the manifest");
    fs::remove_file(&added)?;
    Ok(())
}

/// The last line on standard error of a command that fails after progress.
async fn one_line_of(command: &mut Command) -> Result<String> {
    let Output { status, stderr, .. } = command.output().await?;
    ensure!(!status.success(), "it did not fail");
    Ok(String::from_utf8(stderr)?.lines().last().unwrap_or_default().to_owned())
}

async fn control_refuses(scene: &Scene) -> Result<String> {
    let mut command = Command::new(binary("lychgate-control")?);
    let line = one_line(command.arg("--config").arg(scene.system.control_config()), 1).await?;
    ensure!(line.starts_with("lychgate-control: "), "{line}");
    Ok(line)
}

#[tokio::test]
async fn a_copy_refuses_what_it_must_not_touch() -> Result<()> {
    let mut scene = Scene::start().await?;
    let directory = scene.system.directory().to_owned();
    let (source, target) = (directory.join("store"), directory.join("copied"));
    let line = one_line(&mut copy(&source, &target)?, 3).await?;
    ensure!(line.contains("in use by another process"), "{line}");
    scene.system.kill_control().await?;

    let line = one_line(&mut copy(&directory.join("nothing"), &target)?, 2).await?;
    ensure!(line.contains("holds no store") && !directory.join("nothing").exists(), "{line}");
    let line = one_line(&mut copy(&source, &source)?, 2).await?;
    ensure!(line.contains("the same store"), "{line}");
    succeeds(&mut copy(&source, &target)?).await?;
    let line = one_line(&mut copy(&source, &directory.join("second"))?, 5).await?;
    ensure!(line.contains(&format!("its data went to {}", spec(&target))), "{line}");
    let line = one_line(&mut lychgate(&["storage", "unfence", &spec(&source)])?, 2).await?;
    ensure!(line.contains("--abandon-copy"), "{line}");
    succeeds(&mut lychgate(&["storage", "unfence", &spec(&source), "--abandon-copy"])?).await?;
    let line = one_line(&mut copy(&source, &target)?, 2).await?;
    ensure!(line.contains("is not empty"), "{line}");
    scene.system.start_control().await?;
    Ok(())
}
