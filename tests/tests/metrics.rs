//! Each metric, provoked at real processes; no label contains text of a client.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::dev::binary;
use e2e::flow::{App, Gate, LOOPBACK, Tokens};
use e2e::grpc::Caller;
use e2e::http::{Jar, Page};
use e2e::metrics::Metrics;
use e2e::system::certified::Authority;
use e2e::system::ports::Claim;
use e2e::system::service::until;
use e2e::system::{MAIN, Plan, System, principal, resource_server};
use e2e::upstream::{Answer, Endpoint, Lie};
use lychgate_api::v1::{ListRequest, WatchRequest};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn requests_are_counted_under_fixed_labels() -> Result<()> {
    let (of_control, of_edge) = (Claim::choose()?, Claim::choose()?);
    let system = System::start(Plan {
        edges: 1,
        control_tables: format!("[metrics]\nlisten = \"{}\"\n", of_control.address()),
        edge_settings: format!(
            "metrics.listen = \"{}\"\nlimits.registrations.prefix_per_minute = 2",
            of_edge.address()
        ),
        ..Plan::default()
    })
    .await?;
    let gate = system.gate(MAIN.id)?;
    gate.app(&[LOOPBACK]).await?.request().tokens(&mut Jar::new()?).await?;
    // Client-chosen text: a method, a path, an issuer, a client, a code.
    let invented = Method::from_bytes(b"INVENTED")?;
    for request in [
        gate.http().request(invented, gate.url("/token")),
        gate.http().get(gate.url("/invented-path")),
        gate.http().get(gate.url("/authorize?client_id=invented-client")),
        gate.http().get(gate.url("/authorize?client_id=invented-client")),
    ] {
        Page::of(request).await?;
    }
    for _ in 0..2 {
        let metadata = serde_json::json!({ "redirect_uris": [LOOPBACK], "client_name": "invented-name" });
        Page::of(gate.http().post(gate.url("/register")).json(&metadata)).await?;
    }

    let edge = Metrics::at(&of_edge).await?;
    let answers = "http_server_request_duration_seconds_count";
    assert_eq!(edge.of(answers, &["POST", "\"/register\"", "\"201\""]), 2.0);
    assert_eq!(edge.of(answers, &["POST", "\"/register\"", "\"429\""]), 1.0);
    assert_eq!(edge.of("lychgate_http_refusals_total", &["\"/register\"", "\"TOO_MANY_REQUESTS\""]), 1.0);
    assert_eq!(edge.of(answers, &["GET", "\"/callback/{issuer}\"", "\"303\""]), 1.0);
    assert_eq!(edge.of(answers, &["\"_OTHER\"", "\"/token\"", "\"405\""]), 1.0);
    assert_eq!(edge.of(answers, &["GET", "http_route=\"\"", "\"404\""]), 1.0);
    assert_eq!(edge.of("lychgate_http_refusals_total", &["\"/authorize\"", "\"CLIENT_UNKNOWN\""]), 2.0);
    let decisions = "lychgate_limit_decisions_total";
    assert_eq!(edge.of(decisions, &["\"registrations\"", "\"admitted\""]), 2.0);
    assert_eq!(edge.of(decisions, &["\"registrations\"", "\"prefix_per_minute\""]), 1.0);

    let control = Metrics::at(&of_control).await?;
    let calls = "rpc_server_duration_seconds_count";
    assert_eq!(control.of(calls, &["RegistrationService/Register", "\"0\""]), 2.0);
    assert_eq!(control.of("lychgate_rpc_refusals_total", &["AuthorizationService/Begin", "\"CLIENT_UNKNOWN\""]), 2.0);
    assert!(!control.names("invented") && !edge.names("invented") && !edge.names("INVENTED"));
    Ok(())
}

/// An unauthenticated caller of the control plane.
#[tokio::test]
async fn refused_callers_are_counted() -> Result<()> {
    let of_control = Claim::choose()?;
    let control_tables = format!("[metrics]\nlisten = \"{}\"\n", of_control.address());
    let system = System::start(Plan { edges: 1, control_tables, ..Plan::default() }).await?;
    let stranger = Caller::new(&system.control_url(), "no token of ours")?;
    stranger.issuers().list(ListRequest {}).await.unwrap_err();
    let counted = Metrics::at(&of_control).await?;
    assert_eq!(counted.of("lychgate_rpc_refusals_total", &["IssuerService/List", "\"UNAUTHENTICATED\""]), 1.0);
    Ok(())
}

/// A watcher is told at least every second up to when it has every event, and metrics say the same.
#[tokio::test]
async fn the_feed_tells_how_far_it_is() -> Result<()> {
    const TOKEN: &str = "token-of-a-reader-0123456789";
    let of_control = Claim::choose()?;
    let metrics = format!("[metrics]\nlisten = \"{}\"\n", of_control.address());
    let control_tables = metrics + &principal("watcher", "reader", TOKEN);
    let system = System::start(Plan { edges: 1, control_tables, ..Plan::default() }).await?;
    let before = Metrics::at(&of_control).await?;
    assert_eq!(before.of("lychgate_feed_watchers", &[]), 0.0);
    let request = WatchRequest { issuer_id: MAIN.id.to_owned(), cursor: String::new() };
    let mut watch = Caller::new(&system.control_url(), TOKEN)?.consents().watch(request).await?.into_inner();
    watch.message().await?.context("the feed ended")?;
    let during = Metrics::at(&of_control).await?;
    assert_eq!(during.of("lychgate_feed_watchers", &[]), 1.0);
    let complete_to = during.of("lychgate_feed_complete_to_timestamp_seconds", &[]);
    let now = jsonwebtoken::get_current_timestamp() as f64;
    assert!((now - 10.0..now + 1.0).contains(&complete_to), "{complete_to} at {now}");
    drop(watch);
    let is_left = async || Metrics::at(&of_control).await.is_ok_and(|now| now.of("lychgate_feed_watchers", &[]) == 0.0);
    until("the watcher has left", is_left).await
}

const SECRET: &str = "token-of-the-notes-server-0123456789abcdef";

/// A control plane and an edge with certificates, and the addresses of their metrics.
struct Scene {
    system: System,
    control: Claim,
    edge: Claim,
}

impl Scene {
    async fn start() -> Result<Self> {
        let (control, edge) = (Claim::choose()?, Claim::choose()?);
        let plan = Plan {
            edges: 1,
            certified: true,
            upstream_tokens: true,
            control_tables: format!("[metrics]\nlisten = \"{}\"\n", control.address())
                + &resource_server("notes-server", SECRET, MAIN.resource),
            edge_settings: format!("metrics.listen = \"{}\"", edge.address()),
            ..Plan::default()
        };
        Ok(Self { system: System::start(plan).await?, control, edge })
    }

    async fn of_control(&self) -> Result<Metrics> {
        Metrics::at(&self.control).await
    }

    async fn of_edge(&self) -> Result<Metrics> {
        Metrics::at(&self.edge).await
    }

    fn gate(&self) -> Result<Gate> {
        self.system.gate(MAIN.id)
    }

    /// Sends the same code in several requests at once, until two of them have conflicted.
    async fn provoke_a_conflict(&self) -> Result<()> {
        let app = self.gate()?.app(&[LOOPBACK]).await?;
        until("two commits conflict", async || {
            let request = app.request();
            let Ok(mut jar) = Jar::new() else { return false };
            let Ok(code) = request.code(&mut jar).await else { return false };
            let redemption = request.redemption(&code);
            let sent = futures_util::future::join_all((0..8).map(|_| redemption.send())).await;
            drop(sent);
            self.of_control().await.is_ok_and(|control| control.sum(COMMITS, &["\"conflict\""]) > 0.0)
        })
        .await
    }

    /// Exchanges a token after the upstream's has ended, which makes the control plane refresh it.
    async fn refresh(&self) -> Result<()> {
        let (gate, upstream) = (self.gate()?, self.system.upstream(MAIN.id)?);
        let tokens = self.with_expired_token(&gate.app(&[LOOPBACK]).await?).await?;
        let before = upstream.asked().exchanges.len();
        upstream.be_honest();
        while upstream.asked().exchanges.len() == before {
            exchange(&gate, &tokens).await?;
        }
        Ok(())
    }

    /// A caller with a certificate of an authority that the control plane does not trust, and one that speaks no TLS.
    async fn refuse_handshakes(&self) -> Result<()> {
        let files = self.system.certificates();
        files.certify_edge(7, &Authority::new("authority of a stranger")?)?;
        let mut command = Command::new(binary("lychgate")?);
        command.env_remove("LYCHGATE_TOKEN").args(["issuers", "list"]);
        command.args(["--control", &format!("https://{}", self.system.control_address())]);
        command.arg("--ca-file").arg(files.path("control-ca.pem"));
        command.arg("--cert-file").arg(files.path("edge-7.pem")).arg("--key-file").arg(files.path("edge-7-key.pem"));
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        ensure!(!output.status.success(), "a stranger was let in");
        let mut stream = TcpStream::connect(self.system.control_address()).await?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
        // The control plane closes the connection, perhaps before it has read everything.
        drop(stream.read_to_end(&mut Vec::new()).await);
        until("both are counted", async || {
            let Ok(control) = self.of_control().await else { return false };
            ["\"invalid_certificate\"", "\"not_completed\""].iter().all(|reason| control.sum(REFUSED, &[reason]) > 0.0)
        })
        .await
    }

    /// The control plane is killed while it has a call, which is then sent again.
    async fn repeat_a_call(&mut self) -> Result<()> {
        let gate = self.gate()?;
        let tokens = self.with_expired_token(&gate.app(&[LOOPBACK]).await?).await?;
        let before = self.system.upstream(MAIN.id)?.asked().exchanges.len();
        self.system.upstream(MAIN.id)?.lie(Lie::Answer(Endpoint::Token, Answer::Stalls));
        let calling = tokio::spawn(async move { while exchange(&gate, &tokens).await.is_ok() {} });
        self.system.upstream(MAIN.id)?.asked_until(|asked| asked.exchanges.len() > before).await?;
        self.system.kill_control().await?;
        self.system.upstream(MAIN.id)?.be_honest();
        self.system.upstream(MAIN.id)?.release();
        self.system.start_control().await?;
        let is_repeated = async || {
            self.of_edge().await.is_ok_and(|edge| edge.sum("lychgate_control_repetitions_total", &["\"lost\""]) > 0.0)
        };
        until("the call is sent again", is_repeated).await?;
        calling.abort();
        Ok(())
    }

    /// Signs a person in. The access token that the upstream gives ends after a second.
    async fn with_expired_token(&self, app: &App) -> Result<Tokens> {
        self.system.upstream(MAIN.id)?.lie(Lie::Member(Endpoint::Token, "expires_in", json!(1)));
        app.tokens().await
    }
}

async fn exchange(gate: &Gate, tokens: &Tokens) -> Result<Page> {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", tokens.access_token.as_str()),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
    ];
    Page::of(gate.http().post(gate.url("/token")).bearer_auth(SECRET).form(&form)).await
}

const REFUSED: &str = "lychgate_tls_handshakes_refused_total";
const COMMITS: &str = "lychgate_store_commit_duration_seconds_count";

/// The flow of one person, and what each process says about it; then every other metric. All of them stand in the table of
/// docs/operations.md, with their kinds, and the table has no other.
#[tokio::test]
async fn each_metric_of_the_documentation_counts_what_it_says() -> Result<()> {
    let mut scene = Scene::start().await?;
    let app = scene.gate()?.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    app.request().open(&mut jar).await?.deny(&mut jar).await?;
    app.tokens().await?;
    let control = scene.of_control().await?;
    let steps = ["shown", "approved", "denied", "finished"];
    let counted =
        steps.map(|step| control.of("lychgate_consent_steps_total", &["issuer=\"main\"", &format!("step=\"{step}\"")]));
    assert_eq!(counted, [2.0, 1.0, 1.0, 1.0], "{steps:?}");
    let calls = "lychgate_upstream_call_duration_seconds_count";
    for endpoint in ["discovery", "keys", "token"] {
        let labels = ["upstream=\"idp-of-main\"", &format!("endpoint=\"{endpoint}\""), "outcome=\"success\""];
        assert!(control.of(calls, &labels) >= 1.0, "{endpoint}");
    }
    let transitions = "lychgate_upstream_connection_transitions_total";
    assert_eq!(control.of(transitions, &["from=\"none\"", "to=\"live\""]), 1.0);
    let now = jsonwebtoken::get_current_timestamp() as f64;
    let since = control.of("lychgate_key_active_since_timestamp_seconds", &["issuer=\"main\"", "family=\"signing\""]);
    assert!((now - 120.0..=now + 1.0).contains(&since), "{since}, now {now}");
    assert!(control.of(COMMITS, &["\"done\""]) >= 5.0);
    assert_eq!(control.of("lychgate_store_durability", &["\"local_disk\""]), 1.0);
    assert!(control.of("lychgate_connections", &["\"in_use\""]) >= 1.0, "the edge's");
    assert_eq!(control.of("lychgate_build_info", &[env!("CARGO_PKG_VERSION")]), 1.0);

    scene.refresh().await?;
    scene.provoke_a_conflict().await?;
    scene.refuse_handshakes().await?;
    scene.gate()?.get("/authorize?client_id=unknown-client").await?;
    let control = scene.of_control().await?;
    assert!(control.of(transitions, &["from=\"live\"", "to=\"refreshing\""]) >= 1.0);
    assert!(control.of(transitions, &["from=\"refreshing\"", "to=\"live\""]) >= 1.0);
    scene.repeat_a_call().await?;
    let edge = scene.of_edge().await?;

    let exposed: BTreeMap<_, _> = [control.kinds, edge.kinds].into_iter().flatten().collect();
    let mut documented = documented()?;
    // Only calls that wait for one another's refresh count in it: `a_thousand_exchanges_on_three_edges_cost_the_provider_one_refresh`.
    documented.remove("lychgate_upstream_refresh_wait_seconds");
    // Only a database has a clock of its own: `a_lost_standby_and_a_lost_database_are_noticed`.
    documented.remove("lychgate_store_clock_difference_seconds");
    assert_eq!(exposed, documented);
    Ok(())
}

/// The rows of the table in docs/operations.md: kinds by the names that stand in `# TYPE`.
fn documented() -> Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md"))?;
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let (name, kind) = (cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?, *cells.get(2)?);
        let is_a_row = cells.len() == 7 && ["counter", "gauge", "histogram", "info"].contains(&kind);
        is_a_row.then(|| (name.trim_end_matches("_total").trim_end_matches("_info").to_owned(), kind.to_owned()))
    });
    Ok(rows.collect())
}
