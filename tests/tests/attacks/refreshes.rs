//! Refresh token rotation: a used token comes from a client that lost a response, or from a thief.

use anyhow::Result;
use e2e::flow::{LOOPBACK, Stage, Tokens};
use e2e::system::service::until;

use crate::{altered, assert_no_tokens};

/// Requirements: A12.
#[tokio::test]
async fn within_grace_the_same_successor_and_it_works() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let first = app.tokens().await?;
    let second = app.refresh(&first.refresh_token).tokens().await?;
    assert_ne!(second.refresh_token, first.refresh_token);
    let again = app.refresh(&first.refresh_token).tokens().await?;
    assert_same(&second, &again)?;
    let third = app.refresh(&again.refresh_token).tokens().await?;
    // The successor has been used, so the holder of the first token is no client that lost a response.
    assert_no_tokens(&app.refresh(&first.refresh_token).send().await?, 400, "invalid_grant");
    assert_no_tokens(&app.refresh(&third.refresh_token).send().await?, 400, "invalid_grant");
    stage.stop().await
}

/// Requirements: A12.
#[tokio::test]
async fn after_grace_a_used_token_ends_the_grant() -> Result<()> {
    let stage = Stage::start("[lifetimes]\nrefresh_grace_seconds = 1\n").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let first = app.tokens().await?;
    let second = app.refresh(&first.refresh_token).tokens().await?;
    until("the grace is over", async || {
        app.refresh(&first.refresh_token).send().await.is_ok_and(|page| {
            if page.status != 200 {
                assert_no_tokens(&page, 400, "invalid_grant");
            }
            page.status != 200
        })
    })
    .await?;
    assert_no_tokens(&app.refresh(&second.refresh_token).send().await?, 400, "invalid_grant");
    stage.stop().await
}

/// Requirements: A12, conflict 5.
#[tokio::test]
async fn eight_at_once_get_the_same_successor() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut current = app.tokens().await?;
    for _ in 0..4 {
        let refreshes = (0..8).map(|_| {
            let refresh = app.refresh(&current.refresh_token);
            tokio::spawn(async move { refresh.tokens().await })
        });
        let mut got = Vec::new();
        for refresh in refreshes.collect::<Vec<_>>() {
            got.push(refresh.await??);
        }
        for tokens in &got {
            assert_same(&got[0], tokens)?;
        }
        current = got.swap_remove(0);
    }
    stage.stop().await
}

/// Requirements: A12.
#[tokio::test]
async fn an_old_generation_ends_the_grant() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut generations = vec![app.tokens().await?];
    for n in 0..3 {
        generations.push(app.refresh(&generations[n].refresh_token).tokens().await?);
    }
    for n in [0, 3, 2, 1] {
        assert_no_tokens(&app.refresh(&generations[n].refresh_token).send().await?, 400, "invalid_grant");
    }
    stage.stop().await
}

/// Each is the valid refresh with one thing changed; afterwards the valid one still works.
///
/// Requirements: R18, R19, R20.
#[tokio::test]
async fn a_refresh_that_is_not_the_clients_own_changes_nothing() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let other = stage.gate.app(&[LOOPBACK]).await?;
    let tokens = app.tokens().await?;
    let token = &tokens.refresh_token;
    let others = other.tokens().await?.refresh_token;
    let good = app.refresh(token);
    let forged = altered(token, token.len() - 9);
    let cut = &token[..token.len() - 1];
    // After `lgr_` and sixteen bytes of id.
    let generation = 4 + 25;
    let wrong = [
        ("another client", other.refresh(token), 400, "invalid_grant"),
        ("another client's token", app.refresh(&others), 400, "invalid_grant"),
        ("an unknown client", good.clone().with("client_id", "client-unknown"), 401, "invalid_client"),
        ("no client", good.clone().without("client_id"), 401, "invalid_client"),
        ("a secret it does not have", good.clone().with("client_secret", "guess"), 401, "invalid_client"),
        ("a forged token", app.refresh(&forged), 400, "invalid_grant"),
        ("another generation", app.refresh(&altered(token, generation)), 400, "invalid_grant"),
        ("a shorter token", app.refresh(cut), 400, "invalid_grant"),
        ("no token", good.clone().without("refresh_token"), 400, "invalid_request"),
        ("a broader scope", good.clone().with("scope", "notes:read notes:write"), 400, "invalid_scope"),
        ("an unknown scope", good.clone().with("scope", "admin"), 400, "invalid_scope"),
        ("another resource", good.clone().with("resource", "https://other.example/mcp"), 400, "invalid_target"),
        ("two resources", good.clone().and("resource", "https://other.example/mcp"), 400, "invalid_target"),
        ("the access token", app.refresh(&tokens.access_token), 400, "invalid_grant"),
    ];
    for (what, request, status, error) in wrong {
        let page = request.send().await?;
        assert_eq!((page.status, page.error().as_str()), (status, error), "{what}: {}", page.body);
        assert_no_tokens(&page, status, error);
    }
    good.tokens().await?;
    other.refresh(&others).tokens().await?;
    stage.stop().await
}

fn assert_same(one: &Tokens, other: &Tokens) -> Result<()> {
    assert_eq!(
        (&one.refresh_token, &one.scope, one.expires_in),
        (&other.refresh_token, &other.scope, other.expires_in)
    );
    assert_eq!(one.claims()?, other.claims()?);
    Ok(())
}
