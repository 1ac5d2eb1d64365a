//! Pages that the browser fetches before the person asks for them (Chromium only: by `<link rel=prefetch>` and speculation
//! rules).

use anyhow::{Context, Result};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use e2e::browser::{Cookies, Engine, Find};
use e2e::flow::WEB;
use serde_json::json;

use crate::scene::{APPROVE, Scene, controls, expect_form, on_another_site, read, serve};

const GO: Find<'_> = Find::Selector { selector: "#go" };

/// Requirements: B32.
#[tokio::test]
async fn pages_that_are_fetched_ahead_decide_nothing_and_spoil_nothing() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let tab = scene.browser.person("ada");
    let request = scene.app.request();
    let open = read(&tab, &request).await?.url;
    let before = controls(&tab).await?;
    let neighbour = serve(site(&[&scene.app.request().url(), &open])).await?;
    for (name, origin) in [("neighbour", neighbour.clone()), ("stranger", on_another_site(&neighbour))] {
        let trap = scene.browser.tab("ada", name);
        trap.watch_preloads().await?;
        trap.open(&origin).await?;
        let ended = trap.eval("Promise.all(window.ended)").await?;
        assert_eq!(ended, json!(["load", "load"]), "{name}");
        trap.preloaded(&open).await?;
        scene.assert_nothing_was_decided(name);
        // The person follows the link after all.
        let place = trap.follow(GO).await?;
        expect_form(&trap, place).await?;
        scene.assert_nothing_was_decided(name);
    }
    let again = scene.browser.tab("ada", "again");
    again.open(&open).await?;
    assert_eq!(controls(&again).await?, before, "the same form token for the same browser");
    scene.approve(&tab, &request).await?;
    scene.stop().await
}

/// A page of the same site has Chromium fetch `/authorize` ahead: the request has the person's cookies and says
/// `Sec-Fetch-Site: none`, although a page started it.
///
/// Requirements: B31.
#[tokio::test]
async fn a_page_that_is_fetched_ahead_is_never_shortened() -> Result<()> {
    for mode in ["mode = \"remember\"", "mode = \"silent\"\nsilent_clients = [\"web\"]"] {
        let config =
            format!("[prompt]\n{mode}\n[[clients]]\nid = \"web\"\nname = \"N\"\nredirect_uris = [\"{WEB}\"]\n");
        let scene = Scene::start_with(Engine::Chromium, Cookies::All, &config).await?;
        let app = scene.stage.gate.configured("web", WEB);
        let tab = scene.browser.person("ada");
        read(&tab, &app.request()).await?;
        tab.click(APPROVE).await?;
        // No server runs there.
        tab.departure(WEB).await?;
        let visits = scene.sent_upstream();

        let request = app.request();
        let trap = scene.browser.tab("ada", "neighbour");
        trap.watch_preloads().await?;
        trap.open(&serve(site(&[&request.url()])).await?).await?;
        let fetched = trap.preloaded(&request.url()).await?;
        assert_eq!(fetched.status, "Ready", "{mode}: {fetched:?}");
        assert_eq!(scene.sent_upstream(), visits, "{mode}: fetched ahead, and decided");
        let place = trap.follow(GO).await?;
        expect_form(&trap, place).await.with_context(|| mode.to_owned())?;
        assert!(!trap.html().await?.contains("whole_page"), "{mode}: a shortened page");
        scene.stop().await?;
    }
    Ok(())
}

/// A page that has the browser fetch these addresses ahead, and has a link to the first.
fn site(urls: &[&str]) -> Router {
    let links: String = urls
        .iter()
        .map(|url| {
            let url = url.replace('&', "&amp;");
            format!("<link rel='prefetch' href='{url}' onload='end(\"load\")' onerror='end(\"error\")'>")
        })
        .collect();
    let rules = json!({ "prefetch": [{ "urls": urls, "eagerness": "immediate" }],
                        "prerender": [{ "urls": urls, "eagerness": "immediate" }] });
    let page = format!(
        "<!doctype html><title>Links</title>
         <script>
         const waiting = [];
         window.ended = {urls:?}.map(() => new Promise((resolve) => waiting.push(resolve)));
         const end = (how) => waiting.shift()(how);
         </script>
         {links}<script type='speculationrules'>{rules}</script><a id='go' href='{}'>Go</a>",
        urls[0].replace('&', "&amp;")
    );
    Router::new().route("/", get(|| async { Html(page) }))
}
