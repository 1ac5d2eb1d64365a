//! The alert rules that ship, on metrics of real outages: each outage raises its alerts and no other, and they end with it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use e2e::flow::{Gate, LOOPBACK};
use e2e::http::Jar;
use e2e::recording::{Recording, Target, promtool};
use e2e::system::ports::Claim;
use e2e::system::service::until;
use e2e::system::{MAIN, Plan, System};
use e2e::upstream::{Answer, Endpoint, Lie};
use lychgate_test_postgres::{Server, Sync};
use serde_json::{Value, json};

/// Frames of the five minutes that the rates of the rules look back over, and one more.
const WINDOW: usize = 21;
/// Frames of the ten minutes that the share of failed logins looks back over, and one more.
const LONG_WINDOW: usize = 41;

const CONTROL: &str = "lychgate-control";
const DURABILITY: &str = "lychgate_store_durability";

/// A system, and the recording of its metrics.
struct Scene {
    system: System,
    recording: Recording,
}

impl Scene {
    async fn start(stores: Vec<String>, edge_settings: &str) -> Result<Self> {
        let (control, edge) = (Claim::choose()?, Claim::choose()?);
        let plan = Plan {
            edges: 1,
            edge_deadline_seconds: 2,
            control_tables: format!("[metrics]\nlisten = \"{}\"\n", control.address()),
            edge_settings: format!("metrics.listen = \"{}\"\n{edge_settings}", edge.address()),
            stores,
            ..Plan::default()
        };
        let system = System::start(plan).await?;
        let of = |job, metrics| Target { job, metrics };
        Ok(Self { system, recording: Recording::of(vec![of(CONTROL, control), of("lychgate-edge", edge)]) })
    }

    fn gate(&self) -> Result<Gate> {
        self.system.gate(MAIN.id)
    }

    /// Records frames in which people log in, now and then.
    async fn logins(&mut self, frames: usize) -> Result<()> {
        let app = self.gate()?.app(&[LOOPBACK]).await?;
        let work = async |n| if n % 4 == 0 { app.tokens().await.map(drop) } else { Ok(()) };
        self.recording.record(frames, work).await
    }

    /// Records frames in which people open a page, now and then, which may fail.
    async fn attempts(&mut self, frames: usize) -> Result<()> {
        let gate = self.gate()?;
        let work = async |n| if n % 5 == 0 { gate.get("/authorize?client_id=a").await.map(drop) } else { Ok(()) };
        self.recording.record(frames, work).await
    }

    /// Exactly these alerts fire now.
    fn expect(&mut self, alerts: &[&str]) -> Result<()> {
        self.recording.expect(alerts)
    }

    /// Waits until the control plane says this of its store.
    async fn until_durability_is(&self, durability: &str) -> Result<()> {
        let label = format!("durability={durability:?}");
        until(&format!("commits are {durability}"), async || {
            let now = self.recording.now(CONTROL).await;
            now.is_ok_and(|now| now.sum(DURABILITY, &[&label]) == 1.0)
        })
        .await
    }

    fn judge(self) -> Result<()> {
        self.recording.judge(&shipped("prometheus/lychgate.rules.yaml"), self.system.directory())
    }
}

#[tokio::test]
async fn a_control_plane_that_is_killed_is_noticed() -> Result<()> {
    let mut scene = Scene::start(Vec::new(), "").await?;
    scene.logins(WINDOW).await?;
    scene.expect(&[])?;
    scene.system.kill_control().await?;
    scene.attempts(WINDOW).await?;
    scene.expect(&["LychgateControlUnreachable", "LychgateProcessDown", "LychgateServerErrors"])?;
    scene.system.start_control().await?;
    scene.logins(LONG_WINDOW).await?;
    scene.expect(&[])?;
    scene.judge()
}

#[tokio::test]
async fn an_identity_provider_that_fails_is_noticed() -> Result<()> {
    let mut scene = Scene::start(Vec::new(), "").await?;
    scene.logins(WINDOW).await?;
    scene.expect(&[])?;
    let app = scene.gate()?.app(&[LOOPBACK]).await?;
    scene.system.upstream(MAIN.id)?.lie(Lie::Answer(Endpoint::Token, Answer::Status(503)));
    let failing = async |n| {
        if n % 4 == 0 {
            ensure!(app.request().code(&mut Jar::new()?).await.is_err(), "a login succeeds without a provider");
        }
        Ok(())
    };
    scene.recording.record(LONG_WINDOW, failing).await?;
    scene.expect(&["LychgateLoginsFailing", "LychgateProviderFailing", "LychgateServerErrors"])?;
    scene.system.upstream(MAIN.id)?.be_honest();
    scene.logins(LONG_WINDOW).await?;
    scene.expect(&[])?;
    scene.judge()
}

#[tokio::test]
async fn a_flood_that_all_limits_together_stop_is_noticed() -> Result<()> {
    let mut scene = Scene::start(Vec::new(), "limits.registrations.total_per_minute = 3").await?;
    let gate = scene.gate()?;
    let flood = async |_| {
        let metadata = json!({ "redirect_uris": [LOOPBACK] });
        gate.http().post(gate.url("/register")).json(&metadata).send().await?;
        Ok(())
    };
    scene.recording.record(2, flood).await?;
    scene.expect(&[])?;
    scene.recording.record(WINDOW, flood).await?;
    scene.expect(&["LychgateLimitOfAllReached"])?;
    scene.recording.record(WINDOW, async |_| Ok(())).await?;
    scene.expect(&[])?;
    scene.judge()
}

#[tokio::test]
async fn a_lost_standby_and_a_lost_database_are_noticed() -> Result<()> {
    let primary = Server::start(Sync::Off, "");
    let standby = primary.standby();
    primary.require_standby();
    let secrets = tempfile::tempdir()?;
    let url = secrets.path().join("url");
    fs::write(&url, primary.database())?;
    fs::set_permissions(&url, fs::Permissions::from_mode(0o600))?;
    let store = format!("engine = \"postgres\"\nurl = {{ file = {url:?} }}\nallow_single = true");
    let mut scene = Scene::start(vec![store], "").await?;
    scene.until_durability_is("replicated").await?;
    let difference = scene.recording.now(CONTROL).await?.of("lychgate_store_clock_difference_seconds", &[]);
    ensure!((0.0..1.0).contains(&difference), "one machine has one clock: {difference}");
    scene.logins(WINDOW).await?;
    scene.expect(&[])?;

    primary.sql("ALTER SYSTEM SET synchronous_standby_names = ''");
    primary.sql("SELECT pg_reload_conf()");
    drop(standby);
    scene.until_durability_is("local_disk").await?;
    scene.logins(WINDOW).await?;
    scene.expect(&["LychgateDurabilityDegraded"])?;

    primary.kill();
    scene.until_durability_is("not_ready").await?;
    scene.attempts(WINDOW).await?;
    scene.expect(&["LychgateControlUnreachable", "LychgateServerErrors", "LychgateStoreNotReady"])?;
    primary.launch();
    scene.until_durability_is("local_disk").await?;
    scene.logins(LONG_WINDOW).await?;
    // It is still without its standby.
    scene.expect(&["LychgateDurabilityDegraded"])?;
    scene.judge()
}

/// Alerts that take longer than these outages have series that were written by hand.
#[test]
fn every_alert_fires_in_some_test_and_has_a_runbook() -> Result<()> {
    promtool(&["test", "rules"], &shipped("prometheus/lychgate.rules.test.yaml"))?;
    let rules = fs::read_to_string(shipped("prometheus/lychgate.rules.yaml"))?;
    let written = fs::read_to_string(shipped("prometheus/lychgate.rules.test.yaml"))?;
    let after = |mark: &str| -> Vec<String> {
        rules.lines().filter_map(|line| Some(line.trim().strip_prefix(mark)?.to_owned())).collect()
    };
    let (alerts, runbooks) = (after("- alert: "), after("runbook: docs/runbooks.md#"));
    ensure!(alerts.len() == runbooks.len());
    let text = fs::read_to_string(shipped("../docs/runbooks.md"))?;
    let titles = text.lines().filter_map(|line| line.strip_prefix("## "));
    let anchors: BTreeSet<_> = titles.map(|title| title.to_lowercase().replace(' ', "-")).collect();
    ensure!(runbooks.into_iter().collect::<BTreeSet<_>>() == anchors, "{anchors:?}");
    let tested = include_str!("alerts.rs").to_owned() + &written;
    for alert in alerts {
        ensure!(tested.contains(&format!("\"{alert}\"")), "no test raises {alert}");
    }
    Ok(())
}

/// A rule or a panel about a metric that does not exist shows nothing, for ever.
#[test]
fn rules_and_dashboard_ask_for_documented_metrics() -> Result<()> {
    let documentation = fs::read_to_string(shipped("../docs/operations.md"))?;
    let dashboard: Value = serde_json::from_slice(&fs::read(shipped("grafana/lychgate.json"))?)?;
    let mut expressions = vec![fs::read_to_string(shipped("prometheus/lychgate.rules.yaml"))?];
    let mut rules = Vec::new();
    for panel in dashboard["panels"].as_array().context("panels")? {
        for target in panel["targets"].as_array().into_iter().flatten() {
            rules
                .push(json!({ "record": "panel", "labels": { "n": rules.len().to_string() }, "expr": target["expr"] }));
            expressions.push(target["expr"].as_str().context("expr")?.to_owned());
        }
    }
    // promtool reads expressions in rules only.
    let file = tempfile::Builder::new().suffix(".yaml").tempfile()?;
    fs::write(file.path(), serde_json::to_vec(&json!({ "groups": [{ "name": "panels", "rules": rules }] }))?)?;
    promtool(&["check", "rules"], file.path())?;
    let words = expressions.iter().flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let is_metric =
        |word: &&str| ["lychgate_", "http_server_", "rpc_server_"].iter().any(|start| word.starts_with(start));
    let asked: BTreeSet<_> = words.filter(is_metric).collect();
    ensure!(asked.len() > 10, "{asked:?}");
    for name in asked {
        let metric = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        ensure!(documentation.contains(&format!("| `{metric}` |")), "{name} is in no row of docs/operations.md");
    }
    Ok(())
}

/// A file below `dist`.
fn shipped(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../dist").join(path)
}
