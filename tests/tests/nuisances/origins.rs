//! The browser's word on the page that a request comes from: `Sec-Fetch-Site` in every value, and forms of pages that have no
//! origin.

use anyhow::{Context, Result};
use axum::Router;
use axum::response::{Html, Redirect};
use axum::routing::{get, post};
use e2e::browser::Engine;
use e2e::flow::{LOOPBACK, Stage, WEB};
use e2e::http::{Jar, Visit};

use crate::scene::{Scene, assert_refused, fields, inputs, on_another_site, read, serve};

/// Values of `Sec-Fetch-Site`; browsers send the first four (Fetch Metadata §2.2).
const SITES: [Option<&str>; 12] = [
    Some("none"),
    Some("same-origin"),
    Some("same-site"),
    Some("cross-site"),
    None,
    Some(""),
    Some("None"),
    Some("none, none"),
    Some("same-origin, cross-site"),
    Some("same origin"),
    Some("?1"),
    Some("\u{fffd}"),
];

/// The form counts if the browser says that it is ours; a browser that says nothing is judged by `Origin`, and one that says
/// nothing there by cookie and token.
///
/// Requirements: B8.
#[tokio::test]
async fn a_form_counts_by_what_the_browser_says_of_its_page() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let ours = stage.gate.issuer().to_owned();
    let origins = [Some(&*ours), Some("null"), None, Some("https://attacker.example"), Some("null, null"), Some("")];
    let mut jar = Jar::new()?;
    let mut accepted = 0;
    for site in SITES {
        for origin in origins {
            let counts = match site {
                Some("none" | "same-origin") => true,
                Some(_) => false,
                None => origin.is_none_or(|origin| origin == ours || origin == "null"),
            };
            let consent = app.request().open(&mut jar).await?;
            let mut form = consent.form("approve")?.without_header("sec-fetch-site").without_header("origin");
            for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
                form = match value {
                    Some(value) => form.header(name, value)?,
                    None => form,
                };
            }
            let page = jar.send(form).await?;
            if counts {
                let location = page.location().with_context(|| format!("{site:?} {origin:?}"))?;
                assert!(location.as_str().starts_with(stage.upstream.issuer()), "{location}");
                accepted += 1;
            } else {
                assert_eq!((page.status, page.reason()), (403, Some("CROSS_SITE")), "{site:?} {origin:?}");
                assert!(!page.redirects() && page.set_cookies().is_empty(), "{site:?} {origin:?}");
            }
        }
    }
    assert_eq!(accepted, 2 * origins.len() + 3, "the table has both answers");
    stage.stop().await
}

/// Only a visit that no page started gets the shorter page. Every other visit gets the full one, and no visit is answered by a
/// redirect.
///
/// Requirements: B31.
#[tokio::test]
async fn the_page_is_shortened_only_for_a_visit_that_no_page_started() -> Result<()> {
    let config = format!(
        "[prompt]\nmode = \"remember\"\n[[clients]]\nid = \"web\"\nname = \"Notes\"\nredirect_uris = [\"{WEB}\"]\n"
    );
    let stage = Stage::start(&config).await?;
    let (app, mut jar) = (stage.gate.configured("web", WEB), Jar::new()?);
    app.request().tokens(&mut jar).await?;
    let mut shortened = Vec::new();
    for site in SITES {
        let redirect = app.request().send(&mut jar).await?;
        let visit = Visit::open(redirect.location()?)?.without_header("sec-fetch-site");
        let visit = match site {
            Some(site) => visit.header("sec-fetch-site", site)?,
            None => visit,
        };
        let page = jar.send(visit).await?;
        assert_eq!((page.status, page.redirects()), (200, false), "{site:?}: {}", page.summary());
        // The shorter page leads to the full one.
        if page.body.contains("whole_page") {
            shortened.push(site);
        }
    }
    assert_eq!(shortened, [Some("none")]);
    stage.stop().await
}

/// Forms that a browser sends with `Origin: null`. The attacker has all fields of the person's own form, so nothing but the
/// browser's word stands against them.
///
/// Requirements: B8.
#[tokio::test]
async fn a_form_of_a_page_without_an_origin_decides_nothing() -> Result<()> {
    for engine in Engine::ALL {
        let scene = Scene::start(engine).await?;
        let (tab, request) = (scene.browser.person("ada"), scene.app.request());
        read(&tab, &request).await?;
        let attackers = on_another_site(&serve(attackers_site(&scene, &fields(&tab).await?)).await?);
        for trick in ["sandbox", "data", "redirect"] {
            let trap = scene.browser.tab("ada", trick);
            trap.open(&format!("{attackers}/{trick}")).await?;
            trap.move_pointer((100.0, 100.0)).await?;
            trap.mouse_down().await?;
            trap.mouse_up().await?;
            let refused = trap.wait_for_url(&scene.url("/consent")).await?;
            assert_refused(&trap, &refused, 403, "CROSS_SITE").await.with_context(|| format!("{engine:?}, {trick}"))?;
            let hops = trap.hops().await?;
            let sent = hops.iter().rfind(|hop| hop.at == scene.url("/consent")).context("a post")?;
            assert_eq!(sent.method, "POST", "{engine:?}, {trick}");
            // Only Chromium tells us what it sent.
            if engine == Engine::Chromium {
                assert_eq!(sent.request_headers["origin"], "null", "{trick}");
                assert_eq!(sent.request_headers["sec-fetch-site"], "cross-site", "{trick}");
            }
            scene.assert_nothing_was_decided(trick);
        }
        scene.approve(&tab, &request).await?;
        scene.stop().await?;
    }
    Ok(())
}

/// A form in a sandbox, one in a `data:` document, and one that the attacker's own server sends on to us.
fn attackers_site(scene: &Scene, fields: &[(String, String)]) -> Router {
    let consent = scene.url("/consent");
    let form = |action: &str| {
        let inputs = inputs(fields);
        format!(
            "<form method='post' action='{action}' target='_top'>{inputs}\
             <button name='decision' value='approve' style='position: fixed; inset: 0; width: 100%'>Win</button></form>"
        )
    };
    let frame = |attributes: &str| {
        format!(
            "<!doctype html><title>Prizes</title><iframe {attributes} width='400' height='400' style='position: fixed; inset: 0'></iframe>"
        )
    };
    let sandbox = frame(&format!("sandbox='allow-forms allow-top-navigation' srcdoc=\"{}\"", form(&consent)));
    let data = frame(&format!("src=\"data:text/html,{}\"", form(&consent)));
    let redirect = format!("<!doctype html><title>Prizes</title>{}", form("/on"));
    Router::new()
        .route("/sandbox", get(|| async { Html(sandbox) }))
        .route("/data", get(|| async { Html(data) }))
        .route("/redirect", get(|| async { Html(redirect) }))
        .route("/on", post(move || async move { Redirect::temporary(&consent) }))
}
