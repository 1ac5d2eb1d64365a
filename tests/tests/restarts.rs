//! Crashes: acknowledged writes are kept, pending calls finish or can be repeated, and revocations hold.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::flow::{Answer, App, Gate, LOOPBACK, Tokens};
use e2e::http::{Jar, Page};
use e2e::resource_server::ResourceServer;
use e2e::system::service::until;
use e2e::system::{Plan, System};
use e2e::upstream::Lie;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_flow_survives_a_crash_between_every_two_of_its_steps() -> Result<()> {
    let mut system = System::start(Plan::default()).await?;
    let gate = system.gate("main")?;
    let mut jar = Jar::new()?;

    let app = gate.app(&[LOOPBACK]).await?;
    let before = ResourceServer::new(&gate).await?;
    system.crash_control().await?;
    let redirect = app.request().send(&mut jar).await?;
    assert_eq!(redirect.status, 303, "{}", redirect.summary());
    system.crash_control().await?;
    let request = app.request();
    let consent = request.open(&mut jar).await?;
    system.crash_control().await?;
    let approved = consent.approve(&mut jar).await?;
    system.crash_control().await?;
    let callback = approved.sign_in(&mut jar).await?;
    system.crash_control().await?;
    let code = callback.finish(&mut jar).await?.code()?;
    system.crash_control().await?;
    let first = request.redemption(&code).tokens().await?;
    system.crash_control().await?;
    let second = app.refresh(&first.refresh_token).tokens().await?;
    system.crash_control().await?;
    let third = app.refresh(&second.refresh_token).tokens().await?;

    let after = ResourceServer::new(&gate).await?;
    for token in [&first, &second, &third] {
        let verified = after.verify(&token.access_token)?;
        assert_eq!(verified, before.verify(&token.access_token)?, "the keys of before know it as well");
        assert_eq!(verified.kid, after.verify(&first.access_token)?.kid);
        assert_eq!(verified.claims["client_id"], app.client_id);
    }
    assert_eq!(system.upstream("main")?.asked().exchanges.len(), 1);
    Ok(())
}

/// RFC 9700 §2.1.1, §4.14.2: a grant that another party may hold has ended, and a crash does not restore it.
///
/// Requirements: A12.
#[tokio::test]
async fn a_grant_revoked_by_a_replay_stays_revoked_after_a_crash() -> Result<()> {
    let plan = Plan { lifetimes: "refresh_grace_seconds = 0".to_owned(), ..Plan::default() };
    let mut system = System::start(plan).await?;
    let gate = system.gate("main")?;
    let app = gate.app(&[LOOPBACK]).await?;

    let mut jar = Jar::new()?;
    let request = app.request();
    let code = request.code(&mut jar).await?;
    let of_the_code = request.redemption(&code).tokens().await?;
    refused(&request.redemption(&code).send().await?, "invalid_grant");
    let first = app.tokens().await?;
    let second = app.refresh(&first.refresh_token).tokens().await?;
    refused(&app.refresh(&first.refresh_token).send().await?, "invalid_grant");
    let untouched = app.tokens().await?;

    system.crash_control().await?;
    for revoked in [&of_the_code, &second] {
        refused(&app.refresh(&revoked.refresh_token).send().await?, "invalid_grant");
    }
    refused(&request.redemption(&code).send().await?, "invalid_grant");
    app.refresh(&untouched.refresh_token).tokens().await?;
    Ok(())
}

/// Clients register, people sign in and tokens are refreshed concurrently while the control plane is killed
/// repeatedly. No request waits longer than a restart, and every acknowledged result holds afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_results_survive_every_crash_under_load() -> Result<()> {
    const PEOPLE: usize = 8;
    const CRASHES: usize = 5;
    /// Enough flows between two crashes that each step is pending when the next crash comes.
    const FLOWS: usize = 6;
    let mut system = System::start(Plan::default()).await?;
    let gate = system.gate("main")?;
    let kept = Arc::new(Mutex::new(Vec::<(App, Tokens)>::new()));
    let (finished, mut progress) = watch::channel(0_usize);
    let (stop, stopped) = watch::channel(false);
    let mut people = JoinSet::new();
    for _ in 0..PEOPLE {
        let (gate, kept, finished, stopped) = (gate.clone(), Arc::clone(&kept), finished.clone(), stopped.clone());
        people.spawn(async move {
            while !*stopped.borrow() {
                if let Some(acknowledged) = whole_flow(&gate).await? {
                    kept.lock().await.push(acknowledged);
                }
                finished.send_modify(|finished| *finished += 1);
            }
            anyhow::Ok(())
        });
    }
    for crash in 1..=CRASHES {
        tokio::select! {
            reached = progress.wait_for(|finished| *finished >= crash * FLOWS) => { reached?; }
            Some(ended) = people.join_next() => ended??,
        }
        system.crash_control().await?;
    }
    stop.send(true)?;
    while let Some(ended) = people.join_next().await {
        ended??;
    }
    system.crash_control().await?;

    let kept = kept.lock().await;
    ensure!(kept.len() >= CRASHES, "only {} flows were acknowledged", kept.len());
    let server = ResourceServer::new(&gate).await?;
    for (app, tokens) in kept.iter() {
        app.request().open(&mut Jar::new()?).await.context("a registered client")?;
        let refreshed = app.refresh(&tokens.refresh_token).tokens().await.context("an issued refresh token")?;
        assert_eq!(server.verify(&refreshed.access_token)?.claims["client_id"], app.client_id);
    }
    Ok(())
}

/// Registers, signs in, redeems and refreshes twice. Only the callback may fail: a login whose upstream code may have
/// been sent before the crash ends on a page that says so, because a code is never sent twice.
async fn whole_flow(gate: &Gate) -> Result<Option<(App, Tokens)>> {
    let app = gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let request = app.request();
    let callback = request.callback(&mut jar).await?;
    let mut page = callback.visit(&mut jar).await?;
    // A callback waits for a login that a crash ended, and a call that two crashes hit is not sent a third time: the page says to
    // try again, and the person does.
    while page.reason() == Some("STORE_UNAVAILABLE") {
        page = callback.visit(&mut jar).await?;
    }
    if page.reason() == Some("LOGIN_INTERRUPTED") {
        return Ok(None);
    }
    let code = Answer::of(&page)?.code()?;
    let mut tokens = request.redemption(&code).tokens().await?;
    for _ in 0..2 {
        tokens = app.refresh(&tokens.refresh_token).tokens().await?;
    }
    Ok(Some((app, tokens)))
}

/// Requests without a decision are served; others get an error that says when to retry, in the format of the
/// endpoint and within the deadline.
#[tokio::test]
async fn edges_serve_cached_documents_and_report_an_unavailable_control_plane() -> Result<()> {
    const DEADLINE: u64 = 1;
    let mut system = System::start(Plan { edge_deadline_seconds: DEADLINE, ..Plan::default() }).await?;
    let gate = system.gate("main")?;
    let app = gate.app(&[LOOPBACK]).await?;
    let tokens = app.tokens().await?;
    let documents = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/jwks.json"];
    let mut known = Vec::new();
    for path in documents {
        known.push(gate.get(path).await?.body);
    }
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;

    system.kill_control().await?;
    let since = Instant::now();
    for (path, known) in documents.iter().zip(&known) {
        let page = gate.get(path).await?;
        assert_eq!((page.status, &page.body), (200, known), "{path}");
    }
    for page in [
        app.request().send(&mut jar).await?,
        jar.open(&consent.page.url).await?,
        jar.send(consent.form("approve")?).await?,
    ] {
        away(&page, "text/html; charset=utf-8");
        assert_eq!(page.reason(), Some("STORE_UNAVAILABLE"));
        assert_eq!(page.set_cookies(), Vec::<&str>::new());
    }
    let registration = serde_json::json!({ "redirect_uris": [LOOPBACK] });
    for page in [app.refresh(&tokens.refresh_token).send().await?, gate.register(&registration).await?] {
        away(&page, "application/json");
        assert_eq!(page.error(), "temporarily_unavailable");
    }
    let most = Duration::from_secs(5 * DEADLINE + 10);
    assert!(since.elapsed() < most, "five questions took {:?}", since.elapsed());

    // Only the control plane has to restart, and pending flows continue.
    system.start_control().await?;
    consent.approve(&mut jar).await?.sign_in(&mut jar).await?.finish(&mut jar).await?.code()?;
    app.refresh(&tokens.refresh_token).tokens().await?;
    Ok(())
}

#[track_caller]
fn away(page: &Page, content_type: &str) {
    assert_eq!(page.status, 503, "{}", page.summary());
    assert_eq!(page.header("content-type"), Some(content_type), "{}", page.summary());
    let seconds = page.header("retry-after").and_then(|value| value.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "Retry-After: {seconds:?}");
    assert!(page.header("cache-control").is_some_and(|caching| caching.contains("no-store")), "{:?}", page.headers);
}

/// A restart within the edge's deadline is not visible to clients.
#[tokio::test]
async fn a_request_during_a_restart_is_answered_after_it() -> Result<()> {
    let mut system = System::start(Plan::default()).await?;
    let gate = system.gate("main")?;
    let app = gate.app(&[LOOPBACK]).await?;
    let tokens = app.tokens().await?;
    system.kill_control().await?;
    let sent = system.balancer().log().len();
    let waiting = tokio::spawn(async move { app.refresh(&tokens.refresh_token).tokens().await });
    until("the request is at an edge", async || system.balancer().log().len() > sent).await?;
    system.start_control().await?;
    waiting.await??;
    Ok(())
}

/// An edge that has not reached the control plane yet says so in the format of each endpoint, and recovers by
/// itself.
#[tokio::test]
async fn an_edge_may_start_before_the_control_plane() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, edge_deadline_seconds: 1, ..Plan::default() }).await?;
    let gate = system.gate("main")?;
    let app = gate.app(&[LOOPBACK]).await?;
    system.kill_control().await?;
    system.kill_edge(0).await?;
    system.start_edge_alone(0).await?;
    assert_eq!(gate.get("/readyz").await?.status, 503);
    assert_eq!(gate.get("/.well-known/oauth-authorization-server").await?.status, 503);
    let token = app.refresh("lgr_any").send().await?;
    assert_eq!((token.status, token.error().as_str()), (503, "temporarily_unavailable"));
    assert_eq!(app.request().send(&mut Jar::new()?).await?.reason(), Some("STORE_UNAVAILABLE"));
    system.start_control().await?;
    until("the edge is ready", async || gate.get("/readyz").await.is_ok_and(|page| page.status == 200)).await?;
    app.tokens().await?;
    Ok(())
}

/// A login waits for the upstream while the control plane receives SIGTERM: it is not cancelled.
#[tokio::test]
async fn a_control_plane_answers_pending_calls_before_it_ends() -> Result<()> {
    let mut system = System::start(Plan::default()).await?;
    let gate = system.gate("main")?;
    let (app, mut jar) = (gate.app(&[LOOPBACK]).await?, Jar::new()?);
    let request = app.request();
    let callback = request.callback(&mut jar).await?;
    let upstream_code = callback.code()?;
    system.upstream("main")?.lie(Lie::TokenStalls);
    let answer = tokio::spawn(async move { callback.finish(&mut jar).await });
    system.upstream("main")?.asked_until(|asked| asked.exchanges_of(&upstream_code) == 1).await?;

    system.terminate_control()?;
    let control = system.control_address();
    until("it takes no more", async || tokio::net::TcpStream::connect(control).await.is_err()).await?;
    system.upstream("main")?.release();
    let code = answer.await??.code()?;
    let status = system.control_ended().await?;
    assert_eq!(status.code(), Some(0), "{status}");

    system.start_control().await?;
    request.redemption(&code).tokens().await?;
    assert_eq!(system.upstream("main")?.asked().exchanges_of(&upstream_code), 1);
    Ok(())
}

#[tokio::test]
async fn an_edge_answers_pending_requests_before_it_ends() -> Result<()> {
    let mut system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    let gate = system.gate("main")?;
    let (app, mut jar) = (gate.app(&[LOOPBACK]).await?, Jar::new()?);
    let request = app.request();
    let callback = request.callback(&mut jar).await?;
    let upstream_code = callback.code()?;
    system.upstream("main")?.lie(Lie::TokenStalls);
    let answer = tokio::spawn(async move { callback.finish(&mut jar).await });
    system.upstream("main")?.asked_until(|asked| asked.exchanges_of(&upstream_code) == 1).await?;

    system.terminate_edge(0)?;
    let edge = system.edge_address(0);
    until("it takes no more", async || tokio::net::TcpStream::connect(edge).await.is_err()).await?;
    system.upstream("main")?.release();
    let code = answer.await??.code()?;
    let status = system.edge_ended(0).await?;
    assert_eq!(status.code(), Some(0), "{status}");

    system.start_edge(0).await?;
    request.redemption(&code).tokens().await?;
    Ok(())
}

/// The upstream's code is sent once: a process that is killed while it redeems the code leaves a claim, and the
/// browser is asked to sign in again.
#[tokio::test]
async fn a_login_interrupted_while_redeeming_the_upstream_code_is_not_repeated() -> Result<()> {
    let mut system = System::start(Plan::default()).await?;
    let gate = system.gate("main")?;
    let (app, mut jar) = (gate.app(&[LOOPBACK]).await?, Jar::new()?);
    let callback = app.request().callback(&mut jar).await?;
    let upstream_code = callback.code()?;
    system.upstream("main")?.lie(Lie::TokenStalls);
    let answer = tokio::spawn(async move {
        let page = callback.visit(&mut jar).await?;
        anyhow::Ok((page, jar))
    });
    system.upstream("main")?.asked_until(|asked| asked.exchanges_of(&upstream_code) == 1).await?;
    system.crash_control().await?;
    system.upstream("main")?.be_honest();
    let (page, mut jar) = answer.await??;
    assert_eq!((page.status, page.reason()), (409, Some("LOGIN_INTERRUPTED")), "{}", page.summary());
    ensure!(!page.redirects(), "no code may come of it");
    assert_eq!(system.upstream("main")?.asked().exchanges_of(&upstream_code), 1);
    app.request().tokens(&mut jar).await.context("the same browser signs in again")?;
    Ok(())
}

#[track_caller]
fn refused(page: &Page, error: &str) {
    assert_eq!((page.status, page.error().as_str()), (400, error), "{}", page.summary());
}
