//! Changes of the configuration between page, answer and token: what the page displayed must still be true at each
//! later step.

use std::fs;

use anyhow::{Result, ensure};
use e2e::flow::{Consent, LOOPBACK};
use e2e::http::Jar;
use e2e::system::{CONFIGURED_CLIENT, MAIN, Plan, System};

use crate::{LOGIN, assert_refused};

/// The page is shown again if anything it displayed has changed: otherwise the person would approve one client and
/// mean another.
///
/// Requirements: B5, B6.
#[tokio::test]
async fn a_client_changed_between_page_and_button_is_shown_again() -> Result<()> {
    let mut system = start().await?;
    let app = system.gate(MAIN.id)?.configured(CONFIGURED_CLIENT, LOOPBACK);
    let mut jar = Jar::new()?;
    for (before, after) in [
        ("A configured app", "Another app"),
        ("See who you are", "See who you are and where"),
        ("The resource of main", "Another resource"),
        ("Identity provider of main", "Another provider"),
    ] {
        let consent = app.request().open(&mut jar).await?;
        change(&mut system, before, after).await?;
        let authorizations = system.upstream(MAIN.id)?.asked().authorizations.len();
        let page = jar.press(&consent.page, ("decision", "approve")).await?;
        assert_eq!(page.status, 200, "{before}: {}", page.summary());
        assert!(page.body.contains("Please look again") && page.body.contains(after), "{before}: {}", page.body);
        assert!(jar.cookie(LOGIN).is_none(), "{before}");
        assert_eq!(system.upstream(MAIN.id)?.asked().authorizations.len(), authorizations, "{before}");
        // The page displays the new name, and the answer counts.
        let again = Consent { page, ..consent };
        let code = again.approve(&mut jar).await?.sign_in(&mut jar).await?.finish(&mut jar).await?.code()?;
        again.request.redemption(&code).tokens().await?;
    }
    // A change that the page does not display needs no new page.
    let consent = app.request().open(&mut jar).await?;
    change(&mut system, "Read your notes", "Read all your notes").await?;
    consent.approve(&mut jar).await?;
    Ok(())
}

/// No code is sent to a redirect URI that the operator has removed, at whichever step it was removed.
///
/// Requirements: B33.
#[tokio::test]
async fn a_removed_redirect_uri_gets_no_code() -> Result<()> {
    let mut system = start().await?;
    let app = system.gate(MAIN.id)?.configured(CONFIGURED_CLIENT, LOOPBACK);
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    let callback = app.request().callback(&mut jar).await?;
    change(&mut system, LOOPBACK, "http://127.0.0.1/elsewhere").await?;
    for page in [
        app.request().send(&mut jar).await?,
        jar.send(consent.form("approve")?).await?,
        callback.visit(&mut jar).await?,
    ] {
        assert_refused(&page, 400, "REDIRECT_URI_UNREGISTERED");
    }
    Ok(())
}

/// A client that the operator has removed is unknown from then on, and so are its codes and tokens.
#[tokio::test]
async fn a_removed_client_loses_its_codes_and_tokens() -> Result<()> {
    let mut system = start().await?;
    let app = system.gate(MAIN.id)?.configured(CONFIGURED_CLIENT, LOOPBACK);
    let mut jar = Jar::new()?;
    let tokens = app.tokens().await?;
    let consent = app.request().open(&mut jar).await?;
    let finished = app.request();
    let code = finished.code(&mut jar).await?;
    let callback = app.request().callback(&mut jar).await?;
    change(&mut system, &format!("id = \"{CONFIGURED_CLIENT}\""), "id = \"another-app\"").await?;
    for page in [
        app.request().send(&mut jar).await?,
        jar.send(consent.form("approve")?).await?,
        callback.visit(&mut jar).await?,
    ] {
        assert_refused(&page, 400, "CLIENT_UNKNOWN");
    }
    for request in [finished.redemption(&code), app.refresh(&tokens.refresh_token)] {
        let page = request.send().await?;
        assert_eq!((page.status, page.error().as_str()), (401, "invalid_client"));
    }
    Ok(())
}

async fn start() -> Result<System> {
    System::start(Plan { edges: 1, ..Plan::default() }).await
}

/// Restarts the control plane with this change in its configuration.
async fn change(system: &mut System, before: &str, after: &str) -> Result<()> {
    let text = fs::read_to_string(system.control_config())?;
    ensure!(text.contains(before), "{before:?} is not in the configuration");
    fs::write(system.control_config(), text.replace(before, after))?;
    system.crash_control().await
}
