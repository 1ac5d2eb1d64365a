//! What one user does. Each scenario ends early where an answer stays away that the next step needs.

use anyhow::Result;

use super::user::{Held, Reply, User};
use crate::history::client::{Door, Flow, Target};

/// Runs the scenario of the user's number.
pub(super) async fn run(user: &mut User) -> Result<()> {
    let Reply::Yes(()) = user.register().await? else { return Ok(()) };
    match user.number % 6 {
        0 => Box::pin(return_and_revoke(user)).await,
        1 => Box::pin(racing_refreshes(user)).await,
        2 => Box::pin(racing_redemptions(user)).await,
        3 => Box::pin(denial(user)).await,
        4 => Box::pin(denial_during_the_login(user)).await,
        _ => Box::pin(revocation_during_use(user)).await,
    }
}

/// A complete authorization, up to tokens.
async fn authorize(user: &mut User, flow: Flow) -> Result<Option<Held>> {
    let Reply::Yes(mut browsing) = user.open().await? else { return Ok(None) };
    let Reply::Yes(callback) = user.approve(flow, &mut browsing).await? else { return Ok(None) };
    let Reply::Yes(code) = user.finish_login(flow, &callback, browsing.jar()).await? else { return Ok(None) };
    let Reply::Yes(held) = user.redeem(flow, browsing.request(), &code).await? else { return Ok(None) };
    user.held.insert(flow, held.clone());
    Ok(Some(held))
}

/// Refreshes, as clients do: again with the same token if no answer comes.
async fn refresh(user: &mut User, flow: Flow, held: Held) -> Result<Option<Held>> {
    for _ in 0..3 {
        match user.refresh(flow, &held).await? {
            Reply::Yes(next) => {
                user.held.insert(flow, next.clone());
                return Ok(Some(next));
            }
            Reply::No => return Ok(None),
            Reply::Unknown(_) => {}
        }
    }
    Ok(None)
}

/// Asks everywhere at once if grant and consent are live.
async fn look(user: &User, flow: Flow, held: &Held) -> Result<()> {
    tokio::try_join!(
        user.use_at(Door::Introspection, flow, held),
        user.use_at(Door::Verification, flow, held),
        user.use_at(Door::Exchange, flow, held),
        user.check(),
    )?;
    Ok(())
}

/// Refreshes, returns the grant, authorizes again, and loses everything to an operator.
async fn return_and_revoke(user: &mut User) -> Result<()> {
    let Some(mut held) = authorize(user, 1).await? else { return Ok(()) };
    for _ in 0..3 {
        look(user, 1, &held).await?;
        let Some(next) = refresh(user, 1, held).await? else { return Ok(()) };
        held = next;
    }
    user.revoke_grant(1, &held).await?;
    look(user, 1, &held).await?;
    user.refresh(1, &held).await?;
    let Some(second) = authorize(user, 2).await? else { return Ok(()) };
    look(user, 2, &second).await?;
    user.revoke(Target::Consent).await?;
    look(user, 2, &second).await?;
    user.refresh(2, &second).await?;
    look(user, 1, &held).await
}

/// Two processes of a client refresh with one token, and one of them goes on.
async fn racing_refreshes(user: &mut User) -> Result<()> {
    let Some(mut held) = authorize(user, 1).await? else { return Ok(()) };
    for _ in 0..3 {
        let (first, second) = tokio::join!(user.refresh(1, &held), user.refresh(1, &held));
        let ((Reply::Yes(next), _) | (_, Reply::Yes(next))) = (first?, second?) else { return Ok(()) };
        user.held.insert(1, next.clone());
        held = next;
        look(user, 1, &held).await?;
    }
    Ok(())
}

/// A code reaches the token endpoint twice at once.
async fn racing_redemptions(user: &mut User) -> Result<()> {
    let Reply::Yes(mut browsing) = user.open().await? else { return Ok(()) };
    let Reply::Yes(callback) = user.approve(1, &mut browsing).await? else { return Ok(()) };
    let Reply::Yes(code) = user.finish_login(1, &callback, browsing.jar()).await? else { return Ok(()) };
    let request = browsing.request();
    let (first, second) = tokio::join!(user.redeem(1, request, &code), user.redeem(1, request, &code));
    let ((Reply::Yes(held), _) | (_, Reply::Yes(held))) = (first?, second?) else { return Ok(()) };
    user.held.insert(1, held.clone());
    look(user, 1, &held).await?;
    user.refresh(1, &held).await?;
    let Some(again) = authorize(user, 2).await? else { return Ok(()) };
    look(user, 2, &again).await
}

/// The person denies, and then approves the same page.
async fn denial(user: &mut User) -> Result<()> {
    let Reply::Yes(mut browsing) = user.open().await? else { return Ok(()) };
    user.deny(1, &mut browsing).await?;
    if let Reply::Yes(callback) = user.approve(1, &mut browsing).await? {
        user.finish_login(1, &callback, browsing.jar()).await?;
    }
    user.check().await?;
    let Some(held) = authorize(user, 2).await? else { return Ok(()) };
    look(user, 2, &held).await
}

/// The person denies in one tab while the login comes back in another.
async fn denial_during_the_login(user: &mut User) -> Result<()> {
    let Reply::Yes(mut browsing) = user.open().await? else { return Ok(()) };
    let Reply::Yes(callback) = user.approve(1, &mut browsing).await? else { return Ok(()) };
    let mut second_tab = browsing.clone();
    let (code, denied) = tokio::join!(user.finish_login(1, &callback, browsing.jar()), user.deny(1, &mut second_tab));
    denied?;
    user.check().await?;
    let Reply::Yes(code) = code? else { return Ok(()) };
    let Reply::Yes(held) = user.redeem(1, browsing.request(), &code).await? else { return Ok(()) };
    user.held.insert(1, held.clone());
    look(user, 1, &held).await
}

/// An operator revokes while the tokens are used and refreshed.
async fn revocation_during_use(user: &mut User) -> Result<()> {
    let Some(held) = authorize(user, 1).await? else { return Ok(()) };
    let target = if (user.number / 6).is_multiple_of(2) { Target::Subject } else { Target::Client };
    let (revoked, refreshed, looked) = tokio::join!(user.revoke(target), user.refresh(1, &held), look(user, 1, &held));
    revoked?;
    looked?;
    let held = if let Reply::Yes(next) = refreshed? { next } else { held };
    user.held.insert(1, held.clone());
    look(user, 1, &held).await?;
    user.refresh(1, &held).await?;
    let Some(second) = authorize(user, 2).await? else { return Ok(()) };
    look(user, 2, &second).await?;
    user.revoke(Target::Consent).await?;
    look(user, 2, &second).await
}
