//! The actions of a person in an authorization: read the page, press buttons, sign in.
//!
//! This module finds elements by their accessible roles and names only. A page that cannot be used by them is
//! broken.

use anyhow::{Result, ensure};

use crate::browser::{Find, Place, Tab};

/// Opens the authorization URL and expects our consent page.
pub async fn read_consent_page(tab: &Tab<'_>, authorize: &str) -> Result<Place> {
    let place = tab.open(authorize).await?;
    ensure!(place.status == Some(200), "no consent page: {place:?}\n{}", tab.text().await?);
    for button in ["Allow", "Deny"] {
        let count = tab.count(Find::button(button)).await?;
        ensure!(count == 1, "{count} buttons called {button:?} at {}\n{}", place.url, tab.text().await?);
    }
    Ok(place)
}

pub async fn approve(tab: &Tab<'_>) -> Result<Place> {
    tab.follow(Find::button("Allow")).await
}

pub async fn deny(tab: &Tab<'_>) -> Result<Place> {
    tab.follow(Find::button("Deny")).await
}

/// Signs in as one of the demo provider's people, and approves there.
pub async fn sign_in_at_the_demo_provider(tab: &Tab<'_>, name: &str) -> Result<Place> {
    tab.follow(Find::button(name)).await?;
    tab.follow(Find::button("Allow")).await
}

/// Signs in at `oidc-provider` under any name, and approves there.
pub async fn sign_in_at_oidc_provider(tab: &Tab<'_>, login: &str) -> Result<Place> {
    tab.fill(Find::Placeholder { placeholder: "Enter any login" }, login).await?;
    tab.fill(Find::Placeholder { placeholder: "and password" }, "any password").await?;
    tab.follow(Find::button("Sign-in")).await?;
    tab.follow(Find::button("Continue")).await
}
