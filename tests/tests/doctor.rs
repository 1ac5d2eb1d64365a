//! `lychgate doctor` at real processes: a deployment in order, and one thing out of order at a time.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use e2e::dev::binary;
use e2e::system::certified::Authority;
use e2e::system::configuration::secret;
use e2e::system::service::until;
use e2e::system::{MAIN, Plan, System, principal};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// A deployment with an operator.
struct Scene {
    system: System,
    edges: usize,
    token: String,
    /// The origin of the issuer's URL.
    origin: String,
}

/// The findings and the exit code of the command.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    findings: Vec<Value>,
}

impl Scene {
    async fn start(plan: Plan) -> Result<Self> {
        let (token, edges) = (secret(), plan.edges);
        let control_tables = principal("night-shift", "operator", &token) + &plan.control_tables;
        let system = System::start(Plan { control_tables, ..plan }).await?;
        let origin = system.origin();
        let scene = Self { system, edges, token, origin };
        scene.provider_is_checked().await?;
        Ok(scene)
    }

    /// The control plane checks the identity provider right after its start.
    async fn provider_is_checked(&self) -> Result<()> {
        let (address, ca) = (self.system.control_address(), self.system.control_ca());
        let endpoint = match ca {
            None => Endpoint::from_shared(format!("http://{address}"))?,
            Some(ca) => Endpoint::from_shared(format!("https://{address}"))?
                .tls_config(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)))?,
        };
        let channel = endpoint.connect_lazy();
        let request = HealthCheckRequest { service: format!("upstream/{}", MAIN.id) };
        let is_serving = async || {
            let answer = HealthClient::new(channel.clone()).check(request.clone()).await;
            answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
        };
        until("the identity provider was checked", is_serving).await
    }

    /// Gives the issuer another origin, and restarts every process.
    async fn move_to(&mut self, origin: &str) -> Result<()> {
        let file = self.system.control_config();
        fs::write(file, fs::read_to_string(file)?.replace(&self.origin, origin))?;
        origin.clone_into(&mut self.origin);
        self.system.crash_control().await?;
        for edge in 0..self.edges {
            self.system.kill_edge(edge).await?;
            self.system.start_edge(edge).await?;
        }
        self.provider_is_checked().await
    }

    async fn doctor(&self, arguments: &[&str]) -> Result<Ran> {
        let scheme = if self.system.control_ca().is_some() { "https" } else { "http" };
        let mut command = Command::new(binary("lychgate")?);
        command.args(["doctor", "--json"]).args(arguments).kill_on_drop(true).env("LYCHGATE_TOKEN", &self.token);
        command.env("LYCHGATE_CONTROL", format!("{scheme}://{}", self.system.control_address()));
        if scheme == "https" {
            command.env("LYCHGATE_CA_FILE", self.system.certificates().path("control-ca.pem"));
        }
        let output = command.output().await?;
        ensure!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout)?;
        let findings = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Ran { code: output.status.code(), findings })
    }
}

impl Ran {
    /// The checks that are not in order, with their level.
    fn problems(&self) -> BTreeMap<&str, &str> {
        let bad = self.findings.iter().filter(|line| line["level"] != "ok");
        bad.filter_map(|line| Some((line["check"].as_str()?, line["level"].as_str()?))).collect()
    }

    /// Asserts that this check alone is not in order, and returns its finding.
    fn only(&self, check: &str, level: &str) -> Result<&Value> {
        ensure!(self.problems() == BTreeMap::from([(check, level)]), "{self:#?}");
        ensure!(self.code == Some(i32::from(level == "fail")), "{self:#?}");
        self.of(check, level)
    }

    fn of(&self, check: &str, level: &str) -> Result<&Value> {
        let found = self.findings.iter().find(|line| line["check"] == check && line["level"] == level);
        found.with_context(|| format!("{check} has no {level}: {self:#?}"))
    }
}

/// A proxy's change of headers.
type Meddle = Arc<dyn Fn(&mut HeaderMap) + Send + Sync>;

/// Starts a proxy before `edge`, which changes the headers of each request and of each answer.
async fn proxy(
    edge: SocketAddr,
    requests: impl Fn(&mut HeaderMap) + Send + Sync + 'static,
    answers: impl Fn(&mut HeaderMap) + Send + Sync + 'static,
) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
    let meddle: [Meddle; 2] = [Arc::new(requests), Arc::new(answers)];
    let routes = Router::new().fallback(move |request: Request| {
        let (client, meddle) = (client.clone(), meddle.clone());
        async move { forward(&client, edge, request, meddle).await.unwrap_or(StatusCode::BAD_GATEWAY.into_response()) }
    });
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(origin)
}

async fn forward(
    client: &reqwest::Client,
    edge: SocketAddr,
    request: Request,
    [requests, answers]: [Meddle; 2],
) -> Result<Response> {
    let (mut parts, body) = request.into_parts();
    requests(&mut parts.headers);
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let sent = client.request(parts.method, format!("http://{edge}{target}")).headers(parts.headers);
    let answer = sent.body(to_bytes(body, 1 << 20).await?).send().await?;
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    for own in [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(own);
    }
    answers(&mut headers);
    Ok((status, headers, Body::from(answer.bytes().await?)).into_response())
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// As a proxy that overwrites what clients send.
fn name_the_client(headers: &mut HeaderMap) {
    headers.insert(FORWARDED_FOR, HeaderValue::from_static("198.51.100.7"));
}

fn nothing(_: &mut HeaderMap) {}

fn behind_a_proxy() -> Plan {
    Plan { edges: 1, edge_settings: "trusted_proxies = [\"127.0.0.1\"]".to_owned(), ..Plan::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_in_order_has_no_problem() -> Result<()> {
    let scene = Scene::start(Plan { edges: 2, ..Plan::default() }).await?;
    let edges = [scene.system.edge_url(0), scene.system.edge_url(1)];
    let ran = scene.doctor(&["--edge", &edges[0], "--edge", &edges[1]]).await?;
    assert_eq!((ran.code, ran.problems()), (Some(0), BTreeMap::new()), "{ran:#?}");
    for check in [
        "control plane",
        "durability",
        "clock",
        "record level",
        "disk",
        "configuration",
        "identity provider",
        "keys",
        "public URL",
        "cookies",
        "client address",
        "request headers",
        "consent page",
        "pages",
        "callback",
        "documents",
        "edge",
    ] {
        ran.of(check, "ok")?;
    }
    let at = |edge: &str| ran.findings.iter().filter(|line| line["about"] == format!("main at {edge}")).count();
    assert_eq!(edges.each_ref().map(|edge| at(edge)), [3, 3]);
    Ok(())
}

/// The issuer's URL leads to another program, and then to an edge of another deployment.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_url_that_another_server_answers_is_found() -> Result<()> {
    let mut scene = Scene::start(Plan { edges: 1, ..Plan::default() }).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let shop = format!("http://{}", listener.local_addr()?);
    let routes = Router::new().fallback(|| async { "a shop" });
    tokio::spawn(async move { axum::serve(listener, routes).await });
    scene.move_to(&shop).await?;
    let ran = scene.doctor(&[]).await?;
    assert_eq!((ran.code, ran.of("public URL", "fail")?["about"].as_str()), (Some(1), Some("main")));
    for skipped in ["cookies", "client address"] {
        ensure!(!ran.findings.iter().any(|line| line["check"] == skipped), "{ran:#?}");
    }

    let another = Scene::start(Plan { edges: 1, ..Plan::default() }).await?;
    scene.move_to(&another.origin).await?;
    let ran = scene.doctor(&["--edge", &another.system.edge_url(0), "--edge", &scene.system.edge_url(0)]).await?;
    assert_eq!(ran.code, Some(1));
    let found = ran.of("public URL", "fail")?;
    ensure!(found["finding"].as_str().is_some_and(|found| found.contains("404")), "{found}");
    assert_eq!(ran.of("edge", "fail")?["about"], format!("main at {}", another.system.edge_url(0)));
    // Its documents name the same issuer here, and have other keys.
    assert_eq!(ran.of("documents", "fail")?["about"], format!("main at {}", scene.system.edge_url(0)));
    Ok(())
}

/// One thing is changed at a time.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_drops_cookies_or_addresses_is_found() -> Result<()> {
    let mut scene = Scene::start(behind_a_proxy()).await?;
    let edge = scene.system.edge_address(0);
    let faithful = proxy(edge, name_the_client, nothing).await?;
    scene.move_to(&faithful).await?;
    let ran = scene.doctor(&[]).await?;
    assert_eq!((ran.code, ran.problems()), (Some(0), BTreeMap::new()), "{ran:#?}");
    let found = ran.of("client address", "ok")?["finding"].as_str().context("a text")?;
    ensure!(found.starts_with("198.51.100.7 comes through the proxy 127.0.0.1"), "{found}");

    let without_cookie = |headers: &mut HeaderMap| {
        name_the_client(headers);
        headers.remove(header::COOKIE);
    };
    let rewritten = |headers: &mut HeaderMap| {
        if let Some(cookie) = headers.get(header::SET_COOKIE).and_then(|cookie| cookie.to_str().ok()) {
            let insecure = HeaderValue::try_from(cookie.replace("; Secure", "")).expect("a header value");
            headers.insert(header::SET_COOKIE, insecure);
        }
    };
    let without_site = |headers: &mut HeaderMap| {
        name_the_client(headers);
        headers.remove("sec-fetch-site");
    };
    // The proxy passes on what a client writes.
    let pass_on = |headers: &mut HeaderMap| {
        headers.entry(FORWARDED_FOR).or_insert(HeaderValue::from_static("198.51.100.7"));
    };
    let without_policy = |headers: &mut HeaderMap| drop(headers.remove(header::CONTENT_SECURITY_POLICY));
    for (origin, check) in [
        (proxy(edge, without_cookie, nothing).await?, "cookies"),
        (proxy(edge, name_the_client, rewritten).await?, "cookies"),
        (proxy(edge, without_site, nothing).await?, "request headers"),
        (proxy(edge, |headers| drop(headers.remove(FORWARDED_FOR)), nothing).await?, "client address"),
        (proxy(edge, pass_on, nothing).await?, "client address"),
        (proxy(edge, name_the_client, without_policy).await?, "pages"),
    ] {
        scene.move_to(&origin).await?;
        let ran = scene.doctor(&[]).await?;
        ran.only(check, "fail").with_context(|| origin.clone())?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_with_another_brand_is_found() -> Result<()> {
    let mut scene = Scene::start(Plan { edges: 2, ..Plan::default() }).await?;
    let templates = scene.system.directory().join("templates");
    fs::create_dir_all(templates.join("brands"))?;
    fs::write(templates.join("brands/main.toml"), "[brand]\nname = \"Notes Inc.\"\n")?;
    let file = scene.system.edge_config(1);
    fs::write(file, format!("templates_dir = {templates:?}\n{}", fs::read_to_string(file)?))?;
    scene.system.kill_edge(1).await?;
    scene.system.start_edge(1).await?;
    let ran = scene.doctor(&["--edge", &scene.system.edge_url(0), "--edge", &scene.system.edge_url(1)]).await?;
    assert_eq!((ran.code, ran.problems()), (Some(0), BTreeMap::from([("consent page", "warn")])), "{ran:#?}");
    // The balancer decides which of the two is behind the public URL.
    assert_eq!(ran.findings.iter().filter(|line| line["level"] == "warn").count(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_memory_is_reported() -> Result<()> {
    let stores = vec!["engine = \"memory\"".to_owned()];
    let scene = Scene::start(Plan { edges: 1, stores, ..Plan::default() }).await?;
    let ran = scene.doctor(&[]).await?;
    ran.only("durability", "warn")?;
    let ran = scene.doctor(&["--issuer", "other"]).await?;
    assert_eq!(ran.problems(), BTreeMap::from([("durability", "warn"), ("public URL", "fail")]));
    Ok(())
}

/// The certificate of the control plane ends in a week.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_expires_soon_is_reported() -> Result<()> {
    let mut scene = Scene::start(Plan { edges: 1, certified: true, ..Plan::default() }).await?;
    ensure!(scene.doctor(&[]).await?.of("control certificate", "ok")?["about"] == "tls.cert_file", "both are in order");
    let files = scene.system.certificates();
    let authority = Authority::new("next authority of the control plane")?;
    files.certify_control_for(&authority, Duration::from_secs(7 * 86_400 + 3600))?;
    files.trust_control(&[&authority])?;
    scene.system.crash_control().await?;
    scene.system.kill_edge(0).await?;
    scene.system.start_edge(0).await?;
    scene.provider_is_checked().await?;
    let ran = scene.doctor(&[]).await?;
    let found = ran.of("control certificate", "warn")?;
    assert_eq!(found["about"], "tls.cert_file");
    ensure!(found["finding"].as_str().is_some_and(|found| found.starts_with("expires in 7 days")), "{found}");
    assert_eq!(ran.problems().len(), 1, "{ran:#?}");
    Ok(())
}

/// An edge serves what it knows while the control plane is away.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_control_plane_the_public_side_is_checked() -> Result<()> {
    let mut scene = Scene::start(Plan { edges: 1, ..Plan::default() }).await?;
    scene.system.kill_control().await?;
    let edge = scene.system.edge_url(0);
    let ran = scene.doctor(&["--public-url", &scene.origin, "--edge", &edge]).await?;
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.problems(), BTreeMap::from([("control plane", "fail"), ("public URL", "warn")]), "{ran:#?}");
    for check in ["pages", "documents", "edge"] {
        ran.of(check, "ok")?;
    }
    Ok(())
}
