//! Clicks and keys that a person meant for another window.

use anyhow::{Context, Result, ensure};
use e2e::browser::{Engine, Find, Tab};
use serde_json::json;

use crate::scene::{Scene, elsewhere, expect_form, middle};

/// Brings the form into the window; the fragment survives our redirects.
const DEEP_LINK: &str = "#decide";

/// Double-clickjacking: the attacker's page opens a window that asks for a double click. At the first press the window closes
/// itself, and the second click lands on our page, which the attacker has brought to the same place meanwhile. No header
/// forbids it: no page of ours is in a frame.
///
/// The page has to take no click on Approve until the pointer has been over it for a moment. How long it was there does not
/// count: in the second case it was loaded under the attacker's window long before.
#[tokio::test]
async fn the_second_half_of_a_double_click_does_not_approve() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    for (n, moment) in [Moment::AtTheFirstPress, Moment::LongBefore].into_iter().enumerate() {
        let request = scene.app.request();
        let url = format!("{}{DEEP_LINK}", request.url());
        let target = place_of_approve(&scene, &url).await?;
        let parent = scene.browser.tab("ada", &format!("parent {n}"));
        parent.open(&elsewhere(attackers_page(&url, moment)).await?).await?;
        parent.pace_animations(0.01).await?;
        let popup = parent.click_to_open(Find::button("Start"), &format!("popup {n}")).await?;
        // The popup lies over the page, so the pointer leaves that.
        parent.move_pointer((-1.0, -1.0)).await?;
        if moment == Moment::LongBefore {
            parent.wait_for_url(&scene.url("/consent")).await?;
            parent.pace_animations(1.0).await?;
            parent
                .eval("Promise.all(document.getAnimations().map(({ finished }) => finished)).then(() => true)")
                .await?;
            parent.pace_animations(0.01).await?;
        }
        popup.move_pointer(target).await?;
        if let Err(error) = popup.mouse_down().await {
            ensure!(format!("{error:#}").contains("closed"), "{error:#}");
        }
        let place = parent.wait_for_url(&scene.url("/consent")).await?;
        expect_form(&parent, place).await?;
        parent.move_pointer(target).await?;
        parent.mouse_down().await?;
        parent.mouse_up().await?;
        assert_unanswered(&parent, &scene, n).await.with_context(|| format!("{moment:?}"))?;

        // The person reads the page, and then means it.
        parent.pace_animations(1.0).await?;
        scene.approve(&parent, &request).await?;
    }
    scene.stop().await
}

/// The moment at which the attacker's page gives way to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    AtTheFirstPress,
    LongBefore,
}

/// A page that opens a popup over itself, leads to `url`, and has the popup close at the first press.
fn attackers_page(url: &str, moment: Moment) -> String {
    let lead = |window: &str| format!("{window}.location = {};", json!(url));
    let (at_once, at_press) = match moment {
        Moment::AtTheFirstPress => (String::new(), lead("opener")),
        Moment::LongBefore => (lead("window"), String::new()),
    };
    let popup = format!("<h1>Double-click here</h1><script>onmousedown = () => {{ {at_press} close() }}</script>");
    // The string is part of a script that its own end tag would end.
    let popup = json!(popup).to_string().replace("</", "<\\/");
    format!(
        "<!doctype html><title>Prizes</title><button id='start'>Start</button>
         <script>
         start.onclick = () => {{
             const popup = open('', '', 'width=1024,height=768');
             popup.document.write({popup});
             {at_once}
         }};
         </script>"
    )
}

/// Where the button is in a window of the same size, as the attacker learns from a request of their own.
async fn place_of_approve(scene: &Scene, url: &str) -> Result<(f64, f64)> {
    let tab = scene.browser.person("attacker");
    let place = tab.open(url).await?;
    expect_form(&tab, place).await?;
    middle(&tab, "button[name=decision][value=approve]").await
}

/// The attacker has the person hold down Enter, and brings our page under the keys.
#[tokio::test]
async fn keys_that_were_meant_for_another_page_answer_nothing() -> Result<()> {
    for engine in Engine::ALL {
        let scene = Scene::start(engine).await?;
        let (tab, request) = (scene.browser.person("ada"), scene.app.request());
        let page = format!(
            "<!doctype html><title>Game</title><p>Hold down Enter</p>
             <script>onkeydown = () => location = '{}{DEEP_LINK}'</script>",
            request.url()
        );
        tab.open(&elsewhere(page).await?).await?;
        tab.press("Enter").await?;
        let place = tab.wait_for_url(&scene.url("/consent")).await?;
        expect_form(&tab, place).await?;
        for key in ["Enter", "Space", "Enter", "Space"] {
            tab.press(key).await?;
        }
        assert_unanswered(&tab, &scene, 0).await.with_context(|| format!("{engine:?}"))?;
        scene.approve(&tab, &request).await?;
        scene.stop().await?;
    }
    Ok(())
}

/// The page that `tab` shows has sent no form; `before` browsers were sent to the upstream before.
async fn assert_unanswered(tab: &Tab<'_>, scene: &Scene, before: usize) -> Result<()> {
    // A form that was sent would be on its way by the time of the second frame.
    let drawn = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))";
    tab.eval(drawn).await.context("the page is left")?;
    let hops = tab.hops().await?;
    ensure!(hops.iter().all(|hop| hop.method == "GET"), "the form was sent: {hops:?}");
    ensure!(scene.sent_upstream() == before, "sent upstream: {hops:?}");
    Ok(())
}
