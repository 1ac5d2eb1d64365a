//! The identity provider hears of what was taken back at Lychgate, whatever dies in between.

use anyhow::{Context, Result};
use e2e::flow::{LOOPBACK, Tokens};
use e2e::http::Page;
use e2e::system::{MAIN, Plan, System};
use e2e::upstream::{Answer, Endpoint, Lie, Upstream};

/// RFC 7009, once to us and once by us: the app gives its token back, the control plane is killed while the provider does
/// not answer, and what the provider had given is worth nothing there soon after the restart.
///
/// Requirements: R30.
#[tokio::test]
async fn a_provider_is_told_after_a_crash_between_the_revocation_and_the_telling() -> Result<()> {
    let mut system = System::start(Plan::default()).await?;
    let gate = system.gate(MAIN.id)?;
    let (app, kept) = (gate.app(&[LOOPBACK]).await?, gate.app(&[LOOPBACK]).await?);
    let tokens: Tokens = app.tokens().await?;
    let upstream = system.upstream(MAIN.id)?;
    upstream.sign_in_as("grace");
    let others = kept.tokens().await?;
    upstream.lie(Lie::Answer(Endpoint::Revocation, Answer::Stalls));

    let revocation = [("token", tokens.refresh_token.as_str()), ("client_id", &app.client_id)];
    let answer = Page::of(gate.http().post(gate.url("/revoke")).form(&revocation)).await?;
    assert_eq!(answer.status, 200, "nobody waits for the provider: {}", answer.summary());
    assert_eq!(app.refresh(&tokens.refresh_token).send().await?.error(), "invalid_grant");
    upstream.asked_until(|asked| asked.revocations.len() == 1).await?;
    system.kill_control().await?;
    let upstream = system.upstream(MAIN.id)?;
    // Whoever had asked is gone; that it was told after all is nothing that anybody knows.
    upstream.be_honest();
    system.start_control().await?;

    let upstream = system.upstream(MAIN.id)?;
    let asked = upstream.asked_until(|asked| asked.revocations.len() == 2).await?;
    let token = asked.revocations.last().context("it was told")?["token"].clone();
    assert!(asked.tokens_given.contains(&token), "what it had given itself");
    assert_eq!(asked.revocations[0]["token"], token, "twice the same");
    let status = async |token: &str| refresh_at(upstream, token).await;
    assert_eq!(status(&token).await?, 400, "it is worth nothing there");
    kept.refresh(&others.refresh_token).tokens().await.context("nobody else is concerned")?;
    assert_eq!(upstream.asked().revocations.len(), 2);
    Ok(())
}

/// What the provider says to a refresh token of its own, as its one client asks.
async fn refresh_at(upstream: &Upstream, token: &str) -> Result<u16> {
    let (id, secret) = upstream.client();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let request = reqwest::Client::new().post(format!("{}/token", upstream.issuer())).basic_auth(id, Some(secret));
    Ok(request.form(&form).send().await?.status().as_u16())
}
