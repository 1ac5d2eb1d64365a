//! The revocation of upstream tokens survives a crash.

use anyhow::{Context, Result};
use e2e::flow::{LOOPBACK, Tokens};
use e2e::http::Page;
use e2e::system::{MAIN, Plan, System};
use e2e::upstream::{Answer, Endpoint, Lie, Upstream};

/// RFC 7009 at both servers: the app revokes its token, the control plane is killed while the provider's response
/// is pending, and after the restart the provider's tokens are revoked.
///
/// Requirements: R30.
#[tokio::test]
async fn upstream_tokens_are_revoked_after_a_crash() -> Result<()> {
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
    assert_eq!(answer.status, 200, "the revocation does not wait for the provider: {}", answer.summary());
    assert_eq!(app.refresh(&tokens.refresh_token).send().await?.error(), "invalid_grant");
    upstream.asked_until(|asked| asked.revocations.len() == 1).await?;
    system.kill_control().await?;
    let upstream = system.upstream(MAIN.id)?;
    // The process that sent the request is gone; its result is unknown.
    upstream.be_honest();
    system.start_control().await?;

    let upstream = system.upstream(MAIN.id)?;
    let asked = upstream.asked_until(|asked| asked.revocations.len() == 2).await?;
    let token = asked.revocations.last().context("it was told")?["token"].clone();
    assert!(asked.tokens_given.contains(&token), "what it had given itself");
    assert_eq!(asked.revocations[0]["token"], token, "twice the same");
    let status = async |token: &str| refresh_at(upstream, token).await;
    assert_eq!(status(&token).await?, 400, "it is worth nothing there");
    kept.refresh(&others.refresh_token).tokens().await.context("other grants are unaffected")?;
    assert_eq!(upstream.asked().revocations.len(), 2);
    Ok(())
}

/// The status of a refresh request with this token at the provider.
async fn refresh_at(upstream: &Upstream, token: &str) -> Result<u16> {
    let (id, secret) = upstream.client();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let request = reqwest::Client::new().post(format!("{}/token", upstream.issuer())).basic_auth(id, Some(secret));
    Ok(request.form(&form).send().await?.status().as_u16())
}
