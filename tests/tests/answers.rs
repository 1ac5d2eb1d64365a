//! A person's answers in real browsers, Chromium and Firefox: Back, a second tab, Enter on a tick box.
//! The identity provider is the demo, whose page stands between an approval and the code.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use axum::routing::get;
use e2e::browser::{Browser, Engine, Find, Place, Tab};
use e2e::dev::Dev;
use e2e::flow::{Answer, App, AuthorizationRequest, Gate, RESOURCE, THREE_SCOPES};
use e2e::person;
use url::Url;

/// Lychgate, a browser, and a client that listens on this computer.
struct Stage {
    dev: Dev,
    browser: Browser,
    app: App,
    heard: Heard,
}

/// The queries that reached the client's redirect URI.
type Heard = Arc<Mutex<Vec<String>>>;

impl Stage {
    async fn start(engine: Engine) -> Result<Self> {
        let (dev, browser) = (Dev::start(THREE_SCOPES).await?, Browser::launch_in(engine).await?);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let redirect_uri = format!("http://{}/callback", listener.local_addr()?);
        let heard = Heard::default();
        let router = Router::new().route("/callback", get(hear)).with_state(heard.clone());
        drop(tokio::spawn(axum::serve(listener, router).into_future()));
        let app = Gate::new(&dev.ready().issuer, RESOURCE)?.app(&[&redirect_uri]).await?;
        Ok(Self { dev, browser, app, heard })
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The scope of the token for the code that `end` carries.
    async fn scope(&self, request: &AuthorizationRequest, end: &Place) -> Result<String> {
        let code = Answer { uri: Url::parse(&end.url)? }.code().context("a code")?;
        Ok(request.redemption(&code).tokens().await?.scope)
    }

    fn assert_at_upstream(&self, place: &Place) {
        assert!(place.url.starts_with(&self.dev.ready().upstream_issuer), "{place:?}");
    }
}

async fn hear(State(heard): State<Heard>, RawQuery(query): RawQuery) -> Html<&'static str> {
    heard.lock().unwrap_or_else(PoisonError::into_inner).push(query.unwrap_or_default());
    Html("<!doctype html><title>The app</title><h1>You can close this page</h1>")
}

async fn ticked(tab: &Tab<'_>) -> Result<Vec<bool>> {
    let boxes = tab.eval("[...document.querySelectorAll('input[type=checkbox]')].map((box) => box.checked)").await?;
    Ok(serde_json::from_value(boxes)?)
}

async fn untick_both(tab: &Tab<'_>) -> Result<()> {
    for name in ["Change your notes", "Delete your notes"] {
        tab.click(Find::checkbox(name)).await?;
    }
    Ok(())
}

async fn assert_refused(tab: &Tab<'_>, place: &Place, status: u16, reason: &str) -> Result<()> {
    let text = tab.text().await?;
    assert_eq!(place.status, Some(status), "{place:?}\n{text}");
    assert!(text.contains(reason), "not {reason}:\n{text}");
    Ok(())
}

/// Approve with everything ticked, Back, untick two, Approve, sign in; and the sign-in page of the first answer, in a second
/// tab.
///
/// Requirements: B8, E3.
#[tokio::test]
async fn after_back_the_last_boxes_count() -> Result<()> {
    for engine in Engine::ALL {
        let stage = Stage::start(engine).await?;
        let (tab, request) = (stage.browser.person("ada"), stage.app.request());
        person::read_consent_page(&tab, &request.url()).await?;
        assert_eq!(ticked(&tab).await?, [true, true]);
        let earlier = person::approve(&tab).await?;
        stage.assert_at_upstream(&earlier);

        tab.back().await?;
        assert_eq!(ticked(&tab).await?, [true, true], "{engine:?}: what was decided");
        untick_both(&tab).await?;
        stage.assert_at_upstream(&person::approve(&tab).await?);
        tab.back().await?;
        assert_eq!(ticked(&tab).await?, [false, false], "{engine:?}: what was decided");
        let consent = tab.place().await?.url;
        let again = stage.browser.tab("ada", "again");
        again.open(&consent).await?;
        assert_eq!(ticked(&again).await?, [false, false]);
        assert!(again.text().await?.contains("your last answer counts"));
        stage.assert_at_upstream(&person::approve(&tab).await?);

        let second = stage.browser.tab("ada", "second");
        second.open(&earlier.url).await?;
        let replaced = person::sign_in_at_the_demo_provider(&second, "Ada").await?;
        assert_refused(&second, &replaced, 409, "LOGIN_REPLACED").await?;
        assert!(stage.heard().is_empty());

        // The provider remembers Ada from the second tab, and asks nothing again.
        let end = tab.reload().await?;
        assert_eq!(stage.scope(&request, &end).await?, "notes:read", "{engine:?}");
        stage.dev.stop().await?;
    }
    Ok(())
}

/// Approve, Back, Deny, and the sign-in page that is still open in a second tab.
///
/// Requirements: B4, B8.
#[tokio::test]
async fn a_no_after_back_is_a_no() -> Result<()> {
    for engine in Engine::ALL {
        let stage = Stage::start(engine).await?;
        let (tab, request) = (stage.browser.person("ada"), stage.app.request());
        person::read_consent_page(&tab, &request.url()).await?;
        let login = person::approve(&tab).await?;
        let second = stage.browser.tab("ada", "second");
        second.open(&login.url).await?;

        tab.back().await?;
        let consent = tab.place().await?.url;
        let end = person::deny(&tab).await?;
        assert!(end.url.contains("error=access_denied"), "{end:?}");
        let declined = person::sign_in_at_the_demo_provider(&second, "Ada").await?;
        assert_refused(&second, &declined, 409, "ALREADY_DECIDED").await?;
        let reopened = second.open(&consent).await?;
        assert_refused(&second, &reopened, 409, "ALREADY_DECIDED").await?;
        assert_eq!(second.count(Find::button("Allow")).await?, 0);
        tab.back().await?;
        assert!(tab.text().await?.contains("You declined this"), "{engine:?}: {}", tab.text().await?);
        assert_eq!(stage.heard().len(), 1, "{engine:?}: the client hears of it once");
        stage.dev.stop().await?;
    }
    Ok(())
}

/// Enter on a tick box answers nothing: neither "Use another account", which is the first button that a person sees, nor Deny.
///
/// Requirements: B8.
#[tokio::test]
async fn enter_on_a_tick_box_presses_no_button() -> Result<()> {
    for engine in Engine::ALL {
        let stage = Stage::start(engine).await?;
        let tab = stage.browser.person("ada");
        let first = stage.app.request();
        person::read_consent_page(&tab, &first.url()).await?;
        person::approve(&tab).await?;
        person::sign_in_at_the_demo_provider(&tab, "Ada").await?;

        let request = stage.app.request();
        person::read_consent_page(&tab, &request.url()).await?;
        assert_eq!(tab.count(Find::button("Use another account")).await?, 1, "{engine:?}: a known person");
        tab.eval("window.sameDocument = true").await?;
        tab.press("Tab").await?;
        assert_eq!(tab.focus().await?.tag, "input");
        for _ in 0..3 {
            tab.press("Enter").await?;
        }
        tab.press("Space").await?;
        assert_eq!(ticked(&tab).await?, [false, true], "{engine:?}: the box is still there, and works");
        assert_eq!(tab.eval("window.sameDocument ?? false").await?, true, "{engine:?}: Enter led somewhere");
        assert_eq!(stage.heard().len(), 1, "{engine:?}: no answer reached the client");
        assert!(tab.text().await?.contains("Use another account"), "{engine:?}");
        // The provider remembers Ada.
        let end = person::approve(&tab).await?;
        let scope = stage.scope(&request, &end).await?;
        assert!(scope.contains("notes:delete") && !scope.contains("notes:write"), "{engine:?}: {scope}");
        stage.dev.stop().await?;
    }
    Ok(())
}

/// The page opened again after the code: what was allowed, and one button.
///
/// Requirements: B8, B38.
#[tokio::test]
async fn after_the_code_the_page_takes_back() -> Result<()> {
    for engine in Engine::ALL {
        let stage = Stage::start(engine).await?;
        let (tab, request) = (stage.browser.person("ada"), stage.app.request());
        let consent = person::read_consent_page(&tab, &request.url()).await?.url;
        // A second tab shows the form from before.
        let stale = stage.browser.tab("ada", "stale");
        stale.open(&consent).await?;
        tab.click(Find::checkbox("Delete your notes")).await?;
        person::approve(&tab).await?;
        let end = person::sign_in_at_the_demo_provider(&tab, "Ada").await?;
        let code = Answer { uri: Url::parse(&end.url)? }.code()?;
        let tokens = request.redemption(&code).tokens().await?;

        let late = person::deny(&stale).await?;
        assert_eq!(late.status, Some(409), "{engine:?}: {late:?}");
        let reopened = tab.open(&consent).await?;
        assert_eq!(reopened.status, Some(200), "{engine:?}: {reopened:?}");
        for shown in [&stale, &tab] {
            let text = shown.text().await?;
            assert!(text.contains("Change your notes") && !text.contains("Delete your notes"), "{engine:?}: {text}");
            assert_eq!(shown.count(Find::Role { role: "link", name: "Return to" }).await?, 1, "{engine:?}");
        }
        let done = stale.follow(Find::button("Take it back")).await?;
        assert_eq!(done.status, Some(200), "{engine:?}: {done:?}");
        assert!(stale.text().await?.contains("This has ended"), "{engine:?}");
        let refused = stage.app.refresh(&tokens.refresh_token).send().await?;
        assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_grant"), "{engine:?}");
        tab.reload().await?;
        assert_eq!(tab.count(Find::button("Take it back")).await?, 0, "{engine:?}");
        stage.dev.stop().await?;
    }
    Ok(())
}
