//! Edges are stateless: any edge serves any step of any flow. The load balancer sends each request to the next
//! edge.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use e2e::flow::{Gate, LOOPBACK};
use e2e::http::Jar;
use e2e::resource_server::ResourceServer;
use e2e::system::balancer::Sent;
use e2e::system::{Plan, System, files};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_flow_completes_with_every_request_at_another_edge() -> Result<()> {
    let system = System::start(Plan::default()).await?;
    let gate = system.gate("main")?;
    let mut jar = Jar::new()?;

    let metadata = gate.get("/.well-known/oauth-authorization-server").await?;
    assert_eq!(metadata.json()?["issuer"], gate.issuer());
    let app = gate.app(&[LOOPBACK]).await?;
    let consent = app.request().open(&mut jar).await?;
    let callback = consent.approve(&mut jar).await?.sign_in(&mut jar).await?;
    let answer = callback.finish(&mut jar).await?;
    assert_eq!(answer.parameter("iss").as_deref(), Some(gate.issuer()));
    let tokens = consent.request.redemption(&answer.code()?).tokens().await?;
    let refreshed = app.refresh(&tokens.refresh_token).tokens().await?;
    let server = ResourceServer::new(&gate).await?;
    for token in [&tokens.access_token, &refreshed.access_token] {
        assert_eq!(server.verify(token)?.claims["client_id"], app.client_id);
    }

    let log = system.balancer().log();
    let paths: Vec<_> = log.iter().map(|sent| format!("{} {}", sent.method, sent.path)).collect();
    assert_eq!(
        paths,
        [
            "GET /.well-known/oauth-authorization-server",
            "POST /register",
            "GET /authorize",
            "GET /consent",
            "POST /consent",
            "GET /callback/main",
            "POST /token",
            "POST /token",
            "GET /jwks.json",
        ]
    );
    all_three_in_turns(&log);
    Ok(())
}

/// Each edge serves the same documents.
///
/// Requirements: A3.
#[tokio::test]
async fn all_edges_publish_the_same_documents() -> Result<()> {
    let system = System::start(Plan::default()).await?;
    let gate = system.gate("main")?;
    let documents = [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/jwks.json",
        "/.well-known/oauth-authorization-server/",
    ];
    for path in documents {
        let mut bodies = BTreeSet::new();
        for _ in 0..3 {
            let page = gate.get(path).await?;
            assert_eq!(page.status, 200, "{}", page.summary());
            bodies.insert(page.body);
        }
        assert_eq!(bodies.len(), 1, "{path}: {bodies:?}");
    }
    all_three_in_turns(&system.balancer().log());
    Ok(())
}

/// Up to eight tabs do not disturb each other, in any order of their steps.
///
/// Requirements: B32.
#[tokio::test]
async fn many_tabs_of_one_browser_all_finish() -> Result<()> {
    const TABS: usize = 8;
    let system = System::start(Plan::default()).await?;
    let gate = system.gate("main")?;
    let browser = Arc::new(Mutex::new(Jar::new()?));
    // Every tab has its page before the first is answered.
    let mut pages = Vec::new();
    for _ in 0..TABS {
        let app = gate.app(&[LOOPBACK]).await?;
        pages.push(app.request().open(&mut *browser.lock().await).await?);
    }
    let mut tabs = JoinSet::new();
    for consent in pages {
        let browser = Arc::clone(&browser);
        tabs.spawn(async move {
            // The browser sends one request at a time; the tabs take turns at each step.
            let upstream = consent.approve(&mut *browser.lock().await).await?;
            let callback = upstream.sign_in(&mut *browser.lock().await).await?;
            let answer = callback.finish(&mut *browser.lock().await).await?;
            assert_eq!(answer.parameter("state").as_deref(), consent.request.parameter("state"));
            consent.request.redemption(&answer.code()?).tokens().await
        });
    }
    let mut access_tokens = BTreeSet::new();
    while let Some(tokens) = tabs.join_next().await {
        access_tokens.insert(tokens??.access_token);
    }
    assert_eq!(access_tokens.len(), TABS);
    let log = system.balancer().log();
    let posts = log.iter().filter(|sent| sent.path == "/consent" && sent.method == "POST").count();
    assert_eq!(posts, TABS, "no form was posted twice");
    all_three_in_turns(&log);
    Ok(())
}

/// A browser that requests its first two pages concurrently gets two browser ids, and both pages work.
///
/// Requirements: B32.
#[tokio::test]
async fn two_first_pages_at_one_moment_both_finish() -> Result<()> {
    let system = System::start(Plan::default()).await?;
    let gate = system.gate("main")?;
    let mut jar = Jar::new()?;
    let mut at_the_same_moment = jar.clone();
    let one = gate.app(&[LOOPBACK]).await?.request().open(&mut at_the_same_moment).await?;
    let other = gate.app(&[LOOPBACK]).await?.request().open(&mut jar).await?;
    for cookie in at_the_same_moment.cookies() {
        jar.plant(cookie.clone());
    }
    for consent in [one, other] {
        let callback = consent.approve(&mut jar).await?.sign_in(&mut jar).await?;
        callback.finish(&mut jar).await?.code()?;
    }
    Ok(())
}

/// Concurrent flows in separate browsers.
#[tokio::test]
async fn many_browsers_at_once_all_finish() -> Result<()> {
    const BROWSERS: usize = 16;
    let system = System::start(Plan::default()).await?;
    let gate = system.gate("main")?;
    let mut browsers = JoinSet::new();
    for _ in 0..BROWSERS {
        browsers.spawn(flow(gate.clone()));
    }
    while let Some(done) = browsers.join_next().await {
        done??;
    }
    let served: BTreeSet<_> = system.balancer().log().iter().map(|sent| sent.edge).collect();
    assert_eq!(served.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_flow_survives_the_end_of_an_edge() -> Result<()> {
    let mut system = System::start(Plan::default()).await?;
    let gate = system.gate("main")?;
    let mut jar = Jar::new()?;
    let app = gate.app(&[LOOPBACK]).await?;
    let consent = app.request().open(&mut jar).await?;

    let showed_the_page = system.balancer().log().last().context("nothing was sent")?.edge;
    system.kill_edge(showed_the_page).await?;
    let callback = consent.approve(&mut jar).await?.sign_in(&mut jar).await?;
    let code = callback.finish(&mut jar).await?.code()?;
    let tokens = consent.request.redemption(&code).tokens().await?;
    app.refresh(&tokens.refresh_token).tokens().await?;
    assert!(system.balancer().passed_over() > 0, "the dead edge's turn came");

    // A restarted edge continues the flows of others.
    let other = app.request().open(&mut jar).await?;
    system.start_edge(showed_the_page).await?;
    for edge in 0..3 {
        if edge != showed_the_page {
            system.kill_edge(edge).await?;
        }
    }
    let callback = other.approve(&mut jar).await?.sign_in(&mut jar).await?;
    callback.finish(&mut jar).await?.code()?;
    Ok(())
}

/// An attacker who takes over an edge finds its token, and no key that signs, seals or opens. The search runs after
/// a flow, when the edge has handled secrets.
///
/// Requirements: A15.
#[tokio::test]
async fn an_edge_holds_no_key_and_writes_nothing() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    let gate = system.gate("main")?;
    flow(gate).await?;

    let config = fs::read_to_string(system.edge_config(0))?;
    let keys: Vec<_> = config.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key).collect();
    assert_eq!(keys, ["listen", "drain_seconds", "url", "token", "deadline_seconds"], "{config}");
    let token_file = system.directory().join("edge-0.token");
    assert!(config.contains(token_file.to_str().context("a path of text")?));
    let token = fs::read_to_string(&token_file)?;
    assert!(!config.contains(&token), "the file names the token's path, not the token");

    let memory = memory_of(system.edge_process(0)?)?;
    assert!(contains(&memory, token.as_bytes()), "this does see what the edge holds");
    for secret in system.secrets_of_control() {
        assert!(!contains(&memory, secret.as_bytes()), "the edge holds a secret of the control plane's");
    }

    let open = fs::read_dir(format!("/proc/{}/fd", system.edge_process(0)?))?;
    for file in open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()) {
        assert!(!file.starts_with(system.directory()), "the edge keeps {} open", file.display());
    }
    // The files of the control plane contain neither the master key nor the token, except for the files that
    // configure them.
    system.kill_control().await?;
    let master_key = system.secrets_of_control().pop().context("a master key")?.to_owned();
    for (path, content) in files(&system.directory().join("store"))? {
        assert!(!contains(&content, master_key.as_bytes()), "{}", path.display());
        assert!(!contains(&content, token.as_bytes()), "{}", path.display());
    }
    Ok(())
}

async fn flow(gate: Gate) -> Result<()> {
    let app = gate.app(&[LOOPBACK]).await?;
    let tokens = app.tokens().await?;
    app.refresh(&tokens.refresh_token).tokens().await?;
    Ok(())
}

#[track_caller]
fn all_three_in_turns(log: &[Sent]) {
    let served: BTreeSet<_> = log.iter().map(|sent| sent.edge).collect();
    assert_eq!(served, BTreeSet::from([0, 1, 2]));
    assert!(log.windows(2).all(|pair| pair[0].edge != pair[1].edge), "{log:?}");
}

/// The readable and writable memory of a process.
fn memory_of(process: u32) -> Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
    let memory = fs::File::open(format!("/proc/{process}/mem"))?;
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (Some(range), Some(permissions)) = (fields.next(), fields.next()) else { continue };
        if !permissions.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').context("a range")?;
        let (start, end) = (u64::from_str_radix(start, 16)?, u64::from_str_radix(end, 16)?);
        let mut region = vec![0; usize::try_from(end - start)?];
        // A region may have been unmapped since, and untouched pages cannot be read.
        if memory.read_exact_at(&mut region, start).is_ok() {
            found.append(&mut region);
        }
    }
    ensure!(!found.is_empty(), "process {process} shows no memory");
    Ok(found)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some(&first) = needle.first() else { return true };
    haystack.iter().enumerate().any(|(at, &byte)| byte == first && haystack[at..].starts_with(needle))
}
