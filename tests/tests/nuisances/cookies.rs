//! Browsers that keep no cookies of embedded sites, none at all, or none that are `Secure` over http.

use anyhow::{Context, Result};
use e2e::browser::{Cookies, Engine, Find};
use e2e::flow::{LOOPBACK, Stage};
use e2e::http::Jar;

use crate::scene::{APPROVE, DENY, Scene, assert_refused, elsewhere, expect_form, read};

/// A client in a web page opens the flow in a popup: every page of ours is on top there, so its cookies are no third party's.
#[tokio::test]
async fn a_popup_works_without_cookies_of_third_parties() -> Result<()> {
    for engine in Engine::ALL {
        let scene = Scene::start_with(engine, Cookies::FirstParty, "").await?;
        let request = scene.app.request();
        let page = format!(
            "<!doctype html><title>The app</title><button onclick='open(\"{}\", \"_blank\", \"width=480,height=640\")'>Connect</button>
             <script>window.answer = new Promise((resolve) => addEventListener('message', ({{ data }}) => resolve(data)))</script>",
            request.url()
        );
        let tab = scene.browser.person("ada");
        tab.open(&elsewhere(page).await?).await?;
        let popup = tab.click_to_open(Find::button("Connect"), "popup").await?;
        let place = popup.wait_for_url(&scene.url("/consent")).await?;
        expect_form(&popup, place).await?;
        scene.approve(&popup, &request).await.with_context(|| format!("{engine:?}"))?;
        assert_eq!(tab.eval("window.answer").await?, "done", "{engine:?}: the popup still knows who opened it");
        scene.stop().await?;
    }
    Ok(())
}

/// Requirements: B9, R22.
#[tokio::test]
async fn a_frame_shows_no_page_of_ours() -> Result<()> {
    for engine in Engine::ALL {
        let scene = Scene::start_with(engine, Cookies::FirstParty, "").await?;
        let (tab, request) = (scene.browser.person("ada"), scene.app.request());
        let consent = read(&tab, &request).await?.url;
        let attackers = elsewhere("<!doctype html><title>x</title><link href='/assets/x.css'>".to_owned()).await?;
        let ours = [request.url(), consent, scene.url("/account"), scene.url("/consent?ticket=none")];
        for (url, is_shown) in ours.iter().map(|url| (url, false)).chain([(&attackers, true)]) {
            let page = format!(
                "<!doctype html><title>Prizes</title><body><script>
                 window.loaded = new Promise((resolve) => {{
                     const frame = document.createElement('iframe');
                     frame.onload = resolve;
                     frame.src = '{url}';
                     document.body.append(frame);
                 }})</script>"
            );
            let trap = scene.browser.tab("ada", "trap");
            trap.open(&elsewhere(page).await?).await?;
            trap.eval("window.loaded.then(() => true)").await?;
            let frames = trap.frames().await?;
            // Every page of ours has its style there.
            let seen = frames.iter().any(|html| html.contains("/assets/"));
            assert_eq!((frames.len(), seen), (1, is_shown), "{engine:?}: {url}: {frames:?}");
            scene.assert_nothing_was_decided(url);
        }
        scene.approve(&tab, &request).await?;
        scene.stop().await?;
    }
    Ok(())
}

/// The browser shows the page and drops its cookie, so no answer counts. The page after it has to say so.
///
/// Requirements: B11.
#[tokio::test]
async fn without_cookies_an_answer_is_refused_for_that_reason() -> Result<()> {
    for engine in Engine::ALL {
        let scene = Scene::start_with(engine, Cookies::None, "").await?;
        let tab = scene.browser.person("ada");
        for answer in [APPROVE, DENY] {
            read(&tab, &scene.app.request()).await?;
            let refused = tab.follow(answer).await?;
            assert_refused(&tab, &refused, 403, "BROWSER_COOKIE_MISSING").await?;
            scene.assert_nothing_was_decided(&format!("{engine:?}"));
        }
        assert!(scene.browser.cookies("ada").await?.is_empty(), "{engine:?}");
        scene.stop().await?;
    }
    Ok(())
}

/// Safari keeps no `Secure` cookie that came over http, not even from this computer.
///
/// Requirements: B11.
#[tokio::test]
async fn a_browser_that_keeps_no_secure_cookies_over_http_is_told_so() -> Result<()> {
    let stage = Stage::start("").await?;
    let request = stage.gate.app(&[LOOPBACK]).await?.request();
    let mut safari = Jar::without_secure_cookies_over_http()?;
    let consent = request.open(&mut safari).await?;
    for decision in ["approve", "deny"] {
        let page = safari.send(consent.form(decision)?).await?;
        assert_eq!((page.status, page.reason()), (403, Some("BROWSER_COOKIE_MISSING")), "{}", page.summary());
        assert!(!page.redirects(), "{}", page.summary());
    }
    assert!(safari.cookies().is_empty());
    assert_eq!(stage.upstream.asked().authorizations.len(), 0);
    request.tokens(&mut Jar::new()?).await?;
    stage.stop().await
}
