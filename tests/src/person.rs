//! What a person does with the pages on the way through an authorization: reads, presses buttons, signs in.
//!
//! Nothing here looks at markup. A page that cannot be used by what it says is broken, and these fail on it.

use anyhow::{Result, ensure};

use crate::browser::{Find, Place, Tab};

/// Opens what the client asked to have opened, and finds our page.
pub async fn read_consent_page(tab: &Tab<'_>, authorize: &str) -> Result<Place> {
    let place = tab.open(authorize).await?;
    ensure!(place.status == Some(200), "no consent page: {place:?}\n{}", tab.text().await?);
    for button in ["Approve", "Deny"] {
        let count = tab.count(Find::button(button)).await?;
        ensure!(count == 1, "{count} buttons called {button:?} at {}\n{}", place.url, tab.text().await?);
    }
    Ok(place)
}

pub async fn approve(tab: &Tab<'_>) -> Result<Place> {
    tab.follow(Find::button("Approve")).await
}

pub async fn deny(tab: &Tab<'_>) -> Result<Place> {
    tab.follow(Find::button("Deny")).await
}

/// Is one of the demo provider's people, and lets Lychgate know it.
pub async fn sign_in_at_the_demo_provider(tab: &Tab<'_>, name: &str) -> Result<Place> {
    tab.follow(Find::button(name)).await?;
    tab.follow(Find::button("Allow")).await
}

/// Signs in at `oidc-provider` under any name, and lets Lychgate know it.
pub async fn sign_in_at_oidc_provider(tab: &Tab<'_>, login: &str) -> Result<Place> {
    tab.fill(Find::Placeholder { placeholder: "Enter any login" }, login).await?;
    tab.fill(Find::Placeholder { placeholder: "and password" }, "any password").await?;
    tab.follow(Find::button("Sign-in")).await?;
    tab.follow(Find::button("Continue")).await
}
