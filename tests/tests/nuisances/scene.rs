//! Lychgate, an upstream that signs in without a page, a browser, an honest client and another site.
//!
//! Elements are found by the names and values of the form, not by words of the page.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use axum::routing::get;
use e2e::browser::{Browser, Cookies, Engine, Find, Place, Tab};
use e2e::flow::{App, AuthorizationRequest, Stage};
use serde_json::Value;
use url::Url;

pub(crate) const APPROVE: Find<'_> = Find::Selector { selector: "button[name=decision][value=approve]" };
pub(crate) const DENY: Find<'_> = Find::Selector { selector: "button[name=decision][value=deny]" };

pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) browser: Browser,
    pub(crate) app: App,
    heard: Heard,
}

/// The queries that reached the client's redirect URI.
type Heard = Arc<Mutex<Vec<String>>>;

impl Scene {
    pub(crate) async fn start(engine: Engine) -> Result<Self> {
        Self::start_with(engine, Cookies::All, "").await
    }

    /// Starts with these tables of `dev`'s configuration.
    pub(crate) async fn start_with(engine: Engine, cookies: Cookies, config: &str) -> Result<Self> {
        let (stage, browser) = tokio::try_join!(Stage::start(config), Browser::launch_with(engine, cookies))?;
        let heard = Heard::default();
        let router = Router::new().route("/callback", get(hear)).with_state(heard.clone());
        let redirect_uri = format!("{}/callback", serve(router).await?);
        let app = stage.gate.app(&[&redirect_uri]).await?;
        Ok(Self { stage, browser, app, heard })
    }

    /// The queries that reached the client so far, oldest first.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The address of our endpoint `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        self.stage.gate.url(path)
    }

    /// The number of browsers that were sent to the upstream.
    pub(crate) fn sent_upstream(&self) -> usize {
        self.stage.upstream.asked().authorizations.len()
    }

    /// No decision had an effect so far.
    #[track_caller]
    pub(crate) fn assert_nothing_was_decided(&self, what: &str) {
        assert_eq!((self.sent_upstream(), self.heard()), (0, Vec::new()), "{what}");
    }

    /// The person approves on the page that `tab` shows, and the client gets tokens.
    pub(crate) async fn approve(&self, tab: &Tab<'_>, request: &AuthorizationRequest) -> Result<()> {
        let end = tab.follow(APPROVE).await?;
        self.redeem(request, &end.url).await
    }

    /// The code in `answer`, the address of the client's page, gives tokens.
    pub(crate) async fn redeem(&self, request: &AuthorizationRequest, answer: &str) -> Result<()> {
        request.redemption(&parameter(answer, "code")?).tokens().await.map(drop)
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.stage.stop().await
    }
}

async fn hear(State(heard): State<Heard>, RawQuery(query): RawQuery) -> Html<&'static str> {
    heard.lock().unwrap_or_else(PoisonError::into_inner).push(query.unwrap_or_default());
    // A client in a popup tells the page that opened it.
    Html("<!doctype html><title>The app</title><h1>Done</h1><script>opener?.postMessage('done', '*')</script>")
}

/// Serves until the test ends; returns the origin, by the name of the host that is Lychgate's.
pub(crate) async fn serve(router: Router) -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    drop(tokio::spawn(axum::serve(listener, router).into_future()));
    Ok(origin)
}

/// The address of a page on another site than ours.
pub(crate) async fn elsewhere(page: String) -> Result<String> {
    let origin = serve(Router::new().route("/", get(move || async move { Html(page) }))).await?;
    Ok(format!("{}/", on_another_site(&origin)))
}

/// The same server by another name: each name of a host is a site.
pub(crate) fn on_another_site(origin: &str) -> String {
    origin.replace("127.0.0.1", "localhost")
}

/// Opens the page of `request` and expects the form with both answers.
pub(crate) async fn read(tab: &Tab<'_>, request: &AuthorizationRequest) -> Result<Place> {
    let place = tab.open(&request.url()).await?;
    expect_form(tab, place).await
}

pub(crate) async fn expect_form(tab: &Tab<'_>, place: Place) -> Result<Place> {
    let found = (tab.count(APPROVE).await?, tab.count(DENY).await?);
    ensure!(place.status == Some(200) && found == (1, 1), "no consent page: {place:?}\n{}", tab.text().await?);
    Ok(place)
}

/// The page that `tab` shows has this status and reason.
pub(crate) async fn assert_refused(tab: &Tab<'_>, place: &Place, status: u16, reason: &str) -> Result<()> {
    ensure!(place.status == Some(status), "{place:?}\n{}", tab.text().await?);
    ensure!(tab.html().await?.contains(reason), "not {reason}:\n{}", tab.text().await?);
    ensure!(tab.count(APPROVE).await? == 0, "there is something to approve");
    Ok(())
}

/// The fields of the form that a person answers, without the answer.
pub(crate) async fn fields(tab: &Tab<'_>) -> Result<Vec<(String, String)>> {
    let fields = tab.eval("[...new FormData(document.querySelector('#decide'))]").await?;
    Ok(serde_json::from_value(fields)?)
}

/// The hidden inputs of a copy of the form.
pub(crate) fn inputs(fields: &[(String, String)]) -> String {
    let input = |(name, value): &(String, String)| format!("<input type='hidden' name='{name}' value='{value}'>");
    fields.iter().map(input).collect()
}

/// The buttons and the fields, hidden ones included, of the page that `tab` shows.
pub(crate) async fn controls(tab: &Tab<'_>) -> Result<Value> {
    tab.eval("[...document.querySelectorAll('button, input')].map(({ name, value }) => `${name}=${value}`)").await
}

/// The middle of the only element that matches, in the window.
pub(crate) async fn middle(tab: &Tab<'_>, selector: &str) -> Result<(f64, f64)> {
    let found = tab
        .eval(&format!(
            "(() => {{
                 const {{ left, top, width, height }} = document.querySelector('{selector}').getBoundingClientRect();
                 return [left + width / 2, top + height / 2];
             }})()"
        ))
        .await?;
    Ok(serde_json::from_value(found)?)
}

pub(crate) fn parameter(url: &str, name: &str) -> Result<String> {
    let url = Url::parse(url).with_context(|| url.to_owned())?;
    let found = url.query_pairs().find_map(|(key, value)| (key == name).then(|| value.into_owned()));
    found.with_context(|| format!("no {name} in {url}"))
}
