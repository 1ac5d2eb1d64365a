//! Rolling restarts: edges end one after the other behind a balancer, the control plane restarts, and one of two endpoints of it is
//! cut. People refresh their tokens all the time, each with a token that only the last answer has, and no request is lost.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::dev::binary;
use e2e::flow::{App, LOOPBACK, Tokens};
use e2e::system::ports::Claim;
use e2e::system::relay::Relay;
use e2e::system::service::{Service, until};
use e2e::system::{Plan, System};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::interval;

/// How often the balancer asks each edge for its readiness: several times while an edge drains.
const PROBE: Duration = Duration::from_millis(50);

/// A load balancer in the client: the next ready edge gets the next request, over connections that stay open. It repeats no
/// request.
#[derive(Debug)]
struct RoundRobin {
    http: reqwest::Client,
    edges: Vec<Edge>,
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Edge {
    url: String,
    is_ready: AtomicBool,
}

impl RoundRobin {
    fn start(system: &System, edges: usize) -> Result<(Arc<Self>, JoinSet<()>)> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let edges =
            (0..edges).map(|edge| Edge { url: system.edge_url(edge), is_ready: AtomicBool::new(true) }).collect();
        let balancer = Arc::new(Self { http, edges, turn: AtomicUsize::new(0) });
        let mut probes = JoinSet::new();
        for edge in 0..balancer.edges.len() {
            let balancer = Arc::clone(&balancer);
            probes.spawn(async move { balancer.probe(&balancer.edges[edge]).await });
        }
        Ok((balancer, probes))
    }

    async fn probe(&self, edge: &Edge) {
        let mut probes = interval(PROBE);
        loop {
            probes.tick().await;
            let answer = self.http.get(format!("{}/readyz", edge.url)).send().await;
            edge.is_ready.store(answer.is_ok_and(|answer| answer.status().is_success()), Ordering::SeqCst);
        }
    }

    async fn refresh(&self, app: &App, tokens: &Tokens) -> Result<Tokens> {
        let ready: Vec<_> = self.edges.iter().filter(|edge| edge.is_ready.load(Ordering::SeqCst)).collect();
        ensure!(!ready.is_empty(), "no edge is ready");
        let edge = ready[self.turn.fetch_add(1, Ordering::SeqCst) % ready.len()];
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh_token), ("client_id", &app.client_id)];
        let answer = self.http.post(format!("{}/token", edge.url)).form(&form).send().await?;
        let (status, body) = (answer.status(), answer.text().await?);
        ensure!(status == 200, "{} answered {status}: {body}", edge.url);
        serde_json::from_str(&body).context("a token response")
    }
}

/// People who refresh all the time.
struct People {
    people: JoinSet<Result<()>>,
    progress: watch::Receiver<usize>,
    stop: watch::Sender<bool>,
    _probes: JoinSet<()>,
}

impl People {
    const NUMBER: usize = 6;

    async fn start(system: &System, edges: usize) -> Result<Self> {
        let gate = system.gate("main")?;
        let (balancer, probes) = RoundRobin::start(system, edges)?;
        let ((refreshed, progress), (stop, stopped)) = (watch::channel(0), watch::channel(false));
        let mut people = JoinSet::new();
        for _ in 0..Self::NUMBER {
            let app = gate.app(&[LOOPBACK]).await?;
            let mut tokens = app.tokens().await?;
            let (balancer, refreshed, stopped) = (Arc::clone(&balancer), refreshed.clone(), stopped.clone());
            people.spawn(async move {
                while !*stopped.borrow() {
                    tokens = balancer.refresh(&app, &tokens).await?;
                    refreshed.send_modify(|refreshed| *refreshed += 1);
                }
                Ok(())
            });
        }
        Ok(Self { people, progress, stop, _probes: probes })
    }

    /// Waits until each person, on average, was answered several times after this call.
    async fn go_on(&mut self) -> Result<()> {
        let enough = *self.progress.borrow() + 5 * Self::NUMBER;
        tokio::select! {
            reached = self.progress.wait_for(|refreshed| *refreshed >= enough) => { reached?; Ok(()) }
            Some(ended) = self.people.join_next() => { ended??; anyhow::bail!("a person stopped") }
        }
    }

    /// Every request was answered.
    async fn end(mut self) -> Result<()> {
        self.stop.send_replace(true);
        while let Some(ended) = self.people.join_next().await {
            ended??;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rolling_restart_of_edges_and_control_plane_loses_no_request() -> Result<()> {
    const EDGES: usize = 3;
    let mut system = System::start(Plan { edges: EDGES, drain_seconds: 1, ..Plan::default() }).await?;
    let mut people = People::start(&system, EDGES).await?;
    for edge in 0..EDGES {
        people.go_on().await?;
        system.terminate_edge(edge)?;
        let status = system.edge_ended(edge).await?;
        ensure!(status.success(), "edge {edge}: {status}");
        system.start_edge(edge).await?;
    }
    for _ in 0..2 {
        people.go_on().await?;
        system.terminate_control()?;
        let status = system.control_ended().await?;
        ensure!(status.success(), "the control plane: {status}");
        system.start_control().await?;
    }
    people.go_on().await?;
    people.end().await
}

/// Waits until the edge's metrics count this number of endpoints.
async fn counted(metrics: &Claim, health: &str, number: usize) -> Result<()> {
    let line = format!("lychgate_control_endpoints{{health=\"{health}\"}} {number}");
    until(&line, async || {
        let Ok(metrics) = reqwest::get(format!("http://{}/metrics", metrics.address())).await else { return false };
        metrics.text().await.is_ok_and(|text| text.lines().any(|found| found == line))
    })
    .await
}

/// Two endpoints of one control plane are cut and opened in turn: connections end in the middle of calls, and new ones are refused.
#[tokio::test(flavor = "multi_thread")]
async fn endpoint_that_is_cut_loses_no_request() -> Result<()> {
    let of_edge = Claim::choose()?;
    let edge_settings = format!("metrics.listen = \"{}\"", of_edge.address());
    let mut system = System::start(Plan { edges: 1, edge_settings, ..Plan::default() }).await?;
    let mut relays = [Relay::start(system.control_address()).await?, Relay::start(system.control_address()).await?];
    system.kill_edge(0).await?;
    let config = fs::read_to_string(system.edge_config(0))?;
    let urls = format!("[\"http://{}\", \"http://{}\"]", relays[0].address(), relays[1].address());
    let one = format!("url = \"{}\"", system.control_url());
    ensure!(config.contains(&one), "no {one}");
    fs::write(system.edge_config(0), config.replace(&one, &format!("url = {urls}")))?;
    system.start_edge(0).await?;

    let mut people = People::start(&system, 1).await?;
    for cut in [0, 1, 0] {
        counted(&of_edge, "serving", 2).await?;
        people.go_on().await?;
        relays[cut].cut().await?;
        people.go_on().await?;
        counted(&of_edge, "unreachable", 1).await?;
        people.go_on().await?;
        relays[cut].open().await?;
    }
    people.end().await
}

/// The name in the URL is resolved to the address where the control plane listens, and a request waits until it is back.
#[tokio::test(flavor = "multi_thread")]
async fn request_waits_for_a_control_plane_that_is_known_by_name() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    system.kill_edge(0).await?;
    let config = fs::read_to_string(system.edge_config(0))?;
    let named = format!("http://localhost:{}", system.control_address().port());
    fs::write(system.edge_config(0), config.replace(&system.control_url(), &named))?;
    system.start_edge(0).await?;
    let app = system.gate("main")?.app(&[LOOPBACK]).await?;
    let tokens = app.tokens().await?;
    system.kill_control().await?;
    let sent = system.balancer().log().len();
    let waiting: JoinHandle<_> = tokio::spawn(async move { app.refresh(&tokens.refresh_token).tokens().await });
    until("the request is at an edge", async || system.balancer().log().len() > sent).await?;
    system.start_control().await?;
    waiting.await??;
    Ok(())
}

/// An edge with a hosts file of its own, in which the name of the control plane has these addresses.
struct Hosts(PathBuf);

impl Hosts {
    fn write(&self, addresses: &[u8]) -> Result<()> {
        let lines: String = addresses.iter().map(|last| format!("127.0.0.{last} localhost\n")).collect();
        Ok(fs::write(&self.0, lines)?)
    }

    fn start_edge(&self, config: &Path) -> Result<Service> {
        let mut command = Command::new("unshare");
        let script = "mount --bind \"$0\" /etc/hosts; exec \"$@\"";
        command.args(["--map-root-user", "--mount", "sh", "-ec", script]).arg(&self.0);
        command.arg(binary("lychgate-edge")?).arg("--config").arg(config).env("LYCHGATE_STOP_WITH_PARENT", "1");
        Service::of("lychgate-edge", &mut command)
    }
}

/// Each address of a name is an endpoint. Addresses are added and removed while the edge runs.
#[tokio::test(flavor = "multi_thread")]
async fn every_address_of_a_name_is_an_endpoint() -> Result<()> {
    let of_edge = Claim::choose()?;
    let edge_settings = format!("metrics.listen = \"{}\"", of_edge.address());
    let mut system = System::start(Plan { edges: 1, edge_settings, ..Plan::default() }).await?;
    system.kill_edge(0).await?;
    let control = system.control_address();
    let relay = |last| Relay::at(SocketAddr::from(([127, 0, 0, last], control.port())), control);
    let (mut second, mut third) = (relay(2).await?, relay(3).await?);
    let config = fs::read_to_string(system.edge_config(0))?;
    let named = format!("http://localhost:{}", control.port());
    fs::write(system.edge_config(0), config.replace(&system.control_url(), &named))?;
    let hosts = Hosts(system.directory().join("hosts"));
    hosts.write(&[2, 3])?;
    let mut edge = hosts.start_edge(system.edge_config(0))?;
    edge.answers_at(&format!("{}/readyz", system.edge_url(0))).await?;
    counted(&of_edge, "serving", 2).await?;

    let mut people = People::start(&system, 1).await?;
    let _fourth = relay(4).await?;
    hosts.write(&[3, 4])?;
    // The edge resolves the name again when an endpoint is lost.
    second.cut().await?;
    people.go_on().await?;
    counted(&of_edge, "serving", 2).await?;
    hosts.write(&[4])?;
    third.cut().await?;
    people.go_on().await?;
    counted(&of_edge, "serving", 1).await?;
    counted(&of_edge, "unreachable", 0).await?;
    people.go_on().await?;
    people.end().await
}
