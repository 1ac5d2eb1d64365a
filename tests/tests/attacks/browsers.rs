//! Two browsers: tickets, consents and redirects of one browser are useless in the other.

use anyhow::{Context, Result};
use e2e::flow::{LOOPBACK, Stage};
use e2e::http::Jar;

use crate::{BROWSER, LOGIN, assert_refused};

/// CVE-2026-27124: the attacker approves in their own browser and lets the victim's browser finish the login, to
/// get a code for the victim's account.
///
/// Requirements: B18, B30.
#[tokio::test]
async fn consent_in_one_browser_and_callback_in_another() -> Result<()> {
    let stage = Stage::start("").await?;
    let mut victim = Jar::new()?;
    stage.upstream.sign_in_as("victim");
    let app = stage.gate.app(&[LOOPBACK]).await?;
    app.tokens().await?;
    app.request().tokens(&mut victim).await?;
    stage.upstream.sign_in_as("attacker");
    let exchanges = stage.upstream.asked().exchanges.len();

    let attacker_app = stage.gate.app(&["https://attacker.example/callback"]).await?;
    let mut attacker = Jar::new()?;
    let sent = attacker_app.request().open(&mut attacker).await?.approve(&mut attacker).await?;

    // The victim opens the attacker's link to the upstream, which remembers the victim and redirects to our
    // callback.
    let login = attacker.cookie(LOGIN).context("the attacker's login cookie")?.clone();
    let browser = attacker.cookie(BROWSER).context("the attacker's browser cookie")?.clone();
    let own = victim.cookie(BROWSER).context("the victim's browser cookie")?.clone();
    let stranger = {
        let mut jar = victim.clone();
        jar.forget(BROWSER);
        jar
    };
    let with = |jar: &Jar, cookie| {
        let mut jar = jar.clone();
        jar.plant(cookie);
        jar
    };
    let variants = [
        ("as it comes", victim.clone(), "STATE_COOKIE_MISSING"),
        ("who was never here", stranger.clone(), "STATE_COOKIE_MISSING"),
        ("with the attacker's login cookie", with(&victim, login.clone()), "BROWSER_MISMATCH"),
        ("never here, with the attacker's login cookie", with(&stranger, login.clone()), "BROWSER_MISMATCH"),
        ("with the attacker's browser cookie", with(&victim, browser), "STATE_COOKIE_MISSING"),
        (
            "with the victim's id under the attacker's login name",
            with(&victim, login.with_value(own.value)),
            "STATE_COOKIE_MISSING",
        ),
    ];
    for (what, mut jar, reason) in variants {
        let callback = sent.sign_in(&mut jar).await?;
        let page = callback.visit(&mut jar).await?;
        assert_refused(&page, 403, reason);
        assert_eq!(stage.upstream.asked().exchanges_of(&callback.code()?), 0, "{what}: the code was sent upstream");
    }
    assert_eq!(stage.upstream.asked().exchanges.len(), exchanges);

    // The attacker's own flow is unaffected and ends with the attacker's own account.
    sent.sign_in(&mut attacker).await?.finish(&mut attacker).await?.code()?;
    assert_eq!(stage.upstream.asked().exchanges.len(), exchanges + 1);
    stage.stop().await
}

/// A ticket grants nothing. Each browser that opens it gets its own consent page and form token, and cannot use
/// those of another browser.
///
/// Requirements: B23, B30.
#[tokio::test]
async fn a_ticket_opened_in_a_second_browser_is_another_decision() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let (mut first, mut second) = (Jar::new()?, Jar::new()?);
    let in_first = app.request().open(&mut first).await?;
    let page = second.open(&in_first.page.url).await?;
    let in_second = e2e::flow::Consent { request: in_first.request.clone(), page };
    assert_eq!(in_second.page.hidden("ticket")?, in_first.page.hidden("ticket")?);
    let token_of_first = in_first.page.hidden("form_token")?;
    assert_ne!(in_second.page.hidden("form_token")?, token_of_first);

    let forged = second.send(in_second.form("approve")?.field("form_token", &token_of_first)).await?;
    assert_refused(&forged, 403, "FORM_TOKEN_INVALID");
    assert_eq!(stage.upstream.asked().authorizations.len(), 0);

    assert_eq!(in_first.deny(&mut first).await?.error().as_deref(), Some("access_denied"));
    let sent = in_second.approve(&mut second).await?;
    let code = sent.sign_in(&mut second).await?.finish(&mut second).await?.code()?;
    in_second.request.redemption(&code).tokens().await?;
    stage.stop().await
}

/// The URL of the page is no secret: another person who opens it gets a consent page of their own, without the
/// first browser's cookies.
///
/// Requirements: B23.
#[tokio::test]
async fn the_upstream_redirect_of_one_browser_gives_another_nothing() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut first = Jar::new()?;
    let sent = app.request().open(&mut first).await?.approve(&mut first).await?;
    let callback = sent.sign_in(&mut first).await?;
    let mut second = Jar::new()?;
    assert_refused(&callback.visit(&mut second).await?, 403, "STATE_COOKIE_MISSING");
    assert_eq!(stage.upstream.asked().exchanges.len(), 0);
    callback.finish(&mut first).await?.code()?;
    stage.stop().await
}
