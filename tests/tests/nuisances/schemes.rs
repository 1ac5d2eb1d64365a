//! Redirects to applications: the address has a scheme of the application's, and the browser hands it to the system.

use anyhow::Result;
use e2e::browser::{Cookies, Engine};

use crate::scene::{APPROVE, DENY, Scene, parameter, read};

const APPS: [&str; 2] = ["cursor://anysphere.cursor-mcp/oauth/callback", "com.example.notes:/oauth"];

/// A content security policy with `form-action` would stop the form's redirect in Chromium, and the person would stay on the
/// page without a word.
///
/// Requirements: R22.
#[tokio::test]
async fn the_redirect_to_an_app_leaves_the_browser() -> Result<()> {
    for engine in Engine::ALL {
        let config = format!("[issuer]\nprivate_scheme_redirect_uris = {APPS:?}\n");
        let scene = Scene::start_with(engine, Cookies::All, &config).await?;
        for (n, redirect_uri) in APPS.into_iter().enumerate() {
            let app = scene.stage.gate.app(&[redirect_uri]).await?;
            let (tab, request) = (scene.browser.tab("ada", &format!("approve {n}")), app.request());
            read(&tab, &request).await?;
            tab.click(APPROVE).await?;
            let departure = tab.departure(redirect_uri).await?;
            assert!(departure.failure.is_some() || departure.status.is_none(), "{engine:?}: {departure:?}");
            assert_eq!(parameter(&departure.url, "iss")?, scene.stage.gate.issuer(), "{engine:?}");
            scene.redeem(&request, &departure.url).await?;

            let tab = scene.browser.tab("ada", &format!("deny {n}"));
            read(&tab, &app.request()).await?;
            tab.click(DENY).await?;
            let departure = tab.departure(redirect_uri).await?;
            assert_eq!(parameter(&departure.url, "error")?, "access_denied", "{engine:?}");
        }
        assert_eq!(scene.sent_upstream(), APPS.len(), "{engine:?}");
        scene.stop().await?;
    }
    Ok(())
}
