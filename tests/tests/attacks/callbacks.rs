//! The callback from the upstream: it belongs to one browser and works once.

use anyhow::{Context, Result};
use e2e::flow::{LOOPBACK, Stage};
use e2e::http::{Jar, Visit};
use e2e::system::service::until;
use e2e::upstream::Lie;

use crate::{BROWSER, LOGIN, altered, assert_refused};

/// Each is the valid callback with one thing changed; afterwards the valid one still works.
///
/// Requirements: B4, B12, B18, B19.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of changes to one callback")]
async fn an_altered_callback_is_refused() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let callback = app.request().callback(&mut jar).await?;
    let state = callback.url.query_pairs().find(|(n, _)| n == "state").context("state")?.1.into_owned();
    let mut other = Jar::new()?;
    let of_other = app.request().open(&mut other).await?.approve(&mut other).await?.state()?;
    let browser = jar.cookie(BROWSER).context("browser cookie")?.clone();
    let login = jar.cookie(LOGIN).context("login cookie")?.clone();
    let header = |name: &str, value: &str| format!("{}={}; {name}={value}", browser.name, browser.value);

    let visit = Visit::open(&callback.url)?;
    let altered_state = |at| Visit::open(callback.clone().with("state", Some(&altered(&state, at))).url);
    let twice = format!("{}&state={state}", callback.url);
    let changed = [
        ("no state", Visit::open(callback.clone().with("state", None).url)?, 400, "STATE_INVALID"),
        ("an empty state", Visit::open(callback.clone().with("state", Some("")).url)?, 400, "STATE_INVALID"),
        ("a flipped state", altered_state(state.len() - 9)?, 400, "STATE_INVALID"),
        ("a flipped flow id", altered_state(3)?, 400, "STATE_INVALID"),
        ("two states", Visit::open(twice)?, 400, "PARAMETER_REPEATED"),
        (
            "another browser's flow",
            Visit::open(callback.clone().with("state", Some(&of_other)).url)?,
            403,
            "STATE_COOKIE_MISSING",
        ),
        ("no cookies", visit.clone().cookie_header(""), 403, "STATE_COOKIE_MISSING"),
        (
            "no login cookie",
            visit.clone().cookie_header(format!("{}={}", browser.name, browser.value)),
            403,
            "STATE_COOKIE_MISSING",
        ),
        (
            "a flipped login cookie",
            visit.clone().cookie_header(header(&login.name, &altered(&login.value, 40))),
            403,
            "STATE_COOKIE_MISSING",
        ),
        (
            "a later end in the login cookie",
            visit.clone().cookie_header(header(&login.name, &altered(&login.value, 10))),
            403,
            "STATE_COOKIE_MISSING",
        ),
        (
            "the login cookie twice",
            visit
                .clone()
                .cookie_header(header(&login.name, &format!("{}; {}={}", login.value, login.name, login.value))),
            403,
            "STATE_COOKIE_MISSING",
        ),
        (
            "no browser cookie",
            visit.clone().cookie_header(format!("{}={}", login.name, login.value)),
            403,
            "BROWSER_MISMATCH",
        ),
    ];
    for (what, visit, status, reason) in changed {
        let page = jar.clone().send(visit).await?;
        assert_eq!((page.status, page.reason()), (status, Some(reason)), "{what}");
        assert_refused(&page, status, reason);
        assert_eq!(stage.upstream.asked().exchanges.len(), 0, "{what}");
    }
    callback.finish(&mut jar).await?.code()?;
    stage.stop().await
}

/// Two flows in one browser with swapped upstream codes: PKCE at the upstream binds a code to its flow.
///
/// Requirements: B36.
#[tokio::test]
async fn an_upstream_code_of_another_flow_is_refused() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let (first, second) = (app.request().callback(&mut jar).await?, app.request().callback(&mut jar).await?);
    let swapped = first.clone().with("code", Some(&second.code()?));
    let page = swapped.visit(&mut jar).await?;
    assert_eq!((page.status, page.reason()), (502, Some("UPSTREAM_INVALID")), "{}", page.summary());
    let link = page.return_link()?.context("a way back")?;
    assert!(!link.as_str().contains("code="), "{link}");
    // The other flow is unaffected.
    second.finish(&mut jar).await?.code()?;
    stage.stop().await
}

/// Two deployments share a host on different ports, so each receives the other's cookies and must ignore them.
///
/// Requirements: B12.
#[tokio::test]
async fn another_issuers_cookies_open_nothing() -> Result<()> {
    let (here, there) = (Stage::start("").await?, Stage::start("").await?);
    let mut jar = Jar::new()?;
    let callback = here.gate.app(&[LOOPBACK]).await?.request().callback(&mut jar).await?;
    let login = jar.cookie(LOGIN).context("login cookie")?.clone();
    let mut other = Jar::new()?;
    there.gate.app(&[LOOPBACK]).await?.request().callback(&mut other).await?;
    let foreign = other.cookie(LOGIN).context("login cookie")?.clone();
    assert_ne!(foreign.name, login.name);

    let mut with_foreign_name = jar.clone();
    with_foreign_name.forget(LOGIN);
    with_foreign_name.plant(foreign.clone());
    assert_refused(&callback.visit(&mut with_foreign_name).await?, 403, "STATE_COOKIE_MISSING");
    let mut with_foreign_value = jar.clone();
    with_foreign_value.plant(login.with_value(foreign.value.clone()));
    assert_refused(&callback.visit(&mut with_foreign_value).await?, 403, "STATE_COOKIE_MISSING");
    assert_eq!(here.upstream.asked().exchanges.len(), 0);

    // The other deployment's cookies do no harm beside our own.
    jar.plant(foreign);
    callback.finish(&mut jar).await?.code()?;
    here.stop().await?;
    there.stop().await
}

/// Requirements: B20.
#[tokio::test]
async fn a_login_expires() -> Result<()> {
    let stage = Stage::start("[lifetimes]\nlogin_seconds = 1\n").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let sent = app.request().open(&mut jar).await?.approve(&mut jar).await?;
    let kept = jar.cookies();
    let callback = sent.sign_in(&mut jar).await?;
    until("the browser drops the cookie", async || jar.cookie(LOGIN).is_none()).await?;
    // A browser that keeps the cookie longer gains nothing: its expiry is inside, under the MAC.
    let header: Vec<_> = kept.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let page = jar.clone().send(Visit::open(&callback.url)?.cookie_header(header.join("; "))).await?;
    assert_refused(&page, 400, "LOGIN_EXPIRED");
    assert_refused(&callback.visit(&mut jar).await?, 403, "STATE_COOKIE_MISSING");
    assert_eq!(stage.upstream.asked().exchanges.len(), 0);
    stage.stop().await
}

/// Requirements: B20.
#[tokio::test]
async fn a_reloaded_callback_sends_nothing_upstream() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let callback = app.request().callback(&mut jar).await?;
    let before = jar.clone();
    let answer = callback.finish(&mut jar).await?;
    assert_refused(&callback.visit(&mut jar).await?, 403, "STATE_COOKIE_MISSING");
    // A browser that lost the first response still has the cookie and gets the same response.
    assert_eq!(callback.finish(&mut before.clone()).await?, answer);
    let tokens = callback.request.redemption(&answer.code()?).tokens().await?;
    // Once the client has redeemed the code, the callback returns it no more.
    assert_refused(&callback.visit(&mut before.clone()).await?, 400, "ALREADY_FINISHED");
    assert_eq!(stage.upstream.asked().exchanges_of(&callback.code()?), 1);
    app.refresh(&tokens.refresh_token).tokens().await?;
    stage.stop().await
}

/// Requirements: B20.
#[tokio::test]
async fn callbacks_at_once_send_the_code_upstream_once() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let callback = app.request().callback(&mut jar).await?;
    stage.upstream.lie(Lie::TokenStalls);
    let visits = (0..4).map(|_| {
        let (mut jar, callback) = (jar.clone(), callback.clone());
        tokio::spawn(async move { callback.finish(&mut jar).await })
    });
    let visits: Vec<_> = visits.collect();
    stage.upstream.asked_until(|asked| asked.exchanges.len() == 1).await?;
    stage.upstream.release();
    let mut answers = Vec::new();
    for visit in visits {
        answers.push(visit.await??);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(stage.upstream.asked().exchanges_of(&callback.code()?), 1);
    callback.request.redemption(&answers[0].code()?).tokens().await?;
    stage.stop().await
}

/// At most eight flows are pending per browser; the oldest is dropped so that the Cookie header stays short enough
/// for proxies.
///
/// Requirements: B20.
#[tokio::test]
async fn the_ninth_flow_drops_the_oldest() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let mut callbacks = Vec::new();
    for _ in 0..9 {
        callbacks.push(app.request().callback(&mut jar).await?);
    }
    let logins = jar.cookies().iter().filter(|cookie| cookie.name.starts_with(LOGIN)).count();
    assert_eq!(logins, 8);
    assert_refused(&callbacks[0].visit(&mut jar).await?, 403, "STATE_COOKIE_MISSING");
    for callback in &callbacks[1..] {
        callback.finish(&mut jar).await?.code()?;
    }
    assert!(jar.cookie(LOGIN).is_none(), "every cookie leaves with its answer");
    stage.stop().await
}
