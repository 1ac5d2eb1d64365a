//! Connections that a peer leaves silent, half open or unread: they starve no one, and no process waits for them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::flow::LOOPBACK;
use e2e::grpc::Caller;
use e2e::http::Page;
use e2e::system::ports::Claim;
use e2e::system::service::{Service, limited, one_line, until};
use e2e::system::{MAIN, Plan, System, principal};
use lychgate_api::v1::consent_service_client::ConsentServiceClient;
use lychgate_api::v1::{ListRequest, WatchRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// Supervisors kill a process that takes longer to end.
const LONGEST_SHUTDOWN: Duration = Duration::from_secs(30);

/// The client connection preface of HTTP/2 with an empty SETTINGS frame (RFC 9113 §3.4, §6.5).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The header of a TLS record with a ClientHello of 512 bytes, and no more of it.
const HALF_A_HANDSHAKE: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// The bytes that a stranger sends to any port before it stays silent.
const LEFT: [&[u8]; 8] = [
    b"",
    b"\0",
    b"PRI * HT",
    PREFACE,
    HALF_A_HANDSHAKE,
    b"GET ",
    b"GET /metrics HTTP/1.1\r\nhost: a\r\n",
    b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n",
];

async fn leave(address: SocketAddr, sent: &[u8]) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(sent).await?;
    Ok(stream)
}

/// `count` connections at each address, with everything that can be left open.
async fn leave_many(addresses: &[SocketAddr], count: usize) -> Result<Vec<TcpStream>> {
    let mut left = Vec::new();
    for n in 0..count {
        for address in addresses {
            // A refused connection holds nothing.
            left.extend(leave(*address, LEFT[n % LEFT.len()]).await.ok());
        }
    }
    Ok(left)
}

/// A system with both metrics listeners, and their addresses.
async fn with_metrics(plan: Plan) -> Result<(System, [Claim; 2])> {
    let metrics = [Claim::choose()?, Claim::choose()?];
    let tables = format!("[metrics]\nlisten = \"{}\"\n{}", metrics[0].address(), plan.control_tables);
    let settings = format!("metrics.listen = \"{}\"\n{}", metrics[1].address(), plan.edge_settings);
    let system = System::start(Plan { edges: 1, control_tables: tables, edge_settings: settings, ..plan }).await?;
    Ok((system, metrics))
}

#[tokio::test]
async fn a_signal_ends_each_process_whatever_is_open() -> Result<()> {
    const TOKEN: &str = "token-of-a-reader-0123456789";
    let plan = Plan { control_tables: principal("watcher", "reader", TOKEN), ..Plan::default() };
    let (mut system, metrics) = with_metrics(plan).await?;
    let (control, edge) = (system.control_address(), system.edge_address(0));
    let mut left = leave_many(&[control, edge, metrics[0].address(), metrics[1].address()], LEFT.len()).await?;

    // At the control plane: a connection without calls, streams that are not read, with and without credentials.
    let idle = system.as_edge()?;
    idle.issuers().list(ListRequest {}).await?;
    let reader = lychgate_api::channel::open(&system.control_url(), None, TOKEN)?;
    let _watch = ConsentServiceClient::new(reader)
        .watch(WatchRequest { issuer_id: MAIN.id.to_owned(), cursor: String::new() })
        .await?;
    let anonymous = Endpoint::from_shared(system.control_url())?.connect().await?;
    let _health = HealthClient::new(anonymous).watch(HealthCheckRequest::default()).await?;
    // At the edge: half a body, an idle connection, answers that are not read.
    left.push(leave(edge, b"POST /token HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\nx").await?);
    let mut asked = leave(edge, b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    ensure!(asked.read(&mut [0; 512]).await? > 0, "no answer");
    left.push(unread(&system).await?);

    for which in ["edge", "control"] {
        let began = Instant::now();
        let status = if which == "edge" {
            system.terminate_edge(0)?;
            system.edge_ended(0).await?
        } else {
            system.terminate_control()?;
            system.control_ended().await?
        };
        ensure!(status.success() && began.elapsed() < LONGEST_SHUTDOWN, "{which}: {status}, {:?}", began.elapsed());
    }
    Ok(())
}

#[tokio::test]
async fn a_signal_ends_a_control_plane_with_unfinished_handshakes() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, certified: true, ..Plan::default() }).await?;
    let _left = leave_many(&[system.control_address()], 2 * LEFT.len()).await?;
    let began = Instant::now();
    system.terminate_control()?;
    let status = system.control_ended().await?;
    ensure!(status.success() && began.elapsed() < LONGEST_SHUTDOWN, "{status}, {:?}", began.elapsed());
    Ok(())
}

/// A connection with requests whose answers are more than the buffers of both sides take, and are not read.
async fn unread(system: &System) -> Result<TcpStream> {
    let page = Page::of(reqwest::Client::new().get(format!("{}/account", system.edge_url(0)))).await?;
    let css =
        page.body.split('"').find(|part| part.starts_with("/assets/")).unwrap_or("/assets/lychgate.css").to_owned();
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    let mut stream = socket.connect(system.edge_address(0)).await?;
    let request = format!("GET {css} HTTP/1.1\r\nhost: a\r\n\r\n").repeat(100);
    // The edge stops reading when it cannot write, so the last of them may not fit.
    for _ in 0..20 {
        if timeout(Duration::from_millis(200), stream.write_all(request.as_bytes())).await.is_err() {
            break;
        }
    }
    Ok(stream)
}

#[tokio::test]
async fn silent_connections_take_neither_the_stores_descriptors_nor_the_callers_places() -> Result<()> {
    const SILENT: usize = 300;
    let plan = Plan { process_limits: "ulimit -n 128", ..Plan::default() };
    let (mut system, metrics) = with_metrics(plan).await?;
    let gate = system.gate(MAIN.id)?;
    let app = gate.app(&[LOOPBACK]).await?;
    let tokens = app.tokens().await?;
    let everywhere = [system.control_address(), system.edge_address(0), metrics[0].address(), metrics[1].address()];
    let silent = leave_many(&everywhere, SILENT).await?;
    // The store commits, and opens new files. A new caller finds a place, and so do browsers and collectors.
    for _ in 0..5 {
        app.tokens().await?;
    }
    system.kill_edge(0).await?;
    system.start_edge(0).await?;
    app.tokens().await?;
    app.refresh(&tokens.refresh_token).tokens().await?;
    for listener in &metrics {
        let page = Page::of(reqwest::Client::new().get(format!("http://{}/metrics", listener.address()))).await?;
        ensure!(page.status == 200, "{}", page.summary());
    }
    // Those at the control plane are closed by its deadline, also without a need for their places.
    for mut stream in silent.into_iter().step_by(everywhere.len()) {
        // The bytes before the end are an HTTP/2 preface, or a reset.
        let _ = timeout(Duration::from_secs(60), stream.read_to_end(&mut Vec::new())).await.context("still open")?;
    }
    system.terminate_control()?;
    ensure!(system.control_ended().await?.success(), "the control plane has survived");
    Ok(())
}

#[tokio::test]
async fn caller_with_a_connection_keeps_it_beside_silent_ones() -> Result<()> {
    let system = System::start(Plan { edges: 1, process_limits: "ulimit -n 128", ..Plan::default() }).await?;
    let caller = Caller::new(&system.control_url(), system.edge_token(0))?;
    caller.issuers().list(ListRequest {}).await?;
    let _silent = leave_many(&[system.control_address()], 300).await?;
    for _ in 0..3 {
        caller.issuers().list(ListRequest {}).await?;
    }
    Ok(())
}

#[tokio::test]
async fn answers_that_are_not_read_stop_no_edge() -> Result<()> {
    let settings = "max_connections = 15\nmax_connections_per_peer = 15\nwrite_timeout_seconds = 1".to_owned();
    let system = System::start(Plan { edges: 1, edge_settings: settings, ..Plan::default() }).await?;
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(unread(&system).await?);
        for path in ["/healthz", "/readyz"] {
            let page = Page::of(reqwest::Client::new().get(format!("{}{path}", system.edge_url(0)))).await?;
            ensure!(page.status == 200, "{path}: {}", page.summary());
        }
    }
    system.gate(MAIN.id)?.app(&[LOOPBACK]).await?.tokens().await?;
    Ok(())
}

#[tokio::test]
async fn descriptors_are_raised_to_the_hard_limit_and_cores_are_not_dumped() -> Result<()> {
    let limits = "ulimit -S -n 64 && ulimit -S -c unlimited";
    let system = System::start(Plan { edges: 1, process_limits: limits, ..Plan::default() }).await?;
    for process in [system.control_process()?, system.edge_process(0)?] {
        let limits = fs::read_to_string(format!("/proc/{process}/limits"))?;
        let of = |name: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name)).context("no such limit")?;
            let mut values = line.split_whitespace().map(str::to_owned);
            anyhow::Ok((values.next().context("no soft limit")?, values.next().context("no hard limit")?))
        };
        let (soft, hard) = of("Max open files")?;
        ensure!(soft == hard && soft != "64", "{limits}");
        ensure!(of("Max core file size")? == ("0".to_owned(), "0".to_owned()), "{limits}");
    }
    Ok(())
}

#[tokio::test]
async fn a_process_whose_connections_do_not_fit_refuses_to_start() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    system.kill_control().await?;
    for (name, config) in [("lychgate-control", system.control_config()), ("lychgate-edge", system.edge_config(0))] {
        for (limits, setting) in [("ulimit -n 128", "max_connections = 120"), ("ulimit -n 64", "")] {
            let changed = changed(config, "", setting)?;
            let line = one_line(&mut limited(name, &changed, limits)?, 2).await?;
            ensure!(line.contains("max_connections: ") && line.contains("LimitNOFILE"), "{name}, {limits}: {line}");
        }
        for setting in ["max_connections = 0", "write_timeout_seconds = 0"] {
            let changed = changed(config, "", setting)?;
            let line = one_line(&mut limited(name, &changed, ":")?, 2).await?;
            ensure!(line.contains(setting.split(' ').next().expect("a key")), "{line}");
        }
    }
    Ok(())
}

/// A copy of a configuration with `new` instead of the line that begins with `old`, or before all others.
fn changed(config: &Path, old: &str, new: &str) -> Result<PathBuf> {
    let text = fs::read_to_string(config)?;
    let rest = text.lines().filter(|line| old.is_empty() || !line.starts_with(old));
    let changed = [new].into_iter().chain(rest).collect::<Vec<_>>().join("\n");
    let path = config.with_extension("changed.toml");
    fs::write(&path, changed)?;
    Ok(path)
}

/// A caller is asked to reconnect when its connection has reached its age, and notices nothing else of it.
#[tokio::test]
async fn connection_ends_at_its_age_and_its_caller_opens_another() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    system.kill_control().await?;
    let aging = changed(system.control_config(), "", "max_connection_age_seconds = 1")?;
    let mut control = Service::start("lychgate-control", &aging)?;
    let address = system.control_address();
    control.until("serves", || e2e::grpc::is_serving(address, None)).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (through, connections) = (listener.local_addr()?, Arc::new(AtomicUsize::new(0)));
    let forwarding = tokio::spawn({
        let connections = Arc::clone(&connections);
        async move {
            while let Ok((mut near, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let mut far = TcpStream::connect(address).await.expect("the control plane listens");
                tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
            }
        }
    });
    let caller = Caller::new(&format!("http://{through}"), system.edge_token(0))?;
    until("the caller has opened three connections", async || {
        caller.issuers().list(ListRequest {}).await.expect("every call is answered");
        connections.load(Ordering::SeqCst) >= 3
    })
    .await?;
    forwarding.abort();
    Ok(())
}

/// The answer to `request` on a connection of its own.
async fn answer(address: SocketAddr, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    timeout(Duration::from_secs(60), stream.read_to_string(&mut answer)).await.context("the edge does not close")??;
    Ok(answer)
}

/// Both versions of the protocol, on listeners of IPv6, with few descriptors.
#[tokio::test]
async fn ipv6_listeners_serve_both_versions_of_http() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    system.kill_control().await?;
    system.kill_edge(0).await?;
    let on_six = |address: SocketAddr| SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, address.port()));
    let (control, edge) = (on_six(system.control_address()), on_six(system.edge_address(0)));
    let at_control = changed(system.control_config(), "listen = ", &format!("listen = \"{control}\""))?;
    let at_edge = changed(system.edge_config(0), "listen = ", &format!("listen = \"{edge}\""))?;
    let at_edge = fs::read_to_string(&at_edge)
        .map(|text| text.replace(&format!("http://{}", system.control_address()), &format!("http://{control}")))
        .and_then(|text| fs::write(&at_edge, text).map(|()| at_edge))?;
    let _control = Service::start_limited("lychgate-control", &at_control, "ulimit -n 128")?;
    let mut service = Service::start_limited("lychgate-edge", &at_edge, "ulimit -n 128")?;
    service.answers_at(&format!("http://{edge}/readyz")).await?;

    let host = system.origin().replace("http://", "");
    for (path, status) in
        [("/healthz", "200 OK"), ("/.well-known/oauth-authorization-server", "200 OK"), ("/nowhere", "404 Not Found")]
    {
        for (version, close) in [("1.0", ""), ("1.1", "connection: close\r\n")] {
            let answer = answer(edge, &format!("GET {path} HTTP/{version}\r\nhost: {host}\r\n{close}\r\n")).await?;
            ensure!(answer.starts_with(&format!("HTTP/{version} {status}\r\n")), "{path}, {version}: {answer}");
        }
    }
    let form = "token=unknown&client_id=configured-app";
    let post = format!(
        "POST /revoke HTTP/1.0\r\nhost: {host}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = answer(edge, &post).await?;
    ensure!(answer.starts_with("HTTP/1.0 200 OK"), "{answer}");
    Ok(())
}

/// The first connection, opened as soon as the address is bound, is served.
#[tokio::test]
async fn the_first_connection_of_a_fresh_edge_is_served() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    let address = system.edge_address(0);
    for path in ["/healthz", "/assets/lychgate.css"] {
        system.kill_edge(0).await?;
        let edge = Service::start("lychgate-edge", system.edge_config(0))?;
        let mut first = None;
        until("the address is bound", async || {
            first = TcpStream::connect(address).await.ok();
            first.is_some()
        })
        .await?;
        let mut first = first.context("a connection")?;
        first.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        timeout(Duration::from_secs(60), first.read_to_string(&mut answer)).await.context("no end")??;
        ensure!(answer.starts_with("HTTP/1.1 200 OK"), "{path}: {answer}");
        edge.kill().await?;
        system.start_edge(0).await?;
    }
    Ok(())
}
