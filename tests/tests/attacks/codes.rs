//! The authorization code: its client redeems it, once.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use e2e::flow::{App, LOOPBACK, Stage, Tokens};
use e2e::http::Jar;
use e2e::system::service::until;

use crate::{altered, assert_no_tokens};

/// Requirements: R10.
#[tokio::test]
async fn concurrent_redemptions_have_one_winner_and_end_its_grant() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let request = app.request();
    let redemption = request.redemption(&request.code(&mut Jar::new()?).await?);
    let tries = (0..64).map(|_| {
        let redemption = redemption.clone();
        tokio::spawn(async move { redemption.send().await })
    });
    let mut won = Vec::new();
    for page in tries.collect::<Vec<_>>() {
        let page = page.await??;
        match page.status {
            200 => won.push(serde_json::from_str::<Tokens>(&page.body)?),
            _ => assert_no_tokens(&page, 400, "invalid_grant"),
        }
    }
    assert_eq!(won.len(), 1, "exactly one winner");
    // The other sixty-three requests had the verifier too, so the code has leaked (RFC 6749 §4.1.2).
    assert_dead(&app, &won[0]).await?;
    assert_no_tokens(&redemption.send().await?, 400, "invalid_grant");
    stage.stop().await
}

/// Requirements: R10.
#[tokio::test]
async fn a_replayed_code_ends_its_grant_also_after_refreshes() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let request = app.request();
    let redemption = request.redemption(&request.code(&mut Jar::new()?).await?);
    let first = redemption.tokens().await?;
    let second = app.refresh(&first.refresh_token).tokens().await?;
    let third = app.refresh(&second.refresh_token).tokens().await?;
    assert_no_tokens(&redemption.send().await?, 400, "invalid_grant");
    assert_dead(&app, &third).await?;
    // Another authorization of the same client by the same person is another grant.
    let other = app.tokens().await?;
    app.refresh(&other.refresh_token).tokens().await?;
    stage.stop().await
}

/// A holder of the code without verifier, client or redirect URI can neither redeem it, nor consume it, nor revoke
/// its grant.
///
/// Requirements: R10, R20, R21.
#[tokio::test]
async fn an_incomplete_code_exchange_neither_consumes_nor_revokes() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let other_app = stage.gate.app(&[LOOPBACK]).await?;
    let request = app.request();
    let code = request.code(&mut Jar::new()?).await?;
    let good = request.redemption(&code);
    let verifier = &request.verifier;
    let wrong = [
        ("another verifier", good.clone().with("code_verifier", &altered(verifier, 5)), 400, "invalid_grant"),
        ("a short verifier", good.clone().with("code_verifier", &verifier[..42]), 400, "invalid_grant"),
        ("no verifier", good.clone().without("code_verifier"), 400, "invalid_request"),
        ("another client", good.clone().with("client_id", &other_app.client_id), 400, "invalid_grant"),
        ("an unknown client", good.clone().with("client_id", "client-unknown"), 401, "invalid_client"),
        ("no client", good.clone().without("client_id"), 401, "invalid_client"),
        (
            "another redirect URI",
            good.clone().with("redirect_uri", "http://127.0.0.1:1/callback"),
            400,
            "invalid_grant",
        ),
        ("another resource", good.clone().with("resource", "https://other.example/mcp"), 400, "invalid_target"),
        ("an altered code", good.clone().with("code", &altered(&code, code.len() - 9)), 400, "invalid_grant"),
        ("an altered id", good.clone().with("code", &altered(&code, 8)), 400, "invalid_grant"),
        ("no code", good.clone().without("code"), 400, "invalid_request"),
        ("the code as a refresh token", app.refresh(&code), 400, "invalid_grant"),
    ];
    for (what, request, status, error) in &wrong {
        let page = request.send().await?;
        assert_eq!((page.status, page.error().as_str()), (*status, *error), "{what}: {}", page.body);
        assert_no_tokens(&page, *status, error);
    }
    let tokens = good.tokens().await?;
    // After the redemption the same mistakes still revoke nothing.
    for (what, request, _, _) in &wrong {
        assert_ne!(request.send().await?.status, 200, "{what}");
    }
    app.refresh(&tokens.refresh_token).tokens().await?;
    stage.stop().await
}

/// Requirements: R10.
#[tokio::test]
async fn a_code_lives_for_its_configured_time() -> Result<()> {
    let stage = Stage::start("[lifetimes]\ncode_seconds = 1\n").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let callback = app.request().callback(&mut jar).await?;
    let with_cookie = jar.clone();
    let code = callback.finish(&mut jar).await?.code()?;
    // While the code is valid, a client that lost the redirect gets the same code again.
    until("the code expires", async || {
        callback.visit(&mut with_cookie.clone()).await.is_ok_and(|page| page.reason() == Some("ALREADY_FINISHED"))
    })
    .await?;
    assert_no_tokens(&callback.request.redemption(&code).send().await?, 400, "invalid_grant");
    stage.stop().await
}

/// Lychgate does not pass the upstream's tokens on.
///
/// Requirements: B22.
#[tokio::test]
async fn upstream_tokens_never_reach_the_client() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let request = app.request();
    let page = request.redemption(&request.code(&mut Jar::new()?).await?).send().await?;
    assert_eq!(page.status, 200);
    let tokens: Tokens = serde_json::from_value(page.json()?)?;
    let refreshed = app.refresh(&tokens.refresh_token).send().await?;
    let upstreams = stage.upstream.asked().tokens_given;
    assert_eq!(upstreams.len(), 2);
    for text in [page.body, refreshed.body, tokens.claims()?.to_string()] {
        assert!(!text.contains("upstream") && !upstreams.iter().any(|token| text.contains(token)), "{text}");
    }
    // The upstream's tokens are not accepted here either.
    for token in upstreams {
        assert_no_tokens(&app.refresh(&token).send().await?, 400, "invalid_grant");
    }
    stage.stop().await
}

/// No id of a flow and no secret repeats.
///
/// Requirements: B15, B24.
#[tokio::test]
async fn no_two_flows_share_a_secret() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let mut seen = BTreeMap::new();
    for flow in 0..4 {
        let consent = app.request().open(&mut jar).await?;
        let sent = consent.approve(&mut jar).await?;
        let callback = sent.sign_in(&mut jar).await?;
        let code = callback.finish(&mut jar).await?.code()?;
        let tokens = consent.request.redemption(&code).tokens().await?;
        let upstream = stage.upstream.asked().authorizations.pop().context("an authorization")?;
        let ours = [sent.state()?, code, tokens.access_token, tokens.refresh_token, consent.page.hidden("ticket")?];
        let asked = ["code_challenge", "nonce"].map(|name| upstream.get(name).cloned().unwrap_or_default());
        assert_eq!(upstream.get("code_challenge_method").map(String::as_str), Some("S256"), "b36");
        for secret in ours.into_iter().chain(asked) {
            assert!(secret.len() >= 22, "at least 128 bits: {secret}");
            assert_eq!(seen.insert(secret, flow), None);
        }
    }
    stage.stop().await
}

async fn assert_dead(app: &App, tokens: &Tokens) -> Result<()> {
    assert_no_tokens(&app.refresh(&tokens.refresh_token).send().await?, 400, "invalid_grant");
    Ok(())
}
