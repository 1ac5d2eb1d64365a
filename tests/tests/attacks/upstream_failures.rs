//! An upstream that lies, fails or refuses: the person reads what happened, the client gets a correct error, and nothing
//! is issued. Whatever it does, it sees its code once at the most.

use anyhow::{Context, Result, ensure};
use e2e::flow::{Answer, App, LOOPBACK, Stage, WEB};
use e2e::http::Jar;
use e2e::system::service::until;
use e2e::upstream::{Lie, Upstream};

use crate::{LOGIN, assert_refused};

#[tokio::test]
async fn b36_a_lying_id_token_signs_nobody_in() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    app.tokens().await?;
    for lie in [
        Lie::Issuer,
        Lie::Audience,
        Lie::SecondAudienceWithoutAzp,
        Lie::AuthorizedParty,
        Lie::Nonce,
        Lie::NoNonce,
        Lie::Expired,
        Lie::NoExpiry,
        Lie::IssuedLater,
        Lie::NoSubject,
        Lie::EmptySubject,
        Lie::Unsigned,
        Lie::Hs256,
        Lie::OtherKey,
        Lie::NoIdToken,
    ] {
        fails(&stage.upstream, &app, lie, Failure::UNTRUSTED, 1).await?;
    }
    stage.upstream.be_honest();
    app.tokens().await?;
    stage.stop().await
}

#[tokio::test]
async fn b36_the_way_back_must_be_the_upstreams_own() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    app.tokens().await?;
    for lie in [Lie::CallbackWithoutIss, Lie::CallbackOfAnother, Lie::CallbackWithoutCode] {
        fails(&stage.upstream, &app, lie, Failure::UNTRUSTED, 0).await?;
    }
    stage.stop().await
}

#[tokio::test]
async fn a27_an_upstream_that_cannot_answer_is_no_reason_to_log_out() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let before = app.tokens().await?;
    for (lie, failure) in [
        (Lie::TokenFails, Failure::AWAY),
        (Lie::TokenStalls, Failure::AWAY),
        (Lie::TokenBreaksOff, Failure::AWAY),
        (Lie::TokenNeverEnds, Failure::UNTRUSTED),
        (Lie::TokenIsNoJson, Failure::UNTRUSTED),
        (Lie::TokenRedirects, Failure::UNTRUSTED),
        (Lie::TokenRefuses, Failure::UNTRUSTED),
    ] {
        fails(&stage.upstream, &app, lie, failure, 1).await?;
    }
    assert_eq!(stage.upstream.asked().elsewhere, 0, "no redirect is followed with a client secret in hand");
    app.refresh(&before.refresh_token).tokens().await?;
    stage.stop().await
}

/// OIDC Core §3.1.2.6: what the upstream says instead of a code.
#[tokio::test]
async fn the_upstreams_own_errors_are_told_apart() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    for error in ["temporarily_unavailable", "server_error"] {
        fails(&stage.upstream, &app, Lie::CallbackError(error), Failure::AWAY, 0).await?;
    }
    for error in ["invalid_scope", "unauthorized_client", "something_new", "<script>alert(1)</script>"] {
        fails(&stage.upstream, &app, Lie::CallbackError(error), Failure::UNTRUSTED, 0).await?;
    }
    // Whoever cancelled there has acted: the client hears at once.
    for error in ["access_denied", "login_required", "consent_required"] {
        stage.upstream.lie(Lie::CallbackError(error));
        let mut jar = Jar::new()?;
        let callback = app.request().callback(&mut jar).await?;
        let answer = Answer::of(&callback.visit(&mut jar).await?)?;
        assert_error(&answer, &callback.request.app, callback.request.parameter("state"), "access_denied");
        assert!(jar.cookie(LOGIN).is_none());
        assert_refused(&callback.visit(&mut jar).await?, 403, "STATE_COOKIE_MISSING");
    }
    assert_eq!(stage.upstream.asked().exchanges.len(), 0);
    stage.stop().await
}

/// An error at the callback needs this browser's cookie as much as a code does, or a link would end somebody's flow.
#[tokio::test]
async fn b18_a_forged_error_callback_ends_nothing() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let callback = app.request().callback(&mut jar).await?;
    let forged = callback.clone().with("code", None).with("error", Some("access_denied"));
    assert_refused(&forged.visit(&mut Jar::new()?).await?, 403, "STATE_COOKIE_MISSING");
    callback.finish(&mut jar).await?.code()?;
    stage.stop().await
}

/// Before anything is kept: the person presses the button again, on the same page.
#[tokio::test]
async fn an_upstream_away_at_the_decision_costs_nothing() -> Result<()> {
    for (lie, failure) in [(Lie::DiscoveryDown, Failure::AWAY), (Lie::DiscoveryOfAnother, Failure::UNTRUSTED)] {
        let stage = Stage::start("").await?;
        let app = stage.gate.app(&[LOOPBACK]).await?;
        let mut jar = Jar::new()?;
        let consent = app.request().open(&mut jar).await?;
        stage.upstream.lie(lie);
        let page = jar.send(consent.form("approve")?).await?;
        assert_refused(&page, failure.status, failure.reason);
        assert_eq!(page.header("retry-after").is_some(), failure.status == 503);
        assert!(jar.cookie(LOGIN).is_none() && page.set_cookies().is_empty());
        assert_eq!(stage.upstream.asked().authorizations.len(), 0);

        // It is not asked again at once after it failed; a moment later the button works.
        stage.upstream.be_honest();
        let mut presses = jar.clone();
        until("the upstream is asked again", async || {
            let pressed = presses.press(&consent.page, ("decision", "approve")).await;
            pressed.is_ok_and(|page| page.status == 303)
        })
        .await?;
        let code = consent.approve(&mut jar).await?.sign_in(&mut jar).await?.finish(&mut jar).await?.code()?;
        consent.request.redemption(&code).tokens().await?;
        stage.stop().await?;
    }
    Ok(())
}

/// The same with a denial, which needs no upstream at all.
#[tokio::test]
async fn an_upstream_away_does_not_keep_anybody_from_saying_no() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[WEB]).await?;
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    stage.upstream.lie(Lie::DiscoveryDown);
    assert_refused(&jar.send(consent.form("approve")?).await?, 503, "UPSTREAM_UNAVAILABLE");
    assert_eq!(consent.deny(&mut jar).await?.error().as_deref(), Some("access_denied"));
    stage.stop().await
}

#[derive(Clone, Copy)]
struct Failure {
    status: u16,
    reason: &'static str,
    oauth_error: &'static str,
}

impl Failure {
    const UNTRUSTED: Self = Self { status: 502, reason: "UPSTREAM_INVALID", oauth_error: "server_error" };
    const AWAY: Self = Self { status: 503, reason: "UPSTREAM_UNAVAILABLE", oauth_error: "temporarily_unavailable" };
}

/// One flow, honest up to `lie`; the upstream is asked to exchange its code `exchanges` times, and never again.
async fn fails(upstream: &Upstream, app: &App, lie: Lie, failure: Failure, exchanges: usize) -> Result<()> {
    let mut jar = Jar::new()?;
    let before = upstream.asked().exchanges.len();
    upstream.lie(lie);
    let callback = app.request().callback(&mut jar).await?;
    let kept = jar.clone();
    let page = callback.visit(&mut jar).await?;
    ensure!((page.status, page.reason()) == (failure.status, Some(failure.reason)), "{lie:?}: {}", page.summary());
    assert_refused(&page, failure.status, failure.reason);
    assert!(!page.body.contains("alert(1)"), "{lie:?}: what the upstream says in words is shown");
    assert!(jar.cookie(LOGIN).is_none(), "{lie:?}: the flow has ended");
    let link = Answer { uri: page.return_link()?.with_context(|| format!("{lie:?}: no way back"))? };
    assert_error(&link, app, callback.request.parameter("state"), failure.oauth_error);

    // Reloaded, with the cookie or without, even with an upstream that has become honest: it stays failed.
    upstream.be_honest();
    assert_refused(&callback.visit(&mut jar).await?, 403, "STATE_COOKIE_MISSING");
    let again = callback.visit(&mut kept.clone()).await?;
    ensure!((again.status, again.reason()) == (failure.status, Some(failure.reason)), "{lie:?}: {}", again.summary());
    ensure!(upstream.asked().exchanges.len() == before + exchanges, "{lie:?}: {:?}", upstream.asked().exchanges);
    Ok(())
}

fn assert_error(answer: &Answer, app: &App, state: Option<&str>, error: &str) {
    assert!(answer.uri.as_str().starts_with(&app.redirect_uri), "{}", answer.uri);
    assert_eq!(answer.error().as_deref(), Some(error));
    assert_eq!(answer.parameter("state").as_deref(), state);
    assert_eq!(answer.parameter("iss").as_deref(), Some(app.gate.issuer()));
    assert_eq!(answer.parameter("code"), None);
}
