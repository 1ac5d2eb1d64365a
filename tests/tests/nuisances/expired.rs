//! A page that stayed open until its request was too old.

use anyhow::Result;
use e2e::browser::{Cookies, Engine};
use e2e::http::Jar;
use e2e::system::service::until;

use crate::scene::{APPROVE, DENY, Scene, assert_refused, fields, read};

/// Long enough for a page to be opened and answered on a busy machine.
const LIFETIMES: &str = "[lifetimes]\nticket_seconds = 15\n";

/// Requirements: B8.
#[tokio::test]
async fn a_page_that_is_too_old_is_not_answered() -> Result<()> {
    for engine in Engine::ALL {
        let scene = Scene::start_with(engine, Cookies::All, LIFETIMES).await?;
        let request = scene.app.request();
        let (approved, denied) = (scene.browser.tab("ada", "approve"), scene.browser.tab("ada", "deny"));
        read(&approved, &request).await?;
        let ticket = fields(&approved).await?;
        let last_opened = read(&denied, &request).await?.url;
        until("both tickets are too old", async || {
            let page = Jar::new().expect("a client").open(&last_opened).await;
            page.is_ok_and(|page| page.reason() == Some("TICKET_EXPIRED"))
        })
        .await?;
        for (tab, answer) in [(&approved, APPROVE), (&denied, DENY)] {
            let refused = tab.follow(answer).await?;
            assert_refused(tab, &refused, 400, "TICKET_EXPIRED").await?;
            scene.assert_nothing_was_decided(&format!("{engine:?}: {ticket:?}"));
        }
        // A new request is not too old.
        let request = scene.app.request();
        read(&approved, &request).await?;
        scene.approve(&approved, &request).await?;
        scene.stop().await?;
    }
    Ok(())
}
