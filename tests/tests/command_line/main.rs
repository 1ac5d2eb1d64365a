//! The operator's command line at a real control plane: each verb, and the recipe for gRPC reflection beside it,
//! read from the manual's table and carried out literally.

mod recipe;
mod scene;
mod verbs;

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use e2e::dev::binary;
use e2e::flow::LOOPBACK;
use e2e::system::service::until;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader, Lines};
use tokio::process::Command;

use recipe::Recipe;
use scene::{OPERATOR, Scene};

/// Every recipe has a verb, and every verb a recipe: the table is the manual.
#[tokio::test]
async fn every_verb_has_a_recipe_and_every_recipe_a_verb() -> Result<()> {
    let recipes: BTreeSet<_> = Recipe::of_readme()?.iter().map(|recipe| recipe.words()[..2].join(" ")).collect();
    let mut verbs = BTreeSet::new();
    for noun in verbs::of(&[]).await? {
        // These are no calls, or have tests of their own.
        if ["dev", "check", "completions", "templates", "health", "explain", "doctor", "storage", "backup", "restore"]
            .contains(&noun.as_str())
        {
            continue;
        }
        for verb in verbs::of(&[&noun]).await? {
            verbs.insert(format!("{noun} {verb}"));
        }
    }
    // This verb makes no call.
    ensure!(verbs.remove("events verify"), "there is a verb for it");
    assert_eq!(recipes, verbs);
    Ok(())
}

/// Each recipe runs twice with its own people and clients: as the verb, and through reflection.
#[tokio::test]
async fn every_recipe_of_the_readme_does_what_its_verb_does() -> Result<()> {
    let scene = Scene::start().await?;
    let recipes = Recipe::of_readme()?;
    ensure!(recipes.len() >= 20, "these are not all of them: {recipes:?}");
    for recipe in recipes {
        let what = format!("{recipe:?}");
        scene.hold(&recipe).await.context(what)?;
    }
    Ok(())
}

/// A list longer than a page contains each item exactly once.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_many_pages_is_whole() -> Result<()> {
    const CLIENTS: usize = 1100;
    let scene = Scene::start().await?;
    let gate = scene.system.gate("demo")?;
    let mut registered = BTreeSet::new();
    let mut under_way = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let gate = gate.clone();
        under_way.spawn(async move { gate.app(&[LOOPBACK]).await });
        if under_way.len() == 32 {
            registered.insert(under_way.join_next().await.context("one of them")???.client_id);
        }
    }
    while let Some(app) = under_way.join_next().await {
        registered.insert(app??.client_id);
    }
    let all = scene.verb(&["clients", "list", "--all"], OPERATOR).await?.items()?;
    let ids = all.iter().filter(|client| client["kind"] == "CLIENT_KIND_REGISTERED").map(|client| &client["clientId"]);
    let listed: Vec<_> = ids.filter_map(Value::as_str).map(str::to_owned).collect();
    assert_eq!(listed.len(), CLIENTS, "each once");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), registered);
    let some = scene.verb(&["clients", "list", "--limit", "1050"], OPERATOR).await?;
    assert_eq!(some.items()?.len(), 1050);
    ensure!(some.stderr.contains("--all"), "{}", some.stderr);
    Ok(())
}

/// The control plane is killed and restarted; a watch misses no change and repeats none. The token does not appear
/// in the machine's process list.
#[tokio::test]
async fn a_watch_outlives_the_control_plane() -> Result<()> {
    let mut scene = Scene::start().await?;
    let mut command = scene.command(&["events", "watch", "--json"], OPERATOR)?;
    let mut watch = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(watch.stdout.take().context("its output")?).lines();
    let mut notes = BufReader::new(watch.stderr.take().context("its notes")?).lines();
    let id = watch.id().context("it runs")?;
    let mut seen = Vec::new();

    let first = scene.approver().await?;
    seen.extend([change(&mut lines).await?, change(&mut lines).await?]);
    for file in ["cmdline", "comm"] {
        let shown = fs::read_to_string(format!("/proc/{id}/{file}"))?;
        ensure!(shown.contains("lychgate") && !shown.contains(&scene.operator), "{shown}");
    }
    scene.system.kill_control().await?;
    let note = notes.next_line().await?.context("it says that it waits")?;
    ensure!(note.contains("watching on"), "{note}");
    scene.system.start_control().await?;
    let second = scene.approver().await?;
    seen.extend([change(&mut lines).await?, change(&mut lines).await?]);

    let expected = |client_id: &str| [json!(["consent.approved", client_id]), json!(["grant.issued", client_id])];
    let told = |change: &Value| json!([change["kind"], change["clientId"]]);
    let expected = [expected(&first.client_id()), expected(&second.client_id())].concat();
    assert_eq!(seen.iter().map(told).collect::<Vec<_>>(), expected);
    watch.kill().await?;

    // A watch continues after a given cursor.
    let cursor = seen[2]["cursor"].as_str().context("a cursor")?.to_owned();
    let mut command = scene.command(&["events", "watch", "--json", "--after", &cursor], OPERATOR)?;
    let mut watch = command.stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(watch.stdout.take().context("its output")?).lines();
    assert_eq!(change(&mut lines).await?, seen[3]);
    watch.kill().await?;

    // A cursor of another store incarnation is refused.
    scene.system.kill_control().await?;
    fs::remove_dir_all(scene.system.directory().join("store"))?;
    scene.system.start_control().await?;
    let lost = scene.verb(&["events", "watch", "--after", &cursor], OPERATOR).await?;
    assert_eq!((lost.code, lost.stdout.as_str()), (Some(5), ""));
    ensure!(lost.stderr.contains("CURSOR_LOST") && lost.stderr.contains("list again"), "{}", lost.stderr);
    Ok(())
}

/// The same command with the same request id runs once; another command with that id is refused; so is the command
/// with another caller's token or none.
#[tokio::test]
async fn a_request_id_runs_once_and_needs_permission() -> Result<()> {
    let scene = Scene::start().await?;
    let (app, other) = (scene.approver().await?, scene.approver().await?);
    let id = ["--request-id", "ticket-0000000000001"];
    let client = app.client_id();
    let disable = [&["clients", "disable", &client, "--reason", "spam"], &id[..]].concat();
    let disabled = json!({ "changed": true });
    assert_eq!(scene.verb(&disable, OPERATOR).await?.items()?, std::slice::from_ref(&disabled));
    scene.verb(&["clients", "enable", &client, "--reason", "sorry"], OPERATOR).await?.items()?;
    // The repetition gets the first answer and changes nothing.
    assert_eq!(scene.verb(&disable, OPERATOR).await?.items()?, [disabled]);
    let got = scene.verb(&["clients", "get", &client], OPERATOR).await?.items()?;
    assert_eq!(got[0]["client"]["state"], "CLIENT_STATE_ENABLED");

    let other = other.client_id();
    let reused = [&["clients", "disable", &other, "--reason", "spam"], &id[..]].concat();
    for (token, arguments, code, reason) in [
        (OPERATOR, &reused[..], 5, "REQUEST_ID_REUSED"),
        ("checker", &reused, 4, "PERMISSION_DENIED"),
        ("nobody", &reused, 4, "UNAUTHENTICATED"),
        (OPERATOR, &["clients", "get", "client-unheard-of"], 1, "CLIENT_UNKNOWN"),
        (OPERATOR, &["grants", "get", "AAAAAAAAAAAAAAAAAAAAAA"], 1, "RECORD_UNKNOWN"),
        (OPERATOR, &["grants", "get", "what?"], 2, "REQUEST_MALFORMED"),
        (OPERATOR, &["keys", "list", "--issuer", "other"], 1, "ISSUER_UNKNOWN"),
        (
            OPERATOR,
            &["consents", "revoke", "--everything", "https://x.example", "--reason", "r"],
            2,
            "REQUEST_MALFORMED",
        ),
    ] {
        // A caller that may not list issuers must name the issuer.
        let issuer: &[&str] = if arguments.contains(&"--issuer") { &[] } else { &["--issuer", "demo"] };
        let ran = scene.verb(&[arguments, issuer].concat(), token).await?;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        ensure!(ran.stderr.contains(reason) && ran.stderr.contains("(call "), "{arguments:?}: {ran:?}");
    }
    let got = scene.verb(&["clients", "get", &other], OPERATOR).await?.items()?;
    assert_eq!(got[0]["client"]["state"], "CLIENT_STATE_ENABLED");
    Ok(())
}

/// The exports that `lychgate dev` prints for its operator work when pasted into a shell.
#[tokio::test]
async fn the_exports_that_dev_prints_work_in_a_shell() -> Result<()> {
    let data = tempfile::tempdir()?;
    let mut command = Command::new(binary("lychgate")?);
    command.args(["dev", "--listen", "127.0.0.1:0", "--data"]).arg(data.path().join("data"));
    command.env("LYCHGATE_STOP_WITH_PARENT", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut dev = command.stderr(Stdio::null()).spawn()?;
    let mut lines = BufReader::new(dev.stdout.take().context("its output")?).lines();
    let mut pasted = String::new();
    while !pasted.contains("issuers list") {
        let line = lines.next_line().await?.context("it ended before it said how to be its operator")?;
        if line.starts_with("  export ") || line.contains(" events watch") {
            pasted.push_str(&line.replace("events watch", "issuers list --json"));
            pasted.push('\n');
        }
    }
    let pasted = pasted.split("(--help").next().context("the commands")?.to_owned();
    let output = Command::new("sh").args(["-c", &pasted]).output().await?;
    ensure!(output.status.success(), "{pasted}: {}", String::from_utf8_lossy(&output.stderr));
    let issuer: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(issuer["id"], "demo");
    drop(dev.stdin.take());
    until("it has ended", async || dev.try_wait().is_ok_and(|ended| ended.is_some())).await
}

/// The next change of a watch, with its cursor.
async fn change(lines: &mut Lines<BufReader<impl AsyncRead + Unpin>>) -> Result<Value> {
    let line = lines.next_line().await?.context("the watch ended")?;
    let mut message: Value = serde_json::from_str(&line)?;
    let mut change = message["change"].take();
    change["cursor"] = message["cursor"].take();
    Ok(change)
}

/// The token endpoint refuses a grant that an operator has ended.
fn is_refused(page: &e2e::http::Page) -> bool {
    page.status == 400 && page.error() == "invalid_grant" || page.status == 401 && page.error() == "invalid_client"
}
