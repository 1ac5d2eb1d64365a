//! Reload, Back and the second click of people who click twice.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use e2e::browser::{Cookies, Engine, Find, Tab};

use crate::scene::{APPROVE, DENY, Scene, assert_refused, controls, parameter, read};

const TAKE_BACK: Find<'_> = Find::Selector { selector: "button[name=decision][value=take_back]" };

/// Every page of a flow in turn, those that answer a form included.
///
/// Requirements: B8.
#[tokio::test]
async fn a_reload_of_any_page_changes_nothing() -> Result<()> {
    for engine in Engine::ALL {
        let scene = Scene::start_with(engine, Cookies::All, "[prompt]\nconfirm_subject = true\n").await?;
        let (tab, request) = (scene.browser.person("ada"), scene.app.request());
        let consent = read(&tab, &request).await?.url;
        assert_reloads(&scene, &tab, "consent").await?;
        let confirm = tab.follow(APPROVE).await?;
        assert!(confirm.url.starts_with(&scene.url("/callback/")), "{engine:?}: {confirm:?}");
        assert_reloads(&scene, &tab, "signed in").await?;
        tab.back().await?;
        assert_reloads(&scene, &tab, "approved before").await?;
        tab.open(&confirm.url).await?;
        let end = tab.follow(APPROVE).await?;
        scene.redeem(&request, &end.url).await.with_context(|| format!("{engine:?}"))?;
        assert_eq!(scene.heard().len(), 1, "{engine:?}");

        tab.open(&consent).await?;
        assert_reloads(&scene, &tab, "allowed").await?;
        tab.follow(TAKE_BACK).await?;
        // Firefox asks first, and its driver cannot answer.
        if engine == Engine::Chromium {
            assert_reloads(&scene, &tab, "taken back").await?;
        }
        tab.open(&scene.url("/consent?ticket=none")).await?;
        assert_reloads(&scene, &tab, "error").await?;
        tab.open(&scene.url("/account")).await?;
        assert_reloads(&scene, &tab, "account").await?;

        let denied = scene.app.request();
        let consent = read(&tab, &denied).await?.url;
        tab.follow(DENY).await?;
        let refused = tab.open(&consent).await?;
        assert_refused(&tab, &refused, 409, "ALREADY_DECIDED").await?;
        assert_reloads(&scene, &tab, "denied").await?;
        assert_eq!(scene.heard().len(), 2, "{engine:?}");
        scene.stop().await?;
    }
    Ok(())
}

async fn assert_reloads(scene: &Scene, tab: &Tab<'_>, page: &str) -> Result<()> {
    let (before, shown) = (tab.place().await?, controls(tab).await?);
    let decided = (scene.sent_upstream(), scene.heard());
    let after = tab.reload().await.with_context(|| page.to_owned())?;
    assert_eq!((&after.url, after.status), (&before.url, before.status), "{page}");
    assert_eq!(controls(tab).await?, shown, "{page}");
    assert_eq!((scene.sent_upstream(), scene.heard()), decided, "{page}");
    Ok(())
}

/// The browser sends the form once or twice; either way there is one login and one code, or one refusal.
///
/// Requirements: B8.
#[tokio::test]
async fn a_double_click_is_one_decision() -> Result<()> {
    for engine in Engine::ALL {
        let scene = Scene::start(engine).await?;
        let (tab, request) = (scene.browser.person("ada"), scene.app.request());
        read(&tab, &request).await?;
        tab.follow_twice(APPROVE).await?;
        let end = tab.wait_for_url(&scene.app.redirect_uri).await?;
        scene.redeem(&request, &end.url).await?;
        let asked = scene.stage.upstream.asked();
        let states: BTreeSet<_> = asked.authorizations.iter().map(|sent| sent["state"].clone()).collect();
        assert_eq!((states.len(), asked.exchanges.len()), (1, 1), "{engine:?}: {asked:?}");
        let codes: BTreeSet<_> = scene.heard().into_iter().collect();
        assert_eq!(codes.len(), 1, "{engine:?}: {codes:?}");

        let (denied, before) = (scene.app.request(), scene.heard().len());
        read(&tab, &denied).await?;
        tab.follow_twice(DENY).await?;
        let end = tab.wait_for_url(&scene.app.redirect_uri).await?;
        assert_eq!(parameter(&end.url, "error")?, "access_denied", "{engine:?}");
        let refusals: BTreeSet<_> = scene.heard().split_off(before).into_iter().collect();
        assert_eq!(refusals.len(), 1, "{engine:?}: {refusals:?}");
        assert_eq!(scene.stage.upstream.asked().exchanges.len(), 1, "{engine:?}");
        scene.stop().await?;
    }
    Ok(())
}
